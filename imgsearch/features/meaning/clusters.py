"""Finds clusters of a map: hills of the density of its points, at several levels of detail.

At each level the density is blurred less than at the one before, so hills divide. A photo belongs
to the hill that it is on. Clusters of one level lie in those of the level before.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch.features.meaning.plane import Points
from imgsearch.records.arrays import Ids

GRID = 512  # cells on a side of the map
_BLURS = (0.05, 0.025, 0.0125, 0.006)  # standard deviations in sides of the map, one a level
_LEAST_PHOTOS = 3
_LEAST_OF_ROOT = 0.1  # a cluster of n photos on the map has at least √n / 10


class FoundCluster(Struct, frozen=True):
    """A cluster: its level (0 is the coarsest), the cluster around it, and its densest point."""

    level: int
    parent: int | None  # its place in the list of clusters
    x: float
    y: float


def find_clusters(points: Points) -> tuple[list[FoundCluster], Ids]:
    """Return the clusters of points (n, 2) in the unit square, coarse ones first.

    With them, the finest cluster of each point, as places in that list: (n,).
    """
    if not len(points):
        return [], np.empty(0, np.int64)
    cells = np.minimum((points * GRID).astype(np.int64), GRID - 1)
    cell_of = cells[:, 1] * GRID + cells[:, 0]
    counts = np.bincount(cell_of, minlength=GRID * GRID).reshape(GRID, GRID).astype(np.float64)
    least = max(_LEAST_PHOTOS, round(_LEAST_OF_ROOT * np.sqrt(len(points))))
    clusters: list[FoundCluster] = []
    of_point = np.full(len(points), -1, np.int64)  # the cluster of the level before
    for blur in _BLURS:
        hills = _hills(_blurred(counts, blur * GRID))
        own = _large_hills(hills[cell_of], of_point, least)
        pairs, of_pair = np.unique(np.stack([of_point, own], axis=1), axis=0, return_inverse=True)
        of_pair = of_pair.reshape(-1)
        if clusters and len(pairs) == len(np.unique(of_point)):
            continue  # nothing has divided
        level = clusters[-1].level + 1 if clusters else 0
        first = len(clusters)
        for number, (before, peak) in enumerate(pairs.tolist()):
            members = points[of_pair == number]
            middle = np.array([(peak % GRID + 0.5) / GRID, (peak // GRID + 0.5) / GRID])
            nearest = members[np.linalg.norm(members - middle, axis=1).argmin()]
            parent = None if before < 0 else before
            clusters.append(FoundCluster(level, parent, float(nearest[0]), float(nearest[1])))
        of_point = of_pair + first
    return clusters, of_point


def _large_hills(hills: Ids, outer: Ids, least: int) -> Ids:
    """Return the hill of each point.

    Points of a small hill go to the largest one in the same outer cluster.

    A hill on the border of two outer clusters counts in each of them by itself.
    """
    pairs, of_pair, sizes = np.unique(
        np.stack([outer, hills], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    of_pair = of_pair.reshape(-1)
    chosen = pairs[:, 1].copy()
    for around in np.unique(pairs[:, 0]).tolist():
        inside = np.flatnonzero(pairs[:, 0] == around)
        large = inside[sizes[inside] >= least]
        if not len(large):
            large = inside[[sizes[inside].argmax()]]
        peaks = pairs[large, 1]
        for small in np.setdiff1d(inside, large).tolist():
            peak = pairs[small, 1]
            steps = np.hypot(peaks % GRID - peak % GRID, peaks // GRID - peak // GRID)
            chosen[small] = peaks[steps.argmin()]
    result: Ids = chosen[of_pair]
    return result


def _blurred(counts: NDArray[np.float64], cells: float) -> NDArray[np.float64]:
    """Return counts after a Gaussian blur with a standard deviation of so many cells."""
    shape = (2 * GRID, 2 * GRID)  # with a margin, so that one edge does not reach the other
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    gain = np.exp(-2 * (np.pi * cells) ** 2 * (rows**2 + columns**2))
    result: NDArray[np.float64] = np.fft.irfft2(np.fft.rfft2(counts, shape) * gain, shape)
    return result[:GRID, :GRID]


def _hills(density: NDArray[np.float64]) -> Ids:
    """Return the cell of the top of the hill that each cell is on: (cells,)."""
    padded = np.pad(density, 1, constant_values=-np.inf)
    best, uphill = density.copy(), np.arange(GRID * GRID).reshape(GRID, GRID)
    numbers = np.pad(uphill, 1)
    for down in range(3):
        for right in range(3):
            beside = padded[down : down + GRID, right : right + GRID]
            is_higher = beside > best
            best = np.where(is_higher, beside, best)
            uphill = np.where(is_higher, numbers[down : down + GRID, right : right + GRID], uphill)
    tops: Ids = uphill.reshape(-1)
    while True:
        further = tops[tops]
        if np.array_equal(further, tops):
            return tops
        tops = further
