"""How the terms of a query become one vector."""

from __future__ import annotations

import numpy as np

from imgsearch.search.composition import cancels_out, compose, factors
from tests.factories import cosines, random_vectors, unit


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
