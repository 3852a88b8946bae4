"""Files: their stat, what changed, the decoded image, and the result of indexing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from msgspec import Struct

from imgsearch.records.ids import LARGEST_INTEGER, SMALLEST_INTEGER
from imgsearch.records.status import Failure

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import Vectors
    from imgsearch.records.photo import Facts

Picture: TypeAlias = Path | bytes
"""The file of a photo, or the bytes of a small picture of it."""


class FileStat(Struct, frozen=True):
    """The properties of one file in the file system.

    `path` is absolute text, not a Path: 100,000 of them are compared in every run.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def from_status(cls, path: str, status: os.stat_result) -> Self:
        """Return the stat of a file, its numbers within SQLite's integers (64 bits, signed).

        File systems give times before 1678 and inodes of 2^63 and more. A time is cut off at the
        end of the range; an inode wraps around, so that different ones stay different.
        """
        return cls(
            path,
            status.st_size,
            max(SMALLEST_INTEGER, min(status.st_mtime_ns, LARGEST_INTEGER)),
            (status.st_ino - SMALLEST_INTEGER) % (1 << 64) + SMALLEST_INTEGER,
        )

    def matches(self, other: FileStat) -> bool:
        """Return whether size and modification time are equal, as they are while nobody writes.

        Inodes are not compared: they are not stable on FAT and on network drives.
        """
        return self.size_bytes == other.size_bytes and self.mtime_ns == other.mtime_ns


class Changes(Struct, frozen=True):
    """The difference between the disk and the library, in files."""

    upserts: tuple[FileStat, ...] = ()  # new and changed files
    gone: tuple[str, ...] = ()  # known files that were removed
    unchanged: int = 0


class Decoded(Struct, frozen=True):
    """An upright sRGB image, possibly scaled down, with the facts of its file.

    For a video, `image` is the representative frame, `others` are further frames and `times_s` are
    the moments of all of them in seconds; for a photo both are empty. `has_unread_notes` is set
    where notes of the camera's maker may name the lens, which nothing else does. `orientation` is
    EXIF's, 1 to 8, by which the pixels of the file were turned to be upright.
    """

    image: Image
    facts: Facts
    others: tuple[Image, ...] = ()
    times_s: tuple[float, ...] = ()
    has_unread_notes: bool = False
    orientation: int = 1


class IngestResult(Struct, frozen=True):
    """The result of indexing one file: a new photo, known content, or a failure.

    A new photo has facts and `vectors` of shape (parts, dim), for a video with their times; known
    content has only a hash. One from elsewhere may not have been read for `unread_facts`, by name.
    """

    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    vectors: Vectors | None = None
    failure: Failure | None = None
    times_s: tuple[float, ...] = ()
    unread_facts: tuple[str, ...] = ()
