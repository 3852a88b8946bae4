"""Events without their photos, the trips and towns of a timeline, and one event with its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from imgsearch.features.events.records import (
    EventPhotos,
    EventSummary,
    PhotoEvent,
    RouteStop,
    RouteTown,
    TimelineHeadings,
)
from imgsearch.records.browse import DayCount

MIN_TRIP_PHOTOS = 5  # of a trip that a timeline names


def summaries_of(
    events: Iterable[PhotoEvent], found: Collection[int] | None
) -> tuple[EventSummary, ...]:
    """Return the events with some of the photos that were found, in their order; None: all."""
    if found is None:
        return tuple(event.summary() for event in events)
    wanted = set(found)
    counted = ((event, len(wanted.intersection(event.photo_ids))) for event in events)
    return tuple(event.summary(count) for event, count in counted if count)


def headings_of(events: Sequence[PhotoEvent]) -> TimelineHeadings:
    """Return the trips among events that are not small, and the towns of each day.

    The towns of a day are those of its largest event of this day alone, most photos first.
    """
    sizes: dict[date, int] = {}
    towns: dict[date, tuple[str, ...]] = {}
    for event in events:
        day = event.start.date()
        is_largest = len(event.photo_ids) > sizes.get(day, 0)
        if event.towns and event.end.date() == day and is_largest:
            sizes[day] = len(event.photo_ids)
            towns[day] = event.towns
    trips = (event for event in events if event.is_trip)
    named = (trip for trip in trips if len(trip.photo_ids) >= MIN_TRIP_PHOTOS)
    return TimelineHeadings(tuple(trip.summary() for trip in named), towns)


def photos_of_event(
    event: PhotoEvent,
    shapes: tuple[int, ...],
    days: tuple[DayCount, ...],
    stops: Sequence[RouteStop],
    towns: Mapping[int, str],
) -> EventPhotos:
    """Return one event with its photos and its way; `towns` are those of some photos, by id."""
    firsts: dict[str, int] = {}
    photos: Counter[str] = Counter()
    for number, stop in enumerate(stops):
        if town := towns.get(stop.first_id):
            firsts.setdefault(town, number)
            photos[town] += stop.photos
    named = tuple(RouteTown(town, firsts[town]) for town, _ in photos.most_common())
    return EventPhotos(event.summary(), event.photo_ids, shapes, days, tuple(stops), named)
