"""Trains the heads of `lite`: `python -m training.train`.

Needs the Flickr8k photos with their captions, one photo of each ImageNet class, and captioned
photos of another origin. Features are cached, so that an interrupted run continues. The same data
and the same versions of numpy and torch give the same heads.

The training photos are Flickr8k's splits train and unassigned, and the class samples. Two sets
choose the weight of ConSE (alpha): Flickr8k's dev split, and the photos of another origin, which
show what the heads find in photos unlike those they were trained on. Every fifth class sample is
left out of training meanwhile, to show what alpha gains for class names. The heads are then trained
once more with all class samples. The test split is never read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec.structs import replace

from imgsearch.analysis import metrics
from imgsearch.cores import usable_cores
from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.lite import heads, towers
from imgsearch.encoders.lite.heads import CURRENT, Base, Head, Heads
from imgsearch.encoders.lite.spec import CLASSES, TEXT_WIDTH
from imgsearch.errors import ImgsearchError
from training import datasets, features
from training.fitting import Corpus, Schedule, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.features import TowerFeatures

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

TEXTS_PER_PHOTO = 5  # Flickr8k has five captions a photo
SAMPLE_WEIGHT = 0.3  # of a class sample, whose only caption is its name
ALPHAS = tuple(round(0.05 * step, 2) for step in range(11))
RECALL_TOLERANCE = 0.0025  # of the mean recall on both sets, to be given up for class names
CLASS_PROMPTS = ("{}", "a {}", "there is a {}", "a photo of a {}")
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
    texts: Floats  # (m, 1152)
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
        self._tower = towers.TextTower(cache_dir, usable_cores())

    def texts(self, texts: Sequence[str]) -> Floats:
        return features.of_texts(texts, self._tower.rows, self._cache_dir)

    def captioned(self, data: datasets.Captioned, views: Sequence[str]) -> EmbeddedPhotos:
        photo_of = np.array(data.photo_of, np.int64)
        return EmbeddedPhotos(self.views(data.photos, views), self.texts(data.captions), photo_of)

    def class_texts(self, names: Sequence[str]) -> Floats:
        """A row for each class: of each layer the mean over CLASS_PROMPTS, length 1."""
        prompts = class_prompts(names)
        rows = self.texts([text for texts in prompts for text in texts])
        layers = rows.reshape(len(names), len(CLASS_PROMPTS), -1, TEXT_WIDTH).mean(axis=1)
        return heads.unit(layers.reshape(-1, TEXT_WIDTH)).reshape(len(names), -1)

    def views(self, photos: Sequence[Path], views: Sequence[str]) -> list[TowerFeatures]:
        return [features.of_photos(photos, view, self._ranges, self._cache_dir) for view in views]


@dataclass(frozen=True, slots=True)
class TextScale:
    """Scales the text tower's rows (n, 1152) for the text head.

    Of the last layer, `mean` (384,) is subtracted and the length made 1, so that texts differ by
    what they say and not by being captions. The other layers are standardised by `offset` (768,)
    and `spread` (768,), the same for all values of a layer.
    """

    mean: Floats
    offset: Floats
    spread: Floats

    @classmethod
    def of(cls, captions: Floats, class_texts: Floats) -> TextScale:
        """By captions and class names, half of the mean from each; the rest by the captions."""
        mean = (captions.mean(axis=0) + class_texts.mean(axis=0))[:TEXT_WIDTH] / np.float32(2)
        others = captions[:, TEXT_WIDTH:]
        offset = others.mean(axis=0)
        by_layer = (others - offset).reshape(len(others), -1, TEXT_WIDTH)
        spread = by_layer.std(axis=(0, 2)) * np.float32(TEXT_WIDTH**0.5)
        return cls(mean, offset, np.repeat(spread, TEXT_WIDTH))

    def __call__(self, texts: Floats) -> Floats:
        own = heads.unit(texts[:, :TEXT_WIDTH] - self.mean)
        return np.concatenate([own, (texts[:, TEXT_WIDTH:] - self.offset) / self.spread], axis=1)


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
    spread: Floats = flickr.views[0].features.std(axis=0)
    spread = spread + np.float32(1e-3)  # keeps dead features small
    classes = len(class_texts)
    # Where ConSE places the mean photo, half Flickr8k's and half a sample's, becomes the origin.
    shares = [heads.class_shares(part.views[0].logits, classes) for part in (flickr, samples)]
    names = class_texts[:, :TEXT_WIDTH]
    mean_shares: Floats = (shares[0].mean(axis=0) + shares[1].mean(axis=0)) / np.float32(2)
    names = names - mean_shares @ names
    text_scale = TextScale.of(flickr.texts, class_texts)
    counts = len(flickr.views[0].features), len(samples.views[0].features)
    texts_of = np.concatenate([flickr.texts_of(), samples.texts_of() + len(flickr.texts)])
    corpus = Corpus(
        features=torch.from_numpy(np.stack([(v.features - mean) / spread for v in views])),
        conse=torch.from_numpy(np.stack([heads.conse(v.logits, names, classes) for v in views])),
        logits=torch.from_numpy(np.stack([v.logits for v in views])),
        weights=torch.tensor([1, SAMPLE_WEIGHT]).repeat_interleave(torch.tensor(counts)),
        texts=torch.from_numpy(text_scale(np.concatenate([flickr.texts, samples.texts]))),
        texts_of=torch.from_numpy(texts_of),
        class_texts=torch.from_numpy(text_scale(class_texts)),
    )
    model = fit(corpus, schedule)
    feature_map: Floats = _array(model.features.weight) / spread  # includes the standardising
    text_map = _array(model.text.weight).T.copy()
    text_map[TEXT_WIDTH:] /= text_scale.spread[:, None]
    return Heads(
        base=Base(names, classes, text_scale.mean),
        head=Head(
            conse_map=_array(model.conse.weight).T,
            feature_map=feature_map.T,
            feature_bias=_array(model.features.bias) - feature_map @ mean,
            text_map=text_map,
            text_bias=-text_scale.offset @ text_map[TEXT_WIDTH:],
        ),
        ranges=ranges,
        alpha=0.0,
        logit_scale=model.log_scale.exp().item(),
    )


def _array(parameter: torch.Tensor) -> Floats:
    return parameter.detach().numpy()


# ---------------------------------------------------------------------------- choosing


def best_alpha(trained: Heads, dev_sets: Sequence[EmbeddedPhotos]) -> float:
    """The largest alpha that costs at most RECALL_TOLERANCE of the best mean recall.

    The mean is over R@1, R@5 and R@10, and over the sets.
    """
    recalls = {}
    for alpha in ALPHAS:
        results = [retrieval_of(replace(trained, alpha=alpha), photos) for photos in dev_sets]
        recalls[alpha] = np.mean(
            [(r.recall_at_1 + r.recall_at_5 + r.recall_at_10) / 3 for r in results]
        )
        for result in results:
            sys.stderr.write(f"alpha {alpha:.2f}: {result}\n")
    return max(
        alpha for alpha in ALPHAS if recalls[alpha] >= max(recalls.values()) - RECALL_TOLERANCE
    )


def best_scale(trained: Heads, dev: EmbeddedPhotos) -> float:
    """The logit scale that maximises the likelihood of a photo's own caption among one of each."""
    images = trained.image_vectors(dev.views[0].features, dev.views[0].logits)
    return likeliest_scale(images, trained.text_vectors(dev.texts[dev.texts_of()[:, 0]]))


