"""LiveIndex: the newest snapshot and everything committed since, as one index."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

from imgsearch.errors import SnapshotError
from imgsearch.index.base import Effort, VectorIndex, open_index
from imgsearch.index.flat import FlatIndex, contains, first_of_each
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.snapshot import verify
from imgsearch.records.answer import Neighbours

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.status import SnapshotInfo
    from imgsearch.store.reads import QueryStore

POLL_S = 0.25  # how old news may be at the start of a search
_BLOCK_QUERIES = 256


class LiveIndex:
    """Every committed vector of one encoder, searchable; follows the writer without locks.

    Safe in any number of threads. Each search looks for news first, if it has not for a quarter
    of a second; a search under way goes on with the view it began with.
    Raises SnapshotError when the current snapshot is damaged or missing; with `use_snapshot`
    false it reads all vectors from the database instead, which needs no file, but memory and time.
    """

    def __init__(
        self,
        store: QueryStore,
        encoder_key: int,
        ladder: IndexPolicy | None = None,
        use_snapshot: bool = True,
    ) -> None:
        self.encoder_key = encoder_key
        self._store = store
        self._ladder = ladder or IndexPolicy()
        self._use_snapshot = use_snapshot
        self._refreshing = Lock()
        self._polled_s = 0.0
        self._damaged: SnapshotInfo | None = None  # the newest snapshot, if it cannot be opened
        self._view = _View(None, None, _Tail(), 0)
        info = store.current_snapshot(encoder_key) if use_snapshot else None
        if info is not None:
            self._view = self._open(info)
        self.refresh()

    @property
    def snapshot(self) -> SnapshotInfo | None:
        """The snapshot in use."""
        return self._view.info

    @property
    def tail(self) -> int:
        """How many vectors came after the snapshot."""
        return len(self._view.tail)

    def __len__(self) -> int:
        return self._view.vectors

    def refresh(self) -> bool:
        """Take in what was committed since; whether there was anything. Cheap when not.

        Where a new snapshot cannot be opened the old one stays: with its longer tail it is as
        complete.
        """
        with self._refreshing:
            self._polled_s = time.monotonic()
            old = view = self._view
            info = self._store.current_snapshot(self.encoder_key) if self._use_snapshot else None
            if info is not None and info not in (old.info, self._damaged):
                try:
                    view = self._open(info)
                except SnapshotError:
                    self._damaged = info
            if self._store.last_seq(self.encoder_key) > view.last_seq:
                view = self._with_news(view)
            self._view = view
            return view is not old

    def _open(self, info: SnapshotInfo) -> _View:
        """A view of a snapshot, or of its successor if it is replaced meanwhile; no tail yet."""
        while True:
            try:
                path = verify(self._store.snapshots_dir, info)
                index = open_index(info.kind, path, info.details, self._ladder)
                return _View(info, index, _Tail(), info.last_seq)
            except SnapshotError:
                newest = self._store.current_snapshot(self.encoder_key)
                if newest is None or newest == info:
                    raise
                info = newest

    def _with_news(self, view: _View) -> _View:
        """The same view with what came after it in its tail."""
        tail, seq = view.tail, view.last_seq
        for last, ids, vectors in self._store.vectors(self.encoder_key, after_seq=seq):
            tail, seq = tail.extended(ids, vectors), last
        return _View(view.info, view.index, tail, seq)

    def search(
        self,
        queries: Vectors,
        k: int,
        only: Ids | None = None,
        *,
        kind: Literal["text", "image"] = "text",
    ) -> list[Neighbours]:
        """The k photos nearest to each query row (n, dim), best first, each photo once.

        Shorter than k only when fewer photos qualify: those in `only`, if given, that some path
        points at now. `kind` says where the queries come from, words or images. Any number of
        rows may be asked at once; they are worked off in blocks, so that memory stays bounded.
        """
        # While one thread takes in the news, others go on with what they have.
        if time.monotonic() - self._polled_s > POLL_S and not self._refreshing.locked():
            self.refresh()
        if only is not None:
            only = _sorted_once(np.asarray(only, np.int64))
        view = self._view
        answers: list[Neighbours] = []
        for start in range(0, len(queries), _BLOCK_QUERIES):
            block = _Question(queries[start : start + _BLOCK_QUERIES], max(0, k), only)
            answers += self._answer(view, block, kind)
        return answers

    def _answer(self, view: _View, question: _Question, effort: Effort) -> list[Neighbours]:
        """Ask for a few more than k, drop the dead and the doubled, and ask again if too few."""
        answers = [_NOTHING] * len(question.queries)
        pending = np.arange(len(answers)) if question.k else np.arange(0)
        wanted = question.k + question.k // 8 + 8
        while len(pending):
            found = view.candidates(question.rows(pending), wanted, effort)
            everyone = _sorted_once(np.concatenate([each.near.ids for each in found]))
            live = self._store.live_ids(everyone)
            short = []
            for row, each in zip(pending.tolist(), found, strict=True):
                alive = contains(live, each.near.ids)
                near = Neighbours(each.near.ids[alive], each.near.scores[alive])
                answers[row] = first_of_each(near, question.k)
                if len(answers[row].ids) < question.k and not each.is_all:
                    short.append(row)
            if any(each.ran_dry for each in found):
                effort = "exact"  # the lists probed hold too few: look into all
            pending = np.array(short, np.int64)
            wanted *= 4
        return answers if view.is_exact else self._by_best_part(question.queries, answers)

    def _by_best_part(self, queries: Vectors, answers: list[Neighbours]) -> list[Neighbours]:
        """The answers, each photo by the best of all its parts: it may lie in no list probed."""
        everyone = _sorted_once(np.concatenate([_NOTHING.ids, *(each.ids for each in answers)]))
        parts = self._store.parts(self.encoder_key, everyone.tolist(), only_of_several=True)
        if not parts:
            return answers
        better = []
        for query, near in zip(queries, answers, strict=True):
            scores = near.scores.copy()
            for place in np.flatnonzero(contains(np.array(list(parts)), near.ids)):
                scores[place] = (parts[int(near.ids[place])].vectors @ query).max()
            better.append(_merged(Neighbours(near.ids, scores), _NOTHING, len(near.ids)))
        return better


_NOTHING = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class _Question:
    queries: Vectors
    k: int
    only: Ids | None

    def rows(self, rows: Ids) -> _Question:
        return _Question(self.queries[rows], self.k, self.only)


@dataclass(frozen=True, slots=True)
class _Found:
    """The best candidates of one query, the dead and the doubled still among them."""

    near: Neighbours
    is_all: bool  # there are no others
    ran_dry: bool  # there may be others, in lists that were not probed


@dataclass(frozen=True, slots=True)
class _Tail:
    """Vectors in memory. Growing one copies seldom, and never changes what another sees."""

    ids: Ids = field(default_factory=lambda: _NOTHING.ids)
    vectors: Vectors | None = None  # with spare rows at the end, like `ids`
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def extended(self, ids: Ids, vectors: Vectors) -> _Tail:
        """A longer tail. It shares its arrays with this one, and writes behind its end only."""
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
            return [_NOTHING] * len(queries)
        index = FlatIndex(self.ids[: self.count], self.vectors[: self.count])
        return index.search(queries, k, only)


@dataclass(frozen=True, slots=True)
class _View:
    """What one search sees from beginning to end: a snapshot, and its tail up to `last_seq`."""

    info: SnapshotInfo | None
    index: VectorIndex | None
    tail: _Tail
    last_seq: int

    @property
    def is_exact(self) -> bool:
        """Whether every search looks at every vector."""
        return self.info is None or "nprobe_text" not in self.info.details

    @property
    def vectors(self) -> int:
        return len(self.tail) + (0 if self.index is None else len(self.index))

    def candidates(self, question: _Question, wanted: int, effort: Effort) -> list[_Found]:
        """The best `wanted` vectors of snapshot and tail together, for each query row."""
        queries, only = question.queries, question.only
        recent = self.tail.search(queries, wanted, only)
        older = [_NOTHING] * len(queries)
        if self.index is not None:
            older = self.index.search(queries, wanted, only, effort)
        found = []
        for new, old in zip(recent, older, strict=True):
            dry = len(old.ids) < wanted and self.index is not None and effort != "exact"
            is_all = len(new.ids) < wanted and len(old.ids) < wanted and not dry
            found.append(_Found(_merged(new, old, wanted), is_all, dry))
        return found


def _sorted_once(ids: Ids) -> Ids:
    """The ids sorted and unique; `np.unique` would take 0.3 s for half a million."""
    if not np.all(ids[1:] > ids[:-1]):
        ids = np.sort(ids)
        ids = ids[np.append(True, ids[1:] != ids[:-1])]
    return ids


def _merged(one: Neighbours, other: Neighbours, k: int) -> Neighbours:
    ids, scores = np.append(one.ids, other.ids), np.append(one.scores, other.scores)
    order = np.lexsort((ids, -scores))[:k]
    return Neighbours(ids[order], scores[order])
