"""The events of a library as the browser asks for them: all of them, and one with its photos."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from imgsearch import Hit, ImgsearchError, PhotoEvent, RouteStop, printable, route_of
from ui.addresses import address_of, number_of
from ui.map_data import photo_positions
from ui.responses import NOT_STORED, no_picture
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, marks_of, thumbnail_url, tile_json
from ui.timeline_data import MAX_TILES, events_of, photos_by_day

NAMED_TOWNS = 12  # at most, on the map of an event
_ALL = SearchInput()


class NarrowedEvent(Struct, frozen=True):
    """An event, and how many of its photos a search finds."""

    event: PhotoEvent
    found: int


def narrowed_events(search_input: SearchInput) -> list[NarrowedEvent]:
    """Return the events with photos that a search finds, all for an empty one; the newest first.

    An event is that of all photos, so it has one title and one address, whatever is searched for.
    Raises the errors of the query language and of the library.
    """
    events = reversed(events_of(_ALL))
    if not search_input:
        return [NarrowedEvent(event, len(event.photo_ids)) for event in events]
    wanted = set(photos_by_day(search_input).photo_ids.tolist())
    counted = (NarrowedEvent(each, len(wanted.intersection(each.photo_ids))) for each in events)
    return [each for each in counted if each.found]


def event_at(moment: str) -> PhotoEvent | None:
    """Return the event that began at a moment, in ISO text, or that has the moment; None for none.

    Its beginning may have moved: a photo may have come or gone since the address was written.
    """
    try:
        at = datetime.fromisoformat(moment).replace(tzinfo=None)
    except ValueError:
        return None
    return next((each for each in events_of(_ALL) if each.start <= at <= each.end), None)


def _event_with(photo_id: int) -> PhotoEvent | None:
    return next((each for each in events_of(_ALL) if photo_id in each.photo_ids), None)


def event_hits(moment: str, photo_id: int, reach: int) -> tuple[list[Hit], int, int]:
    """Return a photo of an event, and as many as `reach` on either side of it.

    With them, how many photos come before these, and how many there are; no photo, 0 and 0 if it
    is not there.
    """
    event = event_at(moment)
    if event is None or photo_id not in event.photo_ids:
        return [], 0, 0
    offset = event.photo_ids.index(photo_id)
    first = max(0, offset - reach)
    hits = session().library.photos(event.photo_ids[first : offset + reach + 1])
    return list(hits), first, len(event.photo_ids)


# ------------------------------------------------------------------------- JSON for the browser


def listed(request: Request) -> Response:
    """Return the events of a search, the newest first."""
    search_input = SearchInput.from_address(request.query_params)
    try:
        found = narrowed_events(search_input)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        [{**event_json(each.event), "found": each.found} for each in found], headers=NOT_STORED
    )


def cover(request: Request) -> Response:
    """Leads to the picture that stands for an event, of the photos that a search finds."""
    search_input = SearchInput.from_address(request.query_params)
    try:
        event = event_at(request.query_params.get("event", ""))
        chosen = None if event is None else _cover_of(event, search_input)
    except ImgsearchError as error:
        return no_picture(error)
    if chosen is None:
        return PlainTextResponse("Event not found.", 404, NOT_STORED)
    return RedirectResponse(thumbnail_url(chosen), 302, NOT_STORED)  # marks may change it


def _cover_of(event: PhotoEvent, search_input: SearchInput) -> Hit | None:
    """Return a favourite, else a clear photo; hidden ones only if all are."""
    ids: Sequence[int] = event.photo_ids
    if search_input:
        wanted = set(photos_by_day(search_input).photo_ids.tolist())
        ids = [photo_id for photo_id in ids if photo_id in wanted]
    marks = marks_of(ids)
    hidden = {photo_id for photo_id, own in marks.items() if own.hidden}
    shown = [photo_id for photo_id in ids if photo_id not in hidden]
    liked = [photo_id for photo_id in shown if photo_id in marks and marks[photo_id].favourite]
    return session().library.browse.cover(liked or shown or ids)


def photos(request: Request) -> Response:
    """Return the photos of one event by day, earliest first, with its title and way on a map.

    `photo` is the id of a photo that it had: where no event has the moment any more, since dates
    were corrected, the event of that photo is shown.
    """
    photo_id, had_id = (number_of(request.query_params.get(name, "")) for name in ("at", "photo"))
    try:
        event = event_at(request.query_params.get("event", ""))
        if event is None and had_id is not None:
            event = _event_with(had_id)
        if event is None:
            return PlainTextResponse("This event is not there any more.", 404, NOT_STORED)
        days = _days_of(event)
        stops = route_of(photo_positions(_ALL), event.photo_ids)
        towns = _towns_of(stops)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    ids = event.photo_ids
    return JSONResponse(
        {
            "version": _version(event),
            "event": event_json(event),
            "ids": list(map(id_text, ids)),
            "days": days,
            "stops": [[stop.lat, stop.lon] for stop in stops],
            "towns": towns,
            "offset": ids.index(photo_id) if photo_id in ids else None,
        },
        headers=NOT_STORED,
    )


def tiles(request: Request) -> Response:
    """Answer a request for tiles `first` to `first + count - 1` of one version of an event."""
    parameters = request.query_params
    first, count = (number_of(parameters.get(name, "")) for name in ("first", "count"))
    if first is None or count is None or count > MAX_TILES:
        return PlainTextResponse(f"State first and count, at most {MAX_TILES}.", 400, NOT_STORED)
    try:
        event = event_at(parameters.get("event", ""))
        if event is None or parameters.get("version") != _version(event):
            return PlainTextResponse("The photos have changed.", 409, NOT_STORED)
        ids = event.photo_ids[first : first + count]
        found = {hit.photo.id: hit for hit in session().library.photos(ids)}
        marks = marks_of(found)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    in_event = {"from": "events", "event": _address_of_start(event)}
    return JSONResponse(
        [
            tile_json(found[each], in_event, marks.get(each)) if each in found else None
            for each in ids
        ],
        headers=NOT_STORED,
    )


def event_json(event: PhotoEvent) -> dict[str, object]:
    """Return an event without its photos."""
    start = _address_of_start(event)
    return {
        "start": start,
        "first": event.start.isoformat(timespec="minutes"),
        "last": event.end.isoformat(timespec="minutes"),
        "title": printable(event.title),
        "is_titled": event.is_titled,
        "is_trip": event.is_trip,
        "photos": len(event.photo_ids),
        "towns": [printable(town) for town in event.towns],
        "address": address_of("events", {"event": start}),
        "timeline": address_of("timeline", {"at": str(event.photo_ids[-1])}),
        "version": _version(event),
    }


def _address_of_start(event: PhotoEvent) -> str:
    return event.start.isoformat()


def _version(event: PhotoEvent) -> str:
    """Return a value that changes whenever its photos do."""
    return hashlib.sha256(repr(event.photo_ids).encode()).hexdigest()[:16]


def _days_of(event: PhotoEvent) -> list[tuple[str, int]]:
    """Return each day with its number of photos, in order of time."""
    by_day = session().library.browse.days_of(event.photo_ids)
    counts: dict[date, int] = {day.day: len(day.photo_ids) for day in reversed(by_day)}
    return [(day.isoformat(), count) for day, count in counts.items()]


def _towns_of(stops: Sequence[RouteStop]) -> list[tuple[int, str]]:
    """Return the towns of a way, most photos first: the number of the first stop, the name."""
    hits = session().library.photos([stop.first_id for stop in stops])
    found = {hit.photo.id: hit.photo.facts.town for hit in hits}
    firsts: dict[str, int] = {}
    photos_of: Counter[str] = Counter()
    for number, stop in enumerate(stops):
        if town := found.get(stop.first_id):
            firsts.setdefault(town, number)
            photos_of[town] += stop.photos
    return [(firsts[town], printable(town)) for town, _ in photos_of.most_common(NAMED_TOWNS)]
