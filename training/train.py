"""Trains the heads of `lite`: `python -m training.train`.

Needs the Flickr8k photos with their captions, and one photo of each ImageNet class. Features are
cached. The same data and the same versions of numpy and torch give the same heads.

The training photos are Flickr8k's splits train and unassigned, and the class samples. Its dev split
chooses the weight of ConSE (alpha) and the logit scale, with every fifth class sample left out of
training to show what alpha gains on other photos. The heads are then trained once more with all
class samples. The test split is never read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from imgsearch.analysis import metrics
from imgsearch.encoders.cache import sha256_of
from imgsearch.encoders.device import usable_cores
from imgsearch.encoders.lite import heads, towers
from imgsearch.encoders.lite.heads import Heads
from imgsearch.encoders.lite.spec import CLASSES
from imgsearch.errors import ImgsearchError
from training import datasets, features
from training.evaluate import PROMPT
from training.fitting import Corpus, Schedule, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.features import TowerFeatures

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

TEXTS_PER_PHOTO = 5  # Flickr8k has five captions a photo
SAMPLE_WEIGHT = 0.3  # of a class sample, whose only caption is its name
ALPHAS = tuple(round(0.05 * step, 2) for step in range(11))
RECALL_TOLERANCE = 0.005  # of the mean recall on dev, to be given up for photos of other kinds
CALIBRATION_STEP, SAMPLE_CALIBRATION_STEP = (
    30,
    5,
)  # the ranges are measured on every 30th and 5th photo
HELD_OUT_STEP = 5  # every fifth class sample is left out while alpha is chosen
SCALES = tuple(float(scale) for scale in range(5, 81))


@dataclass(frozen=True, slots=True)
class EmbeddedPhotos:
    """The features of photos in each view, and the text tower's vectors of their texts."""

    views: list[TowerFeatures]
    texts: Floats  # (m, 384)
    photo_of: Indices  # (m,): the photo that each text describes

    def texts_of(self) -> Indices:
        """Indices of TEXTS_PER_PHOTO texts for each photo, repeated where it has fewer."""
        photos = len(self.views[0].features)
        own = [np.flatnonzero(self.photo_of == photo) for photo in range(photos)]
        return np.array([np.resize(texts, TEXTS_PER_PHOTO) for texts in own])

    def subset(self, photos: Indices) -> EmbeddedPhotos:
        """Some of the photos, given in ascending order, with their texts."""
        texts = np.isin(self.photo_of, photos)
        return EmbeddedPhotos(
            [
                features.TowerFeatures(view.features[photos], view.logits[photos])
                for view in self.views
            ],
            self.texts[texts],
            np.searchsorted(photos, self.photo_of[texts]),
        )


class FrozenTowers:
    """The two towers, which embed photo files and texts. Features are cached in `cache_dir`."""

    def __init__(self, ranges: Floats, cache_dir: Path) -> None:
        self._ranges, self._cache_dir = ranges, cache_dir
        self._tower = towers.open_text_tower(cache_dir, usable_cores())
        self._pieces = towers.WordPieces()

    def texts(self, texts: Sequence[str]) -> Floats:
        return towers.encode(self._tower, self._pieces, texts)

    def captioned(self, data: datasets.Captioned, views: Sequence[str]) -> EmbeddedPhotos:
        photo_of = np.array(data.photo_of, np.int64)
        return EmbeddedPhotos(self.views(data.photos, views), self.texts(data.captions), photo_of)

    def views(self, photos: Sequence[Path], views: Sequence[str]) -> list[TowerFeatures]:
        return [features.of_photos(photos, view, self._ranges, self._cache_dir) for view in views]


def train_heads(
    flickr: EmbeddedPhotos,
    samples: EmbeddedPhotos,
    class_texts: Floats,
    ranges: Floats,
    schedule: Schedule,
) -> Heads:
    """Heads with alpha 0, trained on captioned photos and on samples of the classes."""
    views = [
        features.TowerFeatures(
            np.concatenate([a.features, b.features]), np.concatenate([a.logits, b.logits])
        )
        for a, b in zip(flickr.views, samples.views, strict=True)
    ]
    mean = flickr.views[0].features.mean(axis=0)
    spread = flickr.views[0].features.std(axis=0) + np.float32(1e-3)  # keeps dead features small
    conse = [heads.conse(v.logits, class_texts) for v in views]
    counts = len(flickr.views[0].features), len(samples.views[0].features)
    texts_of = np.concatenate([flickr.texts_of(), samples.texts_of() + len(flickr.texts)])
    corpus = Corpus(
        features=torch.from_numpy(np.stack([(v.features - mean) / spread for v in views])),
        conse=torch.from_numpy(np.stack(conse)),
        logits=torch.from_numpy(np.stack([v.logits for v in views])),
        weights=torch.tensor([1, SAMPLE_WEIGHT]).repeat_interleave(torch.tensor(counts)),
        texts=torch.from_numpy(np.concatenate([flickr.texts, samples.texts])),
        texts_of=torch.from_numpy(texts_of),
        class_texts=torch.from_numpy(class_texts),
    )
    model = fit(corpus, schedule)
    feature_map = _array(model.features.weight) / spread  # includes the standardising
    return Heads(
        class_texts=class_texts,
        conse_map=_array(model.conse.weight).T,
        feature_map=feature_map.T,
        feature_bias=_array(model.features.bias) - feature_map @ mean,
        text_map=_array(model.text.weight).T,
        ranges=ranges,
        alpha=0.0,
        logit_scale=model.log_scale.exp().item(),
    )


