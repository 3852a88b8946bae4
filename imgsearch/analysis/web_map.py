"""Points and towns on a map in Web Mercator, as of all web maps.

At zoom level z the world is 256 * 2^z pixels wide.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imgsearch.gazetteer import Gazetteer
from imgsearch.records.browse import MapArea, MapTown

WORLD_PX = 256  # at zoom level 0
MAX_LAT = 85.0511  # where Web Mercator ends; points beyond it are shown at the edge
_LABEL_WIDTH_PX, _LABEL_HEIGHT_PX = 110, 44  # of the name of a town, with room around it
_MOST_TOWNS = 150  # names of an area
# Up to these levels of zoom, towns with fewer people are not looked at.
_LEAST_PEOPLE = ((3, 1_000_000), (5, 250_000), (7, 30_000), (9, 3_000))

_Numbers = NDArray[np.float64]


def pixels_of(lat: _Numbers, lon: _Numbers, zoom: float) -> tuple[_Numbers, _Numbers]:
    """Return pixels from the north-west corner of the world: x to the east, y to the south."""
    side_px = WORLD_PX * 2.0**zoom
    phi = np.radians(np.clip(lat, -MAX_LAT, MAX_LAT))
    x = (lon + 180) / 360 * side_px
    y = (1 - np.arcsinh(np.tan(phi)) / math.pi) / 2 * side_px
    return x, y


def towns_on_map(gazetteer: Gazetteer, area: MapArea, zoom: float) -> list[MapTown]:
    """Return the towns in an area of the map whose names fit, the most populous first."""
    level = int(zoom)
    least = next((people for up_to, people in _LEAST_PEOPLE if level <= up_to), 0)
    towns = gazetteer.largest_in(area.south, area.west, area.north, area.east, least)
    if not towns:
        return []
    lat, lon = (np.array([getattr(town, side) for town in towns]) for side in ("lat", "lon"))
    x, y = pixels_of(lat, lon, zoom)
    # The largest one of each cell first: cells lie still when the map moves.
    cells = np.floor(y / _LABEL_HEIGHT_PX) * 2.0**32 + np.floor(x / _LABEL_WIDTH_PX)
    _, first = np.unique(cells, return_index=True)
    shown: list[int] = []
    for at in np.sort(first).tolist():
        is_free = np.abs(x[shown] - x[at]) >= _LABEL_WIDTH_PX
        if (is_free | (np.abs(y[shown] - y[at]) >= _LABEL_HEIGHT_PX)).all():
            shown.append(at)
        if len(shown) == _MOST_TOWNS:
            break
    return [
        MapTown(town.name, town.lat, town.lon, town.population)
        for town in (towns[at] for at in shown)
    ]
