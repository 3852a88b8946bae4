"""Records of the photos just before and after another one."""

from __future__ import annotations

from msgspec import Struct

from imgsearch.features.events.records import EventSummary
from imgsearch.records.answer import Hit


class NearbyPhoto(Struct, frozen=True):
    """A photo of the same event, and the seconds from the other one to it: negative before it.

    `apart` says the same in words: "2 h 5 min before".
    """

    hit: Hit
    apart_s: float
    apart: str


class PhotosBeforeAfter(Struct, frozen=True):
    """The photos of an event just before and after a photo, both in order of time.

    `event` is None for a photo that is in no event: its metadata has no date, or it is hidden.
    `more_before` and `more_after` count the photos of the event that are farther away.
    """

    hit: Hit
    event: EventSummary | None = None
    before: tuple[NearbyPhoto, ...] = ()
    after: tuple[NearbyPhoto, ...] = ()
    more_before: int = 0
    more_after: int = 0
