"""Files: as they lie on the disk, as they were decoded, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgsearch.records.status import Failure

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import Vectors
    from imgsearch.records.photo import Facts


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the file system says of one file, without reading it.

    `path` is absolute text, not a Path: a hundred thousand of them are compared at every run.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between the disk and the library."""

    upserts: tuple[FileStat, ...]  # new files, and known ones that changed
    gone: tuple[str, ...]  # known files that are no longer there
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright sRGB image, perhaps scaled down, with the facts of its file.

    Of a video, `image` is the frame that stands for all of it, `others` are more of its frames,
    and `times_s` says when each is seen, in seconds; of a photo both are empty.
    """

    image: Image
    facts: Facts
    others: tuple[Image, ...] = ()
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one file: a photo with its vectors, known content, or a failure.

    Known content has a hash alone; a photo new to the library has facts and `vectors`, shape
    (parts, dim), with the times of a video's; a failure has a reason and a message.
    """

    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    vectors: Vectors | None = None
    failure: Failure | None = None
    times_s: tuple[float, ...] = ()
