"""Measures verdicts on a few words that name two things, on captioned photos.

    python -m benchmarks.bench_pairs COCO-DEV FLICKR8K --split dev

A query is "a dog and a ball", of two things of things.txt that photos show together (two captions
of two photos or more name both), or that no caption of any photo names both of, though photos show
each. Prints how many have likely results, with and without the rule that likely results show each
thing, and how many of these results are right: a caption names the one, and a caption the other.

The rule was chosen on coco-dev and the dev split of Flickr8k; the test split only reports.
"""

# ruff: noqa: T201

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from msgspec.structs import replace

from benchmarks.bench_confidence import (
    NAME,
    SMALL_WORDS,
    Split,
    chosen_splits,
    embed_searched,
    searched_nouns,
    stems,
    things,
    worded,
)
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.index.recall import prompts
from imgsearch.language.everyday import is_everyday
from imgsearch.language.things import things_in
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.photo import PhotoCount
from imgsearch.search.baseline import SAMPLE_PHOTOS, usual_captions
from imgsearch.search.confidence import COMPARED_HITS, COUNTED_HITS, ScoredQuery, assess
from imgsearch.search.short_texts import text_kind

MOST_QUERIES = 300  # of each kind
LIKELY = ("sure", "likely")


def pairs_of(
    split: Split,
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], dict[str, set[int]]]:
    """Pairs of things shown together, pairs never shown together, and the photos of each thing."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for caption, photo in zip(split.captions, split.own.tolist(), strict=True):
        for word in stems(caption):
            counts[word][photo] += 1
    present = things(split.captions, split.own.tolist()).present
    shown = {frozenset(photos): thing for thing, photos in present.items() if len(photos) > 1}
    clear = {
        thing: {
            photo
            for photo in photos
            if min(counts[word][photo] for word in stems(thing) - SMALL_WORDS) > 1
        }
        for photos, thing in shown.items()
    }
    several = [
        pair for pair in combinations(clear, 2) if all(len(clear[each]) > 1 for each in pair)
    ]
    together = [(a, b) for a, b in several if len(clear[a] & clear[b]) > 1]
    never = [
        (a, b)
        for a, b in several
        if not present[a] & present[b] and not (is_everyday(a) or is_everyday(b))
    ]
    rng = np.random.default_rng(4)
    chosen = [
        [pairs[at] for at in rng.permutation(len(pairs))[:MOST_QUERIES]]
        for pairs in (together, never)
    ]
    return chosen[0], chosen[1], present


def verdicts(
    split: Split, encoder: Encoder, texts: list[str], rows: np.ndarray, *, by_thing: bool
) -> list[tuple[Verdict, np.ndarray, Sequence[str]]]:
    """The verdict on each text, the rows of its best photos, and their levels."""
    photos = split.photos
    sample = photos[np.random.default_rng(7).permutation(len(photos))[:SAMPLE_PHOTOS]]
    captions = embed_texts(encoder, NAME, prompts())
    usual = embed_texts(encoder, NAME, usual_captions())
    mean = photos.mean(axis=0)
    baseline = ScoreBaseline(captions, searched_nouns(encoder), sample, mean, len(photos), usual)
    answers: list[tuple[Verdict, np.ndarray, Sequence[str]]] = []
    for text, vector in zip(texts, rows, strict=True):
        scores = photos @ vector
        best = np.argsort(-scores)[:COUNTED_HITS]
        query = ScoredQuery(vector, [(text_kind(NAME, text), 1.0)])
        named = things_in(text) if by_thing else ()
        if named:
            query = replace(query, things=embed_searched(encoder, named))
        verdict = assess(
            baseline,
            query,
            Neighbours(best, scores[best]),
            photos[best[:COMPARED_HITS]],
            PhotoCount(len(photos), len(photos)),
        )
        answers.append((verdict, best, [verdict.level(float(each)) for each in scores[best]]))
    return answers


def main() -> None:
    for split, encoder in chosen_splits(__doc__ or ""):
        together, never, present = pairs_of(split)
        for title, pairs in (("shown together", together), ("never together", never)):
            texts = [f"{worded('{a noun}', a)} and {worded('{a noun}', b)}" for a, b in pairs]
            rows = embed_searched(encoder, texts)
            for by_thing in (False, True):
                found = Counter[str]()
                for (a, b), (verdict, best, levels) in zip(
                    pairs, verdicts(split, encoder, texts, rows, by_thing=by_thing), strict=True
                ):
                    found[verdict.state] += 1
                    for photo, level in zip(best.tolist(), levels, strict=True):
                        if level in LIKELY:
                            found["likely"] += 1
                            found["right"] += photo in present[a] and photo in present[b]
                rule = "each thing" if by_thing else "as one text"
                shares = "  ".join(
                    f"{state} {found[state] / len(pairs):.0%}"
                    for state in ("found", "unsure", "nothing")
                )
                print(
                    f"  {title}, {len(pairs)} queries, {rule:12} {shares}  "
                    f"likely or sure {found['likely']}, "
                    f"{found['right'] / max(1, found['likely']):.0%} right"
                )


if __name__ == "__main__":
    main()
