"""Scores a trained objective: recall of captions, and zero-shot accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from imgsearch.analysis import metrics
from imgsearch.errors import ImgsearchError

if TYPE_CHECKING:
    from torch import Tensor

    from imgsearch.analysis.metrics import Retrieval
    from training.objectives.corpus import CaptionedFeatures
    from training.objectives.models import Objective, ObjectiveKind


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """The shares of photos whose own class has the best score, from 0 to 1.

    `plain` compares cosines, or mean log-likelihoods per token. `relative` compares how much more
    a prompt fits the photo than it fits photos at large: the cosine minus its mean, or the
    pointwise mutual information, log p(prompt | photo) - log p(prompt).
    """

    plain: float
    relative: float


def recall(objective: Objective, data: CaptionedFeatures) -> Retrieval:
    """Each text is a query; its photo is the only right answer among all photos."""
    with torch.inference_mode():
        scores = objective.text_scores(data.features, data.tokens).scores
    return metrics.summary(_ranks(scores, data.photo_of))


def zero_shot(
    objective: Objective, kind: ObjectiveKind, classes: CaptionedFeatures, background: Tensor
) -> ZeroShot:
    """Choose one of all prompts for each photo."""
    with torch.inference_mode():
        fits = objective.text_scores(classes.features, classes.tokens)
        anyway = kind.marginal(objective.text_scores(background, classes.tokens).scores)
    own = classes.photo_of
    plain = _ranks((fits.scores / fits.terms[:, None]).T, own)
    relative = _ranks((fits.scores - anyway[:, None]).T, own)
    return ZeroShot(float(np.mean(plain == 1)), float(np.mean(relative == 1)))


def _ranks(scores: Tensor, right: Tensor) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rank, from 1, of column `right[i]` in row i. A tie counts against the model."""
    if not bool(torch.isfinite(scores).all()):
        raise ImgsearchError("The training diverged: a score is not a number. Lower the rate.")
    own = scores.gather(1, right[:, None])
    ranks: np.ndarray[tuple[int], np.dtype[np.int64]] = (scores >= own).sum(dim=1).numpy()
    return ranks
