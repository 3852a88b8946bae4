"""The date and place that the files of a photo state, where a person has corrected them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from imgsearch.records.photo import DatePrecision


class StatedFacts(Struct, frozen=True):
    """Facts that the files of a corrected photo state; None where they state nothing.

    A corrected date or place counts in place of them. `date_is_corrected` and `place_is_corrected`
    say which of the two was corrected.
    """

    date_is_corrected: bool
    place_is_corrected: bool
    taken_at: datetime | None
    dated_by: str | None
    lat: float | None
    lon: float | None
    town: str | None
    region: str | None
    country: str | None
    near_town: bool
    date_precision: DatePrecision | None = None
