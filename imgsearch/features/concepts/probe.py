"""A probe: logistic regression over stored vectors that tells a concept from other photos.

The examples are few and the vectors long, so the regression is solved in its dual form, by
Newton's method on the kernel matrix of the examples (iteratively reweighted least squares; Hastie,
Tibshirani and Friedman 2009, sections 4.4.1 and 12.3.3). NumPy does that in milliseconds; see
docs/decisions/0027-concepts.md. This module is arithmetic on arrays, without files or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features.concepts.records import ConceptTest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors

# Chosen on the dev split of Flickr8k: benchmarks/bench_concepts.py.
_PENALTY = 0.03  # of squared weights, for vectors of a mean square of 1 around their mean
_WORDS_SHARE = 3.0  # over the square root of the likes: the words' share of a probe with words
# The parts of that share of which one is chosen, by photos that the probe has not seen.
_PARTS_OF_WORDS = (1.0, 0.5, 0.25, 0.0)
MAX_OTHERS = 512  # photos of the library that a fit takes as negatives
MAX_FOLDS = 10
MIN_TESTED_LIKES = 3

SURE, LIKELY = 0.8, 0.5  # probabilities from which a photo is sure, and likely
_STEPS = 30  # of Newton's method; it needs about six
_BELOW = [0.1 + number / 24 for number in range(13)]  # shares of likes below a score
_SHARE_OF_BOUND = 0.6  # of the bound on the share of others that show the concept
_PRIOR_LIKES = 4.0  # as many likes with a deviation of 1 are added to the examples
_OTHERS_WEIGHT = 10.0  # in likes, of the others in the common deviation
_MIN_GAP = 0.2  # by which likes are taken to score higher than others, at least
_MAX_LOWERING, _BISECTIONS = 60.0, 60  # of the intercept
_MIN_ABOVE = 0.9  # the area under the ROC curve below which examples do not separate from others,
_MIN_UNLIKE_ABOVE = 0.7  # and from unlikes,
_MIN_RECALL = 0.3  # and the recall below which they do not


class TrainingSet(Struct, frozen=True):
    """The vectors that a probe learns from: rows of length 1, each (n, dim).

    `others` is a random sample of the library without the examples; a few of them may show the
    concept, too. `words` (dim,) is the vector of a text that describes it, if there is one.
    """

    likes: Vectors
    unlikes: Vectors
    others: Vectors
    words: Vector | None = None
    words_share: float = 0.0  # of the words in the direction, beside 1 of the examples


class Probe(Struct, frozen=True):
    """A direction (dim,) of length 1, and the calibration of scores along it (Platt 1999)."""

    direction: Vector
    slope: float
    intercept: float

    def score_of(self, probability: float) -> float:
        """Return the score from which a photo shows the concept with this probability (0 to 1)."""
        return (float(np.log(probability / (1 - probability))) - self.intercept) / self.slope


class HeldOut(Struct, frozen=True):
    """Scores of photos by probes that had not seen them, in standard deviations of the others'."""

    likes: NDArray[np.float64]
    unlikes: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def background(self) -> NDArray[np.float64]:
        """Scores that the likes have to exceed: of the others, or of unlikes if there are none."""
        return self.others if len(self.others) else self.unlikes


def fit(examples: TrainingSet) -> Vector:
    """Return the direction (dim,) of length 1 along which the concept outscores other photos.

    Likes and negatives weigh the same in sum, whatever their numbers; an unlike weighs as much as a
    like. There is at least one like and one negative.
    """
    rows = np.concatenate([examples.likes, examples.unlikes, examples.others[:MAX_OTHERS]])
    rows = rows.astype(np.float64)
    likes, unlikes = len(examples.likes), len(examples.unlikes)
    others = len(rows) - likes - unlikes
    centre = examples.others.mean(axis=0) if others else rows.mean(axis=0)
    centred = rows - centre
    centred /= max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-12)
    is_like = np.arange(len(rows)) < likes
    unlike_sum = min(1.0, unlikes / likes) if others else 1.0
    weights = np.concatenate(
        [
            np.full(likes, 1 / likes),
            np.full(unlikes, unlike_sum / max(1, unlikes)),
            np.full(others, 1 / max(1, others)),
        ]
    )
    weights[~is_like] /= weights[~is_like].sum()
    dual = _dual_weights(centred @ centred.T + 1.0, is_like, weights)
    direction = np.asarray(centred.T @ dual, np.float64)
    return _with_words(examples, direction)


