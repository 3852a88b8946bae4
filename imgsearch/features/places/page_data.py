"""The photos of a search on the map, and those in a circle.

The browser asks the library itself for clusters: see `Places.clusters`.
"""

from __future__ import annotations

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, PhotoPositions
from imgsearch.features.places.clusters import ids_within
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, marks_of, tile_json
from ui.timeline_data import MAX_FOUND

TILES_SHOWN = 24  # of the photos in a circle
MAX_SELECTED = 12_000  # photos in a circle; as in a range of a grid


def photo_positions(search_input: SearchInput) -> PhotoPositions:
    """Return the positions of the photos that a search finds, or of all photos; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _photo_positions).get(search_input, here.content_state())


def _photo_positions(search_input: SearchInput) -> PhotoPositions:
    query = search_input.query()
    with session().library_for(query) as library:
        return library.browse.positions(query if search_input else None, MAX_FOUND)


def circle(request: Request) -> Response:
    """Answer a request for a search's photos that were taken in a circle.

    With their number come the latest of them as tiles, and the ids of all if they are few enough
    to be selected. It is no operation of the library, whose filter near: finds the same photos: a
    tile is a fraction of a `Hit`.
    """
    lat, lon = _number(request, "lat", 90), _number(request, "lon", 180)
    radius_km = _number(request, "radius_km", 20_038)  # half the circumference of the Earth
    if lat is None or lon is None or radius_km is None or radius_km < 0:
        return PlainTextResponse("State lat and lon in degrees, and radius_km.", 400, NOT_STORED)
    search_input = SearchInput.from_address(request.query_params)
    try:
        ids = ids_within(photo_positions(search_input), lat, lon, radius_km).tolist()
        hits = session().library.photos(ids[:TILES_SHOWN])
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    near = f"near:{request.query_params['lat']},{request.query_params['lon']},"
    line = f"{search_input.line} {near}{request.query_params['radius_km']}km".strip()
    parameters, marks = replace(search_input, line=line).parameters, marks_of(ids[:TILES_SHOWN])
    return JSONResponse(
        {
            "photos": len(ids),
            "ids": list(map(id_text, ids)) if len(ids) <= MAX_SELECTED else [],
            "tiles": [tile_json(hit, parameters, marks.get(hit.photo.id)) for hit in hits],
        },
        headers=NOT_STORED,
    )


def _number(request: Request, name: str, limit: float) -> float | None:
    """Return a number of the query string from -limit to limit; None for anything else."""
    try:
        number = float(request.query_params.get(name, ""))
    except ValueError:
        return None
    return number if abs(number) <= limit else None  # not for nan either
