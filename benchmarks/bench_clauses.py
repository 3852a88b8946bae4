"""Measures lines of several clauses: searched for as one text, by their clauses, and by both.

    python -m benchmarks.bench_clauses CAPTIONS LIBRARY [--other CAPTIONS] [--choose]

LIBRARY is the data folder of an index of the photos in CAPTIONS (image, split, caption number,
caption). A line is made of captions of one photo, which is looked for; or is one caption that has
clauses of its own; or has a sentence that no photo shows. Prints how often the photo is the first,
and among the first five and ten. With captions of other photos, it counts how many lines of three
of these get which verdict. With --choose, weights of the clauses and of the whole are compared:
only for photos that nothing is tested on.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from imgsearch import Library, Settings
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.language.asking_words import words_shown
from imgsearch.language.clauses import clauses_of
from imgsearch.records.arrays import Vectors
from imgsearch.records.query import Query, Term
from imgsearch.search.context import SearchContext
from imgsearch.search.prepared import prepare
from imgsearch.search.ranking import rank
from imgsearch.search.short_texts import meant_vectors, texts_meant

SEED, LINES = 7, 500
FIRST = (1, 5, 10)
# What people add that no photo shows.
FILLERS = (
    "It was a cold day",
    "I think it was on a trip with friends",
    "I remember it well",
)
Line = tuple[str, int]  # and the place of its photo


def captions_of(path: Path) -> dict[str, list[str]]:
    """Return the captions of each photo, by its file name, as people write them."""
    found: dict[str, list[str]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            text = re.sub(r"\s*\.\s*$", "", row["caption"]).strip()
            found[row["image"]].append(text.replace(" ,", ","))
    return found


def sets_of(captions: Sequence[Sequence[str]]) -> dict[str, list[Line]]:
    """Return the lines of each kind."""
    numbers = random.Random(SEED)
    places = numbers.sample(range(len(captions)), min(LINES, len(captions)))
    found: dict[str, list[Line]] = {
        "1 caption with clauses": [
            (text, at)
            for at in range(len(captions))
            for text in captions[at]
            if len(clauses_of(text)) > 1
        ]
    }
    for count in (2, 3, 5):
        found[f"{count} captions"] = [
            (". ".join(numbers.sample(captions[at], count)) + ".", at) for at in places
        ]
    for count in (1, 2):
        found[f"{count} and a filler"] = [
            (". ".join([*numbers.sample(captions[at], count), numbers.choice(FILLERS)]) + ".", at)
            for at in places
        ]
    return found


class Searched:
    """A library, and the vectors of texts in it."""

    def __init__(self, context: SearchContext, ids: Sequence[int]) -> None:
        self._context, self._ids = context, ids
        self._encoder = open_encoder("lite", Settings.load().cache_dir)
        usual = prepare(context, Query((Term("a dog runs over the grass of a park"),)))
        self._share = usual.vector.hubness_share
        self.mean_noun = None if usual.baseline is None else usual.baseline.mean_noun
        self._vectors: dict[str, np.ndarray] = {}

    def add(self, texts: Sequence[str]) -> None:
        """Embed texts that are not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors.update(zip(new, embed_texts(self._encoder, "lite", new), strict=True))

    def of(self, text: str) -> np.ndarray:
        """Return the vector of a text."""
        return self._vectors[text]

    def report(self, kind: str, way: str, rows: Vectors, lines: Sequence[Line]) -> None:
        """Print how often the photos of the lines are among the first for these vectors."""
        nearest = self._context.photos.nearest_to_each(
            rows.astype(np.float32), max(FIRST), None, kind="text", hubness_share=self._share
        )
        ranks = [
            found.ids.tolist().index(self._ids[at]) if self._ids[at] in found.ids else max(FIRST)
            for found, (_, at) in zip(nearest, lines, strict=True)
        ]
        shares = "  ".join(f"R@{k} {np.mean([each < k for each in ranks]):.3f}" for k in FIRST)
        print(f"{kind:24} {way:24} {len(lines):4} lines  {shares}", flush=True)


def unit(row: np.ndarray) -> np.ndarray:
    """Return a vector of length 1."""
    made: np.ndarray = row / np.linalg.norm(row)
    return made


def measure(searched: Searched, kind: str, lines: Sequence[Line], encoder_id: str) -> None:
    """Print the lines of a kind as one text, by clauses, and as a search has them."""
    groups = [texts_meant(encoder_id, text) for text, _ in lines]
    searched.add([text for group in groups for text in group] + [text for text, _ in lines])
    whole = np.stack([searched.of(text) for text, _ in lines])
    by_clauses = np.stack(
        [np.mean([searched.of(each) for each in clauses_of(text)], axis=0) for text, _ in lines]
    )
    texts = list(dict.fromkeys(text for group in groups for text in group))
    both = meant_vectors(
        encoder_id, groups, [searched.of(text) for text in texts], searched.mean_noun
    )
    searched.report(kind, "one text", whole, lines)
    searched.report(kind, "the mean of its clauses", by_clauses, lines)
    searched.report(kind, "as a search does", both, lines)


def choose(searched: Searched, kind: str, lines: Sequence[Line]) -> None:
    """Print the lines of a kind with other weights of the clauses and of the whole."""
    weights: dict[str, Callable[[str], float]] = {
        "alike": lambda text: 1.0,
        "by words": lambda text: len(text.split()),
        "by words shown": lambda text: max(0.2, words_shown(text)),
    }
    for name, weight in weights.items():
        for share in (0.0, 0.5, 1.0, 2.0):
            rows = [
                unit(np.sum([weight(each) * searched.of(each) for each in clauses_of(text)], 0))
                + share * searched.of(text)
                for text, _ in lines
            ]
            searched.report(kind, f"{name} + {share} whole", np.stack(rows), lines)


def verdicts(context: SearchContext, about: str, lines: Sequence[str]) -> None:
    """Print how many lines get which verdict."""
    states: Counter[str] = Counter()
    for line in lines:
        verdict = rank(prepare(context, Query((Term(line),))), 200).verdict
        states["none" if verdict is None else verdict.state] += 1
    shares = ", ".join(f"{name} {count / len(lines):.0%}" for name, count in states.most_common())
    print(f"{len(lines)} lines about {about}: {shares}", flush=True)


def main() -> None:
    """Measure the lines of a library."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("captions", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    captions = captions_of(options.captions)
    with Library.open(options.library) as library:
        every = library.find_all("sort:path", 100_000)
        names = {hit.photo.id: hit.path.name for hit in library.hits_of(every, every.ids.tolist())}
        ids = sorted(names, key=names.__getitem__)
        context = library._opened.context()
        searched = Searched(context, ids)
        for kind, lines in sets_of([captions[names[each]] for each in ids]).items():
            measure(searched, kind, lines, context.row.encoder_id)
            if options.choose:
                choose(searched, kind, lines)
        if options.other is not None:
            for about, own in (("these photos", captions), ("others", captions_of(options.other))):
                known = (
                    [own[names[each]] for each in ids] if own is captions else list(own.values())
                )
                verdicts(context, about, [". ".join(each[:3]) + "." for each in known[:150]])


if __name__ == "__main__":
    main()
