"""Near-duplicates: exactly the pairs above a score, and the groups they form."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import NoReturn

import numpy as np
import pytest

from benchmarks.synthetic import SyntheticSpace
from imgsearch.features.duplicates import pairs as duplicates
from imgsearch.features.duplicates.proposal import group_pairs
from imgsearch.features.duplicates.records import Pair, Pairs
from imgsearch.progress import Job, Progress
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, writable=True) as opened:
        yield opened


def fill(store: Store, vectors: np.ndarray) -> None:
    """Record a photo for each row, with ids from 1 on."""
    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("test", "test", vectors.shape[1]).key
    photos = [ingested(f"/photos/{number}.jpg", row[None]) for number, row in enumerate(vectors, 1)]
    store.record(root_id, key, photos)


def find_pairs(store: Store, min_score: float, **options: int) -> Generator[Progress, None, Pairs]:
    """As `duplicates.find_pairs`, for the photos of a store."""
    reads = store.reads
    catalogue = LibraryPhotos(reads, reads.encoders.in_use(), NoIndex(), {})
    return duplicates.find_pairs(catalogue, Path(gettempdir()), min_score, **options)


class NoIndex:
    """An index that is not searched: near-duplicates are found by reading every vector."""

    is_exact = True

    def search(self, *searched: object, kind: str) -> NoReturn:
        raise AssertionError("the index was searched")


def comparing(steps: Iterable[Progress]) -> list[int]:
    """How far the comparison is, step by step, without the reading before it."""
    return [step.done for step in steps if step.part is None]


def some_vectors(count: int, dim: int = 4) -> np.ndarray:
    return random_vectors(count, dim, seed=7)


def test_pairs_are_exactly_those_above_the_score(store: Store) -> None:
    vectors = some_vectors(50)
    fill(store, vectors)
    scores = vectors @ vectors.T
    expected = {(a + 1, b + 1) for a in range(50) for b in range(a + 1, 50) if scores[a, b] >= 0.9}
    # Three blocks and a part of one.
    steps = Job(find_pairs(store, 0.9, block_rows=16, blocks_per_step=1))
    done = comparing(steps)
    assert done[:4] == [9, 17, 26, 27], "the first block meets all others: half of the work"
    assert done == sorted(done) and done[-1] == 50
    found = steps.report
    assert {(pair.a, pair.b) for pair in found.pairs} == expected and expected
    listed = [pair.score for pair in found.pairs]
    assert listed == sorted(listed, reverse=True) and max(listed) <= 1


def test_among_many_photos_those_are_compared_that_resemble_the_same(store: Store) -> None:
    vectors = next(SyntheticSpace(dim=64, topics=100).photos(3_000, seed=1))
    vectors[10::20] = vectors[9::20] + 0.03 * np.random.default_rng(2).standard_normal((150, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fill(store, vectors)
    exact = Job(find_pairs(store, 0.9)).run()
    steps = Job(find_pairs(store, 0.9, block_rows=64, blocks_per_step=1, exact_photos=0))
    done = comparing(steps)
    assert done == sorted(done) and done[-1] == 3_000 and len(done) > 100
    found = steps.report
    expected = {(pair.a, pair.b) for pair in exact.pairs}
    pairs = {(pair.a, pair.b) for pair in found.pairs}
    assert len(expected) > 1_000
    assert len(pairs & expected) >= 0.99 * len(expected)
    assert len(pairs - expected) <= 2, "the sums of another product may differ in the last bit"
    few = Job(find_pairs(store, 0.9, max_pairs=100, exact_photos=0)).run()
    assert [pair.score for pair in few.pairs] == pytest.approx(
        [pair.score for pair in exact.pairs[:100]], abs=1e-5
    )
    assert few.min_score == pytest.approx(exact.pairs[99].score, abs=1e-5)


def test_many_copies_of_one_photo_keep_to_the_limit(store: Store) -> None:
    vectors = np.repeat(some_vectors(1), 120, axis=0)
    fill(store, vectors)
    for exact_photos in (0, 1_000):
        found = Job(
            find_pairs(store, 0.9, max_pairs=50, block_rows=16, exact_photos=exact_photos)
        ).run()
        assert len(found.pairs) == 50
        assert {pair.score for pair in found.pairs} == {found.min_score}


def test_photos_without_a_path_are_in_no_pair(store: Store) -> None:
    vectors = some_vectors(3)
    vectors[:] = vectors[0]
    fill(store, vectors)
    store.files.forget(1, ["/photos/2.jpg"])
    found = Job(find_pairs(store, 0.9)).run()
    assert [(pair.a, pair.b) for pair in found.pairs] == [(1, 3)]


def test_too_many_pairs_are_cut_to_the_best_and_the_score_is_raised(store: Store) -> None:
    fill(store, some_vectors(40))
    everything = Job(find_pairs(store, 0.5)).run()
    few = Job(find_pairs(store, 0.5, max_pairs=10)).run()
    assert few.pairs == everything.pairs[:10]
    assert few.min_score == pytest.approx(everything.pairs[9].score) and everything.min_score == 0.5


def test_an_empty_library_has_no_pairs(store: Store) -> None:
    store.vectors.add_encoder("test", "test", 4)
    assert Job(find_pairs(store, 0.9)).run().pairs == ()


def test_groups_are_what_pairs_link() -> None:
    pairs = (Pair(5, 6, 0.99), Pair(1, 2, 0.95), Pair(2, 3, 0.9), Pair(3, 5, 0.85))
    assert group_pairs(pairs[:1]) == ((5, 6),)
    assert group_pairs(pairs[:3]) == ((5, 6), (1, 2, 3))
    assert group_pairs(pairs) == ((1, 2, 3, 5, 6),)
    assert group_pairs(()) == ()
