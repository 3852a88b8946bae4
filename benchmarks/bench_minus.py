"""Compares "A -B" with A alone, on sets of captioned photos.

    python -m benchmarks.bench_minus COCO-DEV FLICKR8K --split dev

A and B are nouns of the captions that a photo can show together. A photo shows a noun if two of
its captions have it, and is right for "A -B" if it shows A and none of its captions has B. Printed
are the mean average precision (mAP) and how many of the first ten photos show B: for A alone, for
"A -B" with several weights and with the vector of B simply subtracted, and for two negative terms.
A and B are also replaced by example photos, which show A and B, or B and not A.

Captions are precise, and a minus must not lose the photo that they describe: a caption has a minus
for the noun that most of its first ten results show and that none of the captions of its own photo
has, or for an example photo that shows that noun. Right is the photo of the caption alone, so the
mean average precision is the mean reciprocal rank.
"""

# ruff: noqa: T201

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from benchmarks.bench_confidence import NAME, Split, chosen_splits, embed_searched
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.index.recall import prompts
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.query import MINUS_WEIGHT
from imgsearch.search.composition import TermKind, compose, negative_rows
from imgsearch.search.short_texts import text_kind

WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CAPTIONS = 400
FIRST = 10
SHARE_A = 0.012  # of the photos must show A, and B
SHARE_BOTH = 0.005  # of the photos must show A and B, and A without B
MIN_A, MIN_BOTH = 4, 3  # photos, in a small set

PEOPLE = "people"  # any of these
PERSONS = """person people man men woman women boy boys girl girls child children kid kids lady guy
adult baby toddler player skier surfer snowboarder skateboarder biker cyclist swimmer"""
PLURALS = {"men": "man", "women": "woman", "children": "child", "people": "person"}
# Frequent words of captions that are no things a photo can show or lack.
NO_THINGS = """
about above across against air all along an and another are area around at back background be
been behind being below beneath beside between big black blue body bright brown by can carry
carries catch catches chase climb climbs close colorful corner couple covered cut dark day
down dressed each edge edges end enclosed entering eye eyes face few field filled first five
for four free from front full game get getting grass gray green grey ground group had hand
hands has have he head her high him his hold holds image in inside into is it its jump jumps
large laying leap leaps left light like line lit little long look looks lot lots lying made
many middle mid mouth near new next no not of off old on one open orange other out outdoor
outdoors outside over part person picture pile pink play plays pose purple race red ride rides
right run runs sale set several she shot show shows side sit sits six sky small smile snowy
some splash splashing stand stands stood swim swims take takes tall ten that the their them
there these they this three through to top toward towards two under up upside very view walk
walks watch watches wear wears well wet while white who wide with wooden yellow young your you
color time theme way grassy
"""


@dataclass(frozen=True)
class NounPair:
    """Two nouns, and the rows of the photos that are right for "A -B" and that show A or B."""

    a: str
    b: str
    right: set[int]
    shows_a: set[int]
    shows_b: set[int]


def noun_of(word: str, words: set[str]) -> str:
    """The singular of a word, if the captions have that too."""
    if word in PLURALS:
        return PLURALS[word]
    for ending, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith("ss"):
            break
        if word.endswith(ending) and word.removesuffix(ending) + singular in words:
            return word.removesuffix(ending) + singular
    return word


def mentions(split: Split) -> dict[str, Counter[int]]:
    """By noun, how many captions of each photo have it."""
    captions = [set(re.findall("[a-z]+", caption.lower())) for caption in split.captions]
    known, persons = set().union(*captions), set(PERSONS.split())
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for words, photo in zip(captions, split.own.tolist(), strict=True):
        nouns = {noun_of(word, known) for word in words}
        for noun in nouns | ({PEOPLE} if nouns & persons else set()):
            counts[noun][photo] += 1
    return counts