def likeliest_scale(images: Floats, texts: Floats) -> float:
    """The logit scale with which each photo's text, in the same row, is the likeliest of all."""
    scores = (images @ texts.T).astype(np.float64)
    own = np.diagonal(scores)
    losses = [
        float(np.mean(np.log(np.exp(scale * (scores - own[:, None])).sum(axis=1))))
        for scale in SCALES
    ]
    return SCALES[int(np.argmin(losses))]


def retrieval_of(trained: Heads, photos: EmbeddedPhotos) -> metrics.Retrieval:
    images = trained.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.retrieval(trained.text_vectors(photos.texts), images, photos.photo_of)


def _zero_shot(
    trained: Heads, photos: EmbeddedPhotos, class_texts: Floats, classes: Indices
) -> float:
    images = trained.image_vectors(photos.views[0].features, photos.views[0].logits)
    return metrics.zero_shot_accuracy(images, trained.text_vectors(class_texts), classes)


# ---------------------------------------------------------------------------- everything


def class_prompts(names: Sequence[str]) -> list[list[str]]:
    """Each class name in CLASS_PROMPTS, with the right article."""
    return [
        [prompt.replace("a {}", f"{article(name)} {{}}").format(name) for prompt in CLASS_PROMPTS]
        for name in names
    ]


def article(name: str) -> str:
    """The indefinite article, by the first letter."""
    return "an" if name[:1].lower() in "aeiou" else "a"


def measured_ranges(flickr8k: Path, samples: Sequence[Path]) -> Floats:
    """The image tower's activation ranges, from some of the training photos."""
    photos = datasets.captioned(flickr8k / "captions.csv", frozenset({"train"})).photos
    return features.activation_ranges(
        photos[::CALIBRATION_STEP] + list(samples[::SAMPLE_CALIBRATION_STEP])
    )


