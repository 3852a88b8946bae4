"""How well queries with an answer can be told from queries without one, on a split of Flickr8k.

    python -m benchmarks.bench_confidence FLICKR8K --split test --svg docs/images/honesty-lite.svg

Queries with an answer are the captions of the split's photos and the nouns in them. Queries
without one are the things in absent.txt that no caption of the split mentions, as a few words and
as captions. Captions whose own photo is removed from the library are reported as well; many
similar photos remain. The thresholds were chosen on the dev split; the test split only reports.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.index.recall import prompts
from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.search import confidence
from imgsearch.search.baseline import nouns
from imgsearch.search.confidence import THRESHOLDS, CandidateCounts, ScoredQuery, assess
from imgsearch.search.vector import text_kind

ABSENT = Path(__file__).with_name("absent.txt")
NAME = "lite"
# Words in many captions that nobody would search for.
FUNCTION_WORDS = """a an the of with in on at its it is are to from and through while his her their
by for up down out into over near as two three four one several some other another who that there
around next off behind them looking look front him he she this very each back being along across
large small young little old big long upside top side six air free theme people man men woman women
person boy boys girl girls child children group many all"""


@dataclass(frozen=True)
class Split:
    """Photos as vectors, and captions with the row of the photo that each describes."""

    photos: np.ndarray
    captions: list[str]
    own: np.ndarray


def load(folder: Path, split: str, encoder: Encoder, cache: Path) -> Split:
    """A split of Flickr8k, or of a set in its form; its photos' vectors are cached in `cache`."""
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


def embed_photos(paths: Sequence[Path], encoder: Encoder) -> np.ndarray:
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


def absent_texts(captions: Sequence[str]) -> list[str]:
    """The things in absent.txt that no caption mentions."""
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


@dataclass(frozen=True)
class AnsweredQuery:
    """The result of one query: the strength of its answer, and where the matching photos are."""

    strength: float
    best_score: float
    shown: int  # photos that are sure or likely
    match_share: float  # how far the best match is from the mean score (0) to the best score (1)
    is_short: bool
    sure: tuple[int, int] = (0, 0)  # photos of this level, and how many of them match
    likely: tuple[int, int] = (0, 0)

    def is_found(self, factor: float = 1.0) -> bool:
        return self.strength >= factor * THRESHOLDS.found

    def is_kept(self, factor: float = 1.0) -> bool:
        return self.is_found(factor) and self.match_share >= THRESHOLDS.likely_share


def answer(
    baseline: ScoreBaseline, photos: np.ndarray, text: str, vector: np.ndarray, matches: set[int]
) -> AnsweredQuery:
    """Search for `text`; `matches` are the rows of the photos that match it."""
    scores = photos @ vector
    order = np.argsort(-scores)
    kind = text_kind(NAME, text)
    best_rows = order[: confidence.COUNTED_HITS]
    verdict = assess(
        baseline,
        ScoredQuery(vector, [(kind, 1.0)]),
        Neighbours(best_rows, scores[best_rows]),
        photos[order[: confidence.COMPARED_HITS]],
        CandidateCounts(len(photos), len(photos)),
    )
    mean, best = float(vector @ baseline.mean), float(scores.max())
    share = max(((scores[row] - mean) / (best - mean) for row in matches), default=0.0)
    is_match = np.isin(np.arange(len(photos)), list(matches))
    sure = scores >= verdict.sure_from
    shown = scores >= verdict.likely_from
    counts = [(int(level.sum()), int(is_match[level].sum())) for level in (sure, shown & ~sure)]
    return AnsweredQuery(
        verdict.strength,
        best,
        int(shown.sum()),
        float(share),
        kind == "short",
        counts[0],
        counts[1],
    )


def measure(split: Split, encoder: Encoder) -> dict[str, list[AnsweredQuery]]:
    """Run all queries; the results by kind of query."""
    rng = np.random.default_rng(11)
    sample = split.photos[rng.choice(len(split.photos), 256, replace=False)]
    banks = [embed_texts(encoder, NAME, texts) for texts in (prompts(), nouns())]
    baseline = ScoreBaseline(
        banks[0], banks[1], sample, split.photos.mean(axis=0), len(split.photos)
    )
    results: dict[str, list[AnsweredQuery]] = {}
    vectors = embed_texts(encoder, NAME, split.captions)
    results["captions"] = [
        answer(baseline, split.photos, text, vector, {own})
        for text, vector, own in zip(split.captions, vectors, split.own.tolist(), strict=True)
    ]
    results["captions without their photo"] = [
        answer(
            baseline,
            np.delete(split.photos, split.own[at], axis=0),
            split.captions[at],
            vectors[at],
            set(),
        )
        for at in range(0, len(vectors), 5)
    ]
    words = noun_queries(split)
    results["nouns"] = [
        answer(baseline, split.photos, text, vector, words[text])
        for text, vector in zip(words, embed_texts(encoder, NAME, list(words)), strict=True)
    ]
    absent = absent_texts(split.captions)
    answered = [
        answer(baseline, split.photos, text, vector, set())
        for text, vector in zip(absent, embed_texts(encoder, NAME, absent), strict=True)
    ]
    results["absent, a few words"] = [query for query in answered if query.is_short]
    results["absent, as captions"] = [query for query in answered if not query.is_short]
    return results


