"""The parts of the index that no contract covers: prompts, calibration, recall."""

from __future__ import annotations

import numpy as np
import pytest

from imgsearch.index.flat import FlatIndex, contains, top
from imgsearch.index.ivf import IvfBuilder, IvfIndex
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.index.recall import AT, RecallBenchmark, prompts
from imgsearch.records.answer import Neighbours
from tests.factories import random_vectors

DIM = 16


def vectors_of(count: int, seed: int = 1) -> np.ndarray:
    return random_vectors(count, DIM, seed)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return vectors_of(2_000)


@pytest.fixture(scope="module")
def index(vectors: np.ndarray) -> IvfIndex:
    builder = IvfBuilder(DIM, IndexSpec("ivf", 32), IndexPolicy())
    builder.train(vectors)
    builder.add(np.arange(1, 2_001), vectors)
    return builder.index({})


def exam_of(
    vectors: np.ndarray, queries: np.ndarray, own: np.ndarray | None = None
) -> RecallBenchmark:
    exam = RecallBenchmark("image", queries, own)
    for start in range(0, len(vectors), 700):
        exam.observe(
            np.arange(start + 1, start + 1 + len(vectors[start : start + 700])),
            vectors[start : start + 700],
        )
    return exam


def test_there_are_enough_prompts_and_each_is_a_short_caption() -> None:
    lines = prompts()
    assert len(lines) >= 200
    assert len(set(lines)) == len(lines)
    assert all(2 <= len(line.split()) <= 9 for line in lines)


def test_the_exact_index_scores_a_perfect_recall(vectors: np.ndarray) -> None:
    queries = vectors_of(50, seed=2)
    exam = exam_of(vectors, queries)
    flat = FlatIndex(np.arange(1, 2_001), vectors)
    assert exam.score(flat.search(queries, AT)).mean == 1.0
    half = [Neighbours(near.ids[:5], near.scores[:5]) for near in flat.search(queries, AT)]
    assert exam.score(half).mean == 0.5
    strangers = [Neighbours(near.ids + 5_000, near.scores) for near in flat.search(queries, AT)]
    assert exam.score(strangers).mean == 0.0


def test_a_querys_own_photo_does_not_count(vectors: np.ndarray) -> None:
    own = np.arange(1, 51)
    exam = exam_of(vectors, vectors[:50], own)
    nothing_else = [Neighbours(own[i : i + 1], np.ones(1, np.float32)) for i in range(50)]
    assert exam.score(nothing_else).mean == 0.0


def test_ties_with_the_tenth_are_as_good_as_the_tenth(vectors: np.ndarray) -> None:
    copies = np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)])
    exam = exam_of(copies, vectors[:1])
    later = Neighbours(np.arange(2_021, 2_031), np.ones(10, np.float32))
    assert exam.score([later]).mean == 1.0


def test_a_photo_counts_once(vectors: np.ndarray) -> None:
    exam = exam_of(vectors, vectors[:1])
    (near,) = FlatIndex(np.arange(1, 2_001), vectors).search(vectors[:1], AT)
    same = Neighbours(np.repeat(near.ids[:1], 10), np.repeat(near.scores[:1], 10))
    assert exam.score([same]).mean == pytest.approx(0.1)


def test_fewer_photos_than_ten_are_all_there_is_to_find() -> None:
    few = vectors_of(3)
    exam = exam_of(few, vectors_of(5, seed=2))
    flat = FlatIndex(np.arange(1, 4), few)
    assert exam.score(flat.search(exam.queries, AT)).mean == 1.0
    nobody = RecallBenchmark("text", vectors_of(3, seed=2))  # has seen no photo
    assert nobody.score(flat.search(few, AT)).mean == 1.0


def test_the_smallest_nprobe_is_the_smallest(index: IvfIndex, vectors: np.ndarray) -> None:
    exam = exam_of(vectors, vectors_of(200, seed=3))
    nprobe, recall = exam.smallest_nprobe(index, 0.9)
    assert recall >= 0.9
    assert exam.recall(index, nprobe) == recall
    assert exam.recall(index, nprobe - 1) < 0.9
    assert exam.smallest_nprobe(index, 0.0)[0] == 1


def test_a_goal_out_of_reach_does_not_cost_every_list(vectors: np.ndarray) -> None:
    builder = IvfBuilder(DIM, IndexSpec("ivf", 32, "sq8"), IndexPolicy())
    builder.train(vectors)
    builder.add(np.arange(1, 2_001), vectors)
    index = builder.index({})
    exam = exam_of(vectors, vectors_of(200, seed=3))
    ceiling = exam.recall(index, 32)
    assert ceiling < 1
    nprobe, recall = exam.smallest_nprobe(index, 1.0)
    assert nprobe < 32
    assert recall >= ceiling - 0.005


def test_contains() -> None:
    ids = np.array([5, 1, 9, 5])
    assert contains(np.array([1, 5, 7]), ids).tolist() == [True, True, False, True]
    assert contains(np.array([], np.int64), ids).tolist() == [False] * 4
    assert contains(np.array([1]), np.array([], np.int64)).tolist() == []


def test_top_keeps_the_best_and_orders_equals_by_id() -> None:
    best = Neighbours(np.array([4, 2]), np.array([0.9, 0.5], np.float32))
    ids, scores = np.array([3, 1, 8]), np.array([0.5, 0.7, 0.1], np.float32)
    assert top(3, best, ids, scores).ids.tolist() == [4, 1, 2]
    assert top(2, best, ids, scores).ids.tolist() == [4, 1]
    assert top(9, best, ids, scores).ids.tolist() == [4, 1, 2, 3, 8]
