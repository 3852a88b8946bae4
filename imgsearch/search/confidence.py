"""Computes the verdict on an answer: whether anything matches the query, and which hits do.

Every photo has a score with every query, so the best score alone means nothing. Five comparisons
give it a meaning.

- The z-score of a photo is how far its score lies above the scores that unrelated queries reach
  *with the same photo*, in standard deviations. It cancels out that some photos score high with
  everything (hubs, Radovanović et al. 2010). Speaker verification calls this T-norm. Half of what
  a caption gains with every photo is subtracted: words such as "a picture with" add to all scores.
- The best of n photos has a high z-score by chance, about the largest of n normal values (Blom
  1958). This is subtracted, so the difference means the same in any size of library.
- A query that the model knows well spreads the photos of a library more than one that it does not
  know. The spread is compared with that of unrelated queries.
- A photo that shows a thing is nearer to its name than to the names of other things: the margin.
- A few words that are near many captions of what photos usually show name something that a library
  is likely to have: they are familiar.

The strength of an answer is the first less the second, plus a share of each of the others. It
decides between three states: something was found, unsure, nothing.

Below the best hit, the level of a photo depends on the position of its score between the query's
mean score in this library and its best score. A few words that name several things have likely hits
only as long as these show each thing: a strong word would carry a weak one.

docs/benchmarks.md shows how well this works; `benchmarks/bench_confidence.py` measures it and fits
the thresholds. This module is arithmetic on arrays, without files or models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.photo import PhotoCount
from imgsearch.search.composition import TermKind, compose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors

MIN_PHOTOS = 12  # with fewer, a library has no meaningful mean score
FEW_PHOTOS = 32
COMPARED_HITS = 10  # hits whose z-score is computed; an outstanding one is among the first
COUNTED_HITS = 200  # hits that are counted by level
MIN_UNSURE_HITS, MAX_UNSURE_HITS = 3, 10  # hits shown in an unsure answer
_UNSURE_HITS_AT_CHANCE, _UNSURE_HITS_LESS = 7, 3  # and so many less a standard deviation above
_SHOWN_FROM = 1.0  # the z-score from which a photo shows a thing of a query that names several
_THINGS_GAIN = 0.5  # of what a thing gains with every photo is no sign that a photo shows it
_SHOWING_SHARE = 0.6  # of the likely hits show all things of such a query
_SAME_PHOTO_SCORE = 0.98  # photos at least this alike count as one: a copy, or a burst

# Of a gain with every photo, this share is no sign of a match. For few words it is none: the mean
# noun is subtracted from their vectors.
_GAIN_SHARES = {"text": 0.5, "short": 0.0, "image": 0.5, "direction": 0.5}
_SPREAD_WEIGHT = 0.6
_MARGIN_WEIGHT = 0.4
_COMPETITORS = 3  # nouns, whose mean score a photo's score is compared with
_SAME_NOUN = 0.9  # nouns at least this similar to the query are no competitors
_FAMILIARITY_WEIGHT = 0.5
_USUAL_NEIGHBOURS = 5  # captions whose mean score says how familiar words are
_USUAL_STRIDE = 4  # every fourth unrelated query is enough for the usual spread and familiarity
_MIN_DEVIATION = 1e-4  # at least the rounding error


class Thresholds(Struct, frozen=True):
    """The thresholds of verdicts, see docs/verdicts.md.

    Those of "unsure" and "found" are strengths, for each kind of term. The shares of `sure`,
    `likely` and `possible` are positions of a score between the query's mean score in the library
    (0) and its best score (1).
    """

    # Words: lower in a library of few photos, where the best may be of another kind by accident.
    unsure_words: float = -1.0
    unsure_words_of_few: float = -10.0  # divided by the number of photos, FEW_PHOTOS at least
    unsure_image: float = -1.2
    unsure_image_share: float = -0.4  # of what chance reaches: the limit in a large library
    found_text: float = 1.2
    found_short: float = 2.2
    found_everyday: float = 0.0  # many photos show it, so that none stands out
    found_image: float = 1.0
    sure: float = 6.5  # from here on, hits can be sure
    sure_share: float = 0.95
    likely_share: float = 0.8
    possible_share: float = 0.5

    def unsure_from(self, query: ScoredQuery, candidates: PhotoCount) -> float:
        """Return the strength below which nothing is found: the mean over the terms, weighted."""
        by_chance = chance(candidates.vectors)
        words = self.unsure_words
        words += self.unsure_words_of_few / max(candidates.vectors, FEW_PHOTOS)
        image = min(self.unsure_image, self.unsure_image_share * by_chance)
        of_kind = {"text": words, "short": words, "image": image, "direction": image}
        return _mean_of(of_kind, query)

    def found_from(self, query: ScoredQuery) -> float:
        """Return the strength from which something is found: the mean over the terms, weighted."""
        if query.everyday:
            return self.found_everyday
        of_kind = {
            "text": self.found_text,
            "short": self.found_short,
            "image": self.found_image,
            "direction": self.found_image,
        }
        return _mean_of(of_kind, query)


def _mean_of(of_kind: Mapping[str, float], query: ScoredQuery) -> float:
    total = sum(abs(weight) for _, weight in query.terms)
    return sum(of_kind[kind] * abs(weight) for kind, weight in query.terms) / total


# Chosen so that they hold on both coco-dev and the dev split of Flickr8k, with `lite`. Strength
# means the same for every encoder, so all share them.
THRESHOLDS = Thresholds()


class ScoredQuery(Struct, frozen=True):
    """A query as a vector of length 1, and the terms it was made of.

    `terms` are the kind and weight of each positive term. `negative` (dim,) is the
    contribution of the negative terms, as `compose` takes it: they narrow the answer, but nobody
    looks for them. An `everyday` query names only what nearly every library shows. `things`
    (n, dim) are the things that a short text names, if several: see `language.things`.
    """

    vector: Vector
    terms: Sequence[tuple[TermKind, float]]
    negative: Vector | None = None
    everyday: bool = False
    things: Vectors | None = None

    @property
    def has_example(self) -> bool:
        """Whether one of its terms is an image."""
        return any(kind == "image" for kind, _ in self.terms)


def assess(
    baseline: ScoreBaseline,
    query: ScoredQuery,
    hits: Neighbours,
    closest: Vectors,
    candidates: PhotoCount,
    thresholds: Thresholds = THRESHOLDS,
) -> Verdict:
    """Compute the verdict on an answer.

    `hits` are the best `COUNTED_HITS` photos, best first; `closest` (m, dim) has the vector of the
    best part of each of the first `COMPARED_HITS`. Without hits, nothing is found.
    """
    if not len(hits.ids) or not len(closest):
        return Verdict("nothing", strength=0.0)
    strength = answer_strength(baseline, query, closest, candidates)
    if strength < thresholds.unsure_from(query, candidates) and not query.everyday:
        return Verdict("nothing", strength)
    best, mean = float(hits.scores[0]), float(query.vector @ baseline.mean)
    span = max(0.0, best - mean)
    possible_from = best - (1 - thresholds.possible_share) * span
    reach_it = int((hits.scores >= possible_from).sum())
    likely_from = best - (1 - thresholds.likely_share) * span
    shows_all = True
    if query.things is not None:
        compared = int((hits.scores[: len(closest)] >= likely_from).sum())
        showing = _showing_all(baseline, query.things, closest[:compared])
        shows_all = showing > 0
        if 0 < showing < compared:
            likely_from = float(hits.scores[showing - 1])
    if strength < thresholds.found_from(query) or not shows_all:
        most = len(hits.ids) if query.everyday else unsure_hits(strength)
        nearest = min(max(reach_it, MIN_UNSURE_HITS), most, len(hits.ids))
        return Verdict(
            "unsure",
            strength,
            possible=nearest,
            more=nearest == COUNTED_HITS < candidates.photos,
            possible_from=float(hits.scores[nearest - 1]),
        )
    sure_from, sure = None, 0
    if strength >= thresholds.sure:
        sure_from = max(best - (1 - thresholds.sure_share) * span, likely_from)
        sure = int((hits.scores >= sure_from).sum())
    likely = int((hits.scores >= likely_from).sum()) - sure
    return Verdict(
        "found",
        strength,
        sure,
        likely,
        possible=reach_it - likely - sure,
        more=reach_it == len(hits.ids) < candidates.photos,
        sure_from=sure_from,
        likely_from=likely_from,
        possible_from=possible_from,
    )


def unsure_hits(strength: float) -> int:
    """Return the number of hits of which one is right in three of four unsure answers.

    These are answers to queries for something that is there.

    The stronger the answer, the earlier comes the first right hit.
    """
    hits = round(_UNSURE_HITS_AT_CHANCE - _UNSURE_HITS_LESS * strength)
    return min(max(hits, MIN_UNSURE_HITS), MAX_UNSURE_HITS)


def _showing_all(baseline: ScoreBaseline, things: Vectors, closest: Vectors) -> int:
    """Return the number of hits, from the best one on, that show all things of the query.

    `closest` (m, dim) are the photos of these hits, `things` (n, dim) the things. A few of the hits
    that are counted may lack one: a photo may show a thing in its own way.
    """
    import numpy as np

    others = _others_with(baseline, (("short", 1.0),))
    scores = _row_by_row(closest, others.rows).T
    deviation = np.maximum(scores.std(axis=0), _MIN_DEVIATION)
    gains = things @ baseline.mean - others.mean_score  # with the usual photo
    above = _row_by_row(things, closest) - scores.mean(axis=0) - _THINGS_GAIN * gains[:, None]
    shows = (above / deviation >= _SHOWN_FROM).all(axis=0)
    shares = np.cumsum(shows) / np.arange(1, len(shows) + 1)
    enough = np.flatnonzero(shares >= _SHOWING_SHARE)
    return int(enough[-1]) + 1 if len(enough) else 0


def answer_strength(
    baseline: ScoreBaseline, query: ScoredQuery, closest: Vectors, candidates: PhotoCount
) -> float:
    """Return the strength of an answer: standard deviations above chance; 0 is chance."""
    others = _compared_with(baseline, query)
    above_chance = _z_score(baseline, query, closest, others) - chance(candidates.vectors)
    spread = _spread_z(baseline, query, others)
    if candidates.vectors < baseline.vectors:
        spread = min(spread, 0.0)  # the filters may have removed the photos that spread the scores
    strength = above_chance + _SPREAD_WEIGHT * spread
    kinds = {kind for kind, _ in query.terms}
    if kinds <= {"text", "short"}:
        strength += _MARGIN_WEIGHT * _margin(baseline, query, closest)
    if kinds == {"short"}:
        strength += _FAMILIARITY_WEIGHT * _familiarity(baseline, query)
    return strength


class _Others(Struct, frozen=True):
    """Unrelated queries that answers are compared with, and their statistics.

    `rows` (n, dim) have length 1. `mean_score` is their mean score with the usual photo of the
    library. `spread` is the mean and deviation of the standard deviations of their scores with the
    sample photos; None if the sample photos are all the same.
    """

    rows: Vectors
    mean_score: float
    spread: tuple[float, float] | None


def _compared_with(baseline: ScoreBaseline, query: ScoredQuery) -> _Others:
    if query.negative is None:
        return _others_with(baseline, tuple(query.terms))
    return _others(baseline, query)


@lru_cache(maxsize=8)  # most queries have the same terms: one text
def _others_with(baseline: ScoreBaseline, terms: tuple[tuple[TermKind, float], ...]) -> _Others:
    return _others(baseline, ScoredQuery(baseline.mean, terms))


def _others(baseline: ScoreBaseline, query: ScoredQuery) -> _Others:
    rows = unrelated_queries(baseline, query)
    mean_score = float(rows.mean(axis=0) @ baseline.mean)
    return _Others(rows, mean_score, _usual_spread(baseline, query, rows))


def _z_score(
    baseline: ScoreBaseline, query: ScoredQuery, photos: Vectors, others: _Others
) -> float:
    """Return the highest z-score of the query's scores with photos (m, dim).

    An example is left out of its own results. Therefore unrelated queries whose example is the
    photo itself are left out for that photo as well: in a library of fifty, one in fifty unrelated
    examples would be that photo, and any score would look usual.
    """
    import numpy as np

    scores = _row_by_row(photos, others.rows).T
    counts: NDArray[np.bool_] | Literal[True] = True  # NumPy takes several times as long for a mask
    if query.has_example:
        counts = np.ones(scores.shape, np.bool_)
        for examples in _examples(baseline, query, np.arange(len(others.rows))):
            counts &= _row_by_row(photos, examples).T < _SAME_PHOTO_SCORE
        counts |= counts.sum(axis=0) < 2  # all sample photos are this one: use them nevertheless
    gain = float(query.vector @ baseline.mean) - others.mean_score  # with the usual photo
    above = photos @ query.vector - scores.mean(axis=0, where=counts)
    above -= _mean_of(_GAIN_SHARES, query) * gain
    deviation = np.maximum(scores.std(axis=0, where=counts), _MIN_DEVIATION)
    return float((above / deviation).max())


def _margin(baseline: ScoreBaseline, query: ScoredQuery, photos: Vectors) -> float:
    """Return how far the query scores above other nouns with the photo (m, dim) where it does most.

    In standard deviations of the scores of nouns with this photo.
    """
    import numpy as np

    nouns = _others_with(baseline, (("short", 1.0),)).rows
    scores = _row_by_row(photos, nouns).T
    deviation = np.maximum(scores.std(axis=0), _MIN_DEVIATION)
    others = scores[nouns @ query.vector < _SAME_NOUN]
    if len(others) < _COMPETITORS:
        return 0.0
    competing = np.partition(others, -_COMPETITORS, axis=0)[-_COMPETITORS:].mean(axis=0)
    return float(((photos @ query.vector - competing) / deviation).max())


def _familiarity(baseline: ScoreBaseline, query: ScoredQuery) -> float:
    """Return how near the query is to what photos usually show, as a z-score among nouns.

    0 in a baseline without captions of that.
    """
    if baseline.usual is None:
        return 0.0
    mean, deviation = _usual_familiarity(baseline)
    own = _nearness(baseline.usual, query.vector)
    return (own - mean) / max(deviation, _MIN_DEVIATION)


@lru_cache(maxsize=2)  # as long as the baseline does not change
def _usual_familiarity(baseline: ScoreBaseline) -> tuple[float, float]:
    """Return the mean and deviation of the nearness of the baseline's nouns."""
    import numpy as np

    assert baseline.usual is not None
    nouns = _others_with(baseline, (("short", 1.0),)).rows[::_USUAL_STRIDE]
    nearness = [_nearness(baseline.usual, noun) for noun in nouns]
    return float(np.mean(nearness)), float(np.std(nearness))


