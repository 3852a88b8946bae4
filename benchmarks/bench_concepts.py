"""Compares concepts taught by examples with words and with the examples alone.

    python -m benchmarks.bench_concepts FLICKR8K IMAGENET-SAMPLES --split dev
    python -m benchmarks.bench_concepts FLICKR8K IMAGENET-SAMPLES --split test --curve CURVE.svg

A concept is a thing of things.txt that two captions of a photo name (photos of which one caption
names it count neither way), or a group of ImageNet classes, of which the samples have one photo
each. Of each concept, 3, 10 or 30 photos are examples, drawn three times; all other photos are
ranked, and average precision measured. Compared are

- text: the best of five wordings of the thing's name, chosen by the result;
- mean: the mean vector of the examples (Rocchio 1971);
- probe: what `imgsearch teach` computes from the examples;
- with words: the same, with the name as its words;
- judged: three examples, and then as many judgements as remain, each of the photo that the concept
  proposes, liked or not as the labels say (first draw).

The goal is 10 points above the better of text and mean, for each concept, with 10 examples. Then
come the verdicts (with --verdicts): how many of the photos that are sure or likely are right, by
the labels, and what the command estimates for that. Last are the weight of a concept beside words,
and (with --verdicts) the verdicts on such queries.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.bench_confidence import (
    NAME,
    THINGS,
    WORDINGS,
    TextVectors,
    embed_photos,
    load,
    stems,
    worded,
)
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.registry import open_encoder
from imgsearch.features.concepts import probe
from imgsearch.features.concepts.probe import TrainingSet
from imgsearch.index.recall import prompts
from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.photo import PhotoCount
from imgsearch.search.baseline import SAMPLE_PHOTOS, nouns, usual_captions
from imgsearch.search.composition import DIRECTION_SHARE, TermKind
from imgsearch.search.confidence import (
    COMPARED_HITS,
    COUNTED_HITS,
    ScoredQuery,
    assess,
)
from imgsearch.search.short_texts import text_kind

EXAMPLES = (3, 10, 30)
DRAWS = 3
LEFT = 10  # photos of a concept that have to be left to find, at least
MAX_SHARE = 0.3  # of all photos
GROUPS = {  # of ImageNet's classes, by index; the last one is included
    "dog": ((151, 268),),
    "bird": ((7, 24), (80, 100), (127, 146)),
    "snake": ((52, 68),),
    "insect": ((300, 326),),
    "monkey": ((369, 382),),
    "fish": ((0, 6), (389, 397)),
}
LABEL_PX = 13  # between the labels of the curve
COLOURS = {"text": "#888", "mean": "#c80", "probe": "#06c", "with words": "#093", "judged": "#a0a"}


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos as vectors, and for each concept the rows that show it and those that may."""

    name: str
    photos: Vectors
    concepts: dict[str, tuple[np.ndarray, np.ndarray]]


def captioned(folder: Path, split_name: str, encoder: Encoder, cache: Path) -> LabelledPhotos:
    """The photos of a split, and the things that their captions name."""
    split = load(folder, split_name, encoder, cache)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        for word in stems(caption):
            counts[word][photo] += 1
    concepts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for line in THINGS.read_text().splitlines():
        thing = line.lstrip("- ").partition(",")[0].strip()
        words = stems(thing) - {"a", "in", "of", "on", "the"}
        if line.startswith("#") or not words:
            continue
        named = {
            photo: min(counts[word][photo] for word in words)
            for photo in set.intersection(*(set(counts[word]) for word in words))
        }
        clear = np.array(sorted(photo for photo, number in named.items() if number > 1), np.int64)
        unclear = np.array(sorted(photo for photo, n in named.items() if n == 1), np.int64)
        is_other = not any(np.array_equal(clear, known) for known, _ in concepts.values())
        if min(EXAMPLES) + LEFT <= len(clear) <= MAX_SHARE * len(split.photos) and is_other:
            concepts[thing] = (clear, unclear)
    return LabelledPhotos(f"{folder.name} {split_name}", split.photos, concepts)


def classified(folder: Path, encoder: Encoder, cache: Path) -> LabelledPhotos:
    """The ImageNet samples, and the groups that their classes are in."""
    with (folder / "labels.csv").open() as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["image"])
    file = cache / f"{folder.name}-{encoder.dim}-{NAME}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        paths = [folder / "images" / row["image"] for row in rows]
        np.save(file, embed_photos(paths, encoder))
    numbers = np.array([int(row["class_index"]) for row in rows])
    concepts = {}
    for group, spans in GROUPS.items():
        inside = np.any([(numbers >= low) & (numbers <= high) for low, high in spans], axis=0)
        concepts[group] = (np.flatnonzero(inside), np.empty(0, np.int64))
    return LabelledPhotos(folder.name, np.load(file), concepts)


