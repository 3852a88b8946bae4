"""Measures how well verdicts separate queries with and without an answer, on captioned photos.

    python -m benchmarks.bench_confidence COCO-DEV FLICKR8K --split dev
    python -m benchmarks.bench_confidence COCO-DEV FLICKR8K --split dev --more FLICKR8K --fit

Each set is searched as libraries of several sizes: parts of it, all of it, and, with `--more`, all
of it and photos of that folder's train split. Sizes beyond that are filled with made vectors: a
photo plus half the difference of two others. They say how the verdict behaves in a large library,
but not how the model does. The queries are

- captions of the photos: is the photo of the caption shown, or hidden as weak?
- things of things.txt that the captions of the set mention, or that no caption mentions, in several
  wordings: what is present should not be denied, and what is absent should not be found;
- the scenes of absent.txt with things that no caption mentions.

Hits of present things are right if a caption of the photo has the noun. `--fit` also fits the
thresholds to each set, and measures them on the other sets. `--tried` prints how well other
measures than the strength, alone and added to it, tell few words for what is present from few words
for what is absent. The thresholds in use were chosen on coco-dev and the dev split of Flickr8k; the
test split only reports.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from msgspec import structs
from PIL import Image

from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts, prompts_for
from imgsearch.encoders.registry import open_encoder
from imgsearch.index.recall import prompts
from imgsearch.language.everyday import is_everyday
from imgsearch.language.things import things_in
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.photo import PhotoCount
from imgsearch.search import confidence
from imgsearch.search.baseline import SAMPLE_PHOTOS, nouns, usual_captions
from imgsearch.search.confidence import (
    THRESHOLDS,
    ScoredQuery,
    Thresholds,
    assess,
)
from imgsearch.search.hubness import bank_vectors, hubness_of, hubness_share_of
from imgsearch.search.short_texts import (
    distinct_texts,
    less_mean_noun,
    mean_noun_share,
    meant_vectors,
    text_kind,
    texts_meant,
)

ABSENT = Path(__file__).with_name("absent.txt")
THINGS = Path(__file__).with_name("things.txt")
NAME = "lite"  # whose way of reading short texts all its forms share
FORMS = ("lite", "lite+views", "lite+dino")
SIZES = (50, 200, 1000, 6000)
DRAWS = 3  # of a library that is a part of a set
MAX_CAPTIONS = 500  # in each library
SHOWS_IT = 3  # captions of a photo that mention a thing, so that the thing is present
WORDINGS = (
    "{noun}",
    "{a noun}",
    "a photo of {a noun}",
    "pictures with {a noun} in them",
    "there is {a noun} in the background",
)
# Words in many captions that nobody would search for.
FUNCTION_WORDS = """a an the of with in on at its it is are to from and through while his her their
by for up down out into over near as two three four one several some other another who that there
around next off behind them looking look front him he this she very each back being along across
large small young little old big long upside top side six air free theme people man men woman women
person boy boys girl girls child children kid kids group many all"""
IRREGULAR = """men:man women:woman children:child people:person persons:person mice:mouse
geese:goose leaves:leaf knives:knife wolves:wolf shelves:shelf busses:bus"""
WITHOUT_ARTICLE = "food snow sand bread rice corn meat cheese mud rain ice fruit"
SMALL_WORDS = {"a", "in", "of", "on", "the"}


# ------------------------------------------------------------------------- photos and texts


@dataclass(frozen=True)
class Split:
    """Photos as vectors, and captions with the row of the photo that each describes."""

    photos: Vectors
    captions: list[str]
    own: np.ndarray


def load(folder: Path, split: str, encoder: Encoder, cache: Path) -> Split:
    """A split of a folder with captions.csv and images/; the vectors are kept in `cache`."""
    with (folder / "captions.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == split]
    names = sorted({row["image"] for row in rows})
    row_of = {name: number for number, name in enumerate(names)}
    file = cache / f"{folder.name}-{split}-{re.sub(r'[^a-z0-9]+', '-', encoder.id)}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, embed_photos([folder / "images" / name for name in names], encoder))
    own = np.array([row_of[row["image"]] for row in rows])
    return Split(np.load(file), [row["caption"] for row in rows], own)


def chosen_splits(description: str) -> Iterator[tuple[Split, Encoder]]:
    """The splits that the command line names, with the encoder; the title of each is printed."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    parser.add_argument("--encoder", default=NAME, choices=FORMS)
    arguments = parser.parse_args()
    encoder = open_encoder(arguments.encoder, default_cache_dir())
    for folder in arguments.folders:
        split = load(folder, arguments.split, encoder, default_cache_dir() / "benchmarks")
        print(f"{encoder.id}, {folder.name} {arguments.split}, {len(split.photos)} photos")
        yield split, encoder


