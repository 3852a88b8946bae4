"""What a query is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from imgsearch.records.photo import Photo
from imgsearch.records.query import Filter, Share

if TYPE_CHECKING:  # a client of the service loads no NumPy
    from imgsearch.records.arrays import Ids, Vector, Vectors

Level: TypeAlias = Literal["sure", "likely", "weak"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest vectors of one query: `ids` (m,) int64, `scores` (m,) float32 descending."""

    ids: Ids
    scores: Vector


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of an answer, as `imgsearch.search.confidence` measures it.

    `strength` is how far the best hit stands out, in units of what chance gives in a library of
    this size. Scores at or above `likely_from` are likely, at or above `sure_from` sure; both
    are infinite where nothing was found. `sure` and `likely` count hits, of the best 200; with
    `more`, there are others behind them that are likely.
    """

    strength: float
    sure: int = 0
    likely: int = 0
    more: bool = False
    sure_from: float = float("inf")
    likely_from: float = float("inf")

    @property
    def found(self) -> bool:
        """Whether anything in the library looks like what was asked for."""
        return self.sure + self.likely > 0

    def level(self, score: float) -> Level:
        """How far a hit of this score can be trusted. A higher score never means a lower level."""
        if score >= self.sure_from:
            return "sure"
        return "likely" if score >= self.likely_from else "weak"

    def __str__(self) -> str:
        if not self.found:
            return "nothing here looks like that"
        counts = ((self.sure, "sure"), (self.likely, "likely"))
        parts = [f"{count} {level}" for count, level in counts if count]
        return ", ".join([*parts, "and more" if self.more else "nothing else"])


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo of an answer: where it lies now and how well it fits (cosine, higher is better).

    Without words or examples to fit there is no score. `date` is when it was taken, or, where no
    metadata tells, its file's time of modification; `dated_by` says which ("file" for the latter).
    """

    photo: Photo
    paths: tuple[Path, ...]
    score: float | None
    offline: bool = False  # none of its paths can be reached now
    missing: bool = False  # it vanished from the disk with many others, and is held
    date: datetime | None = None
    dated_by: str | None = None
    level: Level | None = None  # how far to trust it; None where there is no verdict
    at_s: float | None = None  # when in a video what was asked for is seen, in seconds

    @property
    def path(self) -> Path:
        return self.paths[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of hits. `cursor` asks for the page after it; None where there is no more.

    A cursor stays good while the library changes: nothing is shown twice or left out for it.
    There is no `verdict` without words or examples, nor in a library too small to judge.
    """

    hits: tuple[Hit, ...]
    cursor: str | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, by id, and how alike they are (cosine)."""

    a: int
    b: int
    score: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of photos that are alike by at least `min_score`, best first."""

    min_score: float
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a photo is where it is in an answer, or why it is not there.

    `reason` says in a sentence why it cannot be found at all, else it is None. `rank` counts from
    1 among the photos that pass all filters; None where this one does not or there are no terms.
    """

    path: Path
    reason: str | None = None
    photo: Photo | None = None
    rank: int | None = None
    score: float | None = None
    shares: tuple[Share, ...] = ()
    filters: tuple[tuple[Filter, bool], ...] = ()  # each with whether the photo passes it


@dataclass(frozen=True, slots=True)
class ScoreBaseline:
    """What unrelated queries look like, and how a query usually scores in this library."""

    prompts: Vectors  # (p, dim): captions that people might have asked for instead
    nouns: Vectors  # (q, dim): short texts, likewise
    photos: Vectors  # (s, dim): photos of the library that might have been the example
    mean: Vector  # (dim,), of all photos; its length is not 1
    vectors: int  # how many there were, those of parts of photos included
