"""Points on the plane of a map: the unit square, in which no two photos lie on one point."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgsearch.features.meaning.records import STEPS
from imgsearch.records.arrays import Ids

Points: TypeAlias = NDArray[np.float64]  # (n, 2), x to the right and y downwards

_MARGIN = 0.02
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def fitted(points: Points) -> Points:
    """Scale points so that they fill the unit square, in their own proportions."""
    points = points.astype(np.float64)
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max())
    if side < 1e-9:
        return np.full_like(points, 0.5)
    result: Points = 0.5 + (points - (low + high) / 2) * ((1 - 2 * _MARGIN) / side)
    return result


def apart(points: Points, ids: Ids, taken: Points | None = None) -> Points:
    """Move photos that lie on one point a little apart, in the order of their ids.

    Points that are `taken` stay where they are. The steps are so small that they only show where
    single photos do; the first of them on a free point does not move.
    """
    points = np.clip(points, 0.0, 1.0)
    occupied = set() if taken is None else set(_cells(taken).tolist())
    tries: dict[
        int, int
    ] = {}  # that were made around each point: the next photo goes on from there
    cells = _cells(points).tolist()
    for place in np.argsort(ids, kind="stable").tolist():
        first, cell = cells[place], cells[place]
        middle = points[place].copy()
        while cell in occupied:
            tries[first] = number = tries.get(first, 0) + 1
            angle, radius = number * _GOLDEN_ANGLE, 1.5 * np.sqrt(number) / STEPS
            moved = middle + radius * np.array([np.cos(angle), np.sin(angle)])
            points[place] = np.clip(moved, 0.0, 1.0)
            cell = int(_cells(points[place : place + 1])[0])
        occupied.add(cell)
    return points


def quantised(points: Points) -> NDArray[np.uint16]:
    """Return points as steps of the square: (n, 2)."""
    return np.round(np.clip(points, 0.0, 1.0) * STEPS).astype(np.uint16)


def _cells(points: Points) -> Ids:
    """Return a number for the step of the square that each point is on: (n,)."""
    steps = quantised(points).astype(np.int64)
    cells: Ids = steps[:, 0] * (STEPS + 1) + steps[:, 1]
    return cells