def make_pairs(split: Split) -> list[NounPair]:
    counts = mentions(split)
    size = len(split.photos)
    min_a, min_both = max(MIN_A, int(size * SHARE_A)), max(MIN_BOTH, int(size * SHARE_BOTH))
    shows = {noun: {row for row, n in rows.items() if n >= 2} for noun, rows in counts.items()}
    no_things = set(NO_THINGS.split())
    nouns = sorted(
        noun
        for noun, rows in shows.items()
        if len(rows) >= min_a and len(noun) > 2 and noun not in no_things
        if not noun.endswith("ing")
    )
    pairs = []
    for a, b in permutations(nouns, 2):
        right, both = shows[a] - set(counts[b]), shows[a] & shows[b]
        are_persons = {a, b} <= {PEOPLE, *PERSONS.split()}
        if min(len(right), len(both)) >= min_both and not are_persons:
            pairs.append(NounPair(a, b, right, shows[a], shows[b]))
    return pairs


@dataclass(frozen=True)
class MinusQuery:
    """A query as vectors: what to find, what not, and the rows of photos that are its examples."""

    kind: TermKind
    positive: Vector
    negative_kind: TermKind
    negatives: list[Vector]
    right: set[int]
    shows_negative: set[int]
    examples: tuple[int, ...] = ()


BenchTerm = tuple[TermKind, Vector]
Combine = Callable[[MinusQuery], Vector]


def alone(query: MinusQuery) -> Vector:
    return query.positive


def subtracted(query: MinusQuery) -> Vector:
    total: Vector = np.sum(query.negatives, axis=0)
    return query.positive - total


def with_weight(weight: float, usual_caption: Vector | None) -> Combine:
    def combined(query: MinusQuery) -> Vector:
        rows = negative_rows(
            [(query.kind, 1.0)],
            [query.negative_kind] * len(query.negatives),
            np.full(len(query.negatives), -weight, np.float32),
            np.array(query.negatives),
            usual_caption,
            is_less_mean_noun=True,
        )
        result: Vector = compose(query.positive[None], rows.sum(axis=0))[0]
        return result

    return combined


def scores_of(query: MinusQuery, combine: Combine, photos: Vectors) -> Vector:
    """The score of each photo (n,); its own examples are no results of a query."""
    scores: Vector = photos @ combine(query)
    scores[list(query.examples)] = -np.inf
    return scores


def ways(usual_caption: Vector) -> dict[str, Combine]:
    return {
        "without the minus": alone,
        "simply subtracted": subtracted,
        **{f"weight {weight:g}": with_weight(weight, usual_caption) for weight in WEIGHTS},
        "no usual caption": with_weight(1.0, None),
    }


def report(
    name: str, queries: Sequence[MinusQuery], photos: Vectors, combined: dict[str, Combine]
) -> None:
    print(f"  {name}, {len(queries)} queries")
    base = (np.zeros(len(queries)), 1.0)
    for way, combine in combined.items():
        precision, shown = np.zeros(len(queries)), 0
        for number, query in enumerate(queries):
            scores = scores_of(query, combine, photos)
            precision[number] = average_precision(scores, query.right - set(query.examples))
            shown += len(query.shows_negative & set(np.argsort(-scores)[:FIRST].tolist()))
        base = (precision, shown) if combine is alone else base
        gain = precision - base[0]
        error = gain.std() / np.sqrt(len(gain))
        mark = "  <- in use" if way == f"weight {MINUS_WEIGHT:g}" else ""
        print(
            f"    {way:18} mAP {precision.mean():.3f} ({gain.mean():+.4f} ± {error:.4f})"
            f"   B in the first ten {shown / len(queries):.2f} ({shown / base[1]:.2f}){mark}"
        )


@dataclass(frozen=True)
class NounVectors:
    """The vectors of the nouns of some pairs, as they are looked for and as they have a minus."""

    wanted: dict[str, Vector]
    negated: dict[str, Vector]


def embed_nouns(pairs: Sequence[NounPair], encoder: Encoder) -> NounVectors:
    nouns = sorted({noun for pair in pairs for noun in (pair.a, pair.b)})
    wanted, negated = (
        dict(zip(nouns, embed_searched(encoder, nouns, negative), strict=True))
        for negative in (False, True)
    )
    return NounVectors(wanted, negated)


def text_queries(pairs: Sequence[NounPair], nouns: NounVectors) -> list[MinusQuery]:
    return [
        MinusQuery(
            "short",
            nouns.wanted[pair.a],
            "short",
            [nouns.negated[pair.b]],
            pair.right,
            pair.shows_b,
        )
        for pair in pairs
    ]


