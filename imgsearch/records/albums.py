"""Records for albums, for the marks of photos, and for changes that can be undone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

MarkKind: TypeAlias = Literal["favourite", "rating", "hidden"]
MAX_STARS = 5


class Album(Struct, frozen=True):
    """An album of a library. `album:NAME` finds its photos.

    `photos` counts those that can be found, and `missing` those whose files are gone: the library
    remembers them until it forgets the photo. `cover_id` is the first photo that can be found.
    """

    name: str
    photos: int
    missing: int
    made_at: datetime
    cover_id: int | None = None


class AlbumPhotos(Struct, frozen=True):
    """The photos of an album or of the tray, in the order in which they were added.

    `photo_ids` can be found, and `missing_ids` have no file any more.
    """

    name: str
    photo_ids: tuple[int, ...]
    missing_ids: tuple[int, ...] = ()


class PhotoMarks(Struct, frozen=True):
    """The marks that a person has given a photo here, beside the facts that its files state.

    `rating` is 0 to 5 stars; None is no rating of this library, so that of the files counts.
    """

    favourite: bool = False
    rating: int | None = None
    hidden: bool = False


class ExportReport(Struct, frozen=True):
    """The export of an album: how many photos were written, and why others were not.

    `missing` has a reason for each of those, by its path or, without one, by its number.
    """

    name: str
    place: Path
    photos: int
    missing: dict[str, str]


class SidecarChange(Struct, frozen=True):
    """An XMP file that gets the stars of a photo; `is_new` says that there is none yet.

    `before` are the stars that the files of the photo state until then. With a `problem`, a clause
    that says why, the file is left as it is.
    """

    sidecar: Path
    photo: Path
    before: int | None
    stars: int
    is_new: bool
    problem: str | None = None


class Change(Struct, frozen=True):
    """A change that somebody has made in a library, which can be undone by its id.

    `photos` is the number of photos that changed. Without an id nothing was changed, so there is
    nothing to undo. `undone` says that it was undone, and can be done again.
    """

    id: int | None
    title: str
    photos: int
    changed_at: datetime
    undone: bool = False
