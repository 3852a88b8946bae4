"""The photos by day, as the grid of the timeline asks for them: the days, and ranges of tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    DayPhotos,
    Hit,
    ImgsearchError,
    PhotoEvent,
    PhotoMarks,
    Query,
    format_count,
    printable,
)
from ui.addresses import address_of, number_of
from ui.formatting import date_of
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import Session, session
from ui.tiles import marks_of, tile_json

MAX_FOUND = 1000  # photos that words or an example find; filters alone have no limit
MAX_TILES = 500  # of one request
MIN_TRIP_PHOTOS = 5
NAMES_SHOWN = 3  # towns and countries of a trip
CLOCK_NOT_SET = date(1970, 1, 1)  # where the clocks of computers start to count


class PhotosByDay(Struct, frozen=True):
    """The photos of a search by day, newest first; equal ones have equal versions."""

    days: tuple[DayPhotos, ...]
    photo_ids: np.ndarray  # int64 (n,): those of all days
    times_s: dict[int, float]  # by photo id: the best matching moment of a video
    version: str

    def offset_of(self, photo_id: int) -> int | None:
        """Return the position of a photo; None if it is not among these."""
        (found,) = np.nonzero(self.photo_ids == photo_id)
        return int(found[0]) if len(found) else None


def photos_by_day(search_input: SearchInput) -> PhotosByDay:
    """Return the photos that a search finds, all for an empty one; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _photos_by_day).get(search_input, here.content_state())


def days_around(search_input: SearchInput, photo_id: int, reach: int) -> tuple[list[Hit], int, int]:
    """Return a photo in the timeline of a search, and as many as `reach` on either side of it.

    With them, how many photos come before these, and how many there are; no photo, 0 and 0 if it
    is not there.
    """
    photos = photos_by_day(search_input)
    offset = photos.offset_of(photo_id)
    if offset is None:
        return [], 0, 0
    first = max(0, offset - reach)
    hits = session().library.photos(photos.photo_ids[first : offset + reach + 1].tolist())
    found = [replace(hit, at_s=photos.times_s.get(hit.photo.id)) for hit in hits]
    return found, first, len(photos.photo_ids)


class EventHeadings(Struct, frozen=True):
    """The trips of a search and the town of each day, for the headings of its days."""

    trips: tuple[PhotoEvent, ...]  # in order of time
    towns: dict[date, str]  # where most photos of a day were taken


def events_of(search_input: SearchInput) -> tuple[PhotoEvent, ...]:
    """Return the events of the photos that filters leave, in order of time; up to a minute old.

    Without a filter, of all photos. Finding the events of 100,000 photos takes a second.
    """
    here = session()
    return recent_answers(here, _find_events).get(search_input, here.content_state())


def _find_events(search_input: SearchInput) -> tuple[PhotoEvent, ...]:
    query = search_input.query()
    return session().library.browse.events(query if query.filters else None)


def _event_headings(search_input: SearchInput) -> EventHeadings:
    """Return an answer of its own: finding events takes longer than counting days."""
    if search_input.query().terms:
        return EventHeadings((), {})  # the best photos for some words are no whole event
    events = events_of(search_input)
    trips = (event for event in events if event.is_trip)
    return EventHeadings(
        tuple(trip for trip in trips if len(trip.photo_ids) >= MIN_TRIP_PHOTOS), _towns(events)
    )


def _photos_by_day(search_input: SearchInput) -> PhotosByDay:
    here, query = session(), search_input.query()
    if query.terms:
        days, times_s = _days_of_hits(here, query)
    else:
        days, times_s = here.library.browse.days(query if query.filters else None), {}
    photo_ids = np.concatenate([day.photo_ids for day in days]) if days else np.empty(0, np.int64)
    digest = hashlib.sha256(photo_ids.tobytes())
    digest.update(repr([(day.day, len(day.photo_ids)) for day in days]).encode())
    return PhotosByDay(days, photo_ids, times_s, digest.hexdigest()[:16])


def _days_of_hits(here: Session, query: Query) -> tuple[tuple[DayPhotos, ...], dict[int, float]]:
    """Return the best photos for a query with words or an example, by day; of videos, the moments.

    They come from the service if it runs, as on the search page: its model is loaded.
    """
    hits = here.find(replace(query, sort="date"), MAX_FOUND).hits
    strong = [hit for hit in hits if hit.level != "weak"]
    days = []
    for day, group in groupby(strong, _day_of):
        of_day = list(group)
        photo_ids = np.array([hit.photo.id for hit in of_day], np.int64)
        days.append(DayPhotos(day, photo_ids, sum(hit.dated_by == "file" for hit in of_day)))
    return tuple(days), {hit.photo.id: hit.at_s for hit in strong if hit.at_s is not None}


