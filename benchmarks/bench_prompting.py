"""Measures the gain of prompt templates for short queries: mAP on Flickr8k.

    python -m benchmarks.bench_prompting FLICKR8K --split dev

The queries are the nouns of the captions; a photo is correct if two of its captions have the noun.
The templates in use were chosen on the dev split.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.bench_confidence import NAME, load, noun_queries
from imgsearch.config import default_cache_dir
from imgsearch.encoders.lite.kind import KIND
from imgsearch.encoders.prompts import embed_in
from imgsearch.encoders.registry import open_encoder

SETS = {
    "as typed": ("{}",),
    "a photo of a {}": ("a photo of a {}",),
    "as typed and a photo of": ("{}", "a photo of a {}"),
    "those in use": KIND.templates,
    "seven of CLIP's": (
        "itap of a {}",
        "a bad photo of the {}",
        "a origami {}",
        "a photo of the large {}",
        "a {} in a video game",
        "art of the {}",
        "a photo of the small {}",
    ),
}


def average_precision(scores: np.ndarray, correct: set[int]) -> float:
    """The mean, over the correct photos, of the precision at the rank of each."""
    hits = np.isin(np.argsort(-scores), list(correct))
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    cache = default_cache_dir() / "benchmarks"
    split = load(arguments.flickr8k, arguments.split, encoder, cache)
    words = {
        text.removeprefix("a "): photos for text, photos in noun_queries(split, captions=2).items()
    }
    print(f"{encoder.id}, Flickr8k {arguments.split}, {len(words)} nouns")
    as_typed = np.zeros(len(words))
    for name, templates in SETS.items():
        vectors = embed_in(encoder, [(word, templates) for word in words])
        scores = vectors @ split.photos.T
        precision = np.array(
            [average_precision(*each) for each in zip(scores, words.values(), strict=True)]
        )
        as_typed = precision if name == "as typed" else as_typed
        gain = precision - as_typed
        error = gain.std() / np.sqrt(len(gain))
        print(f"{name:26} mAP {precision.mean():.4f}   gain {gain.mean():+.4f} ± {error:.4f}")


if __name__ == "__main__":
    main()
