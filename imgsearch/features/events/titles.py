"""Titles of events: where and when, and the titles that somebody has given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from msgspec.structs import replace

from imgsearch.features.events.records import EventTitle, PhotoEvent
from imgsearch.language.calendar_words import MONTH_NAMES

_MOST_COUNTRIES = 2  # in a title
# A given title belongs to an event that shares at least half of the time of both together: photos
# that come later, or leave, move the borders of an event.
_SAME_TIME = 0.5
_MONTHS = tuple(map(str.capitalize, MONTH_NAMES))


def title_of(
    towns: Sequence[str | None], countries: Sequence[str | None], first: date, last: date
) -> str:
    """Return the title of an event with photos in these towns and countries, on these days.

    A town that has at least half of the photos with a town names it, else its countries do.
    """
    place = _place(towns, countries)
    days = days_in_words(first, last)
    return f"{place}, {days}" if place else days


def _place(towns: Sequence[str | None], countries: Sequence[str | None]) -> str:
    by_town = Counter(filter(None, towns))
    town, photos = next(iter(by_town.most_common(1)), ("", 0))
    if photos and 2 * photos >= by_town.total():
        return town
    names = [name for name, _ in Counter(filter(None, countries)).most_common()]
    if len(names) > _MOST_COUNTRIES:
        return f"{', '.join(names[:_MOST_COUNTRIES])} and more"
    return " and ".join(names) or town


def days_in_words(first: date, last: date) -> str:
    """Return some days: "12 May 2022", "12 to 19 May 2022", "28 May to 3 June 2022"."""
    end = f"{last.day} {_MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    start = f"{first.day} {_MONTHS[first.month - 1]}"
    return f"{start} to {end}" if first.year == last.year else f"{start} {first.year} to {end}"


def with_titles(
    events: Sequence[PhotoEvent], given: Sequence[EventTitle]
) -> tuple[PhotoEvent, ...]:
    """Return the events with the titles that somebody has given.

    A later one counts before an earlier.
    """
    titled = list(events)
    for title in given:
        shares = [_shared_time(event, title) for event in titled]
        best = max(range(len(titled)), key=shares.__getitem__, default=None)
        if best is not None and shares[best] >= _SAME_TIME:
            titled[best] = replace(titled[best], title=title.title, is_titled=True)
    return tuple(titled)


def _shared_time(event: PhotoEvent, title: EventTitle) -> float:
    """Return the share of common time in the time of both together.

    1 for one and the same moment.
    """
    common_s = (min(event.end, title.end) - max(event.start, title.start)).total_seconds()
    whole_s = (max(event.end, title.end) - min(event.start, title.start)).total_seconds()
    if common_s < 0:
        return 0.0
    return common_s / whole_s if whole_s else 1.0
