"""The order of photos after some were liked and others were not: arithmetic on vectors.

Bayesian relevance feedback after PicHunter (Cox and others, "The Bayesian Image Retrieval System,
PicHunter", IEEE Transactions on Image Processing 2000) and SOMHunter (Kratochvíl and others 2020):
each liked photo was chosen before those that were not, so a photo gains by being nearer to it than
to these. The parameters are chosen by benchmarks/bench_feedback.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors

SCORE_SPREAD = 0.3  # of the scores, in standard deviations: lower trusts the words more
CHOICE_SPREAD = 0.16  # in cosines: how sharply a person tells near from far


def posterior(
    scores: Vector,
    photos: Vectors,
    liked: Vectors,
    others: Vectors,
    score_spread: float = SCORE_SPREAD,
    choice_spread: float = CHOICE_SPREAD,
) -> NDArray[np.float64]:
    """Return the logarithm (n,) of how probable it is that each photo is meant, up to a constant.

    `scores` (n,) are those of the answer without feedback, which are compared by their standard
    deviation; `photos` (n, dim), `liked` and `others`, those that were seen and not liked, are rows
    of length 1. Without a liked photo, each of the others counts as passed over.
    """
    spread = max(float(scores.std()), 1e-9)
    result: NDArray[np.float64] = (scores - scores.mean()).astype(np.float64)
    result /= score_spread * spread
    to_others = np.asarray(photos @ others.T, np.float64) / choice_spread
    if not len(liked):
        result -= np.logaddexp(0.0, to_others - to_others.mean(axis=0)).sum(axis=1)
        return result
    to_liked = np.asarray(photos @ liked.T, np.float64) / choice_spread
    result += to_liked.sum(axis=1)
    if len(others):  # a choice among nothing is one for its likeness
        # Cosines are at most 1 in size, so no exponential overflows.
        together = np.log(np.exp(to_others).sum(axis=1))
        result -= np.logaddexp(to_liked, together[:, None]).sum(axis=1)
    return result
