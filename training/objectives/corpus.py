"""The data of the study: cached image features, captions as tokens, and fixed parts for measuring.

Photos of the training split are those of Flickr8k's splits train and unassigned. Everything is
measured on small samples, drawn once with a fixed seed, because a decoder must read each caption
once for each photo.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file, save, save_file

from imgsearch.encoders.lite import heads
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.encoders.lite.spec import CLASSES
from imgsearch.private_files import make_folder
from training import datasets, features
from training.objectives.vocabulary import PAD, CaptionVocabulary
from training.train import article

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

SAMPLED_PHOTOS, CAPTIONS_PER_PHOTO = 120, 2  # of Flickr8k's dev split, and of the training split
BACKGROUND_PHOTOS = 30
_SAMPLING_SEED = 15
_MIN_SPREAD = np.float32(1e-3)  # keeps dead features small, as in training.train


@dataclass(frozen=True, slots=True)
class CaptionedFeatures:
    """Photos as `features` (n, features); texts as `tokens` (m, t), with `photo_of` (m,) each."""

    features: Tensor
    tokens: Tensor
    photo_of: Tensor

    def photos(self, chosen: Indices) -> CaptionedFeatures:
        """Some of the photos, in ascending order, with all of their texts."""
        chosen = np.sort(chosen)
        kept = np.isin(self.photo_of.numpy(), chosen)
        renumbered = np.searchsorted(chosen, self.photo_of.numpy()[kept])
        return CaptionedFeatures(
            self.features[torch.from_numpy(chosen)],
            self.tokens[torch.from_numpy(kept)],
            torch.from_numpy(renumbered),
        )

    def sample(self, photos: int, texts: int, seed: int = _SAMPLING_SEED) -> CaptionedFeatures:
        """At most so many photos, with at most so many texts of each, drawn at random."""
        rng = np.random.default_rng(seed)
        count = len(self.features)
        part = self.photos(rng.permutation(count)[:photos])
        owners = part.photo_of.numpy()
        drawn = [
            np.sort(rng.permutation(np.flatnonzero(owners == photo))[:texts])
            for photo in range(len(part.features))
        ]
        rows = torch.from_numpy(np.concatenate(drawn))
        return CaptionedFeatures(part.features, part.tokens[rows], part.photo_of[rows])


@dataclass(frozen=True, slots=True)
class StudyData:
    """The data that the runs read.

    `classes` has a photo and a prompt for each class. `dev` and `other` are samples.
    """

    words: int  # token ids
    train: CaptionedFeatures
    dev: CaptionedFeatures
    other: CaptionedFeatures
    classes: CaptionedFeatures

    @property
    def background(self) -> Tensor:
        """Photos (n, features) of the training split, to measure how common a text is."""
        return self.train.sample(BACKGROUND_PHOTOS, 1).features

    def for_search(self) -> StudyData:
        """The same with `dev` from the training split, whose photos are then not trained on."""
        count = len(self.train.features)
        order = np.random.default_rng(_SAMPLING_SEED + 1).permutation(count)
        held_out = order[: min(SAMPLED_PHOTOS, count // 4)]
        validation = self.train.photos(held_out).sample(SAMPLED_PHOTOS, CAPTIONS_PER_PHOTO)
        kept = self.train.photos(order[len(held_out) :])
        return StudyData(self.words, kept, validation, self.other, self.classes)

    def save(self, file: Path) -> None:
        """Write everything to a .safetensors file."""
        make_folder(file.parent)
        partial = file.with_suffix(".partial")
        save_file(self._tensors(), partial)
        partial.replace(file)

    @classmethod
    def load(cls, file: Path) -> StudyData:
        """Read what `save` wrote. Raises OSError."""
        tensors = load_file(file)
        parts = {
            part: CaptionedFeatures(*(tensors[f"{part}.{field.name}"] for field in _FIELDS))
            for part in _PARTS
        }
        return cls(int(tensors["words"]), **parts)

    def fingerprint(self) -> str:
        """Changes with any value."""
        return hashlib.sha256(save(self._tensors())).hexdigest()[:16]

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"words": torch.tensor(self.words)}
        for name in _PARTS:
            part: CaptionedFeatures = getattr(self, name)
            for field in _FIELDS:
                tensor: Tensor = getattr(part, field.name)
                # A copy: safetensors refuses tensors that share memory.
                tensors[f"{name}.{field.name}"] = tensor.clone(
                    memory_format=torch.contiguous_format
                )
        return tensors


_PARTS = ("train", "dev", "other", "classes")
_FIELDS = fields(CaptionedFeatures)


def batches(data: CaptionedFeatures, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of features and tokens: each photo once an epoch, with one of its texts.

    The same seed gives the same examples in the same order, whatever the objective.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(data.features)
    size = min(size, count)
    order = torch.argsort(data.photo_of, stable=True)
    texts_of = torch.bincount(data.photo_of, minlength=count)
    first = texts_of.cumsum(0) - texts_of
    while True:
        epoch = torch.randperm(count, generator=generator)
        for photos in epoch[: count - count % size].view(-1, size):
            drawn = torch.rand(size, generator=generator, dtype=torch.float64)
            texts = order[first[photos] + (drawn * texts_of[photos]).long()]
            tokens = data.tokens[texts]
            longest = int((tokens != PAD).sum(dim=1).max())
            yield data.features[photos], tokens[:, :longest]


def prepare(data_dir: Path, cache_dir: Path) -> StudyData:
    """The study's data from the folders flickr8k, coco-dev and imagenet-samples.

    The features of all photos are computed at the first time, in a few minutes, and then read from
    `cache_dir`; training.train shares them. Raises FolderError and UsageError.
    """
    make_folder(cache_dir)
    ranges = heads.load(CURRENT.path).ranges
    flickr = data_dir / "flickr8k" / "captions.csv"
    train = datasets.captioned(flickr, frozenset({"train", "unassigned"}))
    dev = datasets.captioned(flickr, frozenset({"dev"}))
    other = datasets.captioned(data_dir / "coco-dev" / "captions.csv")
    samples, _ = datasets.class_samples(data_dir / "imagenet-samples", CLASSES)

    def features_of(photos: list[Path]) -> Floats:
        return features.of_photos(photos, features.VIEWS[0], ranges, cache_dir).features

    vocabulary = CaptionVocabulary.of(train.captions)
    raw = features_of(train.photos)
    mean, spread = raw.mean(axis=0), raw.std(axis=0) + _MIN_SPREAD

    def captioned(data: datasets.Captioned, values: Floats) -> CaptionedFeatures:
        return CaptionedFeatures(
            torch.from_numpy((values - mean) / spread),
            torch.from_numpy(vocabulary.tokens(data.captions)),
            torch.tensor(data.photo_of),
        )

    names = datasets.class_names()
    known = np.array(known_classes(names, vocabulary))
    prompts = [f"{article(names[row])} {names[row]}" for row in known]
    classes = datasets.Captioned([samples[row] for row in known], prompts, list(range(len(known))))
    return StudyData(
        vocabulary.size,
        captioned(train, raw),
        captioned(dev, features_of(dev.photos)).sample(SAMPLED_PHOTOS, CAPTIONS_PER_PHOTO),
        captioned(other, features_of(other.photos)).sample(len(other.photos), 1),
        captioned(classes, features_of(samples)[known]),
    )


def known_classes(names: list[str], vocabulary: CaptionVocabulary) -> list[int]:
    """The classes whose name is their own and has only words of the training captions."""
    counts = Counter(name.lower() for name in names)
    return [
        row
        for row, name in enumerate(names)
        if vocabulary.knows(name) and counts[name.lower()] == 1
    ]
