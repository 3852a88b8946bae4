"""Confidence in answers to examples and negative terms, in large and small libraries.

    python -m benchmarks.bench_mixes FLICKR8K IMAGENET-SAMPLES --split dev

An example is the middle of a photo of the split; a strange example is a photo of an ImageNet class
whose name is in no caption. A library is the whole split, or 50 photos of it. Prints how many
queries find something, are unsure, and find nothing: many should find something where the library
has a match, and few where not.
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

from benchmarks.bench_confidence import (
    NAME,
    Split,
    absent_texts,
    embed_photos,
    embed_searched,
    load,
    searched_nouns,
)
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.index.recall import prompts
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.arrays import Vectors
from imgsearch.records.photo import PhotoCount
from imgsearch.records.query import MINUS_WEIGHT
from imgsearch.search.baseline import SAMPLE_PHOTOS
from imgsearch.search.composition import TermKind, compose, negative_rows
from imgsearch.search.confidence import (
    COMPARED_HITS,
    COUNTED_HITS,
    THRESHOLDS,
    ScoredQuery,
    assess,
)
from imgsearch.search.short_texts import text_kind

QUERIES = 200
TermVector = tuple[TermKind, np.ndarray]


@dataclass(frozen=True)
class QueryTerms:
    """The terms that queries are made of."""

    captions: list[TermVector]  # one for each photo of the split
    examples: list[TermVector]  # one for each photo of the split
    absent: list[TermVector]  # texts about things that no photo shows
    strange: list[TermVector]  # examples of things that no photo shows
    negative: np.ndarray


def texts(encoder: Encoder, lines: Sequence[str]) -> list[TermVector]:
    kinds = [text_kind(NAME, text) for text in lines]
    return list(zip(kinds, embed_searched(encoder, lines), strict=True))


def middles(paths: Sequence[Path], encoder: Encoder) -> list[TermVector]:
    """The middle of each photo, three quarters of its width and height, saved as a file."""
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
    """Every second photo of the classes whose names share no word with any caption."""
    caption_words = {
        word for caption in split.captions for word in re.findall("[a-z]+", caption.lower())
    }
    with (folder / "labels.csv").open() as lines:
        names = {row["image"]: row["name"].lower() for row in csv.DictReader(lines)}
    absent = [
        image
        for image, name in names.items()
        if not caption_words & set(re.findall("[a-z]+", name))
    ]
    return [folder / "images" / image for image in absent[::2]]


def make_terms(arguments: argparse.Namespace, split: Split, encoder: Encoder) -> QueryTerms:
    with (arguments.flickr8k / "captions.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == arguments.split]
    images = sorted({row["image"] for row in rows})
    first = [int(np.argmax(split.own == number)) for number in range(len(images))]
    strange = embed_photos(strange_photos(arguments.imagenet, split), encoder)
    (people,) = embed_searched(encoder, ["people"], negative=True)
    return QueryTerms(
        texts(encoder, [split.captions[at] for at in first]),
        middles([arguments.flickr8k / "images" / image for image in images], encoder),
        texts(encoder, absent_texts(split.captions)),
        [("image", vector) for vector in strange],
        people,
    )


@dataclass(frozen=True)
class SmallLibrary:
    """The photos of a library, as vectors, and its score baseline."""

    photos: Vectors
    baseline: ScoreBaseline

    def verdict(
        self, terms: Sequence[TermVector], negative: np.ndarray | None = None, out: int = -1
    ) -> Verdict:
        """The verdict on the query, in the library without the photo `out`."""
        total = np.sum([vector for _, vector in terms], axis=0)
        away = None
        if negative is not None:
            rows = negative_rows(
                [(kind, 1.0) for kind, _ in terms],
                ["short"],
                np.array([-MINUS_WEIGHT], np.float32),
                negative[None],
                self.baseline.prompts.mean(axis=0),
                is_less_mean_noun=True,
            )
            away = rows[0]
            total = compose(total[None], away)[0]
        vector = (total / np.linalg.norm(total)).astype(np.float32)
        scores = self.photos @ vector
        if out >= 0:
            scores[out] = -2
        order = np.argsort(-scores)
        return assess(
            self.baseline,
            ScoredQuery(vector, [(kind, 1.0) for kind, _ in terms], away),
            Neighbours(order[:COUNTED_HITS], scores[order[:COUNTED_HITS]]),
            self.photos[order[:COMPARED_HITS]],
            PhotoCount(len(self.photos), len(self.photos)),
        )


def report(size: int, split: Split, terms: QueryTerms, banks: Sequence[Vectors]) -> None:
    rng = np.random.default_rng(11)
    rows = rng.permutation(len(split.photos))[:size]
    photos = split.photos[rows]
    sample = photos[rng.permutation(size)[:SAMPLE_PHOTOS]]
    library = SmallLibrary(
        photos, ScoreBaseline(banks[0], banks[1], sample, photos.mean(axis=0), size)
    )
    queries = list(enumerate(rows[:QUERIES].tolist()))
    absent = [
        (text, terms.strange[3 * at % len(terms.strange)]) for at, text in enumerate(terms.absent)
    ]
    captions, examples = terms.captions, terms.examples
    other = [examples[rows[(at + 7) % len(queries)]] for at, _ in queries]
    verdicts = {
        "an example; its photo is there": [library.verdict([examples[p]]) for _, p in queries],
        "an example; its photo was taken out": [
            library.verdict([examples[p]], out=at) for at, p in queries
        ],
        "a strange example": [library.verdict([example]) for example in terms.strange],
        "a caption and the example of another photo": [
            library.verdict([captions[p], other[at]]) for at, p in queries
        ],
        "the same, minus people": [
            library.verdict([captions[p], other[at]], terms.negative) for at, p in queries
        ],
        "an absent thing and a strange example": [library.verdict(pair) for pair in absent],
        "the same, minus people, absent": [
            library.verdict(pair, terms.negative) for pair in absent
        ],
        "a caption minus people": [
            library.verdict([captions[p]], terms.negative) for _, p in queries
        ],
        "an absent thing minus people": [
            library.verdict([text], terms.negative) for text in terms.absent
        ],
    }
    print(f"{size} photos")
    print(f"{'':46} queries   found  unsure nothing")
    for name, group in verdicts.items():
        states = [
            np.mean([verdict.state == state for verdict in group])
            for state in ("found", "unsure", "nothing")
        ]
        shares = "  ".join(f"{share:6.1%}" for share in states)
        print(f"  {name:44} {len(group):7}  {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("imagenet", type=Path)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--cache", type=Path, default=default_cache_dir() / "benchmarks")
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    split = load(arguments.flickr8k, arguments.split, encoder, arguments.cache)
    terms = make_terms(arguments, split, encoder)
    banks = [embed_texts(encoder, NAME, prompts()), searched_nouns(encoder)]
    print(f"{encoder.id}, Flickr8k {arguments.split}, {THRESHOLDS}")
    for size in (len(split.photos), 50):
        report(size, split, terms, banks)


if __name__ == "__main__":
    main()
