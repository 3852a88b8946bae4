"""How well queries with examples and a minus are told to be answered, in large and small libraries.

    python -m benchmarks.bench_mixes FLICKR8K IMAGENET-SAMPLES --split dev

An example is the middle of a photo of the split; a strange one is a photo of an ImageNet class
whose name is in no caption. A library is the whole split, or 50 photos of it. Prints the share of
queries that are answered: high is right where something like it is there, low where not.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.bench_honesty import NAME, Split, absent_texts, embed_photos, load
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts, templates_for
from imgsearch.encoders.registry import open_encoder
from imgsearch.index.recall import prompts
from imgsearch.records.answer import ScoreBaseline
from imgsearch.search.baseline import SAMPLE_PHOTOS, nouns
from imgsearch.search.confidence import CLOSEST, THRESHOLDS, ScoredQuery, TermKind, chance, z_score

QUERIES = 200
Part = tuple[TermKind, np.ndarray]


@dataclass(frozen=True)
class Material:
    """What queries are made of."""

    captions: list[Part]  # one for each photo of the split
    examples: list[Part]  # likewise
    absent: list[Part]  # texts about what no photo shows
    strange: list[Part]  # examples of what no photo shows
    minus: np.ndarray


def texts(encoder: Encoder, lines: Sequence[str]) -> list[Part]:
    kinds: list[TermKind] = [
        "short" if len(templates_for(NAME, text)) > 1 else "text" for text in lines
    ]
    return list(zip(kinds, embed_texts(encoder, NAME, lines), strict=True))


def middles(paths: Sequence[Path], encoder: Encoder) -> list[Part]:
    """The middle of each photo, three quarters of its sides, as a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cut = []
        for number, path in enumerate(paths):
            with Image.open(path) as image:
                w, h = image.size
                part = image.convert("RGB").crop((w // 8, h // 8, w - w // 8, h - h // 8))
            cut.append(Path(folder, f"{number}.png"))
            part.save(cut[-1])
        return [("image", vector) for vector in embed_photos(cut, encoder)]


def strange_photos(folder: Path, split: Split) -> list[Path]:
    """Every second photo of those classes that no caption has a word of."""
    said = {word for caption in split.captions for word in re.findall("[a-z]+", caption.lower())}
    with (folder / "labels.csv").open() as lines:
        names = {row["image"]: row["name"].lower() for row in csv.DictReader(lines)}
    absent = [image for image, name in names.items() if not said & set(re.findall("[a-z]+", name))]
    return [folder / "images" / image for image in absent[::2]]


def gather(arguments: argparse.Namespace, split: Split, encoder: Encoder) -> Material:
    with (arguments.flickr8k / "captions.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == arguments.split]
    images = sorted({row["image"] for row in rows})
    first = [int(np.argmax(split.own == number)) for number in range(len(images))]
    strange = embed_photos(strange_photos(arguments.imagenet, split), encoder)
    return Material(
        texts(encoder, [split.captions[at] for at in first]),
        middles([arguments.flickr8k / "images" / image for image in images], encoder),
        texts(encoder, absent_texts(split.captions)),
        [("image", vector) for vector in strange],
        embed_texts(encoder, NAME, ["people"])[0],
    )


@dataclass(frozen=True)
class Trial:
    """A library, and what is asked of it."""

    photos: np.ndarray
    null: ScoreBaseline

    def is_found(
        self, parts: Sequence[Part], minus: np.ndarray | None = None, out: int = -1
    ) -> bool:
        """Whether there is an answer, in a library without the photo `out`."""
        total = np.sum([vector for _, vector in parts], axis=0)
        total = total if minus is None else total - minus
        vector = (total / np.linalg.norm(total)).astype(np.float32)
        scores = self.photos @ vector
        if out >= 0:
            scores[out] = -2
        closest = self.photos[np.argsort(-scores)[:CLOSEST]]
        asked = ScoredQuery(
            vector, [(kind, 1.0) for kind, _ in parts], None if minus is None else -minus
        )
        return z_score(self.null, asked, closest) / chance(len(self.photos)) >= THRESHOLDS.found


def report(size: int, split: Split, material: Material, banks: Sequence[np.ndarray]) -> None:
    rng = np.random.default_rng(11)
    mine = rng.permutation(len(split.photos))[:size]
    photos = split.photos[mine]
    sample = photos[rng.permutation(size)[:SAMPLE_PHOTOS]]
    trial = Trial(photos, ScoreBaseline(banks[0], banks[1], sample, photos.mean(axis=0), size))
    asked = list(enumerate(mine[:QUERIES].tolist()))
    absent = [
        (text, material.strange[3 * at % len(material.strange)])
        for at, text in enumerate(material.absent)
    ]
    captions, examples = material.captions, material.examples
    other = [examples[mine[(at + 7) % len(asked)]] for at, _ in asked]
    found = {
        "an example; its photo is there": [trial.is_found([examples[p]]) for _, p in asked],
        "an example; its photo was taken out": [
            trial.is_found([examples[p]], out=at) for at, p in asked
        ],
        "a strange example": [trial.is_found([each]) for each in material.strange],
        "a caption and the example of another photo": [
            trial.is_found([captions[p], other[at]]) for at, p in asked
        ],
        "the same, minus people": [
            trial.is_found([captions[p], other[at]], material.minus) for at, p in asked
        ],
        "an absent thing and a strange example": [trial.is_found(each) for each in absent],
        "the same, minus people, absent": [trial.is_found(e, material.minus) for e in absent],
        "a caption minus people": [trial.is_found([captions[p]], material.minus) for _, p in asked],
        "an absent thing minus people": [
            trial.is_found([each], material.minus) for each in material.absent
        ],
    }
    print(f"{size} photos")
    for name, each in found.items():
        print(f"  {name:44} {len(each):4} queries   answered {np.mean(each):6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("imagenet", type=Path)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--cache", type=Path, default=default_cache_dir() / "benchmarks")
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    split = load(arguments.flickr8k, arguments.split, encoder, arguments.cache)
    material = gather(arguments, split, encoder)
    banks = [embed_texts(encoder, NAME, lines) for lines in (prompts(), nouns())]
    print(f"{encoder.id}, Flickr8k {arguments.split}, {THRESHOLDS}")
    for size in (len(split.photos), 50):
        report(size, split, material, banks)


if __name__ == "__main__":
    main()
