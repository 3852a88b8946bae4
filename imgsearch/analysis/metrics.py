"""Retrieval metrics of a model, from vectors alone: recall, median rank, zero-shot accuracy.

Scores are inner products of rows of length 1. A tie counts against the model, so a model that
gives everything the same score gains nothing.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from imgsearch.records.arrays import Ids, Vectors

BLOCK_ROWS = 1024  # queries at once; their scores are held in memory


class Retrieval(Struct, frozen=True):
    """Recall at 1, 5 and 10 as shares from 0 to 1, and the median rank; rank 1 is the best."""

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


def summary(ranks: Ids) -> Retrieval:
    """Return the metrics of ranks (m,) that count from 1. Needs at least one rank."""
    at_1, at_5, at_10 = (float(np.mean(ranks <= k)) for k in (1, 5, 10))
    return Retrieval(at_1, at_5, at_10, float(np.median(ranks)), len(ranks))


def ranks(queries: Vectors, gallery: Vectors, right: Ids, block_rows: int = BLOCK_ROWS) -> Ids:
    """Return the rank (m,), from 1, of row `right[i]` of the gallery in the answer to query i."""
    parts = [np.empty(0, np.int64)]
    for start in range(0, len(queries), block_rows):
        block = slice(start, start + block_rows)
        scores = queries[block] @ gallery.T
        right_scores = scores[np.arange(len(scores)), right[block]]
        parts.append(np.count_nonzero(scores >= right_scores[:, None], axis=1))
    return np.concatenate(parts)


def zero_shot_accuracy(images: Vectors, labels: Vectors, right: Ids) -> float:
    """Return the share of `images` (n, dim) that fit their own label best, from 0 to 1.

    `labels` (classes, dim) are the vectors of the labels' texts; `right` (n,) are rows of it.
    """
    return float(np.mean(ranks(images, labels, right) == 1))