def _day_of(hit: Hit) -> date:
    moment = date_of(hit)
    assert moment is not None  # a photo in an answer has a path, and so at least a file's date
    return moment.date()


def _towns(events: Sequence[PhotoEvent]) -> dict[date, str]:
    """Return by day the towns of its largest event that is of one day."""
    sizes: dict[date, int] = {}
    towns: dict[date, str] = {}
    for event in events:
        day = event.start.date()
        is_largest = len(event.photo_ids) > sizes.get(day, 0)
        if event.towns and event.end.date() == day and is_largest:
            sizes[day] = len(event.photo_ids)
            towns[day] = printable(", ".join(event.towns[:NAMES_SHOWN]))
    return towns


# ------------------------------------------------------------------------- JSON for the grid


def days(request: Request) -> Response:
    """Return the days of a search: each with its date, its number of photos and a remark.

    `at` is the id of a photo whose position is asked for.
    """
    photo_id = number_of(request.query_params.get("at", ""))
    try:
        photos = photos_by_day(SearchInput.from_address(request.query_params))
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        {
            "version": photos.version,
            "days": days_json(photos.days),
            "offset": None if photo_id is None else photos.offset_of(photo_id),
        },
        headers=NOT_STORED,
    )


def headings(request: Request) -> Response:
    """Return the trips of a search, newest first, and the towns of its days."""
    try:
        found = _event_headings(SearchInput.from_address(request.query_params))
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        {
            "trips": [_trip_json(trip) for trip in reversed(found.trips)],
            "towns": {day.isoformat(): towns for day, towns in found.towns.items()},
        },
        headers=NOT_STORED,
    )


def tiles(request: Request) -> Response:
    """Answer a request for tiles `first` to `first + count - 1` of one version of the days.

    Days that were computed a while ago are served as they were, so that a grid does not change
    while it is looked at and photos are being indexed.
    """
    first, count = (number_of(request.query_params.get(name, "")) for name in ("first", "count"))
    if first is None or count is None or count > MAX_TILES:
        return PlainTextResponse(f"State first and count, at most {MAX_TILES}.", 400, NOT_STORED)
    search_input = SearchInput.from_address(request.query_params)
    try:
        photos = recent_answers(session(), _photos_by_day).kept(search_input) or photos_by_day(
            search_input
        )
        if request.query_params.get("version") != photos.version:
            return PlainTextResponse("The photos have changed.", 409, NOT_STORED)
        ids = photos.photo_ids[first : first + count].tolist()
        found = {hit.photo.id: hit for hit in session().library.photos(ids)}
        marks = marks_of(found)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        [
            day_tile_json(
                found[photo_id], search_input, photos.times_s.get(photo_id), marks.get(photo_id)
            )
            if photo_id in found
            else None
            for photo_id in ids
        ],
        headers=NOT_STORED,
    )


def day_tile_json(
    hit: Hit,
    search_input: SearchInput,
    at_s: float | None = None,
    marks: PhotoMarks | None = None,
) -> dict[str, object]:
    """Return the data of a found photo's tile; for a video, of the moment that was found."""
    parameters = {"from": "timeline", **search_input.parameters}
    return tile_json(replace(hit, at_s=at_s), parameters, marks)


def _trip_json(trip: PhotoEvent) -> dict[str, object]:
    names = [*trip.towns[:NAMES_SHOWN], *trip.countries[:NAMES_SHOWN]]
    places = f"Trip to {printable(', '.join(names))}" if names else "Trip"
    return {
        "first": trip.start.date().isoformat(),
        "last": trip.end.date().isoformat(),
        "title": printable(trip.title) if trip.is_titled else places,
        "photos": len(trip.photo_ids),
        "address": address_of("events", {"event": trip.start.isoformat()}),
    }


def days_json(days: Sequence[DayPhotos]) -> list[tuple[str, int, str]]:
    """Return the data of each day for the grid: its date, its number of photos and a remark."""
    today = date.today()
    return [(day.day.isoformat(), len(day.photo_ids), _remark_on(day, today)) for day in days]


def _remark_on(day: DayPhotos, today: date) -> str:
    """Return a sentence about doubtful dates of these photos; empty if no date is doubtful."""
    if day.day == CLOCK_NOT_SET:
        return "the date of a clock that was not set"
    if day.day > today + timedelta(days=1):  # a camera's clock may be ahead by a time zone
        return "in the future: the clock was wrong"
    if day.dated_by_file == len(day.photo_ids):
        return "by the date of the file"
    if day.dated_by_file:
        return f"{format_count(day.dated_by_file, 'photo')} by the date of the file"
    return ""
