"""How much of the exact answer an approximate index finds, and how little it must look for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from imgsearch.index.flat import FlatIndex, nearest_photos, top
from imgsearch.records.answer import Neighbours

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vectors

AT = 10  # recall@10
_KEPT = 64  # of the exact answer, so that photos tied with the tenth count as well
_TIE = 1e-5  # scores closer than this are equal: float32 sums differ in their order
_CLOSE = 0.005  # of recall


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall over a sample of queries: its mean, in [0, 1], and the standard error of that."""

    mean: float
    error: float


class Probed(Protocol):
    """An index of lists."""

    nlist: int

    def probe(self, queries: Vectors, k: int, nprobe: int) -> list[Neighbours]:
        """The k nearest of each query row in the `nprobe` lists closest to it."""


def prompts() -> list[str]:
    """The short photo captions that stand for what people type."""
    text = (files("imgsearch.index") / "prompts.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class RecallBenchmark:
    """A set of queries with their exact answers, learned by seeing every vector once.

    `own` gives the photo each image query was taken from; it does not count as an answer, for
    it would always be found.
    """

    def __init__(
        self, kind: Literal["text", "image"], queries: Vectors, own: Ids | None = None
    ) -> None:
        self.kind: Literal["text", "image"] = kind
        self.queries = queries
        self.own = own
        empty = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
        self._truth = [empty for _ in queries]

    def observe(self, ids: Ids, vectors: Vectors) -> None:
        """Take a chunk of the library into the exact answers."""
        found = nearest_photos(FlatIndex(ids, vectors).search, self.queries, _KEPT)
        self._truth = [
            top(_KEPT, known, new.ids, new.scores)
            for known, new in zip(self._truth, found, strict=True)
        ]

    def score(self, answers: Sequence[Neighbours]) -> Recall:
        """Recall@10 of answers to the queries; 1 when there is nothing to find.

        A photo counts once; one that scores as high as the tenth is as good as the tenth.
        """
        shares = []
        for row, (truth, answer) in enumerate(zip(self._truth, answers, strict=True)):
            own = -1 if self.own is None else int(self.own[row])
            best, floor = self._best(truth, own)
            if best:
                found = [i for i in dict.fromkeys(answer.ids.tolist()) if i != own][:AT]
                goal = min(AT, len(best))
                right = sum(i in best and best[i] >= floor for i in found)
                shares.append(min(right, goal) / goal)
        if not shares:
            return Recall(1.0, 0.0)
        return Recall(float(np.mean(shares)), float(np.std(shares) / np.sqrt(len(shares))))

    @staticmethod
    def _best(truth: Neighbours, own: int) -> tuple[dict[int, float], float]:
        best: dict[int, float] = {}
        for photo_id, score in zip(truth.ids.tolist(), truth.scores.tolist(), strict=True):
            if photo_id != own:
                best.setdefault(photo_id, score)
        scores = list(best.values())[:AT]
        return best, (scores[-1] if scores else 0.0) - _TIE

    def recall(self, index: Probed, nprobe: int) -> float:
        """Recall@10 of an index that looks into `nprobe` lists."""

        def probe(queries: Vectors, k: int) -> list[Neighbours]:
            return index.probe(queries, k, nprobe)

        return self.score(nearest_photos(probe, self.queries, AT + 1)).mean  # one may be its own

    def smallest_nprobe(self, index: Probed, goal: float) -> tuple[int, float]:
        """The fewest lists whose recall@10 reaches `goal`, and that recall.

        Where rounded vectors keep even all lists from it, the fewest that come close to all.
        """
        enough, recall = 1, self.recall(index, 1)
        while recall < goal and enough < index.nlist:
            enough = min(2 * enough, index.nlist)
            recall = self.recall(index, enough)
        goal = min(goal, recall - _CLOSE) if recall < goal else goal
        low = enough // 2  # too few, or 0
        while enough - low > 1:
            middle = (low + enough) // 2
            middle_recall = self.recall(index, middle)
            if middle_recall >= goal:
                enough, recall = middle, middle_recall
            else:
                low = middle
        return enough, recall