@dataclass(frozen=True, slots=True)
class TrainingPhotos:
    """The photos that train the heads and select among them, and one of each class."""

    flickr: datasets.Captioned
    dev: datasets.Captioned
    other_dev: datasets.Captioned
    samples: list[Path]

    @classmethod
    def read(cls, flickr8k: Path, imagenet: Path, other_dev: Path) -> TrainingPhotos:
        """Those in these folders."""
        captions = flickr8k / "captions.csv"
        return cls(
            flickr=datasets.captioned(captions, frozenset({"train", "unassigned"})),
            dev=datasets.captioned(captions, frozenset({"dev"})),
            other_dev=datasets.captioned(other_dev / "captions.csv"),
            samples=datasets.class_samples(imagenet, CLASSES)[0],
        )


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The features of the frozen towers that train the heads and select among them."""

    flickr: EmbeddedPhotos
    samples: EmbeddedPhotos
    class_texts: Floats  # (1000, 1152)
    dev: EmbeddedPhotos
    other_dev: EmbeddedPhotos
    ranges: Floats


def embed_data(
    flickr8k: Path,
    imagenet: Path,
    other_dev: Path,
    cache_dir: Path,
    ranges: Floats | None = None,
    views: Sequence[str] = features.VIEWS,
) -> TrainingData:
    """Embed the data sets in these folders, the training photos in these views.

    Progress on standard error. `ranges` are by default those of today's heads, so that new ones
    share their prepared image tower.
    """
    photos = TrainingPhotos.read(flickr8k, imagenet, other_dev)
    ranges = heads.load(CURRENT.path).ranges if ranges is None else ranges
    frozen = FrozenTowers(ranges, cache_dir)
    class_texts = frozen.class_texts(datasets.class_names())
    samples = frozen.views(photos.samples, views)
    return TrainingData(
        flickr=frozen.captioned(photos.flickr, views),
        samples=EmbeddedPhotos(samples, class_texts, np.arange(CLASSES)),
        class_texts=class_texts,
        dev=frozen.captioned(photos.dev, features.VIEWS[:1]),
        other_dev=frozen.captioned(photos.other_dev, features.VIEWS[:1]),
        ranges=ranges,
    )


def train(data: TrainingData, schedule: Schedule) -> Heads:
    """Heads with alpha and logit scale. Progress on standard error."""
    samples, class_texts = data.samples, data.class_texts
    held_out = np.arange(2, CLASSES, HELD_OUT_STEP)
    kept = samples.subset(np.setdiff1d(samples.photo_of, held_out))
    partial = train_heads(data.flickr, kept, class_texts, data.ranges, schedule)
    alpha = best_alpha(partial, (data.dev, data.other_dev))
    for candidate in ALPHAS:
        weighted = replace(partial, alpha=candidate)
        share = _zero_shot(weighted, samples.subset(held_out), class_texts, held_out)
        sys.stderr.write(f"alpha {candidate:.2f}: {share:.3f} of the held-out samples are right\n")
    trained = train_heads(data.flickr, samples, class_texts, data.ranges, schedule)
    trained = replace(trained, alpha=alpha)
    return replace(trained, logit_scale=best_scale(trained, data.dev))


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """The options that name the data sets and the folder of cached features."""
    parser.add_argument("--flickr8k", type=Path, required=True, help="folder with captions.csv")
    parser.add_argument(
        "--imagenet-samples", type=Path, required=True, help="folder with labels.csv"
    )
    parser.add_argument(
        "--other-dev", type=Path, required=True, help="photos of another origin: captions.csv"
    )
    parser.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train with the options of the command line, and write `heads-2.safetensors`."""
    parser = argparse.ArgumentParser(prog="python -m training.train")
    add_data_options(parser)
    parser.add_argument(
        "--measure-ranges",
        action="store_true",
        help="measure the image tower's activation ranges again, which makes another tower",
    )
    parser.add_argument("--out", type=Path, default=Path("artefacts"), help="default: artefacts")
    options = parser.parse_args(arguments)
    try:
        samples, _ = datasets.class_samples(options.imagenet_samples, CLASSES)
        ranges = measured_ranges(options.flickr8k, samples) if options.measure_ranges else None
        data = embed_data(
            options.flickr8k, options.imagenet_samples, options.other_dev, options.cache, ranges
        )
        trained = train(data, Schedule())
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "heads-2.safetensors"
    heads.save(trained, file)
    sys.stdout.write(
        f"{file}  alpha {trained.alpha:.2f}  logit scale {trained.logit_scale:.0f}\n"
        f"sha256 {sha256_of(file)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
