"""How far an answer can be trusted: whether anything matches the query, and which hits do.

Every photo has a score with every query, so the best score alone means nothing. Two
comparisons give it a meaning.

- The z-score of a photo is how far its score lies above the scores that unrelated queries reach
  *with the same photo*, in standard deviations. It cancels out that some photos score high with
  everything (hubs, Radovanović et al. 2010). Speaker verification calls this T-norm.
- The best of n photos has a high z-score by chance, about the largest of n normal values (Blom
  1958). The strength of an answer is the ratio of the two, so it means the same in a library of
  twenty photos and of a million.

Below the best hit, a photo belongs to the answer if its score is at least a third of the way from
the query's mean score in this library to its best score.

`docs/search.md` shows how well this works; `benchmarks/bench_confidence.py` measures it. This
module is arithmetic on arrays, without files or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, TypeAlias

from imgsearch.records.answer import ScoreBaseline, Verdict
from imgsearch.search.composition import compose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Vector, Vectors

MIN_PHOTOS = 12  # with fewer, a library has no meaningful mean score
COMPARED_HITS = 10  # hits whose z-score is computed; an outstanding one is among the first
COUNTED_HITS = 200  # hits that are counted as sure or likely
_SAME_PHOTO_SCORE = 0.98  # photos at least this alike count as one: a copy, or a burst

# The kind of a term; "short" is a text averaged over templates, see `encoders.prompts`.
TermKind: TypeAlias = Literal["text", "short", "image"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The operating point, chosen on the captions of Flickr8k's dev split, see docs/search.md."""

    found: float = 1.12  # strength from which anything is found; 1 is the level of chance
    sure: float = 1.75  # strength from which hits can be sure
    likely_share: float = 1 / 3  # of the way from the mean score (0) to the best score (1)
    sure_share: float = 0.9


# Measured for `lite`. Strength means the same for every encoder, so the others share it.
THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class ScoredQuery:
    """A query as a vector of length 1, and the terms it was made of.

    `terms` are the kind and weight of each positive term. `negative` (dim,) is the weighted sum of
    the negative terms: they narrow the answer, but they are not what is looked for.
    """

    vector: Vector
    terms: Sequence[tuple[TermKind, float]]
    negative: Vector | None = None


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """How many photos could have been found, and how many vectors these have."""

    photos: int
    vectors: int


def assess(
    baseline: ScoreBaseline,
    query: ScoredQuery,
    hits: Neighbours,
    closest: Vectors,
    candidates: CandidateCounts,
    thresholds: Thresholds = THRESHOLDS,
) -> Verdict:
    """How far an answer can be trusted.

    `hits` are the best `COUNTED_HITS` photos, best first; `closest` (m, dim) are the vectors of
    the first `COMPARED_HITS` of them, of each photo its best part. Without hits the strength is 0.
    """
    if not len(hits.ids) or not len(closest):
        return Verdict(strength=0.0)
    strength = z_score(baseline, query, closest) / chance(candidates.vectors)
    if strength < thresholds.found:
        return Verdict(strength=strength)
    best, mean = float(hits.scores[0]), float(query.vector @ baseline.mean)
    span = max(0.0, best - mean)
    likely_from = best - (1 - thresholds.likely_share) * span
    sure_from = float("inf")
    if strength >= thresholds.sure:
        sure_from = best - (1 - thresholds.sure_share) * span
    sure = int((hits.scores >= sure_from).sum())
    passing = int((hits.scores >= likely_from).sum())
    return Verdict(
        strength=strength,
        sure=sure,
        likely=passing - sure,
        more=passing == len(hits.ids) < candidates.photos,
        sure_from=sure_from,
        likely_from=likely_from,
    )


def z_score(baseline: ScoreBaseline, query: ScoredQuery, photos: Vectors) -> float:
    """The highest z-score among photos (m, dim): how unusual the query's score with them is.

    An example is left out of its own results. So for each photo, unrelated queries that have this
    very photo as their example are left out as well: in a library of fifty, one in fifty unrelated
    examples would be that photo, and any score would look usual.
    """
    import numpy as np

    scores = unrelated_queries(baseline, query) @ photos.T
    is_same = baseline.photos @ photos.T >= _SAME_PHOTO_SCORE
    counts = np.ones(scores.shape, np.bool_)
    for position, (kind, _) in enumerate(query.terms):
        if kind == "image":
            counts &= ~is_same[_stand_ins(position, len(scores), len(baseline.photos))]
    counts |= counts.sum(axis=0) < 2  # all sample photos are this one: use them nevertheless
    above = photos @ query.vector - scores.mean(axis=0, where=counts)
    deviation = np.maximum(scores.std(axis=0, where=counts), 1e-3)  # at least the rounding error
    return float((above / deviation).max())


def chance(vectors: int) -> float:
    """The z-score that the best of this many unrelated vectors reaches by chance.

    The expected largest of n normal values, after Blom (1958): quantile (n - 3/8) / (n + 1/4).
    """
    n = max(vectors, MIN_PHOTOS)
    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25))


def unrelated_queries(baseline: ScoreBaseline, query: ScoredQuery) -> Vectors:
    """Queries (n, dim) built like this one but about other things; rows of length 1.

    They have as many positive terms, with the same weights, and the same negative terms, composed
    in the same way.
    """
    import numpy as np

    banks = {"text": baseline.prompts, "short": baseline.nouns, "image": baseline.photos}
    rows = max(len(banks[kind]) for kind, _ in query.terms)
    total = np.zeros((rows, len(query.vector)), np.float32)
    for position, (kind, weight) in enumerate(query.terms):
        bank = banks[kind]
        total += np.float32(weight) * bank[_stand_ins(position, rows, len(bank))]
    if query.negative is not None:
        total = compose(total, query.negative)
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    result: Vectors = total / np.maximum(lengths, np.float32(1e-6))
    return result


def _stand_ins(position: int, rows: int, bank_size: int) -> NDArray[np.intp]:
    """Which rows of a bank stand in for the term at this position, in each of `rows` queries.

    The stride differs from term to term, so that the same two do not always come together.
    """
    import numpy as np

    return (np.arange(rows) * (2 * position + 1) + position) % bank_size
