"""Places photos on a map that is already laid out: each among the photos that it is most like."""

from __future__ import annotations

import numpy as np

from imgsearch.features.meaning.plane import Points
from imgsearch.records.arrays import Ids, Vectors

NEAREST = 10  # photos that say where another one belongs
_SHARPNESS = 20.0  # a neighbour whose cosine is 0.05 below the best has 1/e of its weight
# In average gaps between photos, and in sides of the map at most: neighbours within the reach
# are one place, and a photo may be scattered so far from its place.
_REACH, _MOST_REACH = 4.0, 0.05
_SCATTER, _MOST_SCATTER = 0.7, 0.01


def place(points: Points, near: Ids, scores: Vectors, ids: Ids) -> Points:
    """Return points (m, 2) for photos by the places and scores (m, k) of their nearest ones.

    `points` (n, 2) are those of the laid-out photos, and a place of -1 stands for none. The nearest
    photos may lie in several parts of the map: the part with most weight is chosen, and a photo is
    never put between two of them. Each photo is moved a little by its id, so that photos alike do
    not hide each other. Equal arguments give equal points.
    """
    spacing = 1 / np.sqrt(max(len(points), 1))
    known = near >= 0
    positions = points[np.where(known, near, 0)]  # (m, k, 2)
    weights = np.where(known, np.exp((scores - scores.max(axis=1, keepdims=True)) * _SHARPNESS), 0)
    gaps = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=3)
    is_close = gaps <= min(_REACH * spacing, _MOST_REACH)  # (m, k, k)
    support = np.einsum("mk,mjk->mj", weights, is_close)
    best = np.where(known, support, -1).argmax(axis=1)
    together = weights * is_close[np.arange(len(near)), best]
    total = np.einsum("mk,mkd->md", together, positions)
    middles = total / np.maximum(together.sum(axis=1, keepdims=True), 1e-12)
    moved = _scatter(ids) * min(_SCATTER * spacing, _MOST_SCATTER)
    result: Points = np.clip(middles + moved, 0.0, 1.0)
    return result


def _scatter(ids: Ids) -> Points:
    """Return a point in the unit circle for each id, the same each time: (m, 2)."""
    mixed = ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    angle = (mixed >> np.uint64(40)).astype(np.float64) / (1 << 24) * 2 * np.pi
    radius = np.sqrt((mixed & np.uint64((1 << 24) - 1)).astype(np.float64) / (1 << 24))
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], axis=1)
