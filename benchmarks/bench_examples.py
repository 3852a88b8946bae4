"""Compares weights of an example beside words, on sets of captioned photos.

    python -m benchmarks.bench_examples COCO-DEV FLICKR8K --split dev

A query is the noun A with an example photo that shows B and not A; right are the other photos that
show A and B, according to two captions each. A caption has an example as well, another photo of the
set: right is the photo of the caption. Printed are the mean average precision of the nouns, and how
often the photo of a caption is among the first ten.
"""

# ruff: noqa: T201

from __future__ import annotations

from itertools import permutations

import numpy as np

from benchmarks.bench_confidence import Split, chosen_splits, embed_searched
from benchmarks.bench_minus import MIN_BOTH, NO_THINGS, mentions
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder

SHARES = (0.0, 0.25, 0.35, 0.5, 0.7, 1.0)
EXAMPLES, CAPTIONS = 3, 500  # for each pair, in each set
MIN_SHOWN = 4  # photos of each noun


def pairs_of(split: Split) -> list[tuple[str, int, set[int]]]:
    """Noun A, the row of an example that shows B alone, and the rows of photos that show both."""
    shows = {
        noun: {row for row, count in rows.items() if count >= 2}
        for noun, rows in mentions(split).items()
        if noun not in NO_THINGS.split()
    }
    nouns = sorted(noun for noun, rows in shows.items() if len(rows) >= MIN_SHOWN)
    rng = np.random.default_rng(0)
    pairs = []
    for a, b in permutations(nouns, 2):
        both, alone = shows[a] & shows[b], sorted(shows[b] - shows[a])
        if len(both) >= MIN_BOTH and alone:
            chosen = rng.choice(alone, min(EXAMPLES, len(alone)), replace=False)
            pairs += [(f"a {a}", int(row), both) for row in chosen]
    return pairs


def print_nouns(split: Split, encoder: Encoder) -> None:
    pairs = pairs_of(split)
    texts = sorted({text for text, _, _ in pairs})
    words = dict(zip(texts, embed_searched(encoder, texts), strict=True))
    print(f"{len(pairs)} pairs of a noun and an example")
    for share in SHARES:
        precisions = []
        for text, example, both in pairs:
            query = words[text] + np.float32(share) * split.photos[example]
            scores = split.photos @ query
            scores[example] = -np.inf
            precisions.append(average_precision(scores, both))
        print(f"  share {share:4}: mAP {np.mean(precisions):.3f}")


def print_captions(split: Split, encoder: Encoder) -> None:
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(split.captions), min(CAPTIONS, len(split.captions)), replace=False)
    own = split.own[chosen]
    examples = (own + rng.integers(1, len(split.photos), len(own))) % len(split.photos)
    words = embed_searched(encoder, [split.captions[at] for at in chosen])
    print(f"{len(chosen)} captions, each with another photo")
    for share in SHARES:
        scores = (words + np.float32(share) * split.photos[examples]) @ split.photos.T
        scores[np.arange(len(own)), examples] = -np.inf
        ranks = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
        print(f"  share {share:4}: the own photo is in ten for {np.mean(ranks < 10):.1%}")


def main() -> None:
    for split, encoder in chosen_splits(__doc__ or ""):
        print_nouns(split, encoder)
        print_captions(split, encoder)


if __name__ == "__main__":
    main()
