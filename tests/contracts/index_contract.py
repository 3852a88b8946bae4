"""What every index backend must do, built in or registered by others.

A test module inherits from `IndexContract` and names the specs to test:

    class TestMyBackend(IndexContract):
        cases = (IndexCase("mine", IndexSpec("mine")),)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgsearch.errors import SnapshotError
from imgsearch.index.base import BuildContext, BuiltIndex, Effort, VectorIndex, VectorSource
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.index.registry import find_backend
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors
from tests.factories import unit

DIM = 24
EFFORTS: tuple[Effort, ...] = ("image", "text", "exact")
POLICY = IndexPolicy(recall_target=0.8)


@dataclass(frozen=True)
class IndexCase:
    """One way to build an index, and how far its scores may be off."""

    name: str
    spec: IndexSpec
    tolerance: float = 1e-5


def vectors_of(count: int, seed: int = 1) -> Vectors:
    """Rows around twelve centres."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((12, DIM))
    return unit(centres[generator.integers(0, 12, count)] + generator.standard_normal((count, DIM)))


def ids_of(count: int) -> Ids:
    """Unordered, with gaps, each photo once."""
    return np.random.default_rng(3).permutation(np.arange(1, 3 * count, 3)[:count]).astype(np.int64)


def source_of(ids: Ids, vectors: Vectors, chunk_rows: int = 300) -> VectorSource:
    def chunks() -> Iterator[tuple[Ids, Vectors]]:
        for start in range(0, len(ids), chunk_rows):
            yield ids[start : start + chunk_rows], vectors[start : start + chunk_rows]

    return VectorSource(len(ids), chunks)


def build(case: IndexCase, ids: Ids, vectors: Vectors) -> BuiltIndex:
    """As `build_snapshot` builds it."""
    context = BuildContext(
        source_of(ids, vectors),
        POLICY,
        case.spec.options,
        encode_texts=lambda texts: vectors_of(len(texts), seed=77),
    )
    return find_backend(case.spec.backend).build(context)


def build_file(case: IndexCase, ids: Ids, vectors: Vectors, path: Path) -> VectorIndex:
    """Build, write and open again."""
    built = build(case, ids, vectors)
    with path.open("wb") as file:
        built.write(file)
    return find_backend(case.spec.backend).open(path, built.details, POLICY)


def exact_scores(
    ids: Ids, vectors: Vectors, query: Vector, only: Ids | None = None
) -> dict[int, float]:
    """Every photo that qualifies, with its cosine, by plain arithmetic."""
    scores = (vectors.astype(np.float64) @ query.astype(np.float64)).tolist()
    kept = set(ids.tolist() if only is None else only.tolist())
    return {i: score for i, score in zip(ids.tolist(), scores, strict=True) if i in kept}


def check_result(near: Neighbours, truth: dict[int, float], k: int, tolerance: float) -> None:
    """Right length, right scores, best first, and no better photo was passed over."""
    ids, scores = near.ids.tolist(), near.scores.tolist()
    assert len(ids) == min(k, len(truth))
    found = set(ids)
    assert len(found) == len(ids)
    assert scores == sorted(scores, reverse=True)
    for photo_id, score in zip(ids, scores, strict=True):
        assert score == pytest.approx(truth[photo_id], abs=tolerance)
    passed_over = [score for photo_id, score in truth.items() if photo_id not in found]
    if ids and passed_over:
        assert max(passed_over) <= min(truth[i] for i in ids) + 2 * tolerance


@dataclass(frozen=True)
class ContractIndex:
    """An index of a thousand vectors, and the vectors."""

    index: VectorIndex
    ids: Ids
    vectors: Vectors
    tolerance: float


