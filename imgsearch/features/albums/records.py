"""Records for albums."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec import Struct


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
    """The photos of an album, in the order in which they were added.

    `photo_ids` can be found, and `missing_ids` have no file any more.
    """

    name: str
    photo_ids: tuple[int, ...]
    missing_ids: tuple[int, ...] = ()


class ExportReport(Struct, frozen=True):
    """The export of an album: how many photos were written, and why others were not.

    `missing` has a reason for each of those, by its path or, without one, by its number.
    """

    name: str
    place: Path
    photos: int
    missing: dict[str, str]
