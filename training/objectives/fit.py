"""Trains one objective once, and measures it on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.objectives.corpus import StudyData, batches
from training.objectives.layers import ModelShape
from training.objectives.models import KINDS
from training.objectives.scoring import ZeroShot, recall, zero_shot

if TYPE_CHECKING:
    from torch import Tensor

    from training.objectives.corpus import CaptionedFeatures
    from training.objectives.models import Objective

BATCH = 256
WEIGHT_DECAY = 0.1
WARM_UP_EXAMPLES = 2_048
FINAL, SEARCH = "final", "search"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One training run. In the stage SEARCH, `dev` is a part of the training split."""

    objective: str  # a key of KINDS
    stage: str
    learning_rate: float
    seed: int
    points: tuple[int, ...]  # the numbers of examples seen at which it is measured, ascending

    @property
    def name(self) -> str:
        """Different for each run of a study, and fit for a file name."""
        return f"{self.stage}-{self.objective}-{self.learning_rate:g}-{self.seed}"


@dataclass(frozen=True, slots=True)
class RecallShares:
    """Recall at 1, 5 and 10, from 0 to 1."""

    at_1: float
    at_5: float
    at_10: float

    @property
    def mean(self) -> float:
        return (self.at_1 + self.at_5 + self.at_10) / 3


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The scores after `examples`. A search for hyperparameters measures `dev` alone."""

    examples: int
    loss: float  # the mean of the training loss since the point before
    dev: RecallShares
    other: RecallShares | None
    zero_shot: ZeroShot | None


@dataclass(frozen=True, slots=True)
class FittedRun:
    """The result of a run, with the processor time of training and measuring, and the duration."""

    spec: RunSpec
    fingerprint: str  # of everything that the figures depend on
    parameters: int
    points: list[CurvePoint]
    training_s: float
    scoring_s: float
    duration_s: float


def fit(
    spec: RunSpec, data: StudyData, fingerprint: str, report: Callable[[int], None]
) -> FittedRun:
    """Train and measure; `report` gets the number of examples seen, again and again.

    The same arguments give the same figures on the same machine: one thread, and the seed.
    """
    torch.set_num_threads(1)  # the result of a sum depends on its order
    torch.manual_seed(spec.seed)
    kind = KINDS[spec.objective]
    part = data.for_search() if spec.stage == SEARCH else data
    background = data.background
    shape = ModelShape(part.train.features.shape[1], part.words, part.train.tokens.shape[1])
    model = kind.build(shape)
    optimiser = torch.optim.AdamW(_groups(model), lr=spec.learning_rate)
    source = batches(part.train, BATCH, spec.seed)
    seen, points, training_s = 0, [], 0.0
    started, started_s = time.monotonic(), time.process_time()
    for point in spec.points:
        model.train()
        began_s = time.process_time()
        losses = []
        while seen < point:
            features, tokens = next(source)
            for group in optimiser.param_groups:
                group["lr"] = spec.learning_rate * min(1.0, (seen + BATCH) / WARM_UP_EXAMPLES)
            losses.append(_step(model, optimiser, features, tokens))
            seen += len(features)
            report(seen)
        training_s += time.process_time() - began_s
        model.train(False)
        mean_loss = sum(losses) / len(losses)
        dev = _shares(model, part.dev)
        if spec.stage == SEARCH:
            points.append(CurvePoint(seen, mean_loss, dev, None, None))
        else:
            named = zero_shot(model, kind, part.classes, background)
            other = _shares(model, part.other)
            points.append(CurvePoint(seen, mean_loss, dev, other, named))
        report(seen)
    parameters = sum(values.numel() for values in model.parameters())
    scoring_s = time.process_time() - started_s - training_s
    duration_s = time.monotonic() - started
    return FittedRun(spec, fingerprint, parameters, points, training_s, scoring_s, duration_s)


def _step(
    model: Objective, optimiser: torch.optim.Optimizer, features: Tensor, tokens: Tensor
) -> float:
    loss = model.loss(features, tokens)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def _groups(model: Objective) -> list[dict[str, object]]:
    """Weight decay for matrices, none for biases, norms and the temperature."""
    parameters = [values for values in model.parameters() if values.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _shares(model: Objective, data: CaptionedFeatures) -> RecallShares:
    result = recall(model, data)
    return RecallShares(result.recall_at_1, result.recall_at_5, result.recall_at_10)
