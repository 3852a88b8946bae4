"""The photos of an event, its picture, and ranges of its tiles.

The browser asks the library itself for events: see `Events.summaries` and `Events.photos`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from imgsearch import Hit, ImgsearchError
from imgsearch.features.events.records import PhotoEvent
from ui.addresses import number_of
from ui.elements import NEIGHBOURS
from ui.features import PhotosAround
from ui.responses import NOT_STORED, no_picture
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import marks_of, thumbnail_url, tile_json
from ui.timeline_data import MAX_TILES, photos_by_day


def event_at(moment: str) -> PhotoEvent | None:
    """Return the event that began at a moment, in ISO text, or that has the moment; None for none.

    Its beginning may have moved: a photo may have come or gone since the address was written.
    """
    try:
        start = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return session().library.events.at(start)


def around(parameters: Mapping[str, str], photo_id: int) -> PhotosAround:
    """Return a photo of the event that an address names, and some on either side of it."""
    event = event_at(parameters.get("event", ""))
    if event is None or photo_id not in event.photo_ids:
        return PhotosAround()
    offset = event.photo_ids.index(photo_id)
    first = max(0, offset - NEIGHBOURS)
    hits = session().library.photos(event.photo_ids[first : offset + NEIGHBOURS + 1])
    return PhotosAround(hits, first, len(event.photo_ids))


# ------------------------------------------------------------------------- pictures and tiles


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
    return session().library.events.cover(liked or shown or ids)


def tiles(request: Request) -> Response:
    """Answer a request for tiles `first` to `first + count - 1` of one version of an event.

    As with those of the timeline, a range belongs to a version that the browser has been given.
    """
    parameters = request.query_params
    first, count = (number_of(parameters.get(name, "")) for name in ("first", "count"))
    if first is None or count is None or count > MAX_TILES:
        return PlainTextResponse(f"State first and count, at most {MAX_TILES}.", 400, NOT_STORED)
    try:
        event = event_at(parameters.get("event", ""))
        if event is None or parameters.get("version") != event.version:
            return PlainTextResponse("The photos have changed.", 409, NOT_STORED)
        ids = event.photo_ids[first : first + count]
        found = {hit.photo.id: hit for hit in session().library.photos(ids)}
        marks = marks_of(found)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    in_event = {"from": "events", "event": event.start.isoformat()}
    return JSONResponse(
        [
            tile_json(found[each], in_event, marks.get(each)) if each in found else None
            for each in ids
        ],
        headers=NOT_STORED,
    )
