"""What every VectorIndex keeps to, whatever its kind and storage, in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsearch.errors import SnapshotError
from imgsearch.index.base import KINDS, Effort, VectorIndex, open_index
from imgsearch.index.flat import FlatIndex
from imgsearch.index.ivf import IvfBuilder, IvfIndex
from imgsearch.index.policy import IndexPolicy, IndexSpec, Storage
from tests.factories import unit

DIM = 24
LADDER = IndexPolicy(exact_filter_rows=40)
# How far a stored score may be off: fp16 rounds to 11 bits, sq8 to 8 bits of a dimension's range.
TOLERANCE = {"flat": 1e-5, "fp32": 1e-5, "fp16": 1e-3, "sq8": 2e-2}


def vectors_of(count: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((12, DIM))
    rows = centres[generator.integers(0, 12, count)] + generator.standard_normal((count, DIM))
    return unit(rows)


def ids_of(count: int) -> np.ndarray:
    """Unordered, with gaps, each photo once."""
    return np.random.default_rng(3).permutation(np.arange(1, 3 * count, 3)[:count]).astype(np.int64)


def build(form: str, ids: np.ndarray, vectors: np.ndarray, path: Path | None) -> VectorIndex:
    if form == "flat":
        index = FlatIndex(ids, vectors)
        if path is None:
            return index
        with path.open("wb") as file:
            index.write(file)
        return open_index("flat", path, {}, LADDER)
    storage: Storage = form  # type: ignore[assignment]
    builder = IvfBuilder(DIM, IndexSpec("ivf", max(1, min(16, len(ids) // 39)), storage), LADDER)
    builder.train(vectors)
    for start in range(0, len(ids), 300):
        builder.add(ids[start : start + 300], vectors[start : start + 300])
    if path is None:
        return builder.index({"nprobe_text": 6, "nprobe_image": 3})
    with path.open("wb") as file:
        builder.write(file)
    return open_index("ivf", path, {"nprobe_text": 6, "nprobe_image": 3}, LADDER)


FORMS = ("flat", "fp32", "fp16", "sq8")
Made = tuple[str, VectorIndex, np.ndarray, np.ndarray]


@pytest.fixture(scope="module", params=[(form, disk) for form in FORMS for disk in (False, True)])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    form, on_disk = request.param
    ids, vectors = ids_of(1_000), vectors_of(1_000)
    path = tmp_path_factory.mktemp("index") / "file" if on_disk else None
    return form, build(form, ids, vectors, path), ids, vectors


def exact(
    ids: np.ndarray, vectors: np.ndarray, query: np.ndarray, only: np.ndarray | None = None
) -> dict[int, float]:
    """Every photo that qualifies, with its cosine, by plain arithmetic."""
    scores = (vectors.astype(np.float64) @ query.astype(np.float64)).tolist()
    kept = set(ids.tolist() if only is None else only.tolist())
    return {i: score for i, score in zip(ids.tolist(), scores, strict=True) if i in kept}


def check_answer(near: object, truth: dict[int, float], k: int, tolerance: float) -> None:
    """Right length, right scores, best first, and nobody better was passed over."""
    ids, scores = near.ids.tolist(), near.scores.tolist()  # type: ignore[attr-defined]
    assert len(ids) == min(k, len(truth))
    found = set(ids)
    assert len(found) == len(ids)
    assert scores == sorted(scores, reverse=True)
    for photo_id, score in zip(ids, scores, strict=True):
        assert score == pytest.approx(truth[photo_id], abs=tolerance)
    passed_over = [score for photo_id, score in truth.items() if photo_id not in found]
    if ids and passed_over:
        assert max(passed_over) <= min(truth[i] for i in ids) + 2 * tolerance


def test_the_exact_answer(made: Made) -> None:
    form, index, ids, vectors = made
    queries = vectors_of(20, seed=9)
    assert len(index) == 1_000
    assert index.dim == DIM
    for k in (1, 10, 1_000, 5_000):
        for query, near in zip(queries, index.search(queries, k), strict=True):
            check_answer(near, exact(ids, vectors, query), k, TOLERANCE[form])
            assert near.ids.dtype == np.int64
            assert near.scores.dtype == np.float32


def test_a_stored_vector_finds_itself_with_a_cosine_of_one(made: Made) -> None:
    form, index, ids, vectors = made
    efforts: tuple[Effort, ...] = ("text", "image", "exact")
    for effort in efforts:
        found = index.search(vectors[:50], 1, effort=effort)
        for photo_id, near in zip(ids[:50], found, strict=True):
            assert near.ids[0] == photo_id
            assert near.scores[0] == pytest.approx(1.0, abs=TOLERANCE[form])


def test_more_effort_finds_more(made: Made) -> None:
    _, index, _, _ = made
    queries = vectors_of(100, seed=11)
    right: dict[Effort, float] = {}
    efforts: tuple[Effort, ...] = ("image", "text", "exact")
    for effort in efforts:
        found = index.search(queries, 10, effort=effort)
        best = index.search(queries, 10)
        shared = [len(set(a.ids) & set(b.ids)) for a, b in zip(found, best, strict=True)]
        right[effort] = float(np.mean(shared))
    assert right["image"] <= right["text"] <= right["exact"] == 10
    assert right["image"] > 5


def test_nothing_asked_nothing_found(made: Made) -> None:
    _, index, _, vectors = made
    assert index.search(np.empty((0, DIM), np.float32), 5) == []
    assert [len(near.ids) for near in index.search(vectors[:3], 0)] == [0, 0, 0]
    nobody = np.empty(0, np.int64)
    assert [len(near.ids) for near in index.search(vectors[:3], 5, nobody)] == [0, 0, 0]
    strangers = np.array([2, 5, 10**6], np.int64)  # ids are 1, 4, 7, …
    assert [len(near.ids) for near in index.search(vectors[:3], 5, strangers)] == [0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_filtered_search_is_the_exact_filtered_search(made: Made, data: st.DataObject) -> None:
    form, index, ids, vectors = made
    share = data.draw(st.floats(0, 1))
    seed = data.draw(st.integers(0, 2**16))
    k = data.draw(st.sampled_from([1, 3, 20, 2_000]))
    only = np.sort(ids[np.random.default_rng(seed).random(len(ids)) < share])
    query = vectors_of(1, seed=seed)
    (near,) = index.search(query, k, only)
    check_answer(near, exact(ids, vectors, query[0], only), k, TOLERANCE[form])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("effort", ["text", "image"])
def test_a_small_filter_is_exact_whatever_the_effort(form: str, effort: Effort) -> None:
    ids, vectors = ids_of(1_000), vectors_of(1_000)
    index = build(form, ids, vectors, None)
    only = np.sort(ids[:40])
    for query in vectors_of(20, seed=5):
        (near,) = index.search(query[None], 40, only, effort)
        check_answer(near, exact(ids, vectors, query, only), 40, TOLERANCE[form])


@pytest.mark.parametrize("form", ["fp32", "fp16", "sq8"])
def test_under_a_large_filter_more_lists_are_probed(form: str) -> None:
    ids, vectors = ids_of(1_000), vectors_of(1_000)
    index = build(form, ids, vectors, None)
    only = np.sort(ids[:250])
    queries = vectors_of(100, seed=5)
    found = index.search(queries, 10, only, "text")  # 6 lists of 16, a quarter: all 16
    best = index.search(queries, 10, only, "exact")
    assert all((a.ids == b.ids).all() for a, b in zip(found, best, strict=True))


def test_ids_too_large_for_a_bitmap() -> None:
    ids, vectors = ids_of(200) + 2**40, vectors_of(200)
    index = build("fp32", ids, vectors, None)
    only = np.sort(ids[:30])
    (near,) = index.search(vectors[:1], 50, only)
    assert set(near.ids.tolist()) == set(only.tolist())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 2, 38])
def test_a_tiny_library(form: str, count: int, tmp_path: Path) -> None:
    ids, vectors = ids_of(count), vectors_of(count)
    index = build(form, ids, vectors, tmp_path / "file")
    (near,) = index.search(vectors[:1], 5)
    check_answer(near, exact(ids, vectors, vectors[0]), 5, TOLERANCE[form])


def test_an_empty_library(tmp_path: Path) -> None:
    empty = np.empty(0, np.int64), np.empty((0, DIM), np.float32)
    for index in (build("flat", *empty, None), build("flat", *empty, tmp_path / "file")):
        assert len(index) == 0
        (near,) = index.search(vectors_of(1), 5)
        assert len(near.ids) == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_photo_of_several_vectors_comes_once_for_each(form: str) -> None:
    vectors = vectors_of(120)
    ids = np.repeat(np.arange(1, 61), 2)
    index = build(form, ids, vectors, None)
    (near,) = index.search(vectors[:1], 120)
    assert sorted(near.ids.tolist()) == sorted(ids.tolist())


@pytest.mark.parametrize("form", FORMS)
def test_same_vectors_same_bytes(form: str, tmp_path: Path) -> None:
    ids, vectors = ids_of(900), vectors_of(900)
    build(form, ids, vectors, tmp_path / "one")
    build(form, ids, vectors.copy(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    build(form, ids, vectors_of(900, seed=2), tmp_path / "other")
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_many_threads_get_the_answers_of_one(made: Made) -> None:
    _, index, ids, _ = made
    queries = vectors_of(32, seed=21)
    filters = [None, np.sort(ids[:30]), np.sort(ids[:600])]
    alone = [[index.search(q[None], 10, only)[0] for q in queries] for only in filters]
    wrong: list[int] = []

    def ask(number: int) -> None:
        for turn in range(8):
            only = (number + turn) % len(filters)
            for row, query in enumerate(queries):
                (near,) = index.search(query[None], 10, filters[only])
                if near.ids.tolist() != alone[only][row].ids.tolist():
                    wrong.append(row)

    threads = [Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
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
def test_a_file_that_is_no_index(
    kind: str, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "index"
    build("flat" if kind == "flat" else "fp32", ids_of(400), vectors_of(400), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SnapshotError, match="imgsearch rebuild"):
        open_index(kind, path, {}, LADDER)


def test_an_unknown_kind_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="imgsearch rebuild"):
        open_index("graph", tmp_path / "index", {}, LADDER)


def test_lists_are_mapped_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index"
    index = build("fp32", ids_of(1_000), vectors_of(1_000), path)
    assert isinstance(index, IvfIndex)
    mapped = Path("/proc/self/maps")
    if not mapped.exists():
        pytest.skip("needs /proc to see what is mapped")
    assert str(path) in mapped.read_text()
