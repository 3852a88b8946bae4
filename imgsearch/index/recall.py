"""Measures the recall of an approximate index, and calibrates the index by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Literal

import numpy as np
from msgspec import Struct

from imgsearch.index.base import EncodeTexts
from imgsearch.index.flat import (
    NO_NEIGHBOURS,
    FlatIndex,
    first_of_each,
    merge,
    nearest_photos,
    top,
)
from imgsearch.index.policy import IndexPolicy
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

AT = 10  # recall@10
_KEPT = 64  # exact results per query, so that ties with the tenth count as well
_TIE = 1e-5  # scores closer than this are equal: float32 sums differ in their order


class Recall(Struct, frozen=True):
    """The mean recall over a sample of queries, in [0, 1], and the standard error of the mean."""

    mean: float
    error: float


def prompts() -> list[str]:
    """Short photo captions, as a sample of typical queries."""
    text = (files("imgsearch.index") / "prompts.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class RecallBenchmark:
    """A set of queries (n, dim) with their exact results, found by observing every vector once.

    `own` has the photo of each image query. It does not count as a result, since any index would
    find it.
    """

    def __init__(
        self, kind: Literal["text", "image"], queries: Vectors, own: Ids | None = None
    ) -> None:
        self.kind: Literal["text", "image"] = kind
        self.queries = queries
        self.own = own
        self._exact = [NO_NEIGHBOURS for _ in queries]

    def observe(self, ids: Ids, vectors: Vectors) -> None:
        """Add a chunk of the library, with all vectors of its photos, to the exact results."""
        if not len(ids):
            return
        if len(self._exact) and all(len(best.ids) == _KEPT for best in self._exact):
            self._observe_better(ids, vectors)
            return
        chunk = nearest_photos(FlatIndex(ids, vectors).search, self.queries, _KEPT)
        self._exact = [
            top(_KEPT, best, near.ids, near.scores)
            for best, near in zip(self._exact, chunk, strict=True)
        ]

    def _observe_better(self, ids: Ids, vectors: Vectors) -> None:
        """Observe a chunk once every query has all its results: few vectors are better."""
        scores = self.queries @ vectors.T
        floors = np.array([best.scores[-1] for best in self._exact])
        for row in np.flatnonzero(scores.max(axis=1) >= floors).tolist():
            better = np.flatnonzero(scores[row] >= floors[row])
            near = merge(NO_NEIGHBOURS, Neighbours(ids[better], scores[row, better]), len(better))
            photos = first_of_each(near, _KEPT)
            self._exact[row] = merge(self._exact[row], photos, _KEPT)

    def score(self, results: Sequence[Neighbours]) -> Recall:
        """Return the recall@10 of results for the queries; 1 if nothing can be found.

        A photo counts once. A photo with the score of the tenth is as good as the tenth.
        """
        shares = []
        for row, result in enumerate(results):
            right_ids, most, own = self._right(row)
            if most:
                found = [i for i in dict.fromkeys(result.ids.tolist()) if i != own][:AT]
                right = sum(i in right_ids for i in found)
                shares.append(min(right, most) / most)
        if not shares:
            return Recall(1.0, 0.0)
        return Recall(float(np.mean(shares)), float(np.std(shares) / np.sqrt(len(shares))))

    def recall_by_depth(self, candidates: Sequence[Ids], depth: int) -> Vector:
        """Return the recall@10 with only the first 1, 2, … `depth` candidates.

        The candidates of each query are photos, in the order in which they would be scored exactly.
        """
        gained = np.zeros(depth, np.float64)
        asked = 0
        for found, (right_ids, most) in zip(candidates, self.wanted(), strict=True):
            if most:
                asked += 1
                ids = found[:depth].tolist()
                first = {photo_id: place for place, photo_id in reversed(list(enumerate(ids)))}
                places = sorted(first[photo_id] for photo_id in right_ids if photo_id in first)
                gained[places[:most]] += 1 / most
        return np.asarray(np.cumsum(gained) / asked if asked else gained + 1, np.float32)

    def wanted(self) -> list[tuple[set[int], int]]:
        """Return for each query the right photos, and the number of them that is full recall."""
        return [self._right(row)[:2] for row in range(len(self.queries))]

    def deep_results(self) -> list[set[int]]:
        """Return for each query all known exact results, without its own photo."""
        own = [-1] * len(self.queries) if self.own is None else self.own.tolist()
        return [
            set(exact.ids.tolist()) - {photo_id}
            for exact, photo_id in zip(self._exact, own, strict=True)
        ]

    def _right(self, row: int) -> tuple[set[int], int, int]:
        """Return the right photos of a query, the number for full recall, and its own photo."""
        own = -1 if self.own is None else int(self.own[row])
        exact = self._exact[row]
        best: dict[int, float] = {}
        for photo_id, score in zip(exact.ids.tolist(), exact.scores.tolist(), strict=True):
            if photo_id != own:
                best.setdefault(photo_id, score)
        most = min(AT, len(best))
        floor = list(best.values())[most - 1] - _TIE if best else 0.0
        return {photo_id for photo_id, score in best.items() if score >= floor}, most, own

    def recall(self, search: Callable[[Vectors, int], list[Neighbours]]) -> float:
        """Return the recall@10 of `search(queries, k)`, which finds the k nearest vectors."""
        # Eleven, since a query's own photo may be among them.
        return self.score(nearest_photos(search, self.queries, AT + 1)).mean


def photo_queries(policy: IndexPolicy) -> tuple[int, int]:
    """Return the number of photos that serve as queries, and the seed of that sample."""
    return policy.image_queries, policy.seed + 1


def benchmarks_with(
    photos: tuple[Ids, Vectors], encode_texts: EncodeTexts | None
) -> list[RecallBenchmark]:
    """Return the benchmarks of a calibration, from a sample of photos: see `photo_queries`."""
    ids, vectors = photos
    image = RecallBenchmark("image", vectors, ids)
    if encode_texts is None:
        return [image]
    return [RecallBenchmark("text", encode_texts(prompts())), image]
