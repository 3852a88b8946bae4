"""Measures how alike the photos are that an example finds, on sets of captioned photos.

    python -m benchmarks.bench_similar COCO-DEV FLICKR8K --split test --encoder lite+dino

Each photo is an example, and the other photos of the set are ranked by their cosine with it. A
photo shows the things of things.txt that two of its captions name, without those for people, which
most photos show. Another photo is right if it shows one of the same things. Printed are the mean
precision among the first ten, and the share of right photos among all, which is chance.
"""

# ruff: noqa: T201

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from benchmarks.bench_confidence import THINGS, Split, chosen_splits, stems

FIRST = 10
SHOWS_IT = 2  # captions of a photo that name a thing


def shown_things(split: Split) -> np.ndarray:
    """Which photo shows which thing: bool (photos, things)."""
    lines = [line for line in THINGS.read_text().splitlines() if line and line[0] not in "#-"]
    nouns = [line.partition(",")[0].strip() for line in lines]
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        words = stems(caption)
        counts[photo].update(noun for noun in nouns if stems(noun) <= words)
    rows = range(len(split.photos))
    return np.array([[counts[row][noun] >= SHOWS_IT for noun in nouns] for row in rows])


def main() -> None:
    for split, _ in chosen_splits(__doc__ or ""):
        shown = shown_things(split)
        (examples,) = np.nonzero(shown.any(axis=1))
        right = shown[examples].astype(int) @ shown.T.astype(int) > 0
        scores = split.photos[examples] @ split.photos.T
        own = np.arange(len(examples)), examples
        scores[own] = -np.inf
        right[own] = False
        best = np.argsort(-scores, axis=1)[:, :FIRST]
        precision = np.take_along_axis(right, best, axis=1).mean()
        print(
            f"  {len(examples)} examples: {precision:.1%} of the first {FIRST} are right; "
            f"of all others {right.sum() / (len(examples) * (len(split.photos) - 1)):.1%}"
        )


if __name__ == "__main__":
    main()