def _array(parameter: torch.Tensor) -> Floats:
    return parameter.detach().numpy()


# ---------------------------------------------------------------------------- choosing


def best_alpha(trained: Heads, dev: EmbeddedPhotos) -> float:
    """The largest alpha that costs at most RECALL_TOLERANCE of the best mean recall on dev."""
    recalls = {}
    for alpha in ALPHAS:
        result = _retrieval(replace(trained, alpha=alpha), dev)
        recalls[alpha] = (result.recall_at_1 + result.recall_at_5 + result.recall_at_10) / 3
        sys.stderr.write(f"alpha {alpha:.2f}: {result}\n")
    return max(
        alpha for alpha in ALPHAS if recalls[alpha] >= max(recalls.values()) - RECALL_TOLERANCE
    )


def best_scale(trained: Heads, dev: EmbeddedPhotos) -> float:
    """The logit scale that maximises the likelihood of a photo's own caption among one of each."""
    images = trained.image_vectors(dev.views[0].features, dev.views[0].logits)
    texts = trained.text_vectors(dev.texts[dev.texts_of()[:, 0]])
    scores = (images @ texts.T).astype(np.float64)
    own = np.diagonal(scores)
    losses = [
        float(np.mean(np.log(np.exp(scale * (scores - own[:, None])).sum(axis=1))))
        for scale in SCALES
    ]
    return SCALES[int(np.argmin(losses))]


def _retrieval(trained: Heads, photos: EmbeddedPhotos) -> metrics.Retrieval:
    images = trained.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.retrieval(trained.text_vectors(photos.texts), images, photos.photo_of)


def _zero_shot(trained: Heads, photos: EmbeddedPhotos, classes: Indices) -> float:
    images = trained.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.zero_shot_accuracy(images, trained.text_vectors(trained.class_texts), classes)


# ---------------------------------------------------------------------------- everything


def train(flickr8k: Path, imagenet: Path, cache_dir: Path, schedule: Schedule) -> Heads:
    """Heads from the two data sets, with alpha and logit scale. Progress on standard error."""
    captions = flickr8k / "captions.csv"
    flickr_data = datasets.captioned(captions, frozenset({"train", "unassigned"}))
    dev_data = datasets.captioned(captions, frozenset({"dev"}))
    sample_photos, names = datasets.class_samples(imagenet, CLASSES)
    calibration_photos = datasets.captioned(captions, frozenset({"train"})).photos
    ranges = features.activation_ranges(
        calibration_photos[::CALIBRATION_STEP] + sample_photos[::SAMPLE_CALIBRATION_STEP]
    )
    frozen = FrozenTowers(ranges, cache_dir)
    flickr = frozen.captioned(flickr_data, features.VIEWS)
    dev = frozen.captioned(dev_data, features.VIEWS[:1])
    class_texts = frozen.texts([PROMPT.format(name) for name in names])
    samples = EmbeddedPhotos(
        frozen.views(sample_photos, features.VIEWS), class_texts, np.arange(CLASSES)
    )

    held_out = np.arange(2, CLASSES, HELD_OUT_STEP)
    kept = samples.subset(np.setdiff1d(samples.photo_of, held_out))
    partial = train_heads(flickr, kept, class_texts, ranges, schedule)
    alpha = best_alpha(partial, dev)
    for candidate in ALPHAS:
        share = _zero_shot(replace(partial, alpha=candidate), samples.subset(held_out), held_out)
        sys.stderr.write(f"alpha {candidate:.2f}: {share:.3f} of the held-out samples are right\n")
    trained = replace(train_heads(flickr, samples, class_texts, ranges, schedule), alpha=alpha)
    return replace(trained, logit_scale=best_scale(trained, dev))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train with the options of the command line, and write `heads.safetensors`."""
    parser = argparse.ArgumentParser(prog="python -m training.train")
    parser.add_argument("--flickr8k", type=Path, required=True, help="folder with captions.csv")
    parser.add_argument(
        "--imagenet-samples", type=Path, required=True, help="folder with labels.csv"
    )
    parser.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")
    parser.add_argument("--out", type=Path, default=Path("artefacts"), help="default: artefacts")
    options = parser.parse_args(arguments)
    try:
        trained = train(options.flickr8k, options.imagenet_samples, options.cache, Schedule())
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "heads.safetensors"
    heads.save(trained, file)
    sys.stdout.write(
        f"{file}  alpha {trained.alpha:.2f}  logit scale {trained.logit_scale:.0f}\n"
        f"sha256 {sha256_of(file)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