def _with_words(examples: TrainingSet, direction: NDArray[np.floating]) -> Vector:
    """Return the direction of the examples with the share of the words, of length 1."""
    if examples.words is not None and examples.words_share:
        background = examples.others
        if not len(background):
            background = np.concatenate([examples.likes, examples.unlikes])
        words = examples.words.astype(np.float64)
        direction = direction / _deviation(background @ direction)
        direction = direction + examples.words_share * words / _deviation(background @ words)
    result: Vector = (direction / max(float(np.linalg.norm(direction)), 1e-12)).astype(np.float32)
    return result


def with_words_weighed(examples: TrainingSet) -> TrainingSet:
    """Return the examples with the share of their words by cross-validation.

    Words help where the examples are few, and cost precision where these separate well. Of some
    shares, the largest is chosen with which likes that the probe has not seen rank among the others
    as well as with the best share, within the standard error of the difference (Hastie, Tibshirani
    and Friedman 2009, section 7.10). With fewer than `MIN_TESTED_LIKES` likes it is the largest.
    """
    if examples.words is None:
        return examples
    likes = len(examples.likes)
    shares = [part * _WORDS_SHARE / float(np.sqrt(likes)) for part in _PARTS_OF_WORDS]
    weighed = [replace(examples, words_share=share) for share in shares]
    if likes < MIN_TESTED_LIKES:
        return weighed[0]
    ranks = [_log_ranks(scores) for scores in _held_out(weighed)]
    best = min(ranks, key=lambda each: float(each.mean()))
    worse = [each - best for each in ranks]
    errors = [float(each.std()) / float(np.sqrt(likes)) for each in worse]
    return next(
        training
        for training, each, error in zip(weighed, worse, errors, strict=True)
        if float(each.mean()) <= error
    )


def _log_ranks(scores: HeldOut) -> NDArray[np.float64]:
    """Return the logarithm of the rank of each like (n,) among the background."""
    order = np.sort(scores.background)
    above = len(order) - np.searchsorted(order, scores.likes, "left")
    return np.log1p(above)