# ------------------------------------------------------------------------- measuring


def average_precision(scores: np.ndarray, right: np.ndarray, left_out: np.ndarray) -> float:
    """Of the ranking by score, without the rows that are left out; from 0 to 1."""
    counts, is_right = np.ones(len(scores), bool), np.zeros(len(scores), bool)
    counts[left_out], is_right[right] = False, True
    ranked = is_right[counts][np.argsort(-scores[counts], kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


@dataclass(frozen=True)
class Draw:
    """One choice of examples of a concept, and all other photos in a random order."""

    examples: np.ndarray
    left: np.ndarray  # the other photos that show it
    left_out: np.ndarray  # of the ranking
    others: np.ndarray

    def training(self, photos: np.ndarray, words: np.ndarray | None = None) -> TrainingSet:
        return TrainingSet(photos[self.examples], photos[:0], photos[self.others], words)


def draws(labelled: LabelledPhotos, concept: str, count: int) -> Iterator[Draw]:
    clear, unclear = labelled.concepts[concept]
    if len(clear) < count + LEFT:
        return
    for number in range(DRAWS):
        rng = np.random.default_rng([number, count, len(clear)])
        examples = rng.choice(clear, count, replace=False)
        others = np.setdiff1d(np.arange(len(labelled.photos)), examples)
        yield Draw(
            examples,
            np.setdiff1d(clear, examples),
            np.concatenate([examples, unclear]),
            rng.permutation(others),
        )


def judged(labelled: LabelledPhotos, concept: str, draw: Draw, count: int) -> float:
    """Average precision after three of the examples, and judgements of what is proposed."""
    photos = labelled.photos
    clear, unclear = labelled.concepts[concept]
    likes: list[int] = draw.examples[: min(EXAMPLES)].tolist()
    unlikes: list[int] = []
    while True:
        others = np.setdiff1d(np.arange(len(photos)), [*likes, *unlikes])
        others = np.random.default_rng(5).permutation(others)
        training = TrainingSet(photos[likes], photos[unlikes], photos[others])
        direction = probe.fit(training)
        if len(likes) + len(unlikes) >= count:
            break
        calibrated = probe.calibrate(training, direction, probe.hold_out(training))
        logits = calibrated.slope * (photos @ direction) + calibrated.intercept
        logits[[*likes, *unlikes, *unclear.tolist()]] = np.inf
        proposed = int(np.argmin(np.abs(logits)))
        (likes if proposed in set(clear.tolist()) else unlikes).append(proposed)
    known = np.array([*likes, *unlikes, *unclear.tolist()])
    return average_precision(photos @ direction, np.setdiff1d(clear, likes), known)


def measure(
    labelled: LabelledPhotos, embed: TextVectors, with_judged: bool
) -> dict[int, dict[str, list[float]]]:
    """Average precision of each way, by the number of examples; an entry for each draw."""
    photos = labelled.photos
    found: dict[int, dict[str, list[float]]] = {n: defaultdict(list) for n in EXAMPLES}
    for concept in labelled.concepts:
        texts = embed.searched([worded(wording, concept) for wording in WORDINGS])
        for count in EXAMPLES:
            for number, draw in enumerate(draws(labelled, concept, count)):

                def score(vector: np.ndarray, draw: Draw = draw) -> float:
                    return average_precision(photos @ vector, draw.left, draw.left_out)

                ways = found[count]
                ways["text"].append(max(map(score, texts)))
                ways["mean"].append(score(photos[draw.examples].mean(axis=0)))
                ways["probe"].append(score(probe.fit(draw.training(photos))))
                weighed = probe.with_words_weighed(draw.training(photos, texts[0]))
                ways["with words"].append(score(probe.fit(weighed)))
                if with_judged and count <= 10 and number == 0:
                    ways["judged"].append(judged(labelled, concept, draw, count))
    return found


def print_table(labelled: LabelledPhotos, found: Mapping[int, Mapping[str, list[float]]]) -> None:
    print(f"\n{labelled.name}, {len(labelled.photos)} photos: {', '.join(labelled.concepts)}\n")
    print("| examples | concepts | text | mean | probe | with words | judged | above the better |")
    print("|---|---|---|---|---|---|---|---|")
    for count, ways in found.items():
        if not ways:
            continue
        better = np.maximum(ways["text"], ways["mean"])
        gains = [100 * (np.mean(ways[way]) - better.mean()) for way in ("probe", "with words")]
        cells = [f"{100 * np.mean(ways[way]):.1f}" if ways.get(way) else "" for way in COLOURS]
        above = f"{gains[0]:+.1f}, {gains[1]:+.1f} with words"
        print(f"| {count} | {len(better) // DRAWS} | {' | '.join(cells)} | {above} |")


def print_verdicts(labelled: LabelledPhotos) -> None:
    """Print the share of sure and likely photos that are right, and the command's estimates."""
    photos = labelled.photos
    print("\n| examples | sure: right | likely: right | recall | estimated precision, recall |")
    print("|---|---|---|---|---|")
    for count in EXAMPLES:
        rows = []
        for concept in labelled.concepts:
            for draw in islice(draws(labelled, concept, count), 1):
                training = draw.training(photos)
                direction, held_out = probe.fit(training), probe.hold_out(training)
                calibrated = probe.calibrate(training, direction, held_out)
                test = probe.assess(training, direction, held_out, calibrated)
                assert test is not None
                rest = np.setdiff1d(np.arange(len(photos)), draw.left_out)
                scores, right = photos[rest] @ direction, np.isin(rest, draw.left)
                sure = scores >= calibrated.score_of(probe.SURE)
                likely = (scores >= calibrated.score_of(probe.LIKELY)) & ~sure
                rows.append(
                    (
                        *((right & each).sum() for each in (sure, likely)),
                        *(each.sum() for each in (sure, likely)),
                        (right & (sure | likely)).sum() / right.sum(),
                        test.precision,
                        test.recall,
                    )
                )
        if rows:
            sums, means = np.sum(rows, axis=0), np.mean(rows, axis=0)
            print(
                f"| {count} | {sums[0] / max(1, sums[2]):.0%} of {sums[2]:.0f} "
                f"| {sums[1] / max(1, sums[3]):.0%} of {sums[3]:.0f} | {means[4]:.0%} "
                f"| {means[5]:.0%}, {means[6]:.0%} |"
            )


def taught(labelled: LabelledPhotos) -> Iterator[tuple[str, Draw, Vector]]:
    """Each concept that has enough photos, with ten examples and the probe taught by them."""
    for concept in labelled.concepts:
        draw = next(draws(labelled, concept, 10), None)
        if draw is not None:
            yield concept, draw, probe.fit(draw.training(labelled.photos))


def print_mixes(labelled: LabelledPhotos, embed: TextVectors) -> None:
    """Average precision of queries for two things, one of them a concept, by its weight."""
    photos = labelled.photos
    found: dict[float, list[float]] = defaultdict(list)
    for concept, draw, direction in taught(labelled):
        for other, (clear, unclear) in labelled.concepts.items():
            if other == concept:
                continue
            left_out = np.union1d(draw.left_out, unclear)
            both = np.setdiff1d(np.intersect1d(draw.left, clear), left_out)
            if len(both) < 4:
                continue
            words = embed.searched([worded("{a noun}", other)])[0]
            for weight in (0.0, 0.3, 0.6, 1.0, 1.5):
                scores = photos @ (words + weight * direction)
                found[weight].append(average_precision(scores, both, left_out))
    number = len(next(iter(found.values()), []))
    listed = ", ".join(f"{weight:g}: {100 * np.mean(each):.1f}" for weight, each in found.items())
    print(f"\nThe weight of a concept beside words, {number} queries for two things: {listed}")


def print_mixed_verdicts(labelled: LabelledPhotos, embed: TextVectors) -> None:
    """Print the precision of verdicts on a concept of ten examples with a thing in words.

    For two things that photos show together, and for two that none shows together.
    """
    photos = labelled.photos
    bank = embed.searched(nouns())
    sample = photos[np.random.default_rng(7).permutation(len(photos))[:SAMPLE_PHOTOS]]
    mean, usual = photos.mean(axis=0), embed(usual_captions())
    baseline = ScoreBaseline(embed(prompts()), bank, sample, mean, len(photos), usual)
    counts = PhotoCount(len(photos), len(photos))
    states: dict[str, Counter[str]] = {"shown together": Counter(), "never together": Counter()}
    hits: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for concept, draw, direction in taught(labelled):
        for other, (clear, unclear) in labelled.concepts.items():
            left_out = np.union1d(draw.left_out, unclear)
            both = np.setdiff1d(np.intersect1d(draw.left, clear), left_out)
            shown, other_shown = (np.union1d(*labelled.concepts[each]) for each in (concept, other))
            if other == concept or (len(both) < 4 and len(np.intersect1d(shown, other_shown))):
                continue
            text = worded("{a noun}", other)
            vector = embed.searched([text])[0] + np.float32(DIRECTION_SHARE) * direction
            vector /= np.linalg.norm(vector)
            scores = photos @ vector
            scores[draw.examples] = -1
            order = np.argsort(-scores)
            best = order[:COUNTED_HITS]
            terms: list[tuple[TermKind, float]] = [
                (text_kind(NAME, text), 1.0),
                ("direction", DIRECTION_SHARE),
            ]
            verdict = assess(
                baseline,
                ScoredQuery(vector, terms),
                Neighbours(best, scores[best]),
                photos[order[:COMPARED_HITS]],
                counts,
            )
            states["shown together" if len(both) else "never together"][verdict.state] += 1
            if len(both):
                for row in np.setdiff1d(best, left_out, assume_unique=True).tolist():
                    level = verdict.level(float(scores[row]))
                    hits[level] += 1
                    right[level] += row in both
    print("\n| a concept and a thing in words | queries | found | unsure | denied |")
    print("|---|---|---|---|---|")
    for what, counter in states.items():
        shares = [counter[state] / counter.total() for state in ("found", "unsure", "nothing")]
        print(f"| {what} | {counter.total()} | {' | '.join(f'{each:.0%}' for each in shares)} |")
    levels = [f"{level} {right[level] / max(1, hits[level]):.0%} of {hits[level]}" for level in
              ("sure", "likely", "possible")]  # fmt: skip
    print(f"right of the results of those shown together: {', '.join(levels)}")


def curve(found: Mapping[int, Mapping[str, list[float]]], title: str) -> str:
    """An SVG: average precision of each way by the number of examples."""
    width, height, left, bottom = 560, 320, 60, 40
    counts = [count for count in EXAMPLES if found[count]]
    values = [100 * np.mean(each) for count in counts for each in found[count].values()]
    low, high = 10 * np.floor(min(values) / 10), 10 * np.ceil(max(values) / 10)

    def x(count: int) -> float:
        spread = np.log(count / EXAMPLES[0]) / np.log(EXAMPLES[-1] / EXAMPLES[0])
        return float(left + (width - left - 110) * spread)

    def y(value: float) -> float:
        return float(height - bottom - (height - bottom - 30) * (value - low) / (high - low))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="18">Average precision, %, by the number of examples: {title}</text>',
    ]
    parts += [
        f'<path d="M{left} {y(value):.1f}H{width - 110}" stroke="#ddd"/>'
        f'<text x="{left - 28}" y="{y(value) + 4:.1f}">{value:.0f}</text>'
        for value in np.arange(low, high + 1, 10)
    ]
    parts += [
        f'<text x="{x(count) - 6:.1f}" y="{height - bottom + 20}">{count}</text>'
        for count in counts
    ]
    lines = {
        way: [
            (x(count), y(100 * float(np.mean(found[count][way]))))
            for count in counts
            if found[count].get(way)
        ]
        for way in COLOURS
    }
    below: dict[float, float] = {}  # where the last label ends, by where the lines end
    for way, points in sorted(lines.items(), key=lambda each: [at for _, at in each[1][-1:]]):
        if not points:
            continue
        right, at = points[-1]
        at = max(at + 4, below.get(right, 0.0))
        below[right] = at + LABEL_PX
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{COLOURS[way]}" stroke-width="2"/>'
            f'<text x="{right + 6:.1f}" y="{at:.1f}" fill="{COLOURS[way]}">{way}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path, help="with captions.csv and images/")
    parser.add_argument("imagenet", type=Path, help="with labels.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    parser.add_argument("--curve", type=Path, help="write the curve of Flickr8k to this SVG file")
    parser.add_argument("--judged", action="store_true", help="measure judged, too: slow")
    parser.add_argument("--verdicts", action="store_true", help="measure the verdicts, too: slow")
    options = parser.parse_args(arguments)
    # Thousands of fits of small matrices: threads of BLAS that wait for one another beside other
    # programs take 13 times as long as one alone, and hours in all.
    with threadpool_limits(1):
        run(options)


def run(options: argparse.Namespace) -> None:
    """Measure and print all that the options ask for."""
    encoder = open_encoder(NAME, default_cache_dir())
    cache = default_cache_dir() / "benchmarks"
    embed = TextVectors(encoder, cache)
    sets = (
        captioned(options.flickr8k, options.split, encoder, cache),
        classified(options.imagenet, encoder, cache),
    )
    for labelled in sets:
        found = measure(labelled, embed, options.judged)
        print_table(labelled, found)
        if options.verdicts:
            print_verdicts(labelled)
        if labelled is sets[0]:
            print_mixes(labelled, embed)
            if options.verdicts:
                print_mixed_verdicts(labelled, embed)
            if options.curve is not None:
                options.curve.write_text(curve(found, labelled.name))


if __name__ == "__main__":
    main()
