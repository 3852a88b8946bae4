"""Names the clusters of a map by words, where a word fits most of their photos.

A word fits a photo if it stands out among unrelated captions, as for labels.
Of the words that fit most photos of a cluster, and fit them better than the photos around it, its
name is the one that fits best; it may also be that of the cluster around it. Where no word does,
the cluster has no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from imgsearch.features.meaning.clusters import FoundCluster
from imgsearch.records.arrays import Ids, Vectors

FITS_FROM = 1.75  # standard deviations above unrelated captions, as for labels
_AMONG_BEST = 8  # words that fit a photo at most: those that stand out most
_MOST_PHOTOS = 0.6  # share of the photos of a cluster that its name fits
_LEAST_LIFT = 0.25  # standard deviations by which it fits better than the photos around
_LIFT_WEIGHT = 0.25  # what fits best counts more than what tells photos from others
_NEARLY_ALL = 0.7  # share of the photos around: such a cluster needs no lift
_NEARLY_BEST = 0.8  # of what fits best: with less, a name would be a detail at most
_BLOCK_ROWS = 4_096


def vocabulary(own: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words for naming clusters: those of the user, such as labels, and common ones."""
    text = (files("imgsearch.features.meaning") / "vocabulary.txt").read_text("utf-8")
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
    """Return the place of the word that names each cluster; None for a cluster without a name.

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
    everything = scores[is_top].sum(axis=0), sizes[is_top].sum()
    names: list[int | None] = []
    for place, cluster in enumerate(clusters):
        parent, size = cluster.parent, max(sizes[place], 1)
        around, count = everything if parent is None else (scores[parent], sizes[parent])
        names.append(
            _best_word(
                scores[place] / size,
                fits[place] / size,
                scores[place] / size - around / max(count, 1),
                is_most=size >= _NEARLY_ALL * count,
                outer=None if parent is None else names[parent],
            )
        )
    return names


def _best_word(
    means: NDArray[np.float64],
    shares: NDArray[np.float64],
    lifts: NDArray[np.float64],
    *,
    is_most: bool,
    outer: int | None,
) -> int | None:
    """Return the word that fits the photos best, of those that tell them from the photos around.

    The name of the `outer` cluster needs no such lift, nor does any where the cluster has most of
    the photos around. No name fits much worse than another word does.
    """
    is_possible = shares >= _MOST_PHOTOS
    if not is_possible.any():
        return None
    is_possible &= means >= _NEARLY_BEST * means[is_possible].max()
    has_lift = (lifts >= _LEAST_LIFT) | is_most
    if outer is not None:
        has_lift[outer] = True
    is_possible &= has_lift
    if not is_possible.any():
        return None
    return int(np.where(is_possible, means + _LIFT_WEIGHT * lifts, -np.inf).argmax())
