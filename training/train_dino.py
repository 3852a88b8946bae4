"""Trains the heads of `lite+dino`: `python -m training.train_dino`.

The data are those of `training.train`, and so is the recipe of each head. The head on
EfficientNet's features is that of `lite`; one on DINOv2's features and one on both are trained
here. Two sets choose their shares of the score: Flickr8k's dev split, and photos of another origin.
The test split is never read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.analysis import metrics
from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.lite import dino_heads, heads
from imgsearch.encoders.lite.dino_heads import DinoHeads
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.encoders.lite.spec import TEXT_WIDTH
from imgsearch.errors import ImgsearchError
from training import features
from training.fitting import Schedule
from training.train import (
    EmbeddedPhotos,
    TrainingData,
    TrainingPhotos,
    add_data_options,
    embed_data,
    likeliest_scale,
    train_heads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.lite.heads import Heads

    Floats = NDArray[np.float32]

DIM = 768  # of the vectors, as those of `lite`
ALPHAS = (0.06, 0.09, 0.12, 0.15)  # shares of ConSE that are tried
WEIGHTS = (1, 2, 3)  # of each head, in all combinations


@dataclass(frozen=True, slots=True)
class DinoData:
    """DINOv2's features of the photos of `TrainingData`, for each view."""

    flickr: list[Floats]
    samples: list[Floats]
    dev: list[Floats]
    other_dev: list[Floats]


@dataclass(frozen=True, slots=True)
class Rows:
    """Photos and texts as ConSE and each head place them, and the photo of each text."""

    images: list[Floats]
    texts: list[Floats]
    photo_of: NDArray[np.int64]

    def weighted(self, shares: Sequence[float]) -> tuple[Floats, Floats]:
        """The rows of photos and of texts side by side, weighted by the shares of the score."""
        images, texts = (
            np.concatenate(
                [np.float32(share**0.5) * rows for share, rows in zip(shares, parts, strict=True)],
                axis=1,
            )
            for parts in (self.images, self.texts)
        )
        return images, texts


def with_features(photos: EmbeddedPhotos, dino: Sequence[Floats], member: str) -> EmbeddedPhotos:
    """The photos with the features that a member of the heads reads in place of EfficientNet's."""
    views = [
        replace(view, features=dino_heads.features_of(member, view.features, own))
        for view, own in zip(photos.views, dino, strict=True)
    ]
    return replace(photos, views=views)


def train(data: TrainingData, dino: DinoData, schedule: Schedule) -> DinoHeads:
    """Heads with their shares, projection and logit scale. Progress on standard error."""
    of_lite = heads.load(CURRENT.path)
    trained = [of_lite]
    for member in dino_heads.MEMBERS[1:]:
        sys.stderr.write(f"the head of {member}\n")
        flickr = with_features(data.flickr, dino.flickr, member)
        samples = with_features(data.samples, dino.samples, member)
        trained.append(train_heads(flickr, samples, data.class_texts, data.ranges, schedule))
    dev_sets = [
        rows_of(trained, data.dev, dino.dev),
        rows_of(trained, data.other_dev, dino.other_dev),
    ]
    shares = best_shares(dev_sets)
    images, texts = rows_of(trained, data.flickr, dino.flickr).weighted(shares)
    projection = widest(np.concatenate([images, texts]), DIM)
    for rows in dev_sets:
        sys.stderr.write(f"projected: {recalls_of(rows, shares, projection)}\n")
    return DinoHeads(
        base=of_lite.base,
        heads=tuple(each.head for each in trained),
        alpha=shares[0],
        shares=np.array(shares[1:], np.float32),
        projection=projection,
        ranges=of_lite.ranges,
        logit_scale=best_scale(dev_sets[0], shares, projection),
    )


def rows_of(trained: Sequence[Heads], photos: EmbeddedPhotos, dino: Sequence[Floats]) -> Rows:
    """Photos, in their first view, and texts, placed by ConSE and each head."""
    base, view = trained[0].base, photos.views[0]
    placed, read = base.placed(view.logits), base.read(photos.texts)
    images, texts = [placed], [read[:, :TEXT_WIDTH]]
    for member, each in zip(dino_heads.MEMBERS, trained, strict=True):
        own = dino_heads.features_of(member, view.features, dino[0])
        images.append(each.head.images(placed, own))
        texts.append(each.head.texts(read))
    return Rows(images, texts, photos.photo_of)