def report(results: dict[str, list[AnsweredQuery]]) -> None:
    for name, queries in results.items():
        found = np.mean([query.is_found() for query in queries])
        line = f"{name:30} {len(queries):5} queries   found {found:6.1%}"
        if name in ("captions", "nouns"):
            shown = np.median([query.shown for query in queries if query.is_found()])
            line += f"   right photo shown {np.mean([query.is_kept() for query in queries]):6.1%}"
            line += f"   photos shown {shown:.0f} (median)"
        print(line)
    for level in ("sure", "likely"):
        hits, matching = np.sum([getattr(query, level) for query in results["nouns"]], axis=0)
        print(f"{level}: {hits} hits of nouns, {matching / hits:.0%} with the word in a caption")


# ------------------------------------------------------------------------- the plot


def curves(results: dict[str, list[AnsweredQuery]]) -> dict[str, list[tuple[float, float]]]:
    """Points (absent but found, present and shown) for a range of thresholds.

    The threshold is on the strength, or, for comparison, one fixed score for all queries.
    """
    absent = results["absent, a few words"] + results["absent, as captions"]
    present = {"captions": results["captions"], "nouns": results["nouns"]}
    factors = np.linspace(0.4, 2.2, 91)
    result = {
        name: [
            (
                float(np.mean([query.is_found(f) for query in absent])),
                float(np.mean([query.is_kept(f) for query in queries])),
            )
            for f in factors
        ]
        for name, queries in present.items()
    }
    thresholds = np.quantile(
        [query.best_score for query in absent + present["captions"]], np.linspace(0, 1, 91)
    )
    result["captions, by a fixed score"] = [
        (
            float(np.mean([query.best_score >= threshold for query in absent])),
            float(
                np.mean(
                    [
                        query.best_score >= threshold
                        and query.match_share >= THRESHOLDS.likely_share
                        for query in present["captions"]
                    ]
                )
            ),
        )
        for threshold in thresholds
    ]
    return result


def svg(results: dict[str, list[AnsweredQuery]], title: str) -> str:
    """A plot of the trade-off: absent but found to the right, present and shown upwards."""
    colours = ("#0b6e4f", "#3366cc", "#999999")
    left, top, size = 60, 40, 360

    def at(x: float, y: float) -> str:
        return f"{left + size * x:.1f},{top + size * (1 - y):.1f}"

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"'
        f' viewBox="0 0 {left + size + 30} {top + size + 60}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="22" font-size="14">{title}</text>',
        f'<rect x="{left}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#333"/>',
    ]
    for tick in range(0, 101, 20):
        x, y = left + size * tick / 100, top + size * (1 - tick / 100)
        parts += [
            f'<line x1="{left}" x2="{left + size}" y1="{y}" y2="{y}" stroke="#eee"/>',
            f'<line x1="{x}" x2="{x}" y1="{top}" y2="{top + size}" stroke="#eee"/>',
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tick} %</text>',
            f'<text x="{x}" y="{top + size + 18}" text-anchor="middle">{tick} %</text>',
        ]
    for number, (name, points) in enumerate(curves(results).items()):
        line = " ".join(at(x, y) for x, y in points)
        y = top + size - 20 - 18 * number
        parts += [
            f'<polyline points="{line}" fill="none" stroke="{colours[number]}" stroke-width="2"/>',
            f'<text x="{left + size - 10}" y="{y}" text-anchor="end" fill="{colours[number]}">'
            f"{name}</text>",
        ]
    absent = results["absent, a few words"] + results["absent, as captions"]
    false = float(np.mean([query.is_found() for query in absent]))
    for number, name in enumerate(("captions", "nouns")):
        kept = float(np.mean([query.is_kept() for query in results[name]]))
        cx, cy = at(false, kept).split(",")
        parts.append(f'<circle cx="{cx}" cy="{cy}" r="5" fill="{colours[number]}"/>')
    parts += [
        f'<text x="{left + size / 2}" y="{top + size + 42}" text-anchor="middle">'
        "absent queries that are answered nevertheless</text>",
        f'<text transform="translate(16 {top + size / 2}) rotate(-90)" text-anchor="middle">'
        "present queries whose right photo is shown</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache_dir() / "benchmarks")
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    results = measure(load(arguments.flickr8k, arguments.split, encoder, arguments.cache), encoder)
    print(f"{encoder.id}, Flickr8k {arguments.split}, {THRESHOLDS}")
    report(results)
    if arguments.svg:
        title = f"{NAME}: 1,000 photos of Flickr8k's {arguments.split} split"
        arguments.svg.write_text(svg(results, title))


if __name__ == "__main__":
    main()
