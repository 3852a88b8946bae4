"""Groups photos that are close to each other on a map, for one zoom level of it, and names them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgsearch.analysis.spread import places_spread_over
from imgsearch.analysis.web_map import pixels_of
from imgsearch.features.places.records import MapCluster, PhotoCluster
from imgsearch.records.arrays import Ids
from imgsearch.records.browse import MapArea, PhotoPositions
from imgsearch.records.photo import Facts, Photo
from imgsearch.sphere import arcs_km

CELL_PX = 72
APART_PX = 60  # between the centres of two clusters, at least
_SAMPLE = 16  # photos of a cluster that name it
_WIDE_KM = 100.0  # radius of a cluster that is named by its countries, if there are several
_NAMED_COUNTRIES = 3
_LEAST_RADIUS_KM = 0.05  # of a circle around photos at one point: GPS is off by some metres
_VERSION_DIGITS = 12  # of a content hash


_Numbers = NDArray[np.float64]


def cluster_photos(positions: PhotoPositions, area: MapArea, zoom: float) -> list[PhotoCluster]:
    """Return the clusters in an area of the map, the largest first.

    Photos are grouped by the cells of a grid of 72 pixels, and a cluster whose centre is within 60
    pixels of a larger one's joins that. Cells lie still when the map moves, and so do clusters.
    """
    x, y = pixels_of(positions.lat, positions.lon, zoom)
    columns, rows = np.floor(x / CELL_PX), np.floor(y / CELL_PX)
    (west, east), (south, north) = (area.west, area.east), (area.south, area.north)
    (first_column, last_column), (last_row, first_row) = np.floor(
        np.array(pixels_of(np.array([south, north]), np.array([west, east]), zoom)) / CELL_PX
    )
    inside = np.flatnonzero(
        (columns >= first_column)
        & (columns <= last_column)
        & (rows >= first_row)
        & (rows <= last_row)
    )
    if not len(inside):
        return []
    keys = rows[inside] * 2.0**32 + columns[inside]
    _, cells, counts = np.unique(keys, return_inverse=True, return_counts=True)
    joined = _joined(
        np.bincount(cells, x[inside]) / counts, np.bincount(cells, y[inside]) / counts, counts
    )
    groups = joined[cells]
    order = np.argsort(groups, kind="stable")  # so the latest photo stays the first of each
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    clusters = [_cluster(positions, inside[members]) for members in np.split(order, starts[1:])]
    return sorted(clusters, key=lambda cluster: -cluster.photos)


def ids_within(positions: PhotoPositions, lat: float, lon: float, radius_km: float) -> Ids:
    """Return the photos taken within a circle, as the filter near: finds them, the latest first."""
    is_within = arcs_km(positions.lat, positions.lon, lat, lon) <= radius_km
    return positions.photo_ids[is_within]


def _joined(x: _Numbers, y: _Numbers, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each cell the one that it joins, perhaps itself: larger ones first."""
    joined = np.full(len(counts), -1)
    for cell in np.argsort(-counts, kind="stable"):
        if joined[cell] < 0:
            is_near = np.hypot(x - x[cell], y - y[cell]) < APART_PX
            joined[is_near & (joined < 0)] = cell
    return joined


def _cluster(positions: PhotoPositions, members: NDArray[np.int64]) -> PhotoCluster:
    lat, lon = positions.lat[members], positions.lon[members]
    centre = float(lat.mean()), float(lon.mean())
    sample = places_spread_over(len(members), _SAMPLE)
    return PhotoCluster(
        latest_id=int(positions.photo_ids[members[0]]),
        photos=len(members),
        lat=centre[0],
        lon=centre[1],
        radius_km=float(arcs_km(lat, lon, *centre).max()),
        area=MapArea(float(lat.min()), float(lon.min()), float(lat.max()), float(lon.max())),
        sample_ids=tuple(positions.photo_ids[members[sample]].tolist()),
    )


# ------------------------------------------------------------------------- names


def name_of_cluster(places: Sequence[Facts], radius_km: float) -> str:
    """Return the name of photos by their places: the town of most of them, or their countries.

    A wide cluster in several countries has the names of these, the country with most photos first.
    Empty where no place is known.
    """
    countries = Counter(facts.country for facts in places if facts.country)
    if radius_km > _WIDE_KM and len(countries) > 1:
        names = [name for name, _ in countries.most_common(_NAMED_COUNTRIES)]
        if len(countries) > _NAMED_COUNTRIES:
            return f"{', '.join(names)} and more"
        return f"{', '.join(names[:-1])} and {names[-1]}"
    named = Counter(facts.place for facts in places if facts.place)
    return named.most_common(1)[0][0] if named else ""


def named_clusters(
    clusters: Sequence[PhotoCluster], photos: Mapping[int, Photo]
) -> tuple[MapCluster, ...]:
    """Return clusters with their names, by these photos of their samples.

    One is left out if its latest photo is not among these.
    """
    return tuple(
        MapCluster(
            cluster.latest_id,
            photos[cluster.latest_id].content_hash[:_VERSION_DIGITS],
            cluster.photos,
            round(cluster.lat, 5),
            round(cluster.lon, 5),
            _rounded_up(cluster.radius_km),
            cluster.area,
            name_of_cluster(
                [photos[each].facts for each in cluster.sample_ids if each in photos],
                cluster.radius_km,
            ),
        )
        for cluster in clusters
        if cluster.latest_id in photos  # else deleted since
    )


def _rounded_up(radius_km: float) -> float:
    """Return a radius in round numbers, of a circle that still contains all photos."""
    steps_per_km = 1 if radius_km > 10 else 100
    return max(_LEAST_RADIUS_KM, math.ceil(radius_km * steps_per_km + 0.5) / steps_per_km)
