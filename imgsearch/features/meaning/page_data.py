"""Serves the points of all photos on the map of meaning, as bytes, and tiles of some.

The browser asks the library itself for clusters: see `Meaning.clusters`.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, MeaningPoints
from ui.addresses import number_of
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, marks_of, tile_json
from ui.timeline_data import MAX_FOUND

MAX_TILES = 300  # of one request


class DrawnMap(Struct, frozen=True):
    """The points of the whole map of the library; equal ones have equal versions."""

    points: MeaningPoints
    version: str


def drawn_map() -> DrawnMap:
    """Return the map with all photos that are not hidden, up to a minute old.

    Raises UsageError before it was laid out.
    """
    here = session()
    return recent_answers(here, _draw).get("map", here.content_state())


def _draw(_: str) -> DrawnMap:
    meaning = session().library.meaning
    return DrawnMap(meaning.points(), meaning.clusters().version)


def found_photos(search_input: SearchInput) -> np.ndarray:
    """Return the ids (n,) of photos on the map that a search finds; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _find).get(search_input, here.content_state())


def _find(search_input: SearchInput) -> np.ndarray:
    query = search_input.query()
    with session().library_for(query) as library:
        return library.meaning.points(query if search_input else None, MAX_FOUND).photo_ids


def points(request: Request) -> Response:
    """Return the photos of one version of the map, as columns of little-endian numbers.

    Their ids (64-bit floats, exact up to 2^53), x and y in steps of the map, and the numbers of
    their finest clusters (16 bits each).
    """
    try:
        drawn = drawn_map()
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    if request.query_params.get("version") != drawn.version:
        return PlainTextResponse("The map has changed.", 409, NOT_STORED)
    columns = drawn.points
    numbers = (*columns.steps(), columns.clusters)
    content = b"".join(
        (
            columns.photo_ids.astype("<f8").tobytes(),
            *(each.astype("<u2").tobytes() for each in numbers),
        )
    )
    return Response(content, media_type="application/octet-stream", headers=NOT_STORED)


def found(request: Request) -> Response:
    """Return which photos of a map's version a search finds: a bit each, in the order of points."""
    search_input = SearchInput.from_address(request.query_params)
    try:
        drawn = drawn_map()
        ids = found_photos(search_input)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    if request.query_params.get("version") != drawn.version:
        return PlainTextResponse("The map has changed.", 409, NOT_STORED)
    bits = np.packbits(np.isin(drawn.points.photo_ids, ids), bitorder="little")
    return Response(bits.tobytes(), media_type="application/octet-stream", headers=NOT_STORED)


def tiles(request: Request) -> Response:
    """Return the tiles of these photos, `ids` with commas between them.

    Null for a photo that is gone.
    """
    ids = [number_of(each) for each in request.query_params.get("ids", "").split(",")]
    known = [each for each in ids if each is not None]
    if len(known) != len(ids) or len(ids) > MAX_TILES:
        return PlainTextResponse(f"State at most {MAX_TILES} ids.", 400, NOT_STORED)
    parameters = SearchInput.from_address(request.query_params).parameters
    try:
        hits = {hit.photo.id: hit for hit in session().library.photos(known)}
        marks = marks_of(hits)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        {
            id_text(each): tile_json(hits[each], parameters, marks.get(each))
            if each in hits
            else None
            for each in known
        },
        headers=NOT_STORED,
    )
