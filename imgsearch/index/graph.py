"""Finds the nearest rows of each row of a matrix: exactly where they are few, else by lists.

It serves what compares all photos with each other, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

from imgsearch.index.ivf import faiss
from imgsearch.records.arrays import Ids, Vectors

_EXACT_ROWS = 10_000  # up to which every row is compared with every other
_LISTS_PER_ROOT = 4  # lists for n rows: 4 √n, as FAISS recommends
_PROBES = 24  # lists searched, for most of the 15 nearest of 100,000 photos
_TRAINED_PER_LIST, _ROUNDS = 40, 8  # of k-means
_BLOCK_ROWS = 4_096  # searched at once, so that a caller can stop between two blocks


class RowIndex:
    """An index of rows of length 1 (n, dim), which lives in memory only."""

    def __init__(self, rows: Vectors) -> None:
        count, dim = rows.shape
        self._index: Any = faiss.IndexFlatIP(dim)
        if count > _EXACT_ROWS:
            lists = int(_LISTS_PER_ROOT * sqrt(count))
            index = faiss.IndexIVFFlat(self._index, dim, lists, faiss.METRIC_INNER_PRODUCT)
            index.cp.max_points_per_centroid = _TRAINED_PER_LIST
            index.cp.niter = _ROUNDS
            index.train(rows)
            index.nprobe = _PROBES
            self._index = index
        self._index.add(rows)

    def search(self, queries: Vectors, k: int) -> Iterator[tuple[Ids, Vectors]]:
        """Yield the k nearest rows of each query, best first: blocks of (places, scores), (m, k).

        Where an index by lists finds fewer than k, the places at the end are -1.
        """
        for start in range(0, len(queries), _BLOCK_ROWS):
            scores, places = self._index.search(queries[start : start + _BLOCK_ROWS], k)
            yield places, scores