def embed_photos(paths: Sequence[Path], encoder: Encoder) -> Vectors:
    def prepare(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return encoder.prepare(image.convert("RGB"))

    size = encoder.batch_size
    with ThreadPoolExecutor(2) as threads:
        return np.concatenate(
            [
                encoder.encode_pixels(np.stack(list(threads.map(prepare, paths[at : at + size]))))
                for at in range(0, len(paths), size)
            ]
        )


def embed_searched(
    encoder: Encoder,
    texts: Sequence[str],
    negative: bool = False,
    share: float | None = None,
) -> Vectors:
    """The vectors that texts are searched for with, or turned away from where `negative`."""
    groups = [texts_meant(encoder.id, text, negative) for text in texts]
    vectors = embed_texts(encoder, NAME, distinct_texts(groups))
    return meant_vectors(encoder.id, groups, vectors, mean_noun(encoder), share)


@cache
def _mean_noun(encoder: Hashable) -> Vector:
    mean: Vector = embed_texts(cast(Encoder, encoder), NAME, nouns()).mean(axis=0)
    return mean


def mean_noun(encoder: Encoder) -> Vector:
    """The mean of the vectors of the nouns (dim,), which are embedded once."""
    return _mean_noun(cast(Hashable, encoder))


def searched_nouns(encoder: Encoder) -> Vectors:
    """The nouns of a score baseline, as they are searched for."""
    vectors = embed_texts(encoder, NAME, nouns())
    return less_mean_noun(vectors, mean_noun(encoder), mean_noun_share(encoder.id))


@dataclass(frozen=True)
class TextVectors:
    """Embeds texts as queries are; the vectors of each list are kept in `cache`."""

    encoder: Encoder
    cache: Path

    def searched(self, texts: Sequence[str]) -> Vectors:
        """The vectors that texts are searched for with."""
        groups = [texts_meant(self.encoder.id, text) for text in texts]
        vectors = self(distinct_texts(groups))
        return meant_vectors(self.encoder.id, groups, vectors, self(nouns()).mean(axis=0))

    def bank(self) -> Vectors:
        """The vectors of the bank with which hubness is measured."""
        return bank_vectors(self.cache, self.encoder.id, self.encoder.encode_texts)

    def __call__(self, texts: Sequence[str]) -> Vectors:
        read_as = [prompt for text in texts for prompt in prompts_for(NAME, text)]
        key = hashlib.sha256("\n".join([self.encoder.id, *texts, *read_as]).encode()).hexdigest()
        file = self.cache / f"texts-{key[:20]}.npy"
        if not file.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            np.save(file, embed_texts(self.encoder, NAME, texts))
        vectors: Vectors = np.load(file)
        return vectors


def absent_texts(captions: Sequence[str]) -> list[str]:
    """The lines of absent.txt whose starred words no caption has."""
    caption_words = [set(re.findall("[a-z-]+", caption.lower())) for caption in captions]
    texts = []
    for line in ABSENT.read_text().splitlines():
        keys = set(re.findall(r"\*([a-z-]+)\*", line.lower()))
        if keys and not any(keys <= words for words in caption_words):
            texts.append(line.replace("*", ""))
    return texts


def noun_queries(split: Split, captions: int = 1) -> dict[str, set[int]]:
    """Words that most captions of 2 to 60 photos contain, and the photos that match each.

    A photo matches if at least this many of its `captions` contain the word.
    """
    ignored = set(FUNCTION_WORDS.split())
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        for word in set(re.findall("[a-z]+", caption.lower())) - ignored:
            counts[word][photo] += 1
    clear = {word: sum(n >= 3 for n in photos.values()) for word, photos in counts.items()}
    return {
        f"a {word}": {photo for photo, n in counts[word].items() if n >= captions}
        for word, photos in sorted(clear.items())
        if len(word) > 2 and not word.endswith("ing") and 2 <= photos <= 60
    }


# ------------------------------------------------------------------------- things


@dataclass(frozen=True)
class Things:
    """Nouns in the captions of a set, with their photos' rows, and nouns of no caption."""

    present: dict[str, set[int]]
    absent: list[str]


def things(captions: Sequence[str], own: Sequence[int]) -> Things:
    """The things of things.txt that are present or absent according to captions of photos."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(captions, own, strict=True):
        for word in stems(caption):
            counts[word][photo] += 1
    present, absent = {}, []
    for line in THINGS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        noun, *related = (part.strip() for part in line.lstrip("- ").split(","))
        words = stems(noun) - SMALL_WORDS
        mentions = {
            photo: min(counts[word][photo] for word in words)
            for photo in set.intersection(*(set(counts[word]) for word in words))
        }
        if any(number >= SHOWS_IT for number in mentions.values()):
            present[noun] = set(mentions)
        all_words = words | {stem for part in related for stem in stems(part)}
        if not line.startswith("-") and not any(counts[word] for word in all_words):
            absent.append(noun)
    return Things(present, absent)


def stems(text: str) -> set[str]:
    """The words of a text, lower-case and in the singular."""
    return {_singular(word) for word in re.findall("[a-z]+(?:-[a-z]+)?", text.lower())}


def _singular(word: str) -> str:
    irregular = dict(pair.split(":") for pair in IRREGULAR.split())
    if word in irregular:
        return irregular[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def worded(wording: str, noun: str) -> str:
    last = noun.split()[-1]
    has_article = _singular(last) == last and noun not in WITHOUT_ARTICLE.split()
    article = ("an " if noun[0] in "aeiou" else "a ") if has_article else ""
    return wording.replace("{a noun}", article + noun).replace("{noun}", noun)


# ------------------------------------------------------------------------- libraries


@dataclass(frozen=True)
class Queries:
    """Queries of one kind, as vectors, and the rows of the photos that match each."""

    texts: list[str]
    vectors: np.ndarray
    matches: list[set[int]]
    things: list[Vectors | None]  # of each text, as `ScoredQuery` takes them


def queries_of(
    texts: list[str], vectors: np.ndarray, matches: list[set[int]], embed: TextVectors
) -> Queries:
    """Queries with the things that their texts name."""
    named = [things_in(text) for text in texts]
    distinct = distinct_texts(named)
    row_of = dict(zip(distinct, embed.searched(distinct), strict=True)) if distinct else {}
    rows = [np.stack([row_of[each] for each in group]) if group else None for group in named]
    return Queries(texts, vectors, matches, rows)


@dataclass(frozen=True)
class BenchLibrary:
    """A library as vectors, the queries to it by name, and its score baseline."""

    name: str
    photos: Vectors
    baseline: ScoreBaseline
    queries: dict[str, Queries]
    hubness: Vector  # of each photo, less the mean
    encoder_id: str


def make_library(
    name: str,
    split: Split,
    rows: np.ndarray,
    more: Split | None,
    embed: TextVectors,
) -> BenchLibrary:
    """A library of these rows of a split, and of all photos of another one."""
    rng = np.random.default_rng(11)
    photos: Vectors = split.photos[rows]
    photos = photos if more is None else np.concatenate([photos, more.photos])
    order = rng.permutation(len(photos))
    photos = photos[order]
    row_in = {old: new for new, old in enumerate(order.tolist())}
    row_of = {old: row_in[number] for number, old in enumerate(rows.tolist())}
    sample = photos[rng.permutation(len(photos))[:SAMPLE_PHOTOS]]
    bank = embed(nouns())
    bank = less_mean_noun(bank, bank.mean(axis=0), mean_noun_share(embed.encoder.id))
    usual = embed(usual_captions())
    mean = photos.mean(axis=0)
    baseline = ScoreBaseline(embed(prompts()), bank, sample, mean, len(photos), usual)

    all_captions, all_own = list(split.captions), split.own.tolist()
    if more is not None:
        all_captions += more.captions
        all_own += (more.own + len(split.photos)).tolist()
        row_of |= {
            len(split.photos) + number: row_in[len(rows) + number]
            for number in range(len(more.photos))
        }
    known = things(all_captions, all_own)
    own_things = things(split.captions, split.own.tolist()).present
    present = {
        noun: {row_of[photo] for photo in known.present[noun] if photo in row_of}
        for noun, photos in own_things.items()
        if any(photo in row_of for photo in photos)
    }
    captions = [at for at, photo in enumerate(split.own.tolist()) if photo in row_of]
    captions = [captions[at] for at in rng.permutation(len(captions))[:MAX_CAPTIONS]]
    vectors = embed.searched(split.captions)
    scenes = [text for text in absent_texts(all_captions) if text_kind(NAME, text) == "text"]
    queries = {
        "captions": queries_of(
            [split.captions[at] for at in captions],
            vectors[captions],
            [{row_of[int(split.own[at])]} for at in captions],
            embed,
        ),
        "absent scenes": queries_of(scenes, embed.searched(scenes), [set()] * len(scenes), embed),
    }
    for wording in WORDINGS:
        texts = [worded(wording, noun) for noun in present]
        queries[f"present {wording}"] = queries_of(
            texts, embed.searched(texts), list(present.values()), embed
        )
        texts = [worded(wording, noun) for noun in known.absent]
        queries[f"absent {wording}"] = queries_of(
            texts, embed.searched(texts), [set()] * len(texts), embed
        )
    return BenchLibrary(
        name, photos, baseline, queries, hubness_in(photos, embed.bank()), embed.encoder.id
    )


def hubness_in(photos: Vectors, bank: Vectors) -> Vector:
    """The hubness (n,) of photos by a bank of texts, less the mean."""
    values = hubness_of(photos, np.arange(len(photos)), bank)
    return cast("Vector", values - values.mean())


def with_made(split: Split, photos: np.ndarray, count: int) -> Split:
    """The split with as many made photos, which resemble these and have no captions."""
    rng = np.random.default_rng(3)
    a, b, c = (photos[rng.integers(len(photos), size=count)] for _ in range(3))
    made = a + 0.5 * (b - c)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return replace(split, photos=np.concatenate([split.photos, made]))


def make_libraries(
    name: str, split: Split, more: Split | None, sizes: Sequence[int], embed: TextVectors
) -> list[list[BenchLibrary]]:
    """Libraries of these sizes and of the whole split; those of a part in several draws."""
    rng = np.random.default_rng(5)
    groups = []
    own = len(split.photos)
    for size in sorted({own, *sizes}):
        if size <= own:
            draws = [rng.permutation(own)[:size] for _ in range(1 if size == own else DRAWS)]
            groups.append([make_library(name, split, rows, None, embed) for rows in draws])
        elif more is not None:
            kept = np.arange(min(len(more.photos), size - own))
            is_kept = np.isin(more.own, kept)
            part = Split(
                more.photos[kept],
                [text for text, keep in zip(more.captions, is_kept, strict=True) if keep],
                more.own[is_kept],
            )
            if missing := size - own - len(kept):
                part = with_made(part, np.concatenate([split.photos, part.photos]), missing)
            groups.append([make_library(name, split, np.arange(own), part, embed)])
    return groups


# ------------------------------------------------------------------------- verdicts


@dataclass(frozen=True)
class BenchAnswer:
    """The verdict on one query, and how many hits of each level there are and match it."""

    verdict: Verdict
    photos: int  # in the library
    everyday: bool  # is never denied
    kept: bool = False  # a match is not weak
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)  # by level: hits, matches
    ranked: tuple[np.ndarray, np.ndarray] | None = None  # shares of the best hits, and if right


def answer(
    library: BenchLibrary,
    queries: Queries,
    thresholds: Thresholds,
) -> list[BenchAnswer]:
    """Search for each query, and assess the answers."""
    outcomes = []
    each = zip(queries.texts, queries.vectors, queries.matches, queries.things, strict=True)
    for text, vector, matches, things in each:
        scores = library.photos @ vector
        scores -= (
            np.float32(hubness_share_of(library.encoder_id, text_kind(NAME, text)))
            * library.hubness
        )
        order = np.argsort(-scores)
        best = order[: confidence.COUNTED_HITS]
        kind = text_kind(NAME, text)
        everyday = is_everyday(text)
        verdict = assess(
            library.baseline,
            ScoredQuery(vector, [(kind, 1.0)], everyday=everyday, things=things),
            Neighbours(best, scores[best]),
            library.photos[order[: confidence.COMPARED_HITS]],
            PhotoCount(len(library.photos), len(library.photos)),
            thresholds,
        )
        levels = [verdict.level(float(score)) for score in scores[best]]
        is_match = [row in matches for row in best.tolist()]
        counts = {
            level: (
                levels.count(level),
                sum(right for each, right in zip(levels, is_match, strict=True) if each == level),
            )
            for level in ("sure", "likely", "possible")
        }
        kept = any(verdict.level(float(scores[row])) != "weak" for row in matches)
        mean = float(vector @ library.baseline.mean)
        share = (scores[best] - mean) / max(float(scores[best[0]]) - mean, 1e-6)
        ranked = share, np.array(is_match)
        outcomes.append(BenchAnswer(verdict, len(library.photos), everyday, kept, counts, ranked))
    return outcomes


BenchAnswers = dict[str, list[BenchAnswer]]


def measure(
    libraries: Sequence[BenchLibrary],
    thresholds: Thresholds = THRESHOLDS,
) -> BenchAnswers:
    """The outcomes by kind of query, of all libraries together."""
    result: BenchAnswers = defaultdict(list)
    for library in libraries:
        for name, queries in library.queries.items():
            result[name] += answer(library, queries, thresholds)
    return result


def states(outcomes: Sequence[BenchAnswer]) -> str:
    shares = [
        np.mean([outcome.verdict.state == state for outcome in outcomes])
        for state in ("found", "unsure", "nothing")
    ]
    return "   ".join(f"{share:5.1%}" for share in shares)


def level_counts(outcomes: Sequence[BenchAnswer], level: str) -> tuple[int, int]:
    hits, right = np.sum([outcome.counts[level] for outcome in outcomes], axis=0)
    return int(hits), int(right)


def report(title: str, outcomes: BenchAnswers) -> None:
    print(f"{title}\n  {'':44} queries   found   unsure  nothing")
    for name, group in outcomes.items():
        if not group:
            continue
        line = f"  {name:44} {len(group):7}   {states(group)}"
        if name == "captions":
            shown = [sum(hits for hits, _ in outcome.counts.values()) for outcome in group]
            line += f"   kept {np.mean([outcome.kept for outcome in group]):.1%}"
            line += f", shown {np.median(shown):.0f} (median)"
        print(line)
    named = [*outcomes["present {noun}"], *outcomes["present {a noun}"]]
    parts = []
    for level in ("sure", "likely", "possible"):
        hits, right = level_counts(named, level)
        parts.append(f"{level} {hits}, {right / max(1, hits):.0%} right")
    print(f"  hits of present nouns: {'; '.join(parts)}")
    unsure = [each for each in named if each.verdict.state == "unsure"]
    if unsure:
        number = np.mean([each.verdict.possible for each in unsure])
        holds = np.mean([each.counts["possible"][1] > 0 for each in unsure])
        print(f"  unsure about present nouns: {number:.1f} shown, {holds:.0%} with a right one")


# ------------------------------------------------------------------------- fitting


SHORT = ("{noun}", "{a noun}")


def fit(outcomes: BenchAnswers) -> Thresholds:
    """Thresholds that deny 4 % of what is present and find 10 % of what is absent.

    Likely are hits down to the share of which six in ten are right, beginning with the best.
    """

    absent = [
        outcome.verdict.strength for wording in SHORT for outcome in outcomes[f"absent {wording}"]
    ]
    limits = [
        outcome.verdict.strength - THRESHOLDS.unsure_words_of_few / outcome.photos
        if not outcome.everyday
        else np.inf
        for wording in SHORT
        for outcome in outcomes[f"present {wording}"]
    ]
    found = float(np.quantile(absent, 0.9))
    scenes = [outcome.verdict.strength for outcome in outcomes["absent scenes"]]
    ranked = [
        outcome.ranked
        for wording in SHORT
        for outcome in outcomes[f"present {wording}"]
        if outcome.verdict.strength >= found and outcome.ranked is not None
    ]
    share = np.concatenate([shares for shares, _ in ranked])
    right = np.concatenate([matches for _, matches in ranked])
    order = np.argsort(-share)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    return structs.replace(
        THRESHOLDS,
        unsure_words=float(np.quantile(limits, 0.04, method="lower")),
        found_text=float(np.quantile(scenes, 0.9)),
        found_short=found,
        likely_share=float(share[order][np.flatnonzero(precision >= 0.6)[-1]]),
    )


def report_fit(sets: Mapping[str, Sequence[BenchLibrary]]) -> None:
    """Fit to each set, and measure on the others."""
    for name, libraries in sets.items():
        thresholds = fit(measure(libraries))
        print(f"\nfitted to {name}: {thresholds}")
        for other, others in sets.items():
            if other != name:
                report(f"measured on {other}", measure(others, thresholds))


# ------------------------------------------------------------------------- other measures

COMPETITORS = 3  # nouns whose mean score a photo's own score is compared with
SAME_NOUN = 0.9  # nouns at least this similar to the query are no competitors
ADDED = {"margin over other nouns": 6.0, "skewness": 0.3, "agreement of the halves": 2.0}


def other_measures(library: BenchLibrary, vector: np.ndarray) -> dict[str, float]:
    """Measures of whether a query of few words is answered; higher means more likely."""
    scores = library.photos @ vector
    best = np.argsort(-scores)[: confidence.COMPARED_HITS]
    nouns = library.baseline.nouns
    others = library.photos[best] @ nouns[nouns @ vector < SAME_NOUN].T
    deviation = scores - scores.mean()
    half = len(vector) // 2  # the halves of lite come from different training, docs/models.md
    first, second = (
        library.photos[:, part] @ vector[part] for part in (slice(half), slice(half, None))
    )
    return {
        "margin over other nouns": float(
            (scores[best] - np.sort(others, axis=1)[:, -COMPETITORS:].mean(axis=1)).max()
        ),
        "skewness": float((deviation**3).mean() / scores.std() ** 3),
        "agreement of the halves": float(np.corrcoef(first, second)[0, 1]),
    }


def report_tried(libraries: Sequence[BenchLibrary]) -> None:
    measured: dict[tuple[str, str], list[float]] = defaultdict(list)
    for library in libraries:
        for presence in ("present", "absent"):
            for wording in SHORT:
                queries = library.queries[f"{presence} {wording}"]
                strengths = [
                    outcome.verdict.strength for outcome in answer(library, queries, THRESHOLDS)
                ]
                for strength, vector in zip(strengths, queries.vectors, strict=True):
                    measured["the strength", presence].append(strength)
                    for name, value in other_measures(library, vector).items():
                        measured[name, presence].append(value)
                        combined = strength + ADDED[name] * value
                        measured[f"the strength and {name}", presence].append(combined)
    for name in dict.fromkeys(name for name, _ in measured):
        present, absent = (np.array(measured[name, each]) for each in ("present", "absent"))
        area = (present[:, None] > absent[None]).mean()
        found = (present > np.quantile(absent, 0.9)).mean()
        denied = (absent < np.quantile(present, 0.03)).mean()
        print(
            f"  {name:40} area {area:.3f}   found {found:.0%} if a tenth of what is absent is, "
            f"denied {denied:.0%} if 3 % of what is present is"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    parser.add_argument("--encoder", default=NAME, choices=FORMS)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="of the libraries")
    parser.add_argument("--more", type=Path, help="fill larger libraries from its train split")
    parser.add_argument("--fit", action="store_true", help="fit the thresholds, crosswise")
    parser.add_argument("--tried", action="store_true", help="measure others than the strength")
    parser.add_argument("--cache", type=Path, default=default_cache_dir() / "benchmarks")
    arguments = parser.parse_args()
    encoder = open_encoder(arguments.encoder, default_cache_dir())
    embed = TextVectors(encoder, arguments.cache)
    more = None
    if arguments.more is not None:
        more = load(arguments.more, "train", encoder, arguments.cache)
    print(f"{encoder.id}, {THRESHOLDS}")
    sets = {}
    for folder in arguments.folders:
        split = load(folder, arguments.split, encoder, arguments.cache)
        groups = make_libraries(folder.name, split, more, arguments.sizes, embed)
        if arguments.tried:
            print(f"\n{folder.name} {arguments.split}, {len(split.photos)} photos")
            report_tried(
                [group[0] for group in groups if len(group[0].photos) == len(split.photos)]
            )
            continue
        for group in groups:
            report(
                f"\n{folder.name} {arguments.split}, {len(group[0].photos)} photos", measure(group)
            )
        sets[folder.name] = [
            library for group in groups for library in group if len(library.photos) <= 1000
        ]
    if arguments.fit:
        report_fit(sets)


if __name__ == "__main__":
    main()
