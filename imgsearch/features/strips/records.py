"""Records for strips of pictures."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from imgsearch.records.answer import Hit


class StripPeriod(Struct, frozen=True):
    """A month or a year of a strip: its best photo, and how many photos the period has.

    A period between others without photos has none: `best` is None, and `photos` is 0.
    """

    period: str  # "2023", or "2023-06"
    photos: int
    best: Hit | None


class StripPicture(Struct, frozen=True):
    """A period of a strip with the picture of its best photo alone.

    `version` are digits of the photo's content hash, and `at_s` is the moment of a video in
    seconds. A period without photos has no photo id, and an empty version.
    """

    period: str
    photos: int
    photo_id: int | None = None
    version: str = ""
    at_s: float | None = None


class StripReport(Struct, frozen=True):
    """Written files of a strip. `missing` are the paths of photos without any picture."""

    place: Path
    photos: int
    missing: tuple[Path, ...] = ()
