"""The query for the photos of one day of the year."""

from __future__ import annotations

from calendar import isleap
from datetime import date

from msgspec.structs import replace

from imgsearch.records.query import Filter, Query


def in_earlier_years(query: Query, today: date) -> Query:
    """The query, for the photos of this day in earlier years, newest first.

    Photos of 29 February are found on the 28th of a year without it.
    """
    days = [f"{today:%m-%d}"]
    if days == ["02-28"] and not isleap(today.year):
        days.append("02-29")
    filters = (
        Filter("day", tuple(days)),
        Filter("before", (f"{today.year:04}",)),
        Filter("dated", ("file",), negated=True),
    )
    return replace(query, filters=(*query.filters, *filters), sort="date")
