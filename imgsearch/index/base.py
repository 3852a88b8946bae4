"""The protocols of vector indexes and of index backends.

A built index is read-only. Scores are inner products of rows of length 1, so cosines. A photo may
have several vectors (its parts); its id may then occur several times in one result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from msgspec import Struct

from imgsearch.index.policy import IndexPolicy, Options
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vectors

# The effort of an approximate search: as calibrated for text or image queries, or exhaustive.
Effort: TypeAlias = Literal["text", "image", "exact"]
Details: TypeAlias = Mapping[str, float | int | str]  # stored in the database with an index file
EncodeTexts: TypeAlias = Callable[[Sequence[str]], Vectors]
_LARGE_BYTES = 64 << 20  # of a sample that is stored in a file
OnStep: TypeAlias = Callable[[str], None]  # called with the name of each step of a build


class VectorIndex(Protocol):
    """Nearest vectors by inner product. Any number of threads may search at once."""

    def __len__(self) -> int:
        """Return the number of vectors."""

    @property
    def dim(self) -> int:
        """The length of a vector."""

    @property
    def is_exact(self) -> bool:
        """Whether every search compares every vector, whatever the effort."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """Find the k nearest vectors of each query row (n, dim): best first, equal scores by id.

        `only` restricts the results to these ids (sorted, unique). With effort "exact" a result
        is shorter than k only if fewer vectors qualify.
        """


@runtime_checkable
class LeavesOut(Protocol):
    """An index that can search as if it did not have some photos, in the same time.

    Of any other index, a search takes more results than are wanted, and drops those of deleted
    photos.
    """

    def without(self, ids: Ids) -> VectorIndex:
        """Return the same index without the vectors of these photos (sorted, unique)."""


class VectorSource(Struct, frozen=True):
    """The vectors that an index is built from: `count` of them.

    `chunks` reads them all, as pairs of ids and vectors, in the same order every time. A large
    sample is stored in an unnamed file in the folder `scratch`, whose pages the system can reclaim
    when memory is short; without a folder, in memory.
    """

    count: int
    chunks: Callable[[], Iterator[tuple[Ids, Vectors]]]
    scratch: Path | None = None

    def read_all(self) -> tuple[Ids, Vectors]:
        """Return all ids and vectors, in the order of `chunks`."""
        return self._read([np.arange(self.count)])[0]

    def sample(self, count: int, seed: int) -> tuple[Ids, Vectors]:
        """Return a sample of at most `count` vectors, in the order of `chunks`.

        Determined by the seed.
        """
        return self.samples((count, seed))[0]

    def samples(self, *wanted: tuple[int, int]) -> list[tuple[Ids, Vectors]]:
        """Return one sample as by `sample` for each pair of count and seed, in a single pass."""
        return self._read([self._sampled_rows(count, seed) for count, seed in wanted])

    def _sampled_rows(self, count: int, seed: int) -> Ids:
        if count >= self.count:
            return np.arange(self.count)
        generator = np.random.default_rng(seed)
        return np.sort(generator.choice(self.count, count, replace=False))

    def _read(self, wanted: Sequence[Ids]) -> list[tuple[Ids, Vectors]]:
        """Return the ids and vectors at each of these sequences of positions (sorted)."""
        ids = [np.empty(len(rows), np.int64) for rows in wanted]
        vectors = [np.empty((len(rows), 0), np.float32) for rows in wanted]
        ends = [0] * len(wanted)
        start = 0
        for chunk_ids, chunk in self.chunks():
            if not start:  # filled in place: a list of chunks needs twice the memory
                vectors = [self._room_for(len(rows), chunk.shape[1]) for rows in wanted]
            for number, rows in enumerate(wanted):
                first, last = np.searchsorted(rows, (start, start + len(chunk_ids)))
                in_chunk = rows[first:last] - start
                ids[number][first:last] = chunk_ids[in_chunk]
                vectors[number][first:last] = chunk[in_chunk]
                ends[number] = int(last)
            start += len(chunk_ids)
        return [(ids[number][:end], vectors[number][:end]) for number, end in enumerate(ends)]

    def _room_for(self, rows: int, dim: int) -> Vectors:
        size_bytes = rows * dim * np.dtype(np.float32).itemsize
        # In a file with holes, a full disk would kill the process that writes to it.
        if self.scratch and size_bytes >= _LARGE_BYTES and hasattr(os, "posix_fallocate"):
            with suppress(OSError), TemporaryFile(dir=self.scratch) as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
                return np.memmap(file, np.float32, "r+", shape=(rows, dim))
        return np.empty((rows, dim), np.float32)


class PreviousIndex(Struct, frozen=True):
    """The index file that a build will replace, written by the same backend.

    `verified_path` checks the whole file first, and raises SnapshotError if it is damaged.
    """

    details: Details
    verified_path: Callable[[], Path]


class BuildContext(Struct, frozen=True):
    """The inputs of a build.

    `options` come from the policy's spec. `previous` is None if the backend has written no index
    yet, or must not reuse it. `encode_texts` embeds sample captions to calibrate text queries. A
    backend calls `on_step` with "sampling", "training", "adding" and "calibrating", as far as it
    has these steps.
    """

    source: VectorSource
    policy: IndexPolicy
    options: Options
    previous: PreviousIndex | None = None
    encode_texts: EncodeTexts | None = None
    on_step: OnStep = lambda step: None


class BuiltIndex(Struct, frozen=True):
    """A new index in memory. `write` writes its file; `details` are needed to open that again."""

    index: VectorIndex
    details: Details
    write: Callable[[BinaryIO], None]


@runtime_checkable
class IndexBackend(Protocol):
    """One kind of index. `imgsearch.index.registry.register` makes it available to policies."""

    @property
    def name(self) -> str:
        """The name in policies and snapshots; also the suffix of its files."""

    def build(self, context: BuildContext) -> BuiltIndex:
        """Build an index of all vectors of the source; the same vectors give the same file.

        The backend of an approximate index calibrates it for the policy's recall target,
        separately for text and for image queries, and puts the settings that its `open` needs into
        the details. For people, it adds the measured recall as "recall_text" and "recall_image".
        """

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> VectorIndex:
        """Open an index file, memory-mapped. Raises SnapshotError if it is not a valid index."""
