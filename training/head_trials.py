"""Trials of other heads for `lite` and `lite+dino`: `python -m training.head_trials`.

Two changes of the recipe of `training.train`, each beside a control of as many epochs and the same
seeds. A hidden layer beside the linear map from features to vectors, whose last weights start at 0,
so that training begins where the control does. And a teacher's loss of its own for the head on
DINOv2's features: among the photos of a batch, it should find the same photos alike as a teacher
does (Fang et al. 2021, "SEED", arXiv 2101.04731), or give a caption the same scores.

A trial trains the head of one member with each seed, and takes the heads of the other members from
the package. Prints the recalls on the two development sets, of the head alone with ConSE, and of
`lite+dino` with it; with one view of each photo in use, and with two. The test split is never read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imgsearch.analysis import metrics
from imgsearch.encoders.lite import dino_heads
from imgsearch.encoders.lite.dino_heads import MEMBERS, DinoHeads, features_of
from imgsearch.encoders.lite.heads import unit
from imgsearch.encoders.lite.spec import FEATURES, TEXT_WIDTH
from imgsearch.errors import ImgsearchError
from training import datasets, features
from training.fitting import Corpus, HeadsModel, Schedule, heads_loss, train
from training.train import (
    SAMPLE_WEIGHT,
    EmbeddedPhotos,
    FrozenTowers,
    TextScale,
    TrainingPhotos,
    add_data_options,
)
from training.train_dino import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

VIEWS_IN_USE = ("whole", "centre")  # of `lite+views`
ALONE_SHARES = (0.15, 0.85)  # of ConSE and one head in the score, as in `lite`
HIDDEN_DROPOUT = 0.2
TEACHER_SCALE = 20.0  # of cosines between photos, in a softmax over the batch
TEACHERS = ("views", "captions")


@dataclass(frozen=True, slots=True)
class HeadTrial:
    """The member whose head is trained, and what differs from the recipe."""

    member: str  # one of MEMBERS
    hidden: int = 0  # width of the hidden layer; 0: none
    teacher: str = ""  # one of TEACHERS
    teacher_weight: float = 1.0


TRIALS = {
    **{f"{member}, control": HeadTrial(member) for member in MEMBERS},
    **{
        f"{member}, hidden layer of {width}": HeadTrial(member, hidden=width)
        for member in MEMBERS
        for width in (64, 256, 1024)
    },
    "dino, teacher: views": HeadTrial("dino", teacher="views"),
    "dino, teacher: views, weight .1": HeadTrial("dino", teacher="views", teacher_weight=0.1),
    "dino, teacher: captions": HeadTrial("dino", teacher="captions"),
}


@dataclass(frozen=True, slots=True)
class TrialData:
    """The photos, with the features of both towers side by side, and what the texts need."""

    flickr: EmbeddedPhotos
    samples: EmbeddedPhotos
    class_texts: Floats
    dev_sets: tuple[EmbeddedPhotos, EmbeddedPhotos]  # in VIEWS_IN_USE
    ensemble: DinoHeads  # the heads in use
    scale: TextScale


@dataclass(frozen=True, slots=True)
class PlacedSet:
    """A development set as one head places it."""

    images: list[Floats]  # (n, width) for each of VIEWS_IN_USE
    texts: Floats  # (m, width)


@dataclass(frozen=True, slots=True)
class BatchTeacher:
    """The teacher's rows of the training photos and, for `captions`, of their texts."""

    photos: Tensor  # (n, d), of length 1
    texts: Tensor | None  # (m, d), of length 1
    scale: float
    weight: float

    def loss(self, rows: Tensor, images: Tensor, scores: Tensor, texts: Tensor) -> Tensor:
        """The cross-entropy of the head's vectors and scores to the teacher's, in one batch."""
        if self.texts is not None:
            wanted = self.scale * self.photos[rows] @ self.texts[texts].T
            return self.weight * (_to_teacher(scores, wanted) + _to_teacher(scores.T, wanted.T)) / 2
        itself = torch.eye(len(rows), dtype=torch.bool)
        own, wanted = (
            (self.scale * each @ each.T).masked_fill(itself, -1e4)
            for each in (images, self.photos[rows])
        )
        return self.weight * _to_teacher(own, wanted)


def _to_teacher(scores: Tensor, wanted: Tensor) -> Tensor:
    return functional.cross_entropy(scores, wanted.softmax(dim=-1))


class ResidualHeads(nn.Module):
    """The heads of the recipe, with a hidden layer beside the linear map of features."""

    def __init__(self, schedule: Schedule, corpus: Corpus, hidden: int) -> None:
        super().__init__()
        self._schedule = schedule
        width, wide = corpus.conse.shape[2], corpus.features.shape[2]
        self.linear = HeadsModel(schedule, wide, corpus.texts.shape[1], width)
        self.hidden: nn.Module | None = None
        if hidden:
            last = nn.Linear(hidden, width)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            first = nn.Linear(wide, hidden)
            self.hidden = nn.Sequential(first, nn.GELU(), nn.Dropout(HIDDEN_DROPOUT), last)

    def embed_images(self, conse: Tensor, features: Tensor) -> Tensor:
        kept = functional.dropout(features, self._schedule.feature_dropout, self.training)
        rows = self.linear.conse(conse) + self.linear.features(kept)
        if self.hidden is not None:
            rows = rows + self.hidden(kept)
        return functional.normalize(rows, dim=-1)

    @property
    def log_scale(self) -> Tensor:
        return self.linear.log_scale

    def embed_texts(self, texts: Tensor) -> Tensor:
        return self.linear.embed_texts(texts)


