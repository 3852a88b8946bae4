"""Queries on 169 photos with captions: a minus, singular and plural, words that ask for a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_confidence import NAME, Split, load
from benchmarks.bench_minus import FIRST, alone, make_pairs, text_queries, with_weight
from benchmarks.bench_phrasing import NOUNS, WRAPPINGS
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.numbers import number_forms
from imgsearch.encoders.prompts import embed_texts
from imgsearch.records.query import MINUS_WEIGHT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(shared_data: Path, lite: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Split:
    return load(shared_data / "coco-dev", "dev", lite, tmp_path_factory.mktemp("vectors"))


def first_ten(photos: Split, lite: Encoder, texts: list[str]) -> list[set[int]]:
    scores = embed_texts(lite, NAME, texts) @ photos.photos.T
    return [set(row) for row in np.argsort(-scores, axis=1)[:, :FIRST].tolist()]


def test_a_minus_finds_more_of_a_and_less_of_b(photos: Split, lite: Encoder) -> None:
    pairs = make_pairs(photos)
    nouns = sorted({noun for pair in pairs for noun in (pair.a, pair.b)})
    queries = text_queries(pairs, dict(zip(nouns, embed_texts(lite, NAME, nouns), strict=True)))
    precision, shows_b = [], []
    for combine in (alone, with_weight(MINUS_WEIGHT)):
        scores = [photos.photos @ combine(query) for query in queries]
        precision.append(
            np.mean(
                [
                    average_precision(row, query.right)
                    for row, query in zip(scores, queries, strict=True)
                ]
            )
        )
        shows_b.append(sum(len(query.shows_negative & set(np.argsort(-row)[:FIRST].tolist()))
                           for row, query in zip(scores, queries, strict=True)))  # fmt: skip
    assert precision[1] >= precision[0] + 0.01
    assert shows_b[1] <= 0.5 * shows_b[0]


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
