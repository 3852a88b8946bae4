"""Tells an answer from a list: which hits are meant, and whether anything here is.

Every photo has a score with every query, so a best hit alone says nothing. Two things do.
How far a photo scores above what unrelated queries reach *on the same photo* is its standing,
in standard deviations; this takes away that some photos score high with everything (hubs,
Radovanovic et al. 2010). The best of n photos stands out by chance as well, by about the largest
of n normal values (Blom 1958); the ratio of both is the strength of an answer, and means the same
in a library of twenty photos and of a million. Below the best hit, a photo belongs to the answer
if its score is a third of the way or more from the library's usual score for the query to the best.

`docs/search.md` shows how well this separates; `benchmarks/bench_honesty.py` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, TypeAlias

from imgsearch.records.answer import ScoreBaseline, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Vector, Vectors

ENOUGH_PHOTOS = 12  # with fewer, a library has no usual score to speak of
CLOSEST = 10  # the hits whose standing is looked at: the outstanding one is among them
LOOK = 200  # the hits that are counted
SAME = 0.98  # photos at least that alike are one and the same: a copy, or the next of a burst


# Of a term; "short" is a text that was averaged over templates, see `encoders.prompting`.
TermKind: TypeAlias = Literal["text", "short", "image"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the lines are drawn. Chosen on captions of Flickr8k's dev split, see docs/search.md."""

    found: float = 1.02  # strength from which there is an answer; 1 is what chance gives
    sure: float = 1.75  # strength from which hits can be sure
    likely_share: float = 1 / 3  # of the way from the usual score (0) to the best one (1)
    sure_share: float = 0.9


# Measured for `lite`. The scale is the same for every encoder, so others begin there.
THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class ScoredQuery:
    """A query as a vector of length 1, and what it was made of.

    `terms` are kind and weight of those to be like. `fixed` (dim,) is the weighted sum of the
    others, those to be unlike: they narrow the answer, but are not what is looked for.
    """

    vector: Vector
    terms: Sequence[tuple[TermKind, float]]
    fixed: Vector | None = None


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """What could have been found: photos, and their vectors, each of which had its chance."""

    photos: int
    vectors: int


def assess(
    null: ScoreBaseline,
    asked: ScoredQuery,
    found: Neighbours,
    closest: Vectors,
    among: CandidateCounts,
    point: Thresholds = THRESHOLDS,
) -> Verdict:
    """What to think of an answer: `found` are its best hits, `closest` the vectors of the first.

    `found` has at most `LOOK` hits, best first; `closest` is (m, dim) for the first m of them, m
    about `CLOSEST`, of each its best part. With nothing found, the strength is 0. Scores at or
    above `likely_from` are likely, at or above `sure_from` sure; both are infinite where there is
    no answer.
    """
    if not len(found.ids) or not len(closest):
        return Verdict(strength=0.0)
    strength = z_score(null, asked, closest) / chance(among.vectors)
    if strength < point.found:
        return Verdict(strength=strength)
    best, usual = float(found.scores[0]), float(asked.vector @ null.mean)
    likely_from = best - (1 - point.likely_share) * max(0.0, best - usual)
    sure_from = float("inf")
    if strength >= point.sure:
        sure_from = best - (1 - point.sure_share) * max(0.0, best - usual)
    sure = int((found.scores >= sure_from).sum())
    passing = int((found.scores >= likely_from).sum())
    return Verdict(
        strength=strength,
        sure=sure,
        likely=passing - sure,
        more=passing == len(found.ids) < among.photos,
        sure_from=sure_from,
        likely_from=likely_from,
    )


def z_score(null: ScoreBaseline, asked: ScoredQuery, photos: Vectors) -> float:
    """The highest standing among photos (m, dim): how unusual the query's score is on one.

    A photo is left out of its own results, so no unrelated query with that very photo as its
    example counts: in a library of fifty, each would be one in fifty of the examples, and make
    any score look usual.
    """
    import numpy as np

    others = unrelated(null, asked) @ photos.T
    itself = null.photos @ photos.T >= SAME
    counts = np.ones(others.shape, np.bool_)
    for place, (kind, _) in enumerate(asked.terms):
        if kind == "image":
            counts &= ~itself[_drawn(place, len(others), len(null.photos))]
    counts |= counts.sum(axis=0) < 2  # all photos here are one: then they are all there is
    above = photos @ asked.vector - others.mean(axis=0, where=counts)
    spread = np.maximum(others.std(axis=0, where=counts), 1e-3)  # no less than rounding makes
    return float((above / spread).max())


def chance(vectors: int) -> float:
    """The standing that the best of so many unrelated photos, or parts, reaches by chance.

    The expected largest of n normal values, after Blom (1958): quantile (n - 3/8) / (n + 1/4).
    """
    n = max(vectors, ENOUGH_PHOTOS)
    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25))


def unrelated(null: ScoreBaseline, asked: ScoredQuery) -> Vectors:
    """Queries made like the one asked, but about other things: rows of length 1.

    They have as many terms to be like, with the same weights, and the same terms to be unlike.
    """
    import numpy as np

    banks = {"text": null.prompts, "short": null.nouns, "image": null.photos}
    rows = max(len(banks[kind]) for kind, _ in asked.terms)
    total = np.zeros((rows, len(asked.vector)), np.float32)
    if asked.fixed is not None:
        total += asked.fixed
    for place, (kind, weight) in enumerate(asked.terms):
        bank = banks[kind]
        total += np.float32(weight) * bank[_drawn(place, rows, len(bank))]
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    result: Vectors = total / np.maximum(lengths, np.float32(1e-6))
    return result


def _drawn(place: int, rows: int, size: int) -> NDArray[np.intp]:
    """Which of a bank of `size` stand in for the term at this place, in so many queries.

    Another stride for each term, so that the same two do not always come together.
    """
    import numpy as np

    return (np.arange(rows) * (2 * place + 1) + place) % size
