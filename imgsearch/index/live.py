"""LiveIndex: the newest snapshot and everything committed since, searched as one index."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.errors import SnapshotError
from imgsearch.index.base import Effort, LeavesOut, VectorIndex
from imgsearch.index.flat import (
    NO_NEIGHBOURS,
    FlatIndex,
    contains,
    first_of_each,
    merge,
    sorted_unique,
)
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.registry import find_backend
from imgsearch.index.snapshot import verify
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vectors

if TYPE_CHECKING:
    from imgsearch.records.index import SnapshotInfo
    from imgsearch.store.reads import Reads

POLL_S = 0.25  # a search may miss what was committed in the last quarter of a second
_BLOCK_QUERIES = 256
_MAX_COSINE = 1.001  # rounding does not exceed this


class LiveIndex:
    """Every committed vector of one encoder, searchable; follows the writer without locks.

    Safe in any number of threads. A search first looks for new vectors, at most every `POLL_S`
    seconds; a running search keeps the view it began with.
    Raises SnapshotError if the current snapshot is damaged or missing. Without `use_snapshot` it
    reads all vectors from the database instead, which needs no file, but memory and time.
    """

    def __init__(
        self,
        reads: Reads,
        encoder_key: int,
        policy: IndexPolicy | None = None,
        use_snapshot: bool = True,
    ) -> None:
        self.encoder_key = encoder_key
        self._reads = reads
        self._policy = policy or IndexPolicy()
        self._use_snapshot = use_snapshot
        self._refreshing = Lock()
        self._polled_s = 0.0
        self._version: tuple[int, int] | None = None  # of the library at the last refresh
        self._damaged: SnapshotInfo | None = None  # the newest snapshot, if it cannot be opened
        self._view = _View(None, None, _Tail(), 0)
        info = reads.encoders.current_snapshot(encoder_key) if use_snapshot else None
        if info is not None:
            self._view = self._open(info)
        self.refresh()

    @property
    def snapshot(self) -> SnapshotInfo | None:
        """The snapshot in use."""
        return self._view.info

    @property
    def is_exact(self) -> bool:
        """Whether every search compares every vector."""
        return self._view.is_exact

    @property
    def tail(self) -> int:
        """The number of vectors added after the snapshot."""
        return len(self._view.tail)

    def __len__(self) -> int:
        return len(self._view)

    def refresh(self) -> bool:
        """Take in the commits since the last call; returns whether there were any.

        This is cheap if there were none. If a new snapshot cannot be opened, the old one stays in
        use: with its longer tail it is as complete.
        """
        with self._refreshing:
            self._polled_s = time.monotonic()
            version = self._reads.recent.version()
            if version == self._version:
                return False
            old = view = self._view
            info = (
                self._reads.encoders.current_snapshot(self.encoder_key)
                if self._use_snapshot
                else None
            )
            if info is not None and info not in (old.info, self._damaged):
                try:
                    view = self._open(info)
                except SnapshotError:
                    self._damaged = info
            if self._reads.vectors.last_seq(self.encoder_key) > view.last_seq:
                view = self._with_longer_tail(view)
            view = self._without_deleted(view)
            self._view, self._version = view, version
            return view is not old

    def _without_deleted(self, view: _View) -> _View:
        """Return the view, in which deleted photos of the snapshot cost a search no time."""
        if not isinstance(view.index, LeavesOut):
            return view
        gone = self._reads.photos.gone_ids()
        if np.array_equal(gone, view.gone):
            return view
        return replace(view, gone=gone, without_gone=view.index.without(gone))

    def _open(self, info: SnapshotInfo) -> _View:
        """Return a view of a snapshot, or of its successor if it is replaced meanwhile.

        No tail yet.
        """
        while True:
            try:
                path = verify(self._reads.snapshots_dir, info)
                index = find_backend(info.kind).open(path, info.details, self._policy)
                return _View(info, index, _Tail(), info.last_seq)
            except SnapshotError:
                newest = self._reads.encoders.current_snapshot(self.encoder_key)
                if newest is None or newest == info:
                    raise
                info = newest

    def _with_longer_tail(self, view: _View) -> _View:
        tail, last_seq = view.tail, view.last_seq
        for last, ids, vectors in self._reads.vectors.chunks(self.encoder_key, after_seq=last_seq):
            tail, last_seq = tail.extended(ids, vectors), last
        return replace(view, tail=tail, last_seq=last_seq)

    def search(
        self,
        queries: Vectors,
        k: int,
        only: Ids | None = None,
        *,
        kind: Literal["text", "image"] = "text",
    ) -> list[Neighbours]:
        """Return the k photos nearest to each query row (n, dim), best first, each photo once.

        A result is shorter than k only if fewer photos qualify: photos in `only`, if given, that a
        path points at now. `kind` says whether the queries are texts or images. Any number of rows
        may be given; they are searched in blocks, so that memory stays bounded. Raises
        SnapshotError if impossible scores show that the file has been damaged since it was opened.
        """
        # While one thread refreshes, the others search their current view.
        if time.monotonic() - self._polled_s > POLL_S and not self._refreshing.locked():
            self.refresh()
        if only is not None:
            only = sorted_unique(np.asarray(only, np.int64))
        view = self._view
        results: list[Neighbours] = []
        for start in range(0, len(queries), _BLOCK_QUERIES):
            block = queries[start : start + _BLOCK_QUERIES]
            results += self._search_block(view, block, max(0, k), only, kind)
        if view.info is not None and not _are_cosines(results):
            verify(self._reads.snapshots_dir, view.info, full=True)
        return results

    def _search_block(
        self, view: _View, queries: Vectors, k: int, only: Ids | None, effort: Effort
    ) -> list[Neighbours]:
        """Search for some more vectors than k, then drop deleted and repeated photos.

        If fewer than k are left, search again for more.
        """
        results = [NO_NEIGHBOURS] * len(queries)
        pending = np.arange(len(queries) if k else 0)
        limit = k + k // 8 + 8
        while len(pending):
            candidates = view.candidates(queries[pending], limit, only, effort)
            ids = sorted_unique(np.concatenate([found.near.ids for found in candidates]))
            gone = self._reads.photos.ids_without_path(ids)
            # The usual case of one query: every photo has one vector, and a path.
            is_plain = len(candidates) == 1 and len(ids) == len(candidates[0].near.ids)
            short = []
            for row, found in zip(pending.tolist(), candidates, strict=True):
                near = found.near
                if len(gone):
                    alive = ~contains(gone, near.ids)
                    near = Neighbours(near.ids[alive], near.scores[alive])
                if is_plain:
                    results[row] = Neighbours(near.ids[:k], near.scores[:k])
                else:
                    results[row] = first_of_each(near, k)
                if len(results[row].ids) < k and not found.is_all:
                    short.append(row)
            if any(found.is_short for found in candidates):
                effort = "exact"  # the searched lists hold too few
            pending = np.array(short, np.int64)
            limit *= 4
        return results if view.is_exact else self._with_best_parts(queries, results)

    def _with_best_parts(self, queries: Vectors, results: list[Neighbours]) -> list[Neighbours]:
        """Score each photo by its best part, which the index may not have compared."""
        ids = sorted_unique(np.concatenate([near.ids for near in results]))
        parts = self._reads.vectors.parts(self.encoder_key, ids.tolist(), only_several=True)
        if not parts:
            return results
        rescored = []
        for query, near in zip(queries, results, strict=True):
            scores = near.scores.copy()
            for place in np.flatnonzero(contains(np.array(list(parts)), near.ids)):
                scores[place] = (parts[int(near.ids[place])].vectors @ query).max()
            rescored.append(merge(Neighbours(near.ids, scores), NO_NEIGHBOURS, len(near.ids)))
        return rescored


def _are_cosines(results: list[Neighbours]) -> bool:
    return all(bool((np.abs(near.scores) < _MAX_COSINE).all()) for near in results)


class _Candidates(Struct, frozen=True):
    """The best vectors for one query, including deleted photos and several parts of one photo."""

    near: Neighbours
    is_all: bool  # no other vectors qualify
    is_short: bool  # too few, and an approximate search may have missed others


class _Tail(Struct, frozen=True):
    """Vectors in memory. Extending a tail rarely copies, and never changes other tails."""

    ids: Ids = field(default_factory=lambda: NO_NEIGHBOURS.ids)
    vectors: Vectors | None = None  # with spare rows at the end, like `ids`
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def extended(self, ids: Ids, vectors: Vectors) -> _Tail:
        """Return a longer tail that shares the arrays of this one and writes only past its end."""
        count = self.count + len(ids)
        all_ids, all_vectors = self.ids, self.vectors
        if all_vectors is None or count > len(all_ids):
            rows = max(count, 2 * self.count, 1_024)
            all_ids = np.empty(rows, np.int64)
            all_vectors = np.empty((rows, vectors.shape[1]), np.float32)
            if self.vectors is not None:
                all_ids[: self.count] = self.ids[: self.count]
                all_vectors[: self.count] = self.vectors[: self.count]
        all_ids[self.count : count] = ids
        all_vectors[self.count : count] = vectors
        return _Tail(all_ids, all_vectors, count)

    def search(self, queries: Vectors, k: int, only: Ids | None) -> list[Neighbours]:
        if self.vectors is None:
            return [NO_NEIGHBOURS] * len(queries)
        index = FlatIndex(self.ids[: self.count], self.vectors[: self.count])
        return index.search(queries, k, only)


class _View(Struct, frozen=True):
    """The constant view of one search: a snapshot, and its tail up to `last_seq`."""

    info: SnapshotInfo | None
    index: VectorIndex | None
    tail: _Tail
    last_seq: int
    gone: Ids = field(default_factory=lambda: NO_NEIGHBOURS.ids)  # deleted photos
    without_gone: VectorIndex | None = None  # the snapshot without these, if it can do that

    def __len__(self) -> int:
        return len(self.tail) + (0 if self.index is None else len(self.index))

    @property
    def is_exact(self) -> bool:
        """Whether every search compares every vector."""
        return self.index is None or self.index.is_exact

    def candidates(
        self, queries: Vectors, limit: int, only: Ids | None, effort: Effort
    ) -> list[_Candidates]:
        """Return the best `limit` vectors of snapshot and tail together, for each query row."""
        in_tail = self.tail.search(queries, limit, only)
        in_snapshot = [NO_NEIGHBOURS] * len(queries)
        if self.index is not None:
            index = self.index
            if only is None and self.without_gone is not None:
                index = self.without_gone
            in_snapshot = index.search(queries, limit, only, effort)
        candidates = []
        for new, old in zip(in_tail, in_snapshot, strict=True):
            is_short = len(old.ids) < limit and self.index is not None and effort != "exact"
            is_all = len(new.ids) < limit and len(old.ids) < limit and not is_short
            near = merge(new, old, limit) if len(new.ids) else old
            candidates.append(_Candidates(near, is_all, is_short))
        return candidates
