"""Trains the heads: CLIP's loss over frozen towers, with the image tower's classes as teacher.

The loss is the sum of two. The symmetric contrastive loss (Radford et al. 2021) pulls a photo and
its caption together and apart from the other captions and photos of the batch. The teacher's loss
(knowledge distillation, Hinton et al. 2015, arXiv 1503.02531) makes the head, given the names of
all 1,000 classes as texts, predict the classes that the image tower predicts: so the heads keep
what the tower knows of things that no caption mentions.

Several heads are trained from one initialisation and their weights averaged (Wortsman et al. 2022,
"Model soups", arXiv 2203.05482), which finds more than any one of them at no cost in use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Schedule:
    """The hyperparameters. The defaults made the heads in the package."""

    epochs: int = 20
    batch: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    feature_dropout: float = 0.4
    text_dropout: float = 0.2
    teacher_weight: float = 1.0
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The training data: n photos in several views, each with k texts that describe it."""

    features: Tensor  # (views, n, 2048), standardised
    conse: Tensor  # (views, n, width), length 1
    logits: Tensor  # (views, n, 1000)
    weights: Tensor  # (n,), of the photos in the loss
    texts: Tensor  # (m, width + others), the first `width` values of length 1
    texts_of: Tensor  # (n, k), indices into texts
    class_texts: Tensor  # (1000, width + others), as `texts`


class TrainableHeads(Protocol):
    """What the loss asks of a model."""

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of what scores are multiplied by."""

    def embed_images(self, conse: Tensor, features: Tensor) -> Tensor:
        """Vectors of photos (n, width), of length 1."""

    def embed_texts(self, texts: Tensor) -> Tensor:
        """Vectors of texts (m, width), of length 1."""


class HeadsModel(nn.Module):
    """image: normalize(C·conse + W·drop(features)); text: normalize(T·drop(text))."""

    def __init__(self, schedule: Schedule, features: int, texts: int, width: int) -> None:
        super().__init__()
        self.conse = nn.Linear(width, width, bias=False)
        self.features = nn.Linear(features, width)
        self.text = nn.Linear(texts, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(3.0))
        self._drop_features = nn.Dropout(schedule.feature_dropout)
        self._drop_text = nn.Dropout(schedule.text_dropout)
        nn.init.eye_(self.conse.weight)
        nn.init.eye_(self.text.weight)  # only the first `width` values count at first
        nn.init.normal_(self.features.weight, std=1e-3)
        nn.init.zeros_(self.features.bias)

    def embed_images(self, conse: Tensor, features: Tensor) -> Tensor:
        combined = self.conse(conse) + self.features(self._drop_features(features))
        return functional.normalize(combined, dim=-1)

    def embed_texts(self, texts: Tensor) -> Tensor:
        return functional.normalize(self.text(self._drop_text(texts)), dim=-1)


def fit(corpus: Corpus, schedule: Schedule) -> HeadsModel:
    """The average of the models trained with each seed. The same input gives the same bits."""
    torch.set_num_threads(1)  # the result of a sum depends on its order
    models = [_fit_seed(corpus, schedule, seed) for seed in schedule.seeds]
    averaged = models[0]
    with torch.no_grad():
        for copies in zip(*(model.parameters() for model in models), strict=True):
            copies[0].copy_(torch.stack(list(copies)).mean(dim=0))
    return averaged.eval()


def _fit_seed(corpus: Corpus, schedule: Schedule, seed: int) -> HeadsModel:
    torch.manual_seed(seed)
    _, photos, features = corpus.features.shape
    model = HeadsModel(schedule, features, corpus.texts.shape[1], corpus.conse.shape[2])

    def loss(rows: Tensor) -> Tensor:
        return heads_loss(model, corpus, rows, schedule.teacher_weight)

    for epoch, last in enumerate(train(model, photos, schedule, loss), start=1):
        sys.stderr.write(f"\rseed {seed}: epoch {epoch} of {schedule.epochs}, loss {last:.3f}")
    sys.stderr.write("\n")
    return model


def train(
    model: nn.Module, photos: int, schedule: Schedule, loss: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """Train a model by its loss for batches of rows; yields the last loss of each epoch."""
    batch = min(schedule.batch, photos)
    steps = photos // batch
    optimiser = torch.optim.AdamW(_groups(model, schedule), lr=schedule.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.epochs * steps, pct_start=0.15
    )
    for _ in range(schedule.epochs):
        for rows in torch.randperm(photos)[: steps * batch].reshape(steps, batch):
            of_batch = loss(rows)
            optimiser.zero_grad()
            of_batch.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rate.step()
        yield of_batch


def _groups(model: nn.Module, schedule: Schedule) -> list[dict[str, object]]:
    """Weight decay for matrices, none for biases and the scale."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": schedule.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def heads_loss(
    model: TrainableHeads,
    corpus: Corpus,
    rows: Tensor,
    teacher_weight: float,
    further: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """The loss for the photos of a batch, each in a random view and with one of its texts.

    `further` is given the photos' vectors, their scores with the texts, and the indices of the
    texts; what it returns is added.
    """
    views = torch.randint(len(corpus.features), (len(rows),))
    column = torch.randint(corpus.texts_of.shape[1], (len(rows),))
    images = model.embed_images(corpus.conse[views, rows], corpus.features[views, rows])
    chosen = corpus.texts_of[rows, column]
    texts = model.embed_texts(corpus.texts[chosen])
    scale = model.log_scale.exp().clamp(max=100)
    scores = scale * images @ texts.T
    own = torch.arange(len(rows))
    both_ways = functional.cross_entropy(scores, own, reduction="none") + functional.cross_entropy(
        scores.T, own, reduction="none"
    )
    weights = corpus.weights[rows]
    contrastive = (both_ways * weights).sum() / weights.sum() / 2
    distillation = functional.cross_entropy(
        scale * images @ model.embed_texts(corpus.class_texts).T,
        corpus.logits[views, rows].softmax(dim=-1),
    )
    loss = contrastive + teacher_weight * distillation
    return loss if further is None else loss + further(images, scores, chosen)
