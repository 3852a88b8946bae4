"""What it gains to read queries as they are meant, on sets of photos with captions.

    python -m benchmarks.bench_phrasing COCO-DEV FLICKR8K --split dev

**Words that ask for a photo**, such as "a photo of": captions with them in front, embedded as they
are typed and as they are read.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench_confidence import NAME, Split, load
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.arrays import Vectors

WRAPPINGS = ("a photo of", "a picture that shows", "my pictures of", "show me", "find", "image of")
CAPTIONS = 500  # of each set, drawn at random

Embed = Callable[[Sequence[str]], Vectors]


def report_wrappings(split: Split, encoder: Encoder) -> None:
    """Recall of the captions alone, and with words in front that ask for a photo."""
    rows = np.random.default_rng(11).permutation(len(split.captions))[:CAPTIONS]
    captions = [split.captions[row].strip(" .") for row in rows]
    captions = [caption[:1].lower() + caption[1:] for caption in captions]
    own = split.own[rows]

    def as_read(texts: Sequence[str]) -> Vectors:
        return embed_texts(encoder, NAME, texts)

    print(f"  {'captions as they are':32} {_recall(split, as_read, captions, own)}")
    for wrapping in WRAPPINGS:
        wrapped = [f"{wrapping} {caption}" for caption in captions]
        print(
            f"  {wrapping + ' …, as typed':32} {_recall(split, encoder.encode_texts, wrapped, own)}"
        )
        print(f"  {wrapping + ' …, as read':32} {_recall(split, as_read, wrapped, own)}")


def _recall(split: Split, embed: Embed, texts: Sequence[str], own: np.ndarray) -> str:
    scores = embed(texts) @ split.photos.T
    better = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return f"R@1 {np.mean(better < 1):.3f}   R@10 {np.mean(better < 10):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    cache = default_cache_dir() / "benchmarks"
    for folder in arguments.folders:
        split = load(folder, arguments.split, encoder, cache)
        print(f"{encoder.id}, {folder.name} {arguments.split}, {len(split.photos)} photos")
        report_wrappings(split, encoder)


if __name__ == "__main__":
    main()
