"""The exact index: a matrix and its ids. All other indexes are measured against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from imgsearch.errors import CommandLine, Sentence, SnapshotError
from imgsearch.index.base import BuildContext, BuiltIndex, Details, Effort
from imgsearch.index.policy import IndexPolicy
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

_BLOCK_ROWS = 16_384  # vectors scored at once
_BLOCK_QUERIES = 256  # with _BLOCK_ROWS: at most 16 MiB of scores
_EXTRA = 5  # vectors beyond k, since several may belong to one photo
NO_NEIGHBOURS = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))


class FlatIndex:
    """Exact search by matrix product. The arrays are used as they are, never copied."""

    is_exact = True

    def __init__(self, ids: Ids, vectors: Vectors) -> None:
        self.ids = ids
        self.vectors = vectors

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """Find the k nearest vectors of each query row, exactly, whatever the effort."""
        rows = None if only is None else np.flatnonzero(contains(only, self.ids))
        k = min(k, len(self) if rows is None else len(rows))
        results: list[Neighbours] = []
        for start in range(0, len(queries), _BLOCK_QUERIES):
            results += self._search_block(queries[start : start + _BLOCK_QUERIES], k, rows)
        return results

    def _search_block(self, queries: Vectors, k: int, rows: Ids | None) -> list[Neighbours]:
        best = [NO_NEIGHBOURS for _ in queries]
        count = len(self) if rows is None else len(rows)
        for start in range(0, count if k > 0 else 0, _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            selected = block if rows is None else rows[block]
            ids, scores = self.ids[selected], _scores(self.vectors[selected], queries)
            best = [top(k, near, ids, row) for near, row in zip(best, scores, strict=True)]
        return best

    def write(self, file: BinaryIO) -> None:
        """Write two arrays in NumPy's own format, one after the other: the ids, the vectors."""
        npy.write_array(file, np.ascontiguousarray(self.ids, np.int64), version=(1, 0))
        npy.write_array(file, np.ascontiguousarray(self.vectors, np.float32), version=(1, 0))


class FlatBackend:
    """Builds and opens exact indexes. It has no options."""

    name = "flat"

    def build(self, context: BuildContext) -> BuiltIndex:
        """Read all vectors into one matrix."""
        index = FlatIndex(*context.source.read_all())
        return BuiltIndex(index, {}, index.write)

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> FlatIndex:
        """Open an index file, memory-mapped. Raises SnapshotError if it is not a valid index."""
        try:
            with path.open("rb") as file:
                ids: Any = map_array(path, file)
                vectors: Any = map_array(path, file)
        except (OSError, ValueError) as error:
            raise SnapshotError(
                Sentence(
                    f"Cannot read the index file {path} ({error}). Rebuild it: ",
                    CommandLine("rebuild"),
                )
            ) from error
        if ids.dtype != np.int64 or vectors.dtype != np.float32 or len(ids) != len(vectors):
            raise SnapshotError(
                Sentence(f"{path} is not an index file. Rebuild it: ", CommandLine("rebuild"))
            )
        return FlatIndex(ids, vectors)


def contains(haystack: Ids, ids: Ids) -> NDArray[np.bool_]:
    """Return a mask, of the shape of `ids`, of the ids in `haystack` (sorted, unique)."""
    if not len(haystack):
        return np.zeros(len(ids), np.bool_)
    places = np.minimum(np.searchsorted(haystack, ids), len(haystack) - 1)
    return np.equal(haystack[places], ids)


def sorted_unique(ids: Ids) -> Ids:
    """Return the ids sorted and unique; `np.unique` would take 0.3 s for half a million."""
    if not np.all(ids[1:] > ids[:-1]):
        ids = np.sort(ids)
        ids = ids[np.append(True, ids[1:] != ids[:-1])]
    return ids


def top(k: int, best: Neighbours, ids: Ids, scores: Vector) -> Neighbours:
    """Return the k best of the results so far and of new candidates; equal scores by id."""
    if len(best.ids) == k:  # most blocks hold few vectors that can still enter
        better = np.flatnonzero(scores >= best.scores[-1])
        ids, scores = ids[better], scores[better]
    elif len(scores) > k:
        floor = scores[np.argpartition(-scores, k - 1)[:k]].min()
        better = np.flatnonzero(scores >= floor)
        ids, scores = ids[better], scores[better]
    return merge(best, Neighbours(ids, scores), k)


def merge(left: Neighbours, right: Neighbours, k: int) -> Neighbours:
    """Return the k best of two results; equal scores by id."""
    ids, scores = np.append(left.ids, right.ids), np.append(left.scores, right.scores)
    order = np.lexsort((ids, -scores))[:k]
    return Neighbours(ids[order], scores[order])


def first_of_each(near: Neighbours, k: int) -> Neighbours:
    """Return the k best photos, each once, with the score of its best part."""
    places: dict[int, int] = {}  # `np.unique` would load masked arrays, which takes 20 ms
    for place, photo_id in enumerate(near.ids.tolist()):
        places.setdefault(photo_id, place)
    first = list(places.values())[:k]
    return Neighbours(near.ids[first], near.scores[first])


def nearest_photos(
    search: Callable[[Vectors, int], list[Neighbours]], queries: Vectors, k: int
) -> list[Neighbours]:
    """Find the k nearest photos of each query row, each once.

    `search(queries, limit)` finds the nearest vectors; it is called again with a larger limit for
    queries whose vectors belong to fewer than k photos.
    """
    results = [NO_NEIGHBOURS] * len(queries)
    pending, limit = np.arange(len(queries)), k + _EXTRA
    while len(pending):
        short = []
        for row, near in zip(pending.tolist(), search(queries[pending], limit), strict=True):
            results[row] = first_of_each(near, k)
            if len(results[row].ids) < k and len(near.ids) == limit:
                short.append(row)
        pending, limit = np.array(short, np.int64), 4 * limit
    return results


def _scores(vectors: Vectors, queries: Vectors) -> Vectors:
    if len(queries) == 1:  # one product of matrix and vector is faster, and contiguous
        return np.asarray(vectors @ queries[0], np.float32)[None, :]
    return np.asarray(queries @ vectors.T, np.float32)


def map_array(path: Path, file: BinaryIO) -> NDArray[np.generic]:
    """Map the array whose header comes next in `file`, and move `file` past it."""
    if npy.read_magic(file) != (1, 0):
        raise ValueError("an array of an unknown version")
    shape, _, dtype = npy.read_array_header_1_0(file)
    if not np.prod(shape):  # an empty mapping is not possible
        return np.empty(shape, dtype)
    array = np.memmap(path, dtype, "r", offset=file.tell(), shape=shape)
    file.seek(array.nbytes, 1)
    return np.asarray(array)