def _nearness(captions: Vectors, vector: Vector) -> float:
    """Return the mean score of a vector with the captions that are nearest to it."""
    import numpy as np

    scores = captions @ vector
    count = min(_USUAL_NEIGHBOURS, len(scores))
    return float(np.partition(scores, -count)[-count:].mean())


def _spread_z(baseline: ScoreBaseline, query: ScoredQuery, others: _Others) -> float:
    """Return the spread of the query's scores over the sample photos, as a z-score from -3 to 3.

    It is compared with the spreads of unrelated queries.
    """
    import numpy as np

    own = baseline.photos @ query.vector
    is_other = own < _SAME_PHOTO_SCORE
    if others.spread is None or is_other.sum() < 2:
        return 0.0
    usual, deviation = others.spread
    # NumPy takes several times as long for a mask.
    difference = (own.std() if is_other.all() else own.std(where=is_other)) - usual
    return float(np.clip(difference / max(deviation, _MIN_DEVIATION), -3, 3))


def _usual_spread(
    baseline: ScoreBaseline, query: ScoredQuery, unrelated: Vectors
) -> tuple[float, float] | None:
    """Return the field `spread` of `_Others`."""
    import numpy as np

    numbers = np.arange(0, len(unrelated), _USUAL_STRIDE)
    scores = _row_by_row(unrelated[numbers], baseline.photos)
    counts = np.ones(scores.shape, np.bool_)
    for examples in _examples(baseline, query, numbers):
        counts &= _row_by_row(examples, baseline.photos) < _SAME_PHOTO_SCORE
    if counts.sum(axis=1).min() < 2:
        return None
    spreads = scores.std(axis=1, where=counts)
    return float(spreads.mean()), float(spreads.std())


