"""Measures thumbs with a simulated person who looks for one photo.

    python -m benchmarks.bench_feedback CAPTIONS LIBRARY [--choose]

LIBRARY is the data folder of an index of the photos in CAPTIONS (image, split, caption number,
caption). The person types the first caption of a photo, and looks at the first ten photos that have
no thumb yet, three times. Of these, the person likes the one or two whose captions have most in
common with the other captions of the photo (cosine of TF-IDF, with noise); the others were seen.
The photo itself is neither liked nor counted as seen: a person who sees it is done. Counted are the
photos that stand among the first five without a thumb in the end. With --choose, the ways and their
parameters are compared: only for photos that nothing is tested on.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from imgsearch import Library
from imgsearch.features.concepts import probe
from imgsearch.features.feedback.likeness import posterior
from imgsearch.records.query import Query, Term
from imgsearch.search.prepared import prepare
from imgsearch.search.ranking import rank
from imgsearch.text import words_of

SHOWN, ROUNDS, FIRST = 10, 3, 5
BANDS = ((11, 50), (51, 500))
QUERIES = 400
NOISE = 0.05  # the standard deviation of what the person sees, in cosines of captions
ALIKE = 0.05  # a second photo is liked from here
Order = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def captions_of(path: Path) -> dict[str, list[str]]:
    """Return the captions of each photo, by its file name."""
    found: dict[str, list[str]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["image"]].append(row["caption"])
    return found


def likeness_of_captions(texts: list[list[str]]) -> np.ndarray:
    """Return the cosine (n, n) of TF-IDF of all captions of photos but the first of each."""
    counts = [Counter(word for text in each[1:] for word in words_of(text)) for each in texts]
    in_photos = Counter(word for each in counts for word in each)
    columns = {word: number for number, word in enumerate(in_photos)}
    rows = np.zeros((len(counts), len(columns)), np.float32)
    for row, each in zip(rows, counts, strict=True):
        for word, count in each.items():
            row[columns[word]] = np.log1p(count) * np.log(len(counts) / in_photos[word])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows @ rows.T


def bayes(score_spread: float, choice_spread: float) -> Order:
    """Return the order of the feature with these parameters."""

    def order(
        scores: np.ndarray, photos: np.ndarray, liked: np.ndarray, others: np.ndarray
    ) -> np.ndarray:
        return posterior(scores, photos, liked, others, score_spread, choice_spread)

    return order


def rocchio(more: float, less: float) -> Order:
    """Return Rocchio's order: the likes added to the words, the others subtracted."""

    def order(
        scores: np.ndarray, photos: np.ndarray, liked: np.ndarray, others: np.ndarray
    ) -> np.ndarray:
        value: np.ndarray = scores / scores.std()
        for share, rows in ((more, liked), (-less, others)):
            if len(rows):
                along = photos @ rows.mean(axis=0)
                value = value + share * along / along.std()
        return value

    return order


def probed(share: float) -> Order:
    """Return the order of a probe of concepts, added to the words."""

    def order(
        scores: np.ndarray, photos: np.ndarray, liked: np.ndarray, others: np.ndarray
    ) -> np.ndarray:
        if not len(liked):
            return scores
        direction = probe.fit(probe.TrainingSet(liked, others, photos[::2]))
        along = photos @ direction
        value: np.ndarray = scores / scores.std() + share * along / along.std()
        return value

    return order


def found_by(
    order: Order,
    cases: Sequence[tuple[int, np.ndarray]],
    photos: np.ndarray,
    likeness: np.ndarray,
    thumbs: int,
) -> list[bool]:
    """Return of each case whether the photo is among the first five after three rounds."""
    outcomes = []
    for target, scores in cases:
        rng = np.random.default_rng(target)
        liked: list[int] = []
        seen: list[int] = []
        ranked = np.argsort(-scores)
        for _ in range(ROUNDS):
            window = [each for each in ranked if each not in liked][:SHOWN]
            looks = {
                each: likeness[target, each] + rng.normal(0, NOISE)
                for each in window
                if each != target
            }
            best = sorted(looks, key=looks.__getitem__, reverse=True)[:thumbs]
            chosen = [each for number, each in enumerate(best) if not number or looks[each] > ALIKE]
            liked += chosen
            seen = [each for each in {*seen, *window} if each not in liked and each != target]
            values = order(scores, photos, photos[liked], photos[seen])
            ranked = np.argsort(-values)
        left = [each for each in ranked if each not in liked]
        outcomes.append(target in left[:FIRST])
    return outcomes


def main() -> None:
    """Measure, or compare the ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    captions = captions_of(options.captions)
    with Library.open(options.library) as library:
        every = library.find_all("sort:date", 10_000)
        hits = {hit.photo.id: hit.path.name for hit in library.hits_of(every, every.ids.tolist())}
        ids = sorted(hits)
        context = library._opened.context()
        stored = context.photos.vectors_of(ids)
        photos = np.stack([stored[each].vectors[0] for each in ids])
        texts = [captions[hits[each]] for each in ids]
        cases: dict[tuple[int, int], list[tuple[int, np.ndarray]]] = {band: [] for band in BANDS}
        for target in np.random.default_rng(0).permutation(len(ids))[:QUERIES].tolist():
            query = prepare(context, Query((Term(texts[target][0]),)))
            given = dict(rank(query, len(ids)).photos)
            scores = np.array([given.get(each, -1.0) for each in ids], np.float32)
            place = int((scores > scores[target]).sum()) + 1
            for band in BANDS:
                if band[0] <= place <= band[1]:
                    cases[band].append((target, scores))
    likeness = likeness_of_captions(texts)
    ways: dict[str, Order] = {"bayes": posterior}
    if options.choose:
        ways |= {
            f"bayes {a} {b}": bayes(a, b) for a in (0.1, 0.2, 0.3, 0.5) for b in (0.16, 0.25, 0.4)
        }
        ways |= {f"rocchio {a} {b}": rocchio(a, b) for a in (0.5, 1, 2) for b in (0.5, 1)}
        ways |= {f"probe {a}": probed(a) for a in (0.5, 1, 2)}
    for name, order in ways.items():
        for thumbs in (1, 2):
            shares = [
                f"rank {low} to {high}: {np.mean(found):.0%} of {len(found)}"
                for (low, high), band in cases.items()
                if (found := found_by(order, band, photos, likeness, thumbs))
            ]
            print(f"{name}, thumbs {thumbs}: {', '.join(shares)}", flush=True)


if __name__ == "__main__":
    main()
