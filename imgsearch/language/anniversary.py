"""Queries for the photos of this time in earlier years."""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta

from msgspec.structs import replace

from imgsearch.records.query import Filter, Query

_DAYS_AROUND = 3  # so a week with the day in its middle
_DATED = Filter("dated", ("file",), negated=True)  # by something else than the date of a file


def in_earlier_years(query: Query, today: date) -> Query:
    """Return the query, for the photos of this day in earlier years, newest first.

    Photos of 29 February are found on the 28th of a year without it.
    """
    days = [f"{today:%m-%d}"]
    if days == ["02-28"] and not isleap(today.year):
        days.append("02-29")
    filters = (
        Filter("day", tuple(days)),
        Filter("before", (f"{today.year:04}",)),
        _DATED,
    )
    return replace(query, filters=(*query.filters, *filters), sort="date")


def a_year_ago(query: Query, today: date) -> Query:
    """Return the query, for the photos of the week around this day a year ago, newest first.

    A day that the year before lacks, 29 February, counts as the one before it.
    """
    year = today.year - 1
    is_leap_day = (today.month, today.day) == (2, 29)
    middle = date(year, 2, 28) if is_leap_day else today.replace(year=year)
    days = [middle + timedelta(days=number) for number in range(-_DAYS_AROUND, _DAYS_AROUND + 1)]
    filters = (
        Filter("after", (days[0].isoformat(),)),
        Filter("before", ((days[-1] + timedelta(days=1)).isoformat(),)),
        _DATED,
    )
    return replace(query, filters=(*query.filters, *filters), sort="date")