class IndexContract:
    """Inherit from this, and set `cases`."""

    cases: ClassVar[tuple[IndexCase, ...]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=lambda case: case.name)
        if "built" in metafunc.fixturenames:
            built = [(case, form) for case in self.cases for form in ("in memory", "from a file")]
            ids = [f"{case.name} {form}" for case, form in built]
            metafunc.parametrize("built", built, ids=ids, indirect=True, scope="class")

    @pytest.fixture(scope="class")
    @classmethod
    def built(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> ContractIndex:
        case, form = request.param
        ids, vectors = ids_of(1_000), vectors_of(1_000)
        if form == "in memory":
            index = build(case, ids, vectors).index
        else:
            index = build_file(case, ids, vectors, tmp_path_factory.mktemp("index") / "file")
        return ContractIndex(index, ids, vectors, case.tolerance)

    def test_an_exact_search_finds_the_nearest(self, built: ContractIndex) -> None:
        queries = vectors_of(20, seed=9)
        assert len(built.index) == 1_000
        assert built.index.dim == DIM
        for k in (1, 10, 1_000, 5_000):
            for query, near in zip(queries, built.index.search(queries, k), strict=True):
                truth = exact_scores(built.ids, built.vectors, query)
                check_result(near, truth, k, built.tolerance)
                assert near.ids.dtype == np.int64
                assert near.scores.dtype == np.float32

    def test_a_stored_vector_finds_itself_with_a_cosine_of_one(self, built: ContractIndex) -> None:
        for effort in EFFORTS:
            results = built.index.search(built.vectors[:50], 1, effort=effort)
            for photo_id, near in zip(built.ids[:50], results, strict=True):
                assert near.ids[0] == photo_id
                assert near.scores[0] == pytest.approx(1.0, abs=built.tolerance)

    def test_more_effort_finds_more(self, built: ContractIndex) -> None:
        queries = vectors_of(100, seed=11)
        best = built.index.search(queries, 10)
        image, text, exact = (
            np.mean(
                [
                    len({*near.ids.tolist()} & {*exact.ids.tolist()})
                    for near, exact in zip(
                        built.index.search(queries, 10, effort=effort), best, strict=True
                    )
                ]
            )
            for effort in EFFORTS
        )
        assert 5 < image <= text <= exact == 10
        assert not built.index.is_exact or image == 10

    def test_without_queries_or_photos_nothing_is_found(self, built: ContractIndex) -> None:
        index, queries = built.index, built.vectors[:3]
        assert index.search(np.empty((0, DIM), np.float32), 5) == []
        assert [len(near.ids) for near in index.search(queries, 0)] == [0, 0, 0]
        nobody = np.empty(0, np.int64)
        assert [len(near.ids) for near in index.search(queries, 5, nobody)] == [0, 0, 0]
        unknown = np.array([2, 5, 10**6], np.int64)  # the ids are 1, 4, 7, …
        assert [len(near.ids) for near in index.search(queries, 5, unknown)] == [0, 0, 0]

    # pytest makes an instance of the class for each index.
    @settings(max_examples=30, suppress_health_check=[HealthCheck.differing_executors])
    @given(data=st.data())
    def test_a_filtered_search_is_the_exact_filtered_search(
        self, built: ContractIndex, data: st.DataObject
    ) -> None:
        share = data.draw(st.floats(0, 1))
        seed = data.draw(st.integers(0, 2**16))
        k = data.draw(st.sampled_from([1, 3, 20, 2_000]))
        ids = built.ids
        only = np.sort(ids[np.random.default_rng(seed).random(len(ids)) < share])
        query = vectors_of(1, seed=seed)
        (near,) = built.index.search(query, k, only)
        truth = exact_scores(ids, built.vectors, query[0], only)
        check_result(near, truth, k, built.tolerance)

    @pytest.mark.parametrize("effort", EFFORTS)
    def test_a_small_filter_is_exact_whatever_the_effort(
        self, built: ContractIndex, effort: Effort
    ) -> None:
        only = np.sort(built.ids[:40])
        for query in vectors_of(20, seed=5):
            (near,) = built.index.search(query[None], 40, only, effort)
            truth = exact_scores(built.ids, built.vectors, query, only)
            check_result(near, truth, 40, built.tolerance)

    def test_threads_get_the_results_of_one_alone(self, built: ContractIndex) -> None:
        queries, ids = vectors_of(32, seed=21), built.ids
        filters = [None, np.sort(ids[:30]), np.sort(ids[:600])]
        alone = [[built.index.search(q[None], 10, only)[0] for q in queries] for only in filters]
        wrong: list[int] = []

        def search(thread: int) -> None:
            for turn in range(8):
                only = (thread + turn) % len(filters)
                for row, query in enumerate(queries):
                    (near,) = built.index.search(query[None], 10, filters[only])
                    if near.ids.tolist() != alone[only][row].ids.tolist():
                        wrong.append(row)

        threads = [Thread(target=search, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_ids_may_be_large(self, case: IndexCase) -> None:
        ids, vectors = ids_of(200) + 2**40, vectors_of(200)
        index = build(case, ids, vectors).index
        only = np.sort(ids[:30])
        (near,) = index.search(vectors[:1], 50, only)
        assert set(near.ids.tolist()) == set(only.tolist())

    @pytest.mark.parametrize("count", [1, 2, 38])
    def test_a_tiny_library(self, case: IndexCase, count: int, tmp_path: Path) -> None:
        ids, vectors = ids_of(count), vectors_of(count)
        index = build_file(case, ids, vectors, tmp_path / "file")
        (near,) = index.search(vectors[:1], 5)
        check_result(near, exact_scores(ids, vectors, vectors[0]), 5, case.tolerance)

    def test_a_photo_of_several_vectors_occurs_once_for_each(self, case: IndexCase) -> None:
        vectors = vectors_of(120)
        ids = np.repeat(np.arange(1, 61), 2)
        (near,) = build(case, ids, vectors).index.search(vectors[:1], 120)
        assert sorted(near.ids.tolist()) == sorted(ids.tolist())

    def test_the_same_vectors_give_the_same_bytes(self, case: IndexCase, tmp_path: Path) -> None:
        ids, vectors = ids_of(900), vectors_of(900)
        build_file(case, ids, vectors, tmp_path / "first")
        build_file(case, ids, vectors.copy(), tmp_path / "second")
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
        build_file(case, ids, vectors_of(900, seed=2), tmp_path / "other")
        assert (tmp_path / "first").read_bytes() != (tmp_path / "other").read_bytes()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda whole: b"",
            lambda whole: whole[:5],
            lambda whole: whole[: len(whole) // 2],
            lambda whole: b"nonsense" * 100,
        ],
        ids=["empty", "five bytes", "half", "nonsense"],
    )
    def test_a_damaged_file_is_an_error_with_a_cure(
        self, case: IndexCase, damage: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / "index"
        build_file(case, ids_of(400), vectors_of(400), path)
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(SnapshotError, match="imgsearch rebuild"):
            find_backend(case.spec.backend).open(path, {}, POLICY)
