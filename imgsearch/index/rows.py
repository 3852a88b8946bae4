"""Scores stored vectors exactly, row by row from a memory-mapped file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from imgsearch.index.base import VectorSource
from imgsearch.index.flat import NO_NEIGHBOURS, map_array, top
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vectors

_BLOCK_ROWS = 16_384  # rows scored between two selections of the best
_PART_ROWS = 256  # rows converted at once: both forms stay in the processor's cache
_BLOCK_QUERIES = 256  # with _BLOCK_ROWS: at most 16 MiB of scores
_ALIGNMENT = 64
_KEPT_ROWS = 250_000  # 256 MB of 512 numbers
# The bits of a half, shifted to the positions of a float's, represent the number divided by 2^112,
# since the exponents have different offsets. The query is multiplied by 2^112 instead. NumPy's own
# conversion takes four times as long.
_SCALE = np.float32(2.0**112)
_MOVED_BITS = 13
_KEPT_BITS = np.int32(-0x70002000)  # sign, exponent and fraction: without the copies of the sign


class StoredRows:
    """Vectors in fp16, as the database has them, and their positions by photo.

    `ids` is sorted; a photo of several parts occurs several times. For each entry `places` has the
    row of `halves`, and `groups` the number of its list. `lengths` are the lengths of the rows:
    rounding changes them by up to 2^-11, enough to reorder near ties.
    """

    def __init__(
        self,
        ids: Ids,
        places: NDArray[np.uint32],
        groups: NDArray[np.uint32],
        lengths: NDArray[np.float32],
        halves: NDArray[np.float16],
    ) -> None:
        self.ids = ids
        self.places = places
        self.groups = groups
        self.lengths = lengths
        self.halves = halves

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, queries: Vectors, k: int, positions: Ids | None = None) -> list[Neighbours]:
        """Find exactly the k nearest vectors of each query row, at these positions or among all."""
        results: list[Neighbours] = []
        for start in range(0, len(queries), _BLOCK_QUERIES):
            results += self._search_block(queries[start : start + _BLOCK_QUERIES], k, positions)
        return results

    def groups_of(self, ids: Ids) -> NDArray[np.uint32]:
        """Return the list of each vector of these photos (sorted, unique)."""
        return self.groups[self.positions(ids)]

    def groups_of_same(self, ids: Ids, vectors: Vectors) -> Ids:
        """Return the list of each of these photos' vectors if the same vector is here, else -1.

        The vectors of a photo with several parts also get -1.
        """
        groups = np.full(len(ids), -1, np.int64)
        first, is_there, is_repeated = self._looked_up(ids)
        known = np.flatnonzero(is_there & ~is_repeated)
        places = first[known]
        here = self.halves[self.places[places]].view(np.uint16)
        is_same = (here == _halves(vectors[known]).view(np.uint16)).all(axis=1)
        groups[known[is_same]] = self.groups[places[is_same]]
        return groups

    def positions(self, ids: Ids) -> Ids:
        """Return the positions in `self.ids` of each vector of these photos (sorted, unique)."""
        first, is_there, is_repeated = self._looked_up(ids)
        if not is_repeated.any():  # the usual case, with half the steps
            return np.asarray(first[is_there], np.int64)
        counts = np.searchsorted(self.ids, ids, "right") - first
        ends = np.cumsum(counts)
        return np.repeat(first - (ends - counts), counts) + np.arange(int(ends[-1]))

    def _looked_up(self, ids: Ids) -> tuple[Ids, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return these photos' positions in `ids`, and masks of found and repeated ones."""
        first = np.searchsorted(self.ids, ids)
        if not len(self):
            return first, np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.bool_)
        last = len(self) - 1
        is_there = self.ids[np.minimum(first, last)] == ids
        is_repeated = (first < last) & (self.ids[np.minimum(first + 1, last)] == ids)
        return first, is_there, is_repeated

    def _search_block(self, queries: Vectors, k: int, positions: Ids | None) -> list[Neighbours]:
        count = len(self) if positions is None else len(positions)
        k = min(k, count)
        best = [NO_NEIGHBOURS for _ in queries]
        for start in range(0, count if k > 0 else 0, _BLOCK_ROWS):
            block = slice(start, min(start + _BLOCK_ROWS, count))
            selected = block if positions is None else positions[block]
            ids, scores = self.ids[selected], self._scores(queries, self.places[selected])
            best = [top(k, near, ids, row) for near, row in zip(best, scores, strict=True)]
        return best

    def _scores(self, queries: Vectors, rows: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return the cosines of each query with each of these rows: (queries, rows)."""
        scores = np.empty((len(queries), len(rows)), np.float32)
        scaled = queries * _SCALE
        most = min(_PART_ROWS, len(rows))
        halves = np.empty((most, self.halves.shape[1]), np.float16)
        bits = np.empty(halves.shape, np.int32)
        for start in range(0, len(rows), _PART_ROWS):
            part = slice(start, min(start + _PART_ROWS, len(rows)))
            count = part.stop - start
            np.take(self.halves, rows[part], 0, halves[:count], "clip")  # "raise" would copy
            np.copyto(bits[:count], halves[:count].view(np.int16))
            np.left_shift(bits, _MOVED_BITS, bits)
            np.bitwise_and(bits, _KEPT_BITS, bits)
            vectors = bits[:count].view(np.float32)
            if len(scaled) == 1:  # BLAS would wait for its threads
                np.einsum("ij,j->i", vectors, scaled[0], out=scores[0, part])
            else:
                scores[:, part] = scaled @ vectors.T
        scores /= self.lengths[rows]
        return scores


class RowsWriter:
    """Collects ids and lengths of the vectors while an index is built, and writes the vectors.

    `note` takes a chunk of the source. A small number of vectors is kept in memory. A larger one is
    read a second time by `write`, so a build always needs little memory.
    """

    def __init__(self, source: VectorSource) -> None:
        self._source = source
        self._kept: list[NDArray[np.float16]] | None = [] if source.count <= _KEPT_ROWS else None
        self._ids = np.empty(source.count, np.int64)
        self._groups = np.empty(source.count, np.uint32)
        self._lengths = np.empty(source.count, np.float32)
        self._count = 0

    def note(self, ids: Ids, vectors: Vectors, groups: Ids) -> None:
        """Take the next chunk, in the order of the source, and the list of each vector."""
        chunk = slice(self._count, self._count + len(ids))
        self._ids[chunk] = ids
        self._groups[chunk] = groups
        halves = _halves(vectors)
        if self._kept is not None:
            self._kept.append(halves)
        stored = halves.astype(np.float32)
        self._lengths[chunk] = np.sqrt(np.einsum("ij,ij->i", stored, stored))
        self._count += len(ids)

    @cached_property
    def by_id(self) -> tuple[Ids, NDArray[np.uint32], NDArray[np.uint32]]:
        """The sorted ids, with the row and the list of each vector, once all have been noted."""
        ids, groups = self._ids[: self._count], self._groups[: self._count]
        if bool(np.all(ids[1:] >= ids[:-1])):  # the usual case, without a copy
            return ids, np.arange(len(ids), dtype=np.uint32), groups
        order = np.argsort(ids, kind="stable").astype(np.uint32)
        return ids[order], order, groups[order]

    def positions(self) -> NDArray[np.uint32]:
        """Return the position of each vector in the sorted ids, in the order of `note`."""
        _, rows, _ = self.by_id
        positions = np.empty_like(rows)
        positions[rows] = np.arange(len(rows), dtype=np.uint32)
        return positions

    def read(self) -> StoredRows:
        """Read everything into memory."""
        halves = np.concatenate(list(self._chunks()))
        return StoredRows(*self.by_id, self._lengths[: self._count], halves)

    def write(self, file: BinaryIO, dim: int) -> None:
        """Write five arrays in NumPy's own format, one after the other: see `open_rows`."""
        for array in (*self.by_id, self._lengths[: self._count]):
            npy.write_array(file, array, version=(1, 0))
        header = {"descr": "<f2", "fortran_order": False, "shape": (self._count, dim)}
        npy.write_array_header_1_0(file, header)
        for halves in self._chunks():
            file.write(halves.tobytes())

    def _chunks(self) -> Iterator[NDArray[np.float16]]:
        if self._kept is not None:
            yield from self._kept
        else:
            for _, vectors in self._source.chunks():
                yield _halves(vectors)


def open_rows(path: Path, file: BinaryIO) -> StoredRows:
    """Map the rows that begin at the position of `file`. Raises ValueError without any."""
    arrays = [map_array(path, file) for _ in range(5)]
    types = [array.dtype for array in arrays]
    if types != [np.int64, np.uint32, np.uint32, np.float32, np.float16]:
        raise ValueError("arrays of other types")
    if len({len(array) for array in arrays}) != 1:
        raise ValueError("arrays of different lengths")
    return StoredRows(*arrays)  # type: ignore[arg-type]  # the types are checked


def padding(position: int) -> bytes:
    """Return the padding at this position of a file that aligns the numbers of an array."""
    return bytes(-position % _ALIGNMENT)


def _halves(vectors: Vectors) -> NDArray[np.float16]:
    return vectors.astype("<f2")
