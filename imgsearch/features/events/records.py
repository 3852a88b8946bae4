"""Records of events: their photos, their titles, and their way on a map."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from msgspec import Struct

from imgsearch.records.browse import DayCount

_RECORD_BYTES, _NUMBER_BYTES = 500, 40  # in memory: of an event without its photos, and of an id


class PhotoEvent(Struct, frozen=True):
    """Photos of one occasion, in order: an afternoon, a party, or a whole trip.

    Towns and countries of its photos are sorted, the most frequent first. The title says where and
    when ("Lisbon, 12 to 19 May 2022"), unless somebody has given another one.
    """

    start: datetime  # the camera's local time, of the first photo
    end: datetime
    is_trip: bool  # away from home
    photo_ids: tuple[int, ...]
    towns: tuple[str, ...]
    countries: tuple[str, ...]
    title: str = ""
    is_titled: bool = False  # by somebody

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return len(self.photo_ids) * _NUMBER_BYTES + _RECORD_BYTES

    @property
    def version(self) -> str:
        """A text that changes whenever the photos of the event do."""
        return hashlib.sha256(repr(self.photo_ids).encode()).hexdigest()[:16]

    def summary(self, found: int | None = None) -> EventSummary:
        """Return the event without its photos, of which a search has found so many; None: all."""
        photos = len(self.photo_ids)
        return EventSummary(
            self.start,
            self.end,
            self.is_trip,
            photos,
            photos if found is None else found,
            self.towns,
            self.countries,
            self.title,
            self.is_titled,
            self.version,
        )


class EventSummary(Struct, frozen=True):
    """An event without its photos: see `PhotoEvent`.

    `found` of its `photos` are of the search that was asked with, all of them without one.
    `version` changes whenever its photos do.
    """

    start: datetime
    end: datetime
    is_trip: bool
    photos: int
    found: int
    towns: tuple[str, ...]
    countries: tuple[str, ...]
    title: str
    is_titled: bool
    version: str


class TimelineHeadings(Struct, frozen=True):
    """The trips of a timeline in order of time, and the towns of its days, most photos first."""

    trips: tuple[EventSummary, ...]
    towns: dict[date, tuple[str, ...]]


class RouteStop(Struct, frozen=True):
    """A place on the way of photos in order of time, in degrees (WGS 84)."""

    lat: float
    lon: float
    first_id: int  # of the first photo there
    photos: int


class RouteTown(Struct, frozen=True):
    """A town on the way of an event: its name, and the place among the stops of the first there."""

    name: str
    stop: int


class EventPhotos(Struct, frozen=True):
    """An event with its photos and its days, in order of time.

    `shapes` are the widths of the photos in percent of their heights, `stops` are its way, and
    `towns` those on it, most photos first.
    """

    event: EventSummary
    photo_ids: tuple[int, ...]
    shapes: tuple[int, ...]
    days: tuple[DayCount, ...]
    stops: tuple[RouteStop, ...]
    towns: tuple[RouteTown, ...]


class EventTitle(Struct, frozen=True):
    """The title that somebody has given the event between two moments, in local time."""

    title: str
    start: datetime
    end: datetime
