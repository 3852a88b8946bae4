"""Files: as they lie on the disk, as they were decoded, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from PIL.Image import Image

    from imgsearch.errors import Reason
    from imgsearch.records import Facts, Vectors


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
class Outcome:
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


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be indexed, and why.

    `extra` is the extra of imgsearch-photos that it wants, where nothing else is amiss. `read_by`
    says what decided how it was read: once that has changed, the file is worth another try.
    """

    path: Path
    reason: Reason
    message: str
    extra: str | None = None
    read_by: str | None = None
    failed_at: datetime | None = None  # UTC; None of a folder, which is looked into every time


@dataclass(frozen=True, slots=True)
class Want:
    """Files of one format that wait for an extra which is not installed."""

    extra: str
    format: str  # as people call it: "JPEG XL"
    files: int

    @property
    def cure(self) -> str:
        """The command that installs it."""
        return f"pip install 'imgsearch-photos[{self.extra}]'"


@dataclass(frozen=True, slots=True)
class Root:
    """A photo folder the library follows. Offline when it is not there now."""

    id: int
    path: Path
    online: bool
    photos: int
    missing: int = 0  # of these photos: vanished with many others at once, and held
