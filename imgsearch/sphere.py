"""Kilometres between points of the Earth, and boxes in degrees around circles on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
_KM_PER_DEGREE = 111.19  # of latitude, rounded down: a box is never too small


def away_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return kilometres along a great circle (haversine formula) between two points in degrees."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half = math.sin((other_phi - phi) / 2) ** 2
    half += math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


def arcs_km(
    lats: NDArray[np.float64], lons: NDArray[np.float64], lat: float, lon: float
) -> NDArray[np.float64]:
    """Return kilometres along great circles from each of many points to one, all in degrees."""
    import numpy as np

    phis, phi = np.radians(lats), math.radians(lat)
    # The haversine formula, which is stable for small angles where arccos is not.
    half = np.sin((phis - phi) / 2) ** 2
    half += np.cos(phis) * math.cos(phi) * np.sin(np.radians(lons - lon) / 2) ** 2
    arcs: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return arcs


def box_around(
    lat: float, lon: float, radius_km: float
) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    """Return the latitudes (south, north) and longitudes (west, east) that contain a circle.

    There are two intervals of longitudes where the circle crosses the meridian of 180 degrees.
    """
    height = radius_km / _KM_PER_DEGREE
    latitudes = (lat - height, lat + height)
    if latitudes[0] <= -90 or latitudes[1] >= 90:  # it contains a pole, and so every meridian
        return latitudes, [(-180.0, 180.0)]
    angle = math.sin(math.radians(height)) / math.cos(math.radians(lat))
    width = math.degrees(math.asin(min(1.0, angle)))
    west, east = lon - width, lon + width
    if west < -180:
        return latitudes, [(west + 360, 180.0), (-180.0, east)]
    if east > 180:
        return latitudes, [(west, 180.0), (-180.0, east - 360)]
    return latitudes, [(west, east)]
