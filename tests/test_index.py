"""The parts of the index that the contract does not cover: captions, recall, calibration, lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from benchmarks.synthetic import SyntheticSpace
from imgsearch.index.base import BuildContext, Details, VectorSource
from imgsearch.index.flat import NO_NEIGHBOURS, FlatIndex, contains, merge, top
from imgsearch.index.ivf import CompressedIndex, IvfBackend, IvfPqBackend
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.recall import AT, RecallBenchmark, prompts
from imgsearch.records.answer import Neighbours
from tests.factories import random_vectors

DIM = 16


def vectors_of(count: int, seed: int = 1) -> np.ndarray:
    return random_vectors(count, DIM, seed)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return vectors_of(2_000)


def benchmark_of(
    vectors: np.ndarray, queries: np.ndarray, own: np.ndarray | None = None
) -> RecallBenchmark:
    benchmark = RecallBenchmark("image", queries, own)
    for start in range(0, len(vectors), 700):
        chunk = vectors[start : start + 700]
        benchmark.observe(np.arange(start + 1, start + 1 + len(chunk)), chunk)
    return benchmark


def test_there_are_enough_prompts_and_each_is_a_short_caption() -> None:
    lines = prompts()
    assert len(lines) >= 200
    assert len(set(lines)) == len(lines)
    assert all(2 <= len(line.split()) <= 9 for line in lines)


def test_the_exact_index_scores_a_perfect_recall(vectors: np.ndarray) -> None:
    queries = vectors_of(50, seed=2)
    benchmark = benchmark_of(vectors, queries)
    flat = FlatIndex(np.arange(1, 2_001), vectors)
    assert benchmark.score(flat.search(queries, AT)).mean == 1.0
    half = [Neighbours(near.ids[:5], near.scores[:5]) for near in flat.search(queries, AT)]
    assert benchmark.score(half).mean == 0.5
    wrong = [Neighbours(near.ids + 5_000, near.scores) for near in flat.search(queries, AT)]
    assert benchmark.score(wrong).mean == 0.0


def test_the_photo_of_an_image_query_does_not_count(vectors: np.ndarray) -> None:
    own = np.arange(1, 51)
    benchmark = benchmark_of(vectors, vectors[:50], own)
    only_itself = [Neighbours(own[i : i + 1], np.ones(1, np.float32)) for i in range(50)]
    assert benchmark.score(only_itself).mean == 0.0


def test_ties_with_the_tenth_are_as_good_as_the_tenth(vectors: np.ndarray) -> None:
    copies = np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)])
    benchmark = benchmark_of(copies, vectors[:1])
    other_copies = Neighbours(np.arange(2_021, 2_031), np.ones(10, np.float32))
    assert benchmark.score([other_copies]).mean == 1.0


def test_a_photo_counts_once(vectors: np.ndarray) -> None:
    benchmark = benchmark_of(vectors, vectors[:1])
    (near,) = FlatIndex(np.arange(1, 2_001), vectors).search(vectors[:1], AT)
    repeated = Neighbours(np.repeat(near.ids[:1], 10), np.repeat(near.scores[:1], 10))
    assert benchmark.score([repeated]).mean == pytest.approx(0.1)


def test_fewer_photos_than_ten_are_all_there_is_to_find() -> None:
    few = vectors_of(3)
    benchmark = benchmark_of(few, vectors_of(5, seed=2))
    flat = FlatIndex(np.arange(1, 4), few)
    assert benchmark.score(flat.search(benchmark.queries, AT)).mean == 1.0
    empty = RecallBenchmark("text", vectors_of(3, seed=2))  # has observed no photo
    assert empty.score(flat.search(few, AT)).mean == 1.0


def test_the_exact_results_are_the_same_however_the_vectors_are_cut() -> None:
    vectors = vectors_of(3_000)
    ids = np.arange(3_000) // 2 + 5  # photos of two parts
    queries = vectors_of(8, seed=2)
    whole, cut = RecallBenchmark("image", queries), RecallBenchmark("image", queries)
    whole.observe(ids, vectors)
    cut.observe(ids[:0], vectors[:0])
    for start in range(0, 3_000, 250):
        cut.observe(ids[start : start + 250], vectors[start : start + 250])
    assert cut.deep_results() == whole.deep_results()
    assert all(len(photos) == 64 for photos in cut.deep_results())
    assert cut.wanted() == whole.wanted()


def test_recall_by_depth_is_that_of_the_best_among_the_first_candidates(
    vectors: np.ndarray,
) -> None:
    queries = vectors_of(40, seed=2)
    benchmark = benchmark_of(vectors, queries)
    flat = FlatIndex(np.arange(1, 2_001), vectors)
    shuffled: list[Neighbours] = []
    for near in flat.search(queries, 60):
        order = np.random.default_rng(len(shuffled)).permutation(60)
        shuffled.append(Neighbours(near.ids[order], near.scores[order]))
    candidates = [near.ids for near in shuffled]
    by_depth = benchmark.recall_by_depth(candidates, 80)
    assert by_depth.shape == (80,)
    for depth in (1, 10, 33, 60):
        first = [Neighbours(near.ids[:depth], near.scores[:depth]) for near in shuffled]
        best = [merge(near, NO_NEIGHBOURS, AT) for near in first]
        assert by_depth[depth - 1] == pytest.approx(benchmark.score(best).mean, abs=1e-5)
    assert by_depth[-1] == pytest.approx(1.0, abs=1e-5)
    nothing = RecallBenchmark("text", queries)  # has observed no photo
    assert nothing.recall_by_depth(candidates, 3).tolist() == [1.0, 1.0, 1.0]


def test_lists_are_mapped_not_read(vectors: np.ndarray, tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc to see what is mapped")
    ids = np.arange(1, 2_001)
    source = VectorSource(len(ids), lambda: iter([(ids, vectors)]))
    built = IvfBackend().build(BuildContext(source, IndexPolicy(), {}))
    path = tmp_path / "index"
    with path.open("wb") as file:
        built.write(file)
    opened = IvfBackend().open(path, built.details, IndexPolicy())
    assert str(path) in maps.read_text()
    assert len(opened) == 2_000


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


def test_a_large_sample_is_the_same_in_a_file_without_a_name(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).random((200_000, 96), np.float32)
    ids = np.arange(len(rows)) + 7
    chunks = [(ids[i : i + 9_000], rows[i : i + 9_000]) for i in range(0, len(ids), 9_000)]
    in_file = VectorSource(len(ids), lambda: iter(chunks), tmp_path).sample(190_000, seed=3)
    in_memory = VectorSource(len(ids), lambda: iter(chunks)).sample(190_000, seed=3)
    assert np.array_equal(in_file[0], in_memory[0]) and np.array_equal(in_file[1], in_memory[1])
    assert list(tmp_path.iterdir()) == []


def test_samples_that_are_read_together_are_those_read_alone() -> None:
    rows, ids = vectors_of(1_000), np.arange(1_000) + 7
    chunks = [(ids[i : i + 90], rows[i : i + 90]) for i in range(0, len(ids), 90)]
    source = VectorSource(len(ids), lambda: iter([(ids[:0], rows[:0]), *chunks]))
    wanted = [(10, 1), (300, 2), (1_000, 3), (2_000, 4)]
    for (count, seed), together in zip(wanted, source.samples(*wanted), strict=True):
        alone = source.sample(count, seed)
        assert len(alone[0]) == min(count, 1_000)
        assert np.array_equal(together[0], alone[0]) and np.array_equal(together[1], alone[1])
        assert np.array_equal(rows[together[0] - 7], together[1])


@dataclass(frozen=True)
class Compressed:
    """A compressed index of 20,000 vectors, opened from its file, and queries of both kinds."""

    path: Path
    vectors: np.ndarray
    index: CompressedIndex
    details: Details
    queries: dict[Literal["image", "text"], np.ndarray]


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    space = SyntheticSpace(dim=64, topics=400)
    vectors = next(space.photos(20_000, seed=1))
    vectors = vectors.astype(np.float16).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, len(vectors) + 1)
    chunks = [(ids[i : i + 4_096], vectors[i : i + 4_096]) for i in range(0, len(ids), 4_096)]
    source = VectorSource(len(ids), lambda: iter(chunks))
    policy = IndexPolicy()
    built = IvfPqBackend().build(
        BuildContext(source, policy, {}, encode_texts=lambda texts: space.texts(len(texts), seed=4))
    )
    path = tmp_path_factory.mktemp("compressed") / "index"
    with path.open("wb") as file:
        built.write(file)
    index = IvfPqBackend().open(path, built.details, policy)
    queries: dict[Literal["image", "text"], np.ndarray] = {
        "image": next(space.photos(300, seed=2)),
        "text": space.texts(300, seed=3),
    }
    return Compressed(path, vectors, index, built.details, queries)


def test_compressed_lists_find_what_exact_search_finds_among_twenty_thousand(
    compressed: Compressed,
) -> None:
    index = compressed.index
    for kind, queries in compressed.queries.items():
        lists = float(compressed.details[f"nprobe_{kind}"])
        assert lists < float(compressed.details["nlist"]) / 2
        benchmark = RecallBenchmark(kind, queries)
        benchmark.observe(np.arange(1, len(compressed.vectors) + 1), compressed.vectors)
        found = benchmark.score(
            [index.search(query[None], AT, effort=kind)[0] for query in queries]
        )
        assert found.mean + 2 * found.error >= index.policy.recall_target
        together = benchmark.score(index.search(queries, AT, effort=kind))
        assert together.mean == pytest.approx(found.mean, abs=0.002)


def test_compressed_lists_also_find_what_the_second_page_shows(compressed: Compressed) -> None:
    few = {**compressed.details, "per_result_text": 1.0, "per_result_image": 1.0}
    with_few = IvfPqBackend().open(compressed.path, few, IndexPolicy())

    def share(index: CompressedIndex, kind: Literal["image", "text"]) -> float:
        queries = compressed.queries[kind]
        exact = compressed.index.search(queries, 200)
        found = index.search(queries, 200, effort=kind)
        pairs = zip(found, exact, strict=True)
        return float(np.mean([np.isin(best.ids, near.ids).mean() for near, best in pairs]))

    for kind in compressed.queries:
        assert share(compressed.index, kind) > 0.93
        assert share(with_few, kind) < 0.9


def test_a_query_near_few_lists_compares_enough_vectors(compressed: Compressed) -> None:
    """With too few results, every vector would be scored: 0.3 s with a million."""
    narrow = {**compressed.details, "gap_text": 0.0, "gap_image": 0.0}
    index = IvfPqBackend().open(compressed.path, narrow, IndexPolicy())
    for kind, queries in compressed.queries.items():
        for k in (10, 100, 400):
            assert {len(near.ids) for near in index.search(queries, k, effort=kind)} == {k}
        only = np.arange(1, len(compressed.vectors), 3)
        results = index.search(queries, 100, only, effort=kind)
        assert np.mean([len(near.ids) == 100 for near in results]) > 0.9


def test_a_filter_that_comes_again_is_the_same_unless_it_was_changed(
    compressed: Compressed,
) -> None:
    query = compressed.queries["text"][:1]
    ids = np.arange(1, len(compressed.vectors) + 1)
    only = ids[::2].copy()
    for effort in ("text", "exact"):
        only[:] = ids[::2]
        odd = compressed.index.search(query, 50, only, effort)[0]
        only += 1
        even = compressed.index.search(query, 50, only, effort)[0]
        assert set(odd.ids % 2) == {1} and set(even.ids % 2) == {0}
        only.flags.writeable = False
        for _ in range(2):
            again = compressed.index.search(query, 50, only, effort)[0]
            assert again.ids.tolist() == even.ids.tolist()
        only = only.copy()
