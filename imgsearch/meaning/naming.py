"""Names the clusters of a map by words, where a word fits most of their photos.

A word fits a photo if it stands out among unrelated captions, as for labels (`labels.zero_shot`).
Of the words that fit most photos of a cluster, and fit them better than the photos around it, its
name is the one that fits best. Where no word does, the cluster has no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from imgsearch.meaning.clusters import FoundCluster
    from imgsearch.records.arrays import Ids, Vectors

FITS_FROM = 1.75  # standard deviations above unrelated captions, as `labels.zero_shot`
_AMONG_BEST = 8  # words that fit a photo at most: those that stand out most
_MOST_PHOTOS = 0.6  # share of the photos of a cluster that its name fits
_LEAST_LIFT = 0.25  # standard deviations by which it fits better than the photos around
_LIFT_WEIGHT = 0.25  # what fits best counts more than what tells photos from others
_NEARLY_ALL = 0.7  # share of the photos around: such a cluster needs no lift
_BLOCK_ROWS = 4_096


def vocabulary(own: Sequence[str] = ()) -> tuple[str, ...]:
    """The words that clusters can be named by: the classes of saved labels, and common things."""
    text = (files("imgsearch.meaning") / "vocabulary.txt").read_text("utf-8")
    common = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = {name.casefold(): name for name in [*common, *own]}  # as the user spells it
    return tuple(names.values())


def name_clusters(
    clusters: Sequence[FoundCluster],
    of_photo: Ids,
    photos: Vectors,
    words: Vectors,
    unrelated: Vectors,
) -> list[int | None]:
    """The place of the word that names each cluster; None for a cluster without a name.

    `photos` are rows (n, dim), `of_photo` (n,) their finest clusters; `words` (w, dim), and
    `unrelated` captions (u, dim).
    """
    if not len(clusters):
        return []
    count = len(clusters)
    scores = np.zeros((count, len(words)))
    fits, sizes = np.zeros((count, len(words))), np.zeros(count)
    for start in range(0, len(photos), _BLOCK_ROWS):
        rows, own = photos[start : start + _BLOCK_ROWS], of_photo[start : start + _BLOCK_ROWS]
        chance = rows @ unrelated.T
        deviations = (rows @ words.T - chance.mean(axis=1, keepdims=True)) / np.maximum(
            chance.std(axis=1, keepdims=True), 1e-6
        )
        order = np.argsort(own, kind="stable")
        starts = np.flatnonzero(np.diff(own[order], prepend=-1))
        present = own[order][starts]
        scores[present] += np.add.reduceat(deviations[order], starts, axis=0)
        least = np.sort(deviations, axis=1)[:, -_AMONG_BEST:][:, 0]
        is_fit = deviations >= np.maximum(least, FITS_FROM)[:, None]
        fits[present] += np.add.reduceat(is_fit[order].astype(np.float64), starts, axis=0)
        sizes += np.bincount(own, minlength=count)
    for place in reversed(range(count)):  # clusters come after those around them
        parent = clusters[place].parent
        if parent is not None:
            scores[parent] += scores[place]
            fits[parent] += fits[place]
            sizes[parent] += sizes[place]
    is_top = np.array([cluster.parent is None for cluster in clusters])
    around_all = scores[is_top].sum(axis=0), sizes[is_top].sum()
    return [
        _best_word(
            scores[place] / max(sizes[place], 1),
            fits[place] / max(sizes[place], 1),
            *(
                around_all
                if (parent := clusters[place].parent) is None
                else (scores[parent], sizes[parent])
            ),
            size=float(sizes[place]),
        )
        for place in range(count)
    ]


def _best_word(
    means: np.ndarray, shares: np.ndarray, around: np.ndarray, photos_around: float, *, size: float
) -> int | None:
    """The word that fits the photos best, of those that tell them from the photos around."""
    if not size:
        return None
    lifts = means - around / max(photos_around, 1)
    is_possible = shares >= _MOST_PHOTOS
    if size < _NEARLY_ALL * photos_around:
        is_possible &= lifts >= _LEAST_LIFT
    if not is_possible.any():
        return None
    return int(np.where(is_possible, means + _LIFT_WEIGHT * lifts, -np.inf).argmax())
