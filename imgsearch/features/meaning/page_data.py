"""Serves the map of meaning: its clusters, the points of all photos, and tiles of some."""

from __future__ import annotations

import hashlib

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, MeaningMap, MeaningPoints, printable
from ui.addresses import number_of
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, marks_of, thumbnail_url, tile_json
from ui.timeline_data import MAX_FOUND

MAX_TILES = 300  # of one request


class DrawnMap(Struct, frozen=True):
    """The whole map of the library; equal ones have equal versions."""

    meaning: MeaningMap
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
    points, clusters = meaning.points(), meaning.clusters()
    digest = hashlib.sha256(points.photo_ids.tobytes() + points.x.tobytes())
    digest.update(clusters.made_at.isoformat().encode())
    return DrawnMap(clusters, points, digest.hexdigest()[:16])


def found_photos(search_input: SearchInput) -> np.ndarray:
    """Return the ids (n,) of photos on the map that a search finds; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _find).get(search_input, here.content_state())


def _find(search_input: SearchInput) -> np.ndarray:
    here, query = session(), search_input.query()
    on_map = drawn_map().points.photo_ids
    if not query.terms:
        if not query.filters:
            return on_map
        return here.library.meaning.points(query).photo_ids
    # The service answers if it runs, as on the search page: its model is loaded.
    hits = here.find(replace(query, sort="date"), MAX_FOUND).hits
    strong = [hit.photo.id for hit in hits if hit.level != "weak"]
    return np.intersect1d(np.array(strong, np.int64), on_map)


def clusters(request: Request) -> Response:
    """Return the clusters of the map with a picture of each, and the version of its points."""
    try:
        drawn = drawn_map()
        wanted = [cluster.example for cluster in drawn.meaning.clusters]
        hits = {hit.photo.id: hit for hit in session().library.photos(wanted)}
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        {
            "version": drawn.version,
            "clusters": [
                {
                    "number": each.number,
                    "level": each.level,
                    "parent": each.parent,
                    "name": printable(each.name),
                    "x": round(each.x, 5),
                    "y": round(each.y, 5),
                    "src": thumbnail_url(hits[each.example]) if each.example in hits else "",
                }
                for each in drawn.meaning.clusters
            ],
        },
        headers=NOT_STORED,
    )


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
