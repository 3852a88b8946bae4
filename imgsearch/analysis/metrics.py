"""How good a model is at finding: recall, median rank and zero-shot accuracy, from vectors alone.

Scores are inner products of rows of length 1. A tie counts against the model, so that one which
gives everything the same score earns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vectors

_AT_ONCE = 1024  # rows of the score matrix held in memory together


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How far down the right answers lie. Recalls are shares from 0 to 1; rank 1 is the best."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    queries: int


def retrieval(queries: Vectors, gallery: Vectors, right: Ids) -> Retrieval:
    """Search `gallery` (n, dim) with each of `queries` (m, dim); `right` (m,) is the row to find.

    Needs at least one query.
    """
    return summary(ranks(queries, gallery, right))


def summary(found: Ids) -> Retrieval:
    """What ranks (m,), counted from 1, amount to. Needs at least one."""
    at_1, at_5, at_10 = (float(np.mean(found <= k)) for k in (1, 5, 10))
    return Retrieval(at_1, at_5, at_10, float(np.median(found)), len(found))


def ranks(queries: Vectors, gallery: Vectors, right: Ids) -> Ids:
    """The rank, from 1, of row `right[i]` of the gallery in the answer to query i. Shape (m,)."""
    parts = [np.empty(0, np.int64)]
    for start in range(0, len(queries), _AT_ONCE):
        scores = queries[start : start + _AT_ONCE] @ gallery.T
        wanted = scores[np.arange(len(scores)), right[start : start + _AT_ONCE]]
        parts.append(np.count_nonzero(scores >= wanted[:, None], axis=1))
    return np.concatenate(parts)


def zero_shot_accuracy(images: Vectors, labels: Vectors, right: Ids) -> float:
    """The share of `images` (n, dim) that fit their own label best, from 0 to 1.

    `labels` (classes, dim) are the vectors of the labels' texts; `right` (n,) are rows of it.
    """
    return float(np.mean(ranks(images, labels, right) == 1))