def fit(
    corpus: Corpus, trial: HeadTrial, teacher: BatchTeacher | None, schedule: Schedule, seed: int
) -> ResidualHeads:
    """Heads of one seed, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = ResidualHeads(schedule, corpus, trial.hidden)

    def loss(rows: Tensor) -> Tensor:
        further = None
        if teacher is not None:
            further = partial(teacher.loss, rows)
        return heads_loss(model, corpus, rows, schedule.teacher_weight, further)

    for _ in train(model, corpus.features.shape[1], schedule, loss):
        pass  # the losses are not shown
    return model.eval()


# ---------------------------------------------------------------------------- members


class MemberTrials:
    """Trains one member, with or without a change, and places photos of the development sets."""

    def __init__(self, data: TrialData, member: str) -> None:
        self._data, self._member = data, member
        first = _own(member, data.flickr.views[0].features)
        self._mean, self._spread = first.mean(axis=0), first.std(axis=0) + np.float32(1e-3)
        parts = (data.flickr, data.samples)
        views = list(zip(*(part.views for part in parts), strict=True))
        counts = [len(part.views[0].features) for part in parts]
        texts_of = [data.flickr.texts_of(), data.samples.texts_of() + len(data.flickr.texts)]
        self.corpus = Corpus(
            features=torch.stack([torch.cat([self._read(p.features) for p in v]) for v in views]),
            conse=torch.stack([torch.cat([self._place(p.logits) for p in v]) for v in views]),
            logits=torch.stack([torch.cat([torch.from_numpy(p.logits) for p in v]) for v in views]),
            weights=torch.tensor([1, SAMPLE_WEIGHT]).repeat_interleave(torch.tensor(counts)),
            texts=torch.from_numpy(data.scale(np.concatenate([part.texts for part in parts]))),
            texts_of=torch.from_numpy(np.concatenate(texts_of)),
            class_texts=torch.from_numpy(data.scale(data.class_texts)),
        )

    def _read(self, both: Floats) -> Tensor:
        return torch.from_numpy((_own(self._member, both) - self._mean) / self._spread)

    def _place(self, logits: Floats) -> Tensor:
        return torch.from_numpy(self._data.ensemble.base.placed(logits))

    @torch.no_grad()
    def placed(self, model: ResidualHeads) -> list[PlacedSet]:
        """Place the photos and texts of each development set by the head."""
        return [
            PlacedSet(
                [
                    model.embed_images(self._place(v.logits), self._read(v.features)).numpy()
                    for v in photos.views
                ],
                model.embed_texts(torch.from_numpy(self._data.scale(photos.texts))).numpy(),
            )
            for photos in self._data.dev_sets
        ]


def _own(member: str, both: Floats) -> Floats:
    return features_of(member, both[:, :FEATURES], both[:, FEATURES:])


def teacher_of(data: TrialData, corpus: Corpus, trial: HeadTrial) -> BatchTeacher | None:
    """The teacher of a trial.

    For `views`, the features of the member averaged over the views of a photo; for `captions`, the
    scores of `lite+dino+views`.
    """
    if not trial.teacher:
        return None
    if trial.teacher == "views":
        rows = functional.normalize(corpus.features.mean(dim=0), dim=-1)
        return BatchTeacher(rows, None, TEACHER_SCALE, trial.teacher_weight)
    in_use = [features.VIEWS.index(view) for view in VIEWS_IN_USE]
    parts = (data.flickr, data.samples)
    photos = [_mean_vectors(data.ensemble, [part.views[i] for i in in_use]) for part in parts]
    texts = data.ensemble.text_vectors(np.concatenate([part.texts for part in parts]))
    return BatchTeacher(
        torch.from_numpy(np.concatenate(photos)),
        torch.from_numpy(texts),
        data.ensemble.logit_scale,
        trial.teacher_weight,
    )


def _mean_vectors(ensemble: DinoHeads, views: Sequence[features.TowerFeatures]) -> Floats:
    vectors = [
        ensemble.image_vectors(v.features[:, :FEATURES], v.features[:, FEATURES:], v.logits)
        for v in views
    ]
    return unit(np.sum(vectors, axis=0, dtype=np.float32))


# ---------------------------------------------------------------------------- recalls


def placed_in_use(data: TrialData, member: str) -> list[PlacedSet]:
    """Place the photos and texts of each development set by the head in use of a member."""
    base, head = data.ensemble.base, data.ensemble.heads[MEMBERS.index(member)]
    return [
        PlacedSet(
            [head.images(base.placed(v.logits), _own(member, v.features)) for v in photos.views],
            head.texts(base.read(photos.texts)),
        )
        for photos in data.dev_sets
    ]


def recalls(
    data: TrialData, placed: Sequence[Sequence[PlacedSet]], shares: Sequence[float]
) -> Floats:
    """R@1, R@5 and R@10 in percent: (development sets, views in use, 3).

    `placed` has the sets as each head places them that `shares` weights after ConSE.
    """
    base = data.ensemble.base
    found = []
    for photos, *by_head in zip(data.dev_sets, *placed, strict=True):
        texts = [base.read(photos.texts)[:, :TEXT_WIDTH], *(each.texts for each in by_head)]
        vectors = []
        for i, view in enumerate(photos.views):
            images = [base.placed(view.logits), *(each.images[i] for each in by_head)]
            of_view, queries = Rows(images, texts, photos.photo_of).weighted(shares)
            vectors.append(of_view)
            mean = unit(np.mean(vectors, axis=0))
            result = metrics.retrieval(queries, mean, photos.photo_of)
            found.append([result.recall_at_1, result.recall_at_5, result.recall_at_10])
    return 100 * np.array(found, np.float32).reshape(len(data.dev_sets), -1, 3)


def trial_recalls(
    data: TrialData, trials: Mapping[str, HeadTrial], schedule: Schedule
) -> Iterator[tuple[str, Floats, Floats]]:
    """For each trial: its name, and `recalls` of each seed, alone and in `lite+dino`."""
    members = {
        member: MemberTrials(data, member) for member in {each.member for each in trials.values()}
    }
    in_use = {member: placed_in_use(data, member) for member in MEMBERS}
    shares = (data.ensemble.alpha, *data.ensemble.shares)
    for name, trial in trials.items():
        corpus = members[trial.member].corpus
        teacher = teacher_of(data, corpus, trial)
        alone, together = [], []
        for seed in schedule.seeds:
            placed = members[trial.member].placed(fit(corpus, trial, teacher, schedule, seed))
            alone.append(recalls(data, [placed], ALONE_SHARES))
            of_heads = {**in_use, trial.member: placed}
            together.append(recalls(data, [*of_heads.values()], shares))
        yield name, np.stack(alone), np.stack(together)


def shown(name: str, found: Floats) -> str:
    """Lines with the mean and the standard deviation of the seeds, for one view and for two."""
    lines = []
    for view, suffix in enumerate(("", "+views")):
        means = found[:, :, view].mean(axis=0)
        spreads = found[:, :, view].std(axis=0, ddof=1) if len(found) > 1 else 0 * means
        sets = [
            " / ".join(f"{m:.1f} ± {s:.1f}" for m, s in zip(*each, strict=True))
            for each in zip(means, spreads, strict=True)
        ]
        lines.append(f"{name + suffix:44} Flickr8k dev {sets[0]}  COCO {sets[1]}\n")
    return "".join(lines)


# ---------------------------------------------------------------------------- everything


def load_data(flickr8k: Path, imagenet: Path, other_dev: Path, cache_dir: Path) -> TrialData:
    """The photos in these folders, with features from the cache. Progress on standard error."""
    photos = TrainingPhotos.read(flickr8k, imagenet, other_dev)
    ensemble = dino_heads.load(dino_heads.CURRENT.path)
    frozen = FrozenTowers(ensemble.ranges, cache_dir)
    class_texts = frozen.class_texts(datasets.class_names())

    def both(paths: Sequence[Path], views: Sequence[str]) -> list[features.TowerFeatures]:
        return [
            replace(
                of_lite,
                features=np.concatenate(
                    [of_lite.features, features.of_photos_by_dino(paths, view, cache_dir)], axis=1
                ),
            )
            for of_lite, view in zip(frozen.views(paths, views), views, strict=True)
        ]

    def captioned(part: datasets.Captioned, views: Sequence[str]) -> EmbeddedPhotos:
        photo_of = np.array(part.photo_of, np.int64)
        return EmbeddedPhotos(both(part.photos, views), frozen.texts(part.captions), photo_of)

    flickr = captioned(photos.flickr, features.VIEWS)
    return TrialData(
        flickr=flickr,
        samples=EmbeddedPhotos(
            both(photos.samples, features.VIEWS), class_texts, np.arange(len(class_texts))
        ),
        class_texts=class_texts,
        dev_sets=(captioned(photos.dev, VIEWS_IN_USE), captioned(photos.other_dev, VIEWS_IN_USE)),
        ensemble=ensemble,
        scale=TextScale.of(flickr.texts, class_texts),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the recalls of all trials, or of those named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.head_trials")
    add_data_options(parser)
    parser.add_argument("--trial", action="append", choices=[*TRIALS], help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=Schedule().seeds)
    options = parser.parse_args(arguments)
    try:
        data = load_data(
            options.flickr8k, options.imagenet_samples, options.other_dev, options.cache
        )
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    trials = {name: TRIALS[name] for name in options.trial or TRIALS}
    schedule = Schedule(seeds=tuple(options.seeds))
    for name, alone, together in trial_recalls(data, trials, schedule):
        sys.stdout.write(shown(name, alone) + shown(f"{name}, lite+dino", together))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