def _dual_weights(
    kernel: NDArray[np.float64], is_like: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weight of each example in the direction, by Newton's method."""
    logits: NDArray[np.float64] = np.zeros(len(kernel))
    dual: NDArray[np.float64] = np.zeros(len(kernel))
    for _ in range(_STEPS):
        probabilities = 1 / (1 + np.exp(-logits))
        curvature = np.maximum(weights * probabilities * (1 - probabilities), 1e-9)
        targets = logits + weights * (is_like - probabilities) / curvature
        regularised = kernel + _PENALTY * np.diag(1 / curvature)
        dual = np.linalg.solve(regularised, targets).astype(np.float64)
        previous, logits = logits, kernel @ dual
        if np.abs(logits - previous).max() < 1e-4:
            break
    return dual


def _deviation(scores: NDArray[np.floating]) -> float:
    return max(float(scores.std()), 1e-6)


def hold_out(examples: TrainingSet) -> HeldOut:
    """Score each photo by a probe that was fitted without it, and without others of its fold.

    With fewer than `MIN_TESTED_LIKES` likes, each is scored by a probe of all: too well.
    """
    (held_out,) = _held_out([examples])
    return held_out


def _held_out(weighed: Sequence[TrainingSet]) -> list[HeldOut]:
    """Do as `hold_out`, for the same examples with several shares of words."""
    examples = replace(weighed[0], words=None)
    parts = (examples.likes, examples.unlikes, examples.others)
    scores = [[np.zeros(len(part)) for part in parts] for _ in weighed]
    likes = len(examples.likes)
    folds = min(likes, MAX_FOLDS) if likes >= MIN_TESTED_LIKES else 1
    for fold in range(folds):
        held_out = [np.arange(len(part)) % folds == fold for part in parts]
        known = [~each if folds > 1 else np.ones_like(each) for each in held_out]
        rows = [part[each] for part, each in zip(parts, known, strict=True)]
        of_examples = fit(TrainingSet(*rows))
        for each, own_scores in zip(weighed, scores, strict=True):
            training = TrainingSet(rows[0], rows[1], rows[2], each.words, each.words_share)
            direction = _with_words(training, of_examples)
            mean, deviation = scale_of(examples, direction)
            for part, own, place in zip(parts, own_scores, held_out, strict=True):
                own[place] = (part[place] @ direction - mean) / deviation
    return [HeldOut(*own) for own in scores]


def scale_of(examples: TrainingSet, direction: Vector) -> tuple[float, float]:
    """Return the mean and the standard deviation of the other photos' scores along a direction."""
    rows = examples.others if len(examples.others) else examples.unlikes
    if not len(rows):
        rows = examples.likes
    scores = rows @ direction
    return float(scores.mean()), _deviation(scores)


# ------------------------------------------------------------------------- calibration


def calibrate(examples: TrainingSet, direction: Vector, held_out: HeldOut) -> Probe:
    """Return the probe along a direction, calibrated on scores of photos that had not been seen.

    The others are a mixture: most do not show the concept, and an unknown share does. Likes and the
    rest are taken as normal with one deviation, so that the log odds are linear in the score. The
    tail of real photos is longer than that of a normal distribution, so the probabilities are
    lowered until the mean over the others is not above the share.
    """
    slope, intercept = _log_odds(held_out)
    mean, deviation = scale_of(examples, direction)
    return Probe(direction, slope / deviation, intercept - slope * mean / deviation)


def _log_odds(held_out: HeldOut) -> tuple[float, float]:
    """Return slope and intercept of the log odds, for scores in standard deviations."""
    likes, others = held_out.likes, held_out.background
    share = _share(likes, others)
    middle = float(np.median(others))
    trust = len(likes) / (len(likes) + _OTHERS_WEIGHT)
    variance = trust * _deviation_of(likes) ** 2 + (1 - trust) * float(
        ((others - middle) ** 2).mean()
    )
    gap = max(float(likes.mean()) - middle, _MIN_GAP)
    slope = gap / max(variance, 1e-3)
    at_middle = middle + gap / 2
    intercept = float(np.log(share / (1 - share))) - slope * at_middle
    low, high = intercept - _MAX_LOWERING, intercept
    if float(_logistic(slope * others + intercept).mean()) > share:
        for _ in range(_BISECTIONS):
            half = (low + high) / 2
            if float(_logistic(slope * others + half).mean()) > share:
                high = half
            else:
                low = half
        intercept = low
    return slope, intercept


def _share(likes: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return the share of the others that shows the concept, estimated.

    Above each score, the others can have no more photos that show it than the likes allow: the
    smallest ratio bounds the share from above (Blanchard, Lee and Scott 2010). With few photos it
    is too high, so a part of it is taken.
    """
    mean, deviation = float(likes.mean()), _deviation_of(likes)
    bounds = [
        (float((others >= mean + deviation * NormalDist().inv_cdf(below)).sum()) + 1)
        / (len(others) * (1 - below))
        for below in _BELOW
    ]
    return float(np.clip(_SHARE_OF_BOUND * min(bounds), 1e-6, 0.5))


def _deviation_of(likes: NDArray[np.float64]) -> float:
    """Return the standard deviation of the likes' scores, drawn towards the others', which is 1."""
    squares = float(((likes - likes.mean()) ** 2).sum())
    return float(np.sqrt((squares + _PRIOR_LIKES) / (len(likes) + _PRIOR_LIKES - 1)))


def _logistic(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    return result


def assess(
    examples: TrainingSet, direction: Vector, held_out: HeldOut, probe: Probe
) -> ConceptTest | None:
    """Measure how well the examples separate, by the scores of photos that had not been seen.

    None with fewer than `MIN_TESTED_LIKES` likes. The precision is the mean probability of the
    photos that would be found: the library's own share of right ones is not known.
    """
    if len(examples.likes) < MIN_TESTED_LIKES:
        return None
    mean, deviation = scale_of(examples, direction)
    others = held_out.background
    bound = (probe.score_of(LIKELY) - mean) / deviation
    recall = float((held_out.likes >= bound).mean())
    found = others[others >= bound] * deviation + mean
    if len(found):
        precision = float(_logistic(probe.slope * found + probe.intercept).mean())
    else:
        precision = float(recall > 0)
    share = _share(held_out.likes, others)
    above = _above(held_out.likes, others)
    # Of pairs with an other that shows it, too, half are right (Menon et al. 2015).
    above = min(1.0, (above - share / 2) / (1 - share))
    unlike_above = _above(held_out.likes, held_out.unlikes) if len(held_out.unlikes) else None
    separates = (
        above >= _MIN_ABOVE
        and recall >= _MIN_RECALL
        and (unlike_above is None or unlike_above >= _MIN_UNLIKE_ABOVE)
    )
    return ConceptTest(precision, recall, above, unlike_above, separates)


def _above(high: NDArray[np.float64], low: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve: the share of pairs in which the first is higher."""
    order = np.sort(low)
    below = np.searchsorted(order, high, "left") + np.searchsorted(order, high, "right")
    return float(below.mean() / (2 * len(low)))
