"""Measures the gain of subtracting a share of a mean noun vector from short queries.

    python -m benchmarks.bench_nouns COCO-DEV FLICKR8K --split dev

The mean average precision (mAP) on sets of photos with captions, by the share that is subtracted,
and the gain with its standard error. The queries are

- the nouns of the captions; a photo is right if two of its captions have the noun;
- the things of things.txt that the captions mention, alone and as "a photo of" them; right are the
  photos whose captions mention the thing;
- two and three words that are side by side in two captions of a photo; right are the photos with a
  caption that has them.

Captions as queries must lose nothing: R@10 is printed. Then "people", as the bare word and as the
mean of the texts that it stands for: among photos of which two captions mention people, and photos
of which none does, how well the score tells them apart (area under the ROC curve).

The share in use was chosen on coco-dev and the dev split of Flickr8k; the test split only reports.
"""

# ruff: noqa: T201

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np

from benchmarks.bench_confidence import (
    FUNCTION_WORDS,
    NAME,
    Split,
    chosen_splits,
    embed_searched,
    mean_noun,
    noun_queries,
    things,
    worded,
)
from benchmarks.bench_minus import PEOPLE, mentions
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.search.short_texts import less_mean_noun, mean_noun_share

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_RIGHT = 60  # photos; what more show is told by chance
FIRST = 10
# Words at whose side a few words of a caption end.
BREAKS = {*FUNCTION_WORDS.split(), "wearing"} - {"man", "woman", "boy", "girl", "child", "people"}
NOT_IN_THE_MIDDLE = {"a", "an", "the", "is", "are", "and"}

QuerySet = dict[str, set[int]]


def neighbouring_words(split: Split, count: int) -> QuerySet:
    """Words side by side in captions, neither beginning nor ending with a function word."""
    photos: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        words = re.findall("[a-z]+", caption.lower())
        runs = {tuple(words[at : at + count]) for at in range(len(words) - count + 1)}
        for run in runs:
            if not ({run[0], run[-1]} & BREAKS or set(run) & NOT_IN_THE_MIDDLE):
                photos[" ".join(run)][photo] += 1
    return {
        text: set(counts)
        for text, counts in sorted(photos.items())
        if max(counts.values()) >= 2 and len(counts) <= MAX_RIGHT
    }


def query_sets(split: Split) -> dict[str, QuerySet]:
    nouns = noun_queries(split, captions=2)
    present = things(split.captions, split.own.tolist()).present
    return {
        "a noun": {text.removeprefix("a "): photos for text, photos in nouns.items()},
        "a thing": present,
        "a photo of a thing": {
            worded("a photo of {a noun}", noun): photos for noun, photos in present.items()
        },
        "two words": neighbouring_words(split, 2),
        "three words": neighbouring_words(split, 3),
    }


def precisions(split: Split, encoder: Encoder, queries: QuerySet, share: float) -> np.ndarray:
    """The average precision (n,) of each query."""
    scores = embed_searched(encoder, list(queries), share=share) @ split.photos.T
    right = queries.values()
    return np.array([average_precision(*each) for each in zip(scores, right, strict=True)])


def recall(split: Split, encoder: Encoder, share: float) -> float:
    """The share of the captions whose photo is among the first ten."""
    scores = embed_searched(encoder, split.captions, share=share) @ split.photos.T
    own = scores[np.arange(len(split.own)), split.own]
    return float(((scores > own[:, None]).sum(axis=1) < FIRST).mean())


def people_shown(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """The photos of which two captions mention people, and those of which none does: rows."""
    counts = mentions(split)[PEOPLE]
    shown = np.array(sorted(row for row, count in counts.items() if count >= 2))
    return shown, np.setdiff1d(np.arange(len(split.photos)), np.array(sorted(counts)))


def area(split: Split, vector: np.ndarray) -> float:
    """The probability that a photo with people scores above one without."""
    shown, others = (split.photos[rows] @ vector for rows in people_shown(split))
    return float((shown[:, None] > others[None]).mean())


def mark(share: float, encoder: Encoder) -> str:
    return "  <- in use" if share == mean_noun_share(encoder.id) else ""


def main() -> None:
    for split, encoder in chosen_splits(__doc__ or ""):
        for name, queries in query_sets(split).items():
            print(f"  {name}, {len(queries)} queries")
            base = precisions(split, encoder, queries, 0.0)
            for share in SHARES:
                precision = precisions(split, encoder, queries, share)
                gain = precision - base
                error = gain.std() / np.sqrt(len(gain))
                print(
                    f"    share {share:.2f}  mAP {precision.mean():.4f} "
                    f"({gain.mean():+.4f} ± {error:.4f}){mark(share, encoder)}"
                )
        print("  captions")
        for share in (0.0, mean_noun_share(encoder.id)):
            found = recall(split, encoder, share)
            print(f"    share {share:.2f}  R@10 {found:.2%}{mark(share, encoder)}")
        shown, others = people_shown(split)
        print(f'  "people", {len(shown)} photos with and {len(others)} without')
        bare_word = embed_texts(encoder, NAME, ["people"])
        for share in SHARES:
            (bare,) = less_mean_noun(bare_word, mean_noun(encoder), share)
            (meant,) = embed_searched(encoder, ["people"], share=share)
            print(
                f"    share {share:.2f}  area {area(split, bare):.2f} as the bare word, "
                f"{area(split, meant):.2f} as what it stands for{mark(share, encoder)}"
            )


if __name__ == "__main__":
    main()
