"""Records of corrected dates and places, and of XMP files that get them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import DatePrecision
from imgsearch.records.stated_facts import StatedFacts

# What the files of a photo state; None of a photo without a correction.
StatedInPhoto: TypeAlias = StatedFacts | None


class PlannedDate(Struct, frozen=True):
    """A date that a photo would get. `before` is its date now, by `dated_by` as `Hit` has it.

    `because` is a clause that says where a proposed date comes from; empty for a date that was
    given. `precision` says how exact the date is: see `Facts.date_precision`.
    """

    photo_id: int
    path: Path
    before: datetime
    dated_by: str | None
    after: datetime
    because: str = ""
    precision: DatePrecision | None = None
    before_precision: DatePrecision | None = None


class PlannedPlace(Struct, frozen=True):
    """A place that a photo would get. `before` is its place now; None if it has none."""

    photo_id: int
    path: Path
    before: NamedPoint | None
    after: NamedPoint


class Correction(Struct, frozen=True):
    """The date and the place that a person has set for a photo; None where nothing was set."""

    taken_at: datetime | None = None
    place: NamedPoint | None = None
    date_precision: DatePrecision | None = None


class DateAndPlaceChange(Struct, frozen=True):
    """An XMP file that gets the corrected date and place of a photo.

    The file keeps its own date or place where this one is None. `is_new` says that there is no such
    file yet. With a `problem`, a clause that says why, the file is left as it is.
    """

    sidecar: Path
    photo: Path
    taken_at: datetime | None = None
    place: NamedPoint | None = None
    is_new: bool = False
    problem: str | None = None
    date_precision: DatePrecision | None = None

    def with_problem(self, problem: str) -> Self:
        """Return the change with a problem."""
        return replace(self, problem=problem)


class PhotoDate(Struct, frozen=True, forbid_unknown_fields=True):
    """The date that a photo gets: the camera's local time, and how exact it is."""

    photo_id: int
    taken_at: datetime
    precision: DatePrecision | None = None