def _row_by_row(rows: Vectors, photos: Vectors) -> Vectors:
    """Return the scores (n, m) of rows (n, dim) with photos (m, dim).

    A product of matrices of this size wakes the threads of BLAS. In a process that makes only one,
    and where other threads have the cores, that takes twenty to fifty times as long as the product
    itself.
    """
    import numpy as np

    return np.stack([photos @ row for row in rows])


def _examples(
    baseline: ScoreBaseline, query: ScoredQuery, numbers: NDArray[np.intp]
) -> list[Vectors]:
    """Return for each example term the examples (n, dim) in these unrelated queries."""
    return [
        baseline.photos[_stand_ins(position, numbers, len(baseline.photos))]
        for position, (kind, _) in enumerate(query.terms)
        if kind == "image"
    ]


def chance(vectors: int) -> float:
    """Return the z-score that the best of this many unrelated vectors reaches by chance.

    The expected largest of n normal values, after Blom (1958): quantile (n - 3/8) / (n + 1/4).
    """
    n = max(vectors, MIN_PHOTOS)
    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25))


def unrelated_queries(baseline: ScoreBaseline, query: ScoredQuery) -> Vectors:
    """Return queries (n, dim) about other things but built like this one; rows of length 1.

    They have as many positive terms, with the same weights, and the same negative terms, composed
    in the same way.
    """
    import numpy as np

    banks = {"text": baseline.prompts, "short": baseline.nouns, "image": baseline.photos}
    if any(kind == "direction" for kind, _ in query.terms):
        # It points away from the usual photo: see `CalibratedDirection`.
        away = baseline.photos - baseline.mean
        banks["direction"] = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    rows = max(len(banks[kind]) for kind, _ in query.terms)
    total = np.zeros((rows, len(query.vector)), np.float32)
    for position, (kind, weight) in enumerate(query.terms):
        bank = banks[kind]
        total += np.float32(weight) * bank[_stand_ins(position, np.arange(rows), len(bank))]
    if query.negative is not None:
        total = compose(total, query.negative)
    lengths: NDArray[np.float32] = np.linalg.norm(total, axis=1, keepdims=True)
    lengths = np.maximum(lengths, np.float32(1e-6))
    result: Vectors = total / lengths
    return result


def _stand_ins(position: int, numbers: NDArray[np.intp], bank_size: int) -> NDArray[np.intp]:
    """Return the bank's row that replaces the term at a position, for each unrelated query (n,).

    The stride differs from term to term, so that the same two rows do not always meet.
    """
    return (numbers * (2 * position + 1) + position) % bank_size
