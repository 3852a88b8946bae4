"""Measures whether the colours of photos rank photos of coloured things better: "a red car".

    python -m benchmarks.bench_color_things COCO-DEV FLICKR8K --split dev

The queries are the 20 most frequent pairs of a colour and the noun right after it in the captions
of each set. Right are the photos of which two captions have the pair, or one if fewer than three
photos have two; other photos of which a caption has it count neither way. Compared with the words
alone, by mean average precision (mAP), is a score to which the share of the colour in the photo is
added: the fact `colors`, which has the colours with a tenth of the photo or more, with several
weights in standard deviations of the scores. "The middle" is the share in the middle of the photo,
where the thing mostly is.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.bench_confidence import NAME, Split, embed_searched, load
from benchmarks.bench_minus import NO_THINGS
from benchmarks.bench_prompting import average_precision
from imgsearch.config import default_cache_dir
from imgsearch.decode.looks import with_look
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.photo import COLOR_NAMES, Facts

PAIRS = 20
MIN_PHOTOS = 3  # in a set of few photos, 1
WEIGHTS = (0.1, 0.25, 0.5, 1.0, 2.0)
MIDDLE = 0.5  # of the sides of a photo
SPELLED = {"gray": "grey"}
ALONE = "words alone"


def pairs_of(split: Split) -> dict[str, tuple[str, dict[int, int]]]:
    """The most frequent pairs: their colour, and how many captions of each photo have them."""
    no_things = set(NO_THINGS.split()) | set(COLOR_NAMES)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        words = [SPELLED.get(word, word) for word in re.findall("[a-z]+", caption.lower())]
        found = {
            f"{color} {noun}"
            for color, noun in pairwise(words)
            if color in COLOR_NAMES and noun not in no_things and len(noun) > 2
        }
        for pair in found:
            counts[pair][photo] += 1
    least = MIN_PHOTOS if len(split.photos) >= 500 else 1
    often = [pair for pair, photos in counts.items() if len(photos) >= least]
    often.sort(key=lambda pair: (-len(counts[pair]), pair))
    return {pair: (pair.split()[0], dict(counts[pair])) for pair in often[:PAIRS]}


def colors_of(image: Image.Image) -> dict[str, float]:
    """The share of each colour in an image, from 0 to 1, as the fact `colors` has it."""
    colors = with_look(Facts("JPEG", *image.size), image).colors or ""
    shares = (each.rpartition(" ") for each in colors.removesuffix(" %").split(" %, ") if each)
    return {name: int(share) / 100 for name, _, share in shares}


def middle_of(image: Image.Image) -> Image.Image:
    width, height = image.size
    left, top = (1 - MIDDLE) / 2 * width, (1 - MIDDLE) / 2 * height
    return image.crop((round(left), round(top), round(width - left), round(height - top)))


def shares_of(folder: Path, split_name: str) -> Mapping[str, list[dict[str, float]]]:
    """The shares of colours in each photo of a split, in the order of its rows."""
    import csv

    with (folder / "captions.csv").open() as lines:
        names = sorted(
            {row["image"] for row in csv.DictReader(lines) if row["split"] == split_name}
        )
    shares: dict[str, list[dict[str, float]]] = {"the photo": [], "the middle": []}
    for name in names:
        with Image.open(folder / "images" / name) as image:
            whole = image.convert("RGB")
        shares["the photo"].append(colors_of(whole))
        shares["the middle"].append(colors_of(middle_of(whole)))
    return shares


def report(split: Split, shares: Mapping[str, Sequence[dict[str, float]]], encoder: object) -> None:
    pairs = pairs_of(split)
    vectors = embed_searched(encoder, list(pairs))  # type: ignore[arg-type]
    precision: dict[str, list[float]] = defaultdict(list)
    for (color, counts), vector in zip(pairs.values(), vectors, strict=True):
        sure = {photo for photo, number in counts.items() if number >= 2}
        right = sure if len(sure) >= MIN_PHOTOS else set(counts)
        scores = split.photos @ vector
        scores = (scores - scores.mean()) / scores.std()
        ranked = {ALONE: scores}
        for where, of_photos in shares.items():
            share = np.array([each.get(color, 0.0) for each in of_photos])
            for weight in WEIGHTS:
                ranked[f"{where}, weight {weight:g}"] = scores + weight * share / 0.1
            ranked[f"{where}, a tenth or none, .5"] = scores + 0.5 * (share > 0)
        neither = [photo for photo in counts if photo not in right]
        for way, each in ranked.items():
            left = each.copy()
            left[neither] = -np.inf
            precision[way].append(average_precision(left, right))
    print(f"{len(pairs)} pairs: {', '.join(pairs)}")
    alone = np.array(precision[ALONE])
    for way, values in precision.items():
        gains = np.array(values) - alone
        error = gains.std() / np.sqrt(len(gains))
        print(f"  {way:32} mAP {np.mean(values):.3f} ({gains.mean():+.4f} ± {error:.4f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    for folder in arguments.folders:
        split = load(folder, arguments.split, encoder, default_cache_dir() / "benchmarks")
        print(f"\n{encoder.id}, {folder.name} {arguments.split}, {len(split.photos)} photos")
        report(split, shares_of(folder, arguments.split), encoder)


if __name__ == "__main__":
    main()
