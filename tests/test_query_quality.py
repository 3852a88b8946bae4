"""Queries on 169 photos with captions: a minus, singular and plural, words that ask for a photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_confidence import NAME, Split, embed_searched, load, mean_noun
from benchmarks.bench_minus import (
    FIRST,
    PEOPLE,
    Combine,
    MinusQuery,
    alone,
    caption_queries,
    double_queries,
    embed_nouns,
    example_queries,
    make_pairs,
    scores_of,
    text_queries,
    with_weight,
)
from benchmarks.bench_nouns import area, precisions, query_sets
from benchmarks.bench_phrasing import NOUNS, WRAPPINGS
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.index.recall import prompts
from imgsearch.language.numbers import number_forms
from imgsearch.records.query import MINUS_WEIGHT
from imgsearch.search.short_texts import less_mean_noun, mean_noun_share

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(shared_data: Path, lite: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Split:
    return load(shared_data / "coco-dev", "dev", lite, tmp_path_factory.mktemp("vectors"))


def first_ten(photos: Split, lite: Encoder, texts: list[str]) -> list[set[int]]:
    scores = embed_searched(lite, texts) @ photos.photos.T
    return [set(row) for row in np.argsort(-scores, axis=1)[:, :FIRST].tolist()]


def mean_precision(photos: Split, queries: list[MinusQuery], combine: Combine) -> float:
    return float(
        np.mean(
            [
                average_precision(
                    scores_of(query, combine, photos.photos), query.right - set(query.examples)
                )
                for query in queries
            ]
        )
    )


def times_b_is_shown(photos: Split, queries: list[MinusQuery], combine: Combine) -> int:
    """How many of the first ten photos show B, of all queries together."""
    shown = 0
    for query in queries:
        best = np.argsort(-scores_of(query, combine, photos.photos))[:FIRST]
        shown += len(query.shows_negative & set(best.tolist()))
    return shown


@pytest.fixture(scope="module")
def in_use(lite: Encoder) -> Combine:
    """A minus as queries have it."""
    return with_weight(MINUS_WEIGHT, embed_texts(lite, NAME, prompts()).mean(axis=0))


def test_a_minus_finds_more_of_a_and_less_of_b(
    photos: Split, lite: Encoder, in_use: Combine
) -> None:
    pairs = make_pairs(photos)
    nouns = embed_nouns(pairs, lite)
    for queries in (text_queries(pairs, nouns), double_queries(pairs, nouns)):
        gain = mean_precision(photos, queries, in_use) - mean_precision(photos, queries, alone)
        assert gain >= 0.01
        shown = times_b_is_shown(photos, queries, alone)
        assert times_b_is_shown(photos, queries, in_use) <= 0.6 * shown


def test_a_minus_of_an_example_and_of_a_caption_loses_no_photos(
    photos: Split, lite: Encoder, in_use: Combine
) -> None:
    pairs = make_pairs(photos)
    nouns = embed_nouns(pairs, lite)
    kinds = example_queries(pairs, nouns, photos.photos)
    kinds |= caption_queries(photos, pairs, nouns, lite)
    assert len(kinds) == 5
    for name, queries in kinds.items():
        assert mean_precision(photos, queries, in_use) > mean_precision(photos, queries, alone), (
            name
        )


def test_people_with_a_minus_are_told_by_men_women_and_children(
    photos: Split, lite: Encoder, in_use: Combine
) -> None:
    pairs = [pair for pair in make_pairs(photos) if pair.b == PEOPLE]
    nouns = embed_nouns(pairs, lite)
    words = embed_texts(lite, NAME, list(nouns.negated))
    negated = less_mean_noun(words, mean_noun(lite), mean_noun_share(lite.id))
    bare = replace(nouns, negated=dict(zip(nouns.negated, negated, strict=True)))
    precision = [
        mean_precision(photos, text_queries(pairs, vectors), in_use) for vectors in (bare, nouns)
    ]
    assert len(pairs) >= 4 and precision[1] >= precision[0] + 0.03


def test_singular_and_plural_find_the_same(photos: Split, lite: Encoder) -> None:
    forms = [pair for noun in NOUNS.split() if (pair := number_forms(noun)) is not None][:40]
    singular, plural = (
        first_ten(photos, lite, [pair[number] for pair in forms]) for number in (0, 1)
    )
    overlaps = [len(a & b) / FIRST for a, b in zip(singular, plural, strict=True)]
    assert len(overlaps) == 40 and np.mean(overlaps) >= 0.7


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_words_that_ask_for_a_photo_change_nothing(
    photos: Split, lite: Encoder, wrapping: str
) -> None:
    texts = ["a dog", "snow", "a red bus", "people at a table"]
    wrapped = [f"{wrapping} {text}" for text in texts]
    assert first_ten(photos, lite, wrapped) == first_ten(photos, lite, texts)


def test_few_words_find_more_without_the_mean_noun(photos: Split, lite: Encoder) -> None:
    for name, queries in query_sets(photos).items():
        bare, used = (
            precisions(photos, lite, queries, share).mean()
            for share in (0.0, mean_noun_share(lite.id))
        )
        assert len(queries) >= 30 and used >= bare + 0.02, name


def test_people_are_told_from_photos_without_any(photos: Split, lite: Encoder) -> None:
    (bare,) = embed_texts(lite, NAME, ["people"])
    people, person, tree = embed_searched(lite, ["people", "a photo of a person", "a tree"])
    assert area(photos, bare) < 0.5, "the bare word finds photos without people"
    assert area(photos, people) > 0.65
    assert np.allclose(people, person, atol=1e-5) and people @ tree < 0.5
