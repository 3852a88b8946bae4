"""The way that photos with coordinates took: one stop for photos close to each other in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imgsearch.features.events.records import RouteStop
from imgsearch.records.browse import PhotoPositions
from imgsearch.sphere import away_km

MAX_STOPS = 300
_LEAST_KM = 0.1  # between two stops: GPS is off by some metres
_STOPS_ACROSS = 100  # of a way straight through all places


def route_of(positions: PhotoPositions, photo_ids: Sequence[int]) -> tuple[RouteStop, ...]:
    """Return the stops of these photos, which are in order of time.

    Photos without a place are left out.

    Stops are as far apart as shows the way as a whole: 100 m, or a hundredth of its extent.
    """
    (rows,) = np.nonzero(np.isin(positions.photo_ids, np.array(photo_ids, np.int64)))
    ids, lats, lons = (
        each[rows].tolist() for each in (positions.photo_ids, positions.lat, positions.lon)
    )
    places = dict(zip(ids, zip(lats, lons, strict=True), strict=True))
    located = [(photo_id, *places[photo_id]) for photo_id in photo_ids if photo_id in places]
    if not located:
        return ()
    _, lat, lon = located[0]
    extent_km = max(away_km(lat, lon, *place) for place in places.values())
    apart_km = max(_LEAST_KM, extent_km / _STOPS_ACROSS)
    while len(stops := _stops(located, apart_km)) > MAX_STOPS:
        apart_km *= 2
    return stops


def _stops(located: Sequence[tuple[int, float, float]], apart_km: float) -> tuple[RouteStop, ...]:
    stops: list[RouteStop] = []
    for photo_id, lat, lon in located:
        last = stops[-1] if stops else None
        if last is not None and away_km(last.lat, last.lon, lat, lon) < apart_km:
            stops[-1] = RouteStop(last.lat, last.lon, last.first_id, last.photos + 1)
        else:
            stops.append(RouteStop(lat, lon, photo_id, 1))
    return tuple(stops)
