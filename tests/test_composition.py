"""How the terms of a query become one vector."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from imgsearch.records.arrays import Vector
from imgsearch.search.composition import (
    TermKind,
    cancels_out,
    compose,
    factors,
    negative_rows,
    shared,
)
from tests.factories import cosines, random_vectors, unit

KINDS: tuple[TermKind, ...] = get_args(TermKind)


def test_a_negative_term_turns_the_query_by_an_angle_that_depends_on_its_weight_alone() -> None:
    positive, (term,) = random_vectors(6, 16), random_vectors(1, 16, seed=2)
    assert np.ptp(positive @ term) > 0.3, "some are more alike than others"
    for weight in (0.25, 0.5, 2.0):
        rows = compose(positive, -np.float32(weight) * term)
        assert np.allclose((rows * positive).sum(axis=1), 1, rtol=1e-5)
        assert np.allclose(cosines(unit(rows), positive), 1 / np.sqrt(1 + weight**2), rtol=1e-5)
        assert (unit(rows) @ term < positive @ term).all(), "less like what has the minus"


def test_the_factors_of_the_terms_give_the_same_vector() -> None:
    positive, (negative,) = random_vectors(4, 16) * 3, random_vectors(1, 16, seed=2)
    of_positive, of_negative = factors(positive, negative)
    rows = of_positive[:, None] * positive + of_negative[:, None] * negative
    assert np.allclose(rows, compose(positive, negative), atol=1e-5)


def test_a_term_without_itself_cancels_out() -> None:
    a, b = random_vectors(2, 16)
    assert cancels_out(a, -0.5 * a)
    assert not cancels_out(a, -0.5 * b)
    assert np.isfinite(compose(a[None], -0.5 * a)).all()


def test_without_negative_terms_nothing_changes() -> None:
    positive = random_vectors(3, 8)
    assert (compose(positive, np.zeros(8, np.float32)) == positive).all()


def tangent(positive: Vector, turned: Vector) -> float:
    cosine = float(unit(turned[None])[0] @ unit(positive[None])[0])
    return float(np.sqrt(1 - cosine**2) / cosine)


def turned_away(
    kind: TermKind,
    *terms: tuple[TermKind, float, Vector],
    positive: Vector,
    usual: Vector | None = None,
) -> Vector:
    kinds, weights, vectors = zip(*terms, strict=True)
    rows = negative_rows(
        [(kind, 1.0)], kinds, -np.array(weights, np.float32), np.array(vectors), usual
    )
    turned: Vector = compose(positive[None], rows.sum(axis=0))[0]
    return turned


def test_a_few_words_are_turned_further_than_a_caption_and_words_less_by_an_example() -> None:
    positive, term = random_vectors(2, 16)
    tangents = {
        (kind, negative): tangent(
            positive, turned_away(kind, (negative, 1.0, term), positive=positive)
        )
        for kind in KINDS
        for negative in KINDS
    }
    assert tangents["short", "short"] > 3 * tangents["text", "short"]
    for kind in KINDS:
        assert tangents[kind, "image"] < tangents[kind, "short"] == tangents[kind, "text"]
    twice = turned_away("short", ("text", 2.0, term), positive=positive)
    assert tangent(positive, twice) == pytest.approx(2 * tangents["short", "text"], rel=1e-4)


def test_two_like_terms_turn_less_than_the_sum_of_their_angles() -> None:
    positive, term, other = random_vectors(3, 64)
    like = unit((term + 0.3 * other)[None])[0]
    one, two = (
        tangent(
            positive,
            turned_away("short", *(("short", 1.0, vector) for vector in terms), positive=positive),
        )
        for terms in ((term,), (term, like))
    )
    assert one < two <= 1.001 * np.sqrt(2) * one


def test_a_few_words_are_turned_away_from_the_usual_caption_as_well() -> None:
    positive, term, usual = random_vectors(3, 64)
    for kind in KINDS:
        plain, away = (
            unit(turned_away(kind, ("short", 1.0, term), positive=positive, usual=mean)[None])[0]
            for mean in (None, 0.5 * usual)
        )
        assert (away @ usual < plain @ usual - 0.01) == (kind == "short")
        assert away @ term < positive @ term


def test_an_example_counts_half_beside_words_and_wholly_without() -> None:
    kinds: list[TermKind] = ["short", "image", "image", "direction"]
    weights = np.array([1, 1, -1, 2], np.float32)
    assert np.allclose(shared(kinds, weights), [1, 0.5, -1, 1.2])
    assert np.allclose(shared(kinds[1:], weights[1:]), [1, -1, 1.2])
    assert np.allclose(shared(["image", "text"], np.array([1, -1], np.float32)), [1, -1])
