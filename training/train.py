"""Train the heads of `lite` again: `python -m training.train`.

Needs the Flickr8k photos with their captions, and one photo of each ImageNet class. What the
towers see is cached. The same data and the same versions of numpy and torch give the same heads.

Training photos are Flickr8k's splits train and unassigned, and the class samples. Its dev split
chooses the weight of ConSE (alpha) and the logit scale, with every fifth class sample left out of
training to show what alpha gains on other photos; then the heads are trained once more with all
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
    Rows = NDArray[np.int64]

TEXTS_A_PHOTO = 5  # as Flickr8k has captions
SAMPLE_WEIGHT = 0.3  # of a class sample, whose only caption is its name
ALPHAS = tuple(round(0.05 * step, 2) for step in range(11))
AFFORDED = 0.005  # of the mean recall on dev, given for photos of other kinds
CALIBRATION_STEP, SAMPLE_CALIBRATION_STEP = 30, 5
HELD_OUT_STEP = 5
SCALES = tuple(float(scale) for scale in range(5, 81))


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos as the image tower sees them, and their texts as the text tower reads them."""

    views: list[TowerFeatures]
    texts: Floats  # (m, 384)
    photo_of: Rows  # (m,): the row of the photo that a text fits

    def texts_of(self) -> Rows:
        """Rows of TEXTS_A_PHOTO texts for each photo, repeated where it has fewer."""
        photos = len(self.views[0].features)
        own = [np.flatnonzero(self.photo_of == photo) for photo in range(photos)]
        return np.array([np.resize(rows, TEXTS_A_PHOTO) for rows in own])

    def only(self, photos: Rows) -> Photos:
        """Some of the photos, in ascending order, with their texts."""
        texts = np.isin(self.photo_of, photos)
        return Photos(
            [
                features.TowerFeatures(view.features[photos], view.logits[photos])
                for view in self.views
            ],
            self.texts[texts],
            np.searchsorted(photos, self.photo_of[texts]),
        )


class Reader:
    """The two frozen towers over files and texts, with a cache."""

    def __init__(self, ranges: Floats, cache_dir: Path) -> None:
        self._ranges, self._cache_dir = ranges, cache_dir
        self._tower = towers.open_text_tower(cache_dir, usable_cores())
        self._pieces = towers.WordPieces()

    def read(self, texts: Sequence[str]) -> Floats:
        return towers.encode(self._tower, self._pieces, texts)

    def captioned(self, data: datasets.Captioned, views: Sequence[str]) -> Photos:
        photo_of = np.array(data.photo_of, np.int64)
        return Photos(self.see(data.photos, views), self.read(data.captions), photo_of)

    def see(self, photos: Sequence[Path], views: Sequence[str]) -> list[TowerFeatures]:
        return [features.seen(photos, view, self._ranges, self._cache_dir) for view in views]


def trained(
    flickr: Photos, samples: Photos, class_texts: Floats, ranges: Floats, schedule: Schedule
) -> Heads:
    """Heads with alpha 0, trained on captioned photos and on samples of the classes."""
    views = [
        features.TowerFeatures(
            np.concatenate([a.features, b.features]), np.concatenate([a.logits, b.logits])
        )
        for a, b in zip(flickr.views, samples.views, strict=True)
    ]
    mean = flickr.views[0].features.mean(axis=0)
    spread = flickr.views[0].features.std(axis=0) + np.float32(1e-3)  # a dead feature stays small
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
    feature_map = _array(model.features.weight) / spread  # raw features need no standardising now
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


def best_alpha(made: Heads, dev: Photos) -> float:
    """The most ConSE that costs no more than AFFORDED of the best mean recall on dev."""
    recalls = {}
    for alpha in ALPHAS:
        found = _retrieval(replace(made, alpha=alpha), dev)
        recalls[alpha] = (found.recall_at_1 + found.recall_at_5 + found.recall_at_10) / 3
        sys.stderr.write(f"alpha {alpha:.2f}: {found}\n")
    return max(alpha for alpha in ALPHAS if recalls[alpha] >= max(recalls.values()) - AFFORDED)


def best_scale(made: Heads, dev: Photos) -> float:
    """The logit scale under which a photo's own caption is likeliest among one of each photo."""
    images = made.image_vectors(dev.views[0].features, dev.views[0].logits)
    texts = made.text_vectors(dev.texts[dev.texts_of()[:, 0]])
    scores = (images @ texts.T).astype(np.float64)
    own = np.diagonal(scores)
    losses = [
        float(np.mean(np.log(np.exp(scale * (scores - own[:, None])).sum(axis=1))))
        for scale in SCALES
    ]
    return SCALES[int(np.argmin(losses))]


def _retrieval(made: Heads, photos: Photos) -> metrics.Retrieval:
    images = made.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.retrieval(made.text_vectors(photos.texts), images, photos.photo_of)


def _zero_shot(made: Heads, photos: Photos, right: Rows) -> float:
    images = made.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.zero_shot_accuracy(images, made.text_vectors(made.class_texts), right)


# ---------------------------------------------------------------------------- the whole of it


def train(flickr8k: Path, imagenet: Path, cache_dir: Path, schedule: Schedule) -> Heads:
    """Heads from the two data sets, alpha and logit scale chosen. Progress on standard error."""
    captions = flickr8k / "captions.csv"
    flickr = datasets.captioned(captions, frozenset({"train", "unassigned"}))
    photos, names = datasets.class_samples(imagenet, CLASSES)
    prompts = [PROMPT.format(name) for name in names]
    calibrating = datasets.captioned(captions, frozenset({"train"})).photos
    ranges = features.calibrated(
        calibrating[::CALIBRATION_STEP] + photos[::SAMPLE_CALIBRATION_STEP]
    )
    reader = Reader(ranges, cache_dir)
    seen = reader.captioned(flickr, features.VIEWS)
    dev = reader.captioned(datasets.captioned(captions, frozenset({"dev"})), features.VIEWS[:1])
    samples = Photos(reader.see(photos, features.VIEWS), reader.read(prompts), np.arange(CLASSES))
    class_texts = samples.texts

    held_out = np.arange(2, CLASSES, HELD_OUT_STEP)
    partial = trained(
        seen, samples.only(np.setdiff1d(samples.photo_of, held_out)), class_texts, ranges, schedule
    )
    alpha = best_alpha(partial, dev)
    for tried in ALPHAS:
        share = _zero_shot(replace(partial, alpha=tried), samples.only(held_out), held_out)
        sys.stderr.write(f"alpha {tried:.2f}: {share:.3f} of the samples left out named rightly\n")
    made = replace(trained(seen, samples, class_texts, ranges, schedule), alpha=alpha)
    return replace(made, logit_scale=best_scale(made, dev))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says, and write `heads.safetensors`."""
    parser = argparse.ArgumentParser(prog="python -m training.train")
    parser.add_argument("--flickr8k", type=Path, required=True, help="folder with captions.csv")
    parser.add_argument(
        "--imagenet-samples", type=Path, required=True, help="folder with labels.csv"
    )
    parser.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")
    parser.add_argument("--out", type=Path, default=Path("artefacts"), help="default: artefacts")
    chosen = parser.parse_args(arguments)
    try:
        made = train(chosen.flickr8k, chosen.imagenet_samples, chosen.cache, Schedule())
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    chosen.out.mkdir(parents=True, exist_ok=True)
    file = chosen.out / "heads.safetensors"
    heads.save(made, file)
    sys.stdout.write(
        f"{file}  alpha {made.alpha:.2f}  logit scale {made.logit_scale:.0f}\n"
        f"sha256 {sha256_of(file)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