# ---------------------------------------------------------------------------- choosing


def recalls_of(
    rows: Rows, shares: Sequence[float], projection: Floats | None = None
) -> metrics.Retrieval:
    """How often a text finds its photo, with these shares of the score."""
    images, texts = rows.weighted(shares)
    if projection is not None:
        images, texts = (heads.unit(each @ projection) for each in (images, texts))
    return metrics.retrieval(texts, images, rows.photo_of)


def best_shares(dev_sets: Sequence[Rows]) -> tuple[float, ...]:
    """The shares of ConSE and of each head with the highest mean of R@1, R@5 and R@10."""
    best: tuple[float, tuple[float, ...]] = (0.0, ())
    for alpha, *weights in product(ALPHAS, *(WEIGHTS for _ in dino_heads.MEMBERS)):
        rest = (1 - alpha) / sum(weights)
        shares = (alpha, *(weight * rest for weight in weights))
        results = [recalls_of(rows, shares) for rows in dev_sets]
        mean = float(
            np.mean([(r.recall_at_1 + r.recall_at_5 + r.recall_at_10) / 3 for r in results])
        )
        if mean > best[0]:
            sys.stderr.write(f"{shares}: {mean:.4f} {results}\n")
            best = mean, shares
    return best[1]


def widest(rows: Floats, dim: int) -> Floats:
    """The `dim` directions at right angles in which the rows reach farthest: (width, dim)."""
    moments = (rows.T @ rows).astype(np.float64)
    _, directions = np.linalg.eigh(moments)  # in order of their share, the smallest first
    return np.ascontiguousarray(directions[:, ::-1][:, :dim], np.float32)


def best_scale(rows: Rows, shares: Sequence[float], projection: Floats) -> float:
    """The logit scale that maximises the likelihood of a photo's own text among one of each."""
    images, texts = (heads.unit(each @ projection) for each in rows.weighted(shares))
    first = np.array([np.flatnonzero(rows.photo_of == photo)[0] for photo in range(len(images))])
    return likeliest_scale(images, texts[first])


# ---------------------------------------------------------------------------- everything


def embed_dino(
    flickr8k: Path, imagenet: Path, other_dev: Path, cache_dir: Path, views: Sequence[str]
) -> DinoData:
    """DINOv2's features of the same photos in the same order as `train.embed_data`."""
    data = TrainingPhotos.read(flickr8k, imagenet, other_dev)

    def of(photos: Sequence[Path], views: Sequence[str]) -> list[Floats]:
        return [features.of_photos_by_dino(photos, view, cache_dir) for view in views]

    return DinoData(
        other_dev=of(data.other_dev.photos, views[:1]),
        dev=of(data.dev.photos, views[:1]),
        samples=of(data.samples, views),
        flickr=of(data.flickr.photos, views),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train with the options of the command line, and write `dino-heads-2.safetensors`.

    `training.round_dino` makes the file in the package of it.
    """
    parser = argparse.ArgumentParser(prog="python -m training.train_dino")
    add_data_options(parser)
    parser.add_argument("--out", type=Path, default=Path("artefacts"), help="default: artefacts")
    options = parser.parse_args(arguments)
    folders = (options.flickr8k, options.imagenet_samples, options.other_dev, options.cache)
    try:
        data = embed_data(*folders)
        dino = embed_dino(*folders, features.VIEWS)
        trained = train(data, dino, Schedule())
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "dino-heads-2.safetensors"
    dino_heads.save(trained, file)
    shares = ", ".join(f"{share:.3f}" for share in trained.shares)
    sys.stdout.write(
        f"{file}  alpha {trained.alpha:.2f}  shares {shares}  "
        f"logit scale {trained.logit_scale:.0f}\nsha256 {sha256_of(file)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
