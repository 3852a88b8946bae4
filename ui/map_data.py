"""Serves the map: clusters of photos in sight, and the photos in a circle."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    Hit,
    ImgsearchError,
    MapArea,
    PhotoCluster,
    PhotoPositions,
    cluster_photos,
    ids_within,
    name_of_cluster,
    printable,
)
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, marks_of, thumbnail_url, tile_json
from ui.timeline_data import MAX_FOUND

MAX_ZOOM = 16
TILES_SHOWN = 24  # of the photos in a circle
MAX_SELECTED = 12_000  # photos in a circle; as in a range of a grid
MIN_RADIUS_KM = 0.05  # of a circle around photos at one point: GPS is off by some metres


def photo_positions(search_input: SearchInput) -> PhotoPositions:
    """Return the positions of the photos that a search finds, or of all photos; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _photo_positions).get(search_input, here.content_state())


def _photo_positions(search_input: SearchInput) -> PhotoPositions:
    here, query = session(), search_input.query()
    if not query.terms:
        return here.library.browse.positions(query if query.filters else None)
    # The service answers if it runs, as on the search page: its model is loaded.
    hits = here.find(replace(query, sort="date"), MAX_FOUND).hits
    strong = [hit.photo for hit in hits if hit.level != "weak"]
    located = [
        (photo.id, photo.facts.lat, photo.facts.lon)
        for photo in strong
        if photo.facts.lat is not None and photo.facts.lon is not None
    ]
    table = np.array(located, np.float64).reshape(-1, 3)
    ids = np.array([photo_id for photo_id, _, _ in located], np.int64)
    return PhotoPositions(ids, table[:, 1], table[:, 2], len(strong) - len(located))


def clusters(request: Request) -> Response:
    """Return the clusters of a search's photos in an area at a zoom level, the largest first."""
    seen = _area_seen(request)
    if isinstance(seen, Response):
        return seen
    try:
        positions = photo_positions(SearchInput.from_address(request.query_params))
        found = cluster_photos(positions, *seen)
        wanted = [photo_id for cluster in found for photo_id in cluster.sample_ids]
        hits = session().library.photos(wanted)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    known = {hit.photo.id: hit for hit in hits}
    return JSONResponse(
        [
            {
                **_circle_json(cluster),
                "photos": cluster.photos,
                "src": thumbnail_url(known[cluster.latest_id]),
                "place": _name_of(cluster, known),
            }
            for cluster in found
            if cluster.latest_id in known  # else deleted since
        ],
        headers=NOT_STORED,
    )


def _name_of(cluster: PhotoCluster, known: Mapping[int, Hit]) -> str:
    """Return the place of a cluster for people."""
    facts = [known[each].photo.facts for each in cluster.sample_ids if each in known]
    return printable(name_of_cluster(facts, cluster.radius_km))


def _area_seen(request: Request) -> tuple[MapArea, float] | Response:
    """Return the area and zoom level of a request, or the answer to one that cannot be served."""
    sides = [_number(request, name, 180) for name in ("south", "west", "north", "east")]
    zoom = _number(request, "zoom", MAX_ZOOM)
    south, west, north, east = sides
    if south is None or west is None or north is None or east is None or zoom is None or zoom < 0:
        message = f"State south, west, north and east in degrees, and zoom, 0 to {MAX_ZOOM}."
        return PlainTextResponse(message, 400, NOT_STORED)
    area = MapArea(south, west, north, east)
    if not area.fits_on_screen(zoom):
        return PlainTextResponse("The area is too wide for this zoom.", 400, NOT_STORED)
    return area, zoom


def circle(request: Request) -> Response:
    """Answer a request for a search's photos that were taken in a circle.

    With their number come the latest of them as tiles, and the ids of all if they are few enough
    to be selected.
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


def _circle_json(cluster: PhotoCluster) -> dict[str, object]:
    """Return the cluster's circle, with a rounded radius that still contains all of its photos."""
    area = cluster.area
    steps_per_km = 1 if cluster.radius_km > 10 else 100
    radius_km = max(MIN_RADIUS_KM, math.ceil(cluster.radius_km * steps_per_km + 0.5) / steps_per_km)
    return {
        "lat": round(cluster.lat, 5),
        "lon": round(cluster.lon, 5),
        "radius_km": radius_km,
        "area": [[area.south, area.west], [area.north, area.east]],
    }


def _number(request: Request, name: str, limit: float) -> float | None:
    """Return a number of the query string from -limit to limit; None for anything else."""
    try:
        number = float(request.query_params.get(name, ""))
    except ValueError:
        return None
    return number if abs(number) <= limit else None  # not for nan either