def double_queries(pairs: Sequence[NounPair], nouns: NounVectors) -> list[MinusQuery]:
    """Queries with two negative terms for the same A, where enough photos are right."""
    queries = []
    for first, second in combinations(pairs, 2):
        right = first.right & second.right
        if first.a == second.a and len(right) >= MIN_BOTH:
            negatives = [nouns.negated[first.b], nouns.negated[second.b]]
            shown = first.shows_b | second.shows_b
            queries.append(
                MinusQuery("short", nouns.wanted[first.a], "short", negatives, right, shown)
            )
    return queries


def example_queries(
    pairs: Sequence[NounPair], nouns: NounVectors, photos: Vectors
) -> dict[str, list[MinusQuery]]:
    """The pairs with an example photo in place of A, of B, or of both."""
    rng = np.random.default_rng(11)
    queries: dict[str, list[MinusQuery]] = defaultdict(list)
    for pair in pairs:
        both, only_b = sorted(pair.shows_a & pair.shows_b), sorted(pair.shows_b - pair.shows_a)
        if not only_b:
            continue
        a, b = int(rng.choice(both)), int(rng.choice(only_b))
        word_a: BenchTerm = ("short", nouns.wanted[pair.a])
        word_b: BenchTerm = ("short", nouns.negated[pair.b])
        photo_a: BenchTerm = ("image", photos[a])
        photo_b: BenchTerm = ("image", photos[b])
        for name, (kind, positive), (negative_kind, negative), examples in (
            ("words minus an example", word_a, photo_b, (b,)),
            ("an example minus words", photo_a, word_b, (a,)),
            ("an example minus an example", photo_a, photo_b, (a, b)),
        ):
            queries[name].append(
                MinusQuery(
                    kind, positive, negative_kind, [negative], pair.right, pair.shows_b, examples
                )
            )
    return queries


def caption_queries(
    split: Split, pairs: Sequence[NounPair], nouns: NounVectors, encoder: Encoder
) -> dict[str, list[MinusQuery]]:
    """Captions minus the noun that their first results show most, and minus an example of it."""
    rng = np.random.default_rng(1)
    chosen = np.sort(rng.permutation(len(split.captions))[:CAPTIONS])
    texts = [split.captions[at] for at in chosen]
    counts = mentions(split)
    shows = {
        noun: {row for row, number in counts[noun].items() if number >= 2} for noun in nouns.wanted
    }
    queries: dict[str, list[MinusQuery]] = defaultdict(list)
    for text, vector, own in zip(
        texts, embed_searched(encoder, texts), split.own[chosen].tolist(), strict=True
    ):
        ranked = np.argsort(-(split.photos @ vector)).tolist()
        first = set(ranked[:FIRST])
        absent = [noun for noun in nouns.wanted if own not in counts[noun]]
        noun = max(absent, key=lambda noun: len(first & shows[noun]))
        if len(first & shows[noun]) < 2:
            continue
        showing = [row for row in ranked if row in shows[noun]]
        example = showing[len(showing) // 3]
        kind = text_kind(NAME, text)
        queries["a caption minus words"].append(
            MinusQuery(kind, vector, "short", [nouns.negated[noun]], {own}, shows[noun])
        )
        queries["a caption minus an example"].append(
            MinusQuery(
                kind, vector, "image", [split.photos[example]], {own}, shows[noun], (example,)
            )
        )
    return queries


def main() -> None:
    for split, encoder in chosen_splits(__doc__ or ""):
        combined = ways(embed_texts(encoder, NAME, prompts()).mean(axis=0))
        pairs = make_pairs(split)
        nouns = embed_nouns(pairs, encoder)
        queries = {
            'words minus words ("A -B")': text_queries(pairs, nouns),
            'two negative terms ("A -B -C")': double_queries(pairs, nouns),
            **example_queries(pairs, nouns, split.photos),
            **caption_queries(split, pairs, nouns, encoder),
        }
        for name, of_name in queries.items():
            report(name, of_name, split.photos, combined)


if __name__ == "__main__":
    main()
