"""Recall, median rank and zero-shot accuracy on arrays small enough to check by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imgsearch.analysis import metrics
from tests.factories import random_vectors

AXES = np.eye(12, dtype=np.float32)


def test_ranks_count_from_one() -> None:
    query = np.arange(12, 0, -1, dtype=np.float32)[None]  # fits row 0 best, row 11 least
    for row in (0, 4, 11):
        assert metrics.ranks(query, AXES, np.array([row])) == [row + 1]


def test_recalls_and_median() -> None:
    queries = np.tile(np.arange(12, 0, -1, dtype=np.float32), (4, 1))
    found = metrics.retrieval(queries, AXES, np.array([0, 3, 8, 11]))  # ranks 1, 4, 9, 12
    assert found == metrics.Retrieval(0.25, 0.5, 0.75, median_rank=6.5, queries=4)


def test_a_model_with_equal_scores_gains_nothing() -> None:
    same = np.ones((3, 5), np.float32)
    found = metrics.retrieval(same, np.ones((50, 5), np.float32), np.array([0, 20, 49]))
    assert found.recall_at_10 == 0
    assert found.median_rank == 50


def test_zero_shot_accuracy() -> None:
    images = AXES[[0, 1, 2, 2]]
    assert metrics.zero_shot_accuracy(images, AXES[:3], np.array([0, 1, 2, 0])) == 0.75


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_ranks_agree_with_sorting(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, gallery = random_vectors(7, 9, seed), random_vectors(n, 9, seed + 1)
    right = rng.integers(0, n, 7)
    order = np.argsort(-(queries @ gallery.T), axis=1)
    expected = [list(row).index(want) + 1 for row, want in zip(order, right, strict=True)]
    got = metrics.ranks(queries, gallery, right)
    assert list(got) == expected


def test_blocks_make_no_difference_to_ranks() -> None:
    rng = np.random.default_rng(0)
    queries, gallery = random_vectors(50, 8), random_vectors(30, 8, seed=2)
    right = rng.integers(0, 30, 50)
    whole = metrics.ranks(queries, gallery, right)
    np.testing.assert_array_equal(metrics.ranks(queries, gallery, right, block_rows=7), whole)
