"""Snapshots and their live tail on a real database, with every kind of index, in small numbers."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch.errors import DiskError, SnapshotError
from imgsearch.index import snapshot
from imgsearch.index.base import OnStep
from imgsearch.index.build import build_snapshot
from imgsearch.index.check import check_recall
from imgsearch.index.ivf import CompressedIndex, list_count
from imgsearch.index.live import LiveIndex
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.index.registry import find_backend
from imgsearch.index.snapshot import rebuild_reason
from imgsearch.installation import pip_install
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import SnapshotInfo
from imgsearch.records.photo import PhotoVectors
from imgsearch.store.store import Store
from tests.factories import IS_ROOT, unit

DIM = 32
POLICY = IndexPolicy(
    specs=(
        (0, IndexSpec("flat")),
        (500, IndexSpec("ivf", {"nlist": 8})),
        (3_000, IndexSpec("ivfpq")),
    ),
    image_queries=100,
    tail_rows=100,
)
EXACT = replace(POLICY, specs=POLICY.specs[:2])  # whatever the size
COMPRESSED = replace(POLICY, specs=((0, IndexSpec("ivfpq")),))
CENTRES = np.random.default_rng(0).standard_normal((25, DIM))


def vectors_of(count: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = CENTRES[generator.integers(0, len(CENTRES), count)]
    return unit(rows + 0.9 * generator.standard_normal((count, DIM)))


def encode_texts(texts: Sequence[str]) -> np.ndarray:
    """Texts do not lie among the photos: each is near one, moved in a direction that all share."""
    gap = np.random.default_rng(77).standard_normal(DIM)
    return unit(vectors_of(len(texts), seed=99) + 0.1 * gap)


class VectorLibrary:
    """A store with one encoder, filled by SQL, which is faster than photo by photo."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(exist_ok=True)
        self.store = Store.open(data_dir, writable=True)
        self.root_id = self.store.files.add_root("/photos")
        self.key = self.store.vectors.add_encoder("made@1", "made", DIM).key
        self.photos = 0

    def add(self, vectors: np.ndarray, again: bool = False) -> np.ndarray:
        """Photos with these vectors, or with `again` another vector for the first photos."""
        first = 1 if again else self.photos + 1
        ids = list(range(first, first + len(vectors)))
        with closing(sqlite3.connect(self.store.data_dir / "library.db")) as database, database:
            if not again:
                self.photos += len(vectors)
                database.executemany(
                    "INSERT INTO photos (id, content_hash, size_bytes, format, width_px, height_px,"
                    " added_at, facts_at)"
                    " VALUES (?, ?, 1, 'JPEG', 1, 1, '2026-01-01', '2026-01-01')",
                    ((i, b"%d" % i) for i in ids),
                )
                database.executemany(
                    "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode)"
                    " VALUES (?, ?, ?, 1, 1, 1)",
                    ((self.root_id, b"%d.jpg" % i, i) for i in ids),
                )
            database.executemany(
                "INSERT INTO vectors (encoder_key, photo_id, part, vector) VALUES (?, ?, ?, ?)",
                (
                    (self.key, i, int(again), vector.astype("<f2").tobytes())
                    for i, vector in zip(ids, vectors, strict=True)
                ),
            )
        database.close()
        return np.array(ids)

    def delete(self, ids: Sequence[int]) -> None:
        self.store.files.forget(self.root_id, [f"/photos/{i}.jpg" for i in ids])

    def bring_back(self, photo_id: int) -> None:
        outcome = IngestResult(FileStat(f"/photos/{photo_id}.jpg", 1, 1, 1), b"%d" % photo_id)
        self.store.record(self.root_id, self.key, [outcome])

    def build(
        self, policy: IndexPolicy = POLICY, fresh: bool = False, on_step: OnStep = lambda step: None
    ) -> SnapshotInfo:
        return build_snapshot(
            self.store,
            self.key,
            "made@1",
            encode_texts,
            policy=policy,
            fresh=fresh,
            on_step=on_step,
        )

    def open(self, policy: IndexPolicy = POLICY, use_snapshot: bool = True) -> LiveIndex:
        return LiveIndex(self.store.reads, self.key, policy, use_snapshot)

    def exact(self, query: np.ndarray, only: Sequence[int] | None = None) -> dict[int, float]:
        """Every live photo that qualifies, with the best of its cosines, best first."""
        live = set(self.store.reads.photos.live_ids().tolist())
        live &= live if only is None else set(only)
        best: dict[int, float] = {}
        for _, ids, vectors in self.store.reads.vectors.chunks(self.key):
            for photo_id, score in zip(ids.tolist(), (vectors @ query).tolist(), strict=True):
                if photo_id in live:
                    best[photo_id] = max(score, best.get(photo_id, -2.0))
        return dict(sorted(best.items(), key=lambda item: -item[1]))

    def files(self) -> list[str]:
        return sorted(path.name for path in self.store.snapshots_dir.glob("*"))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[VectorLibrary]:
    library = VectorLibrary(tmp_path)
    yield library
    library.store.close()


def check_exact(index: LiveIndex, library: VectorLibrary, query: np.ndarray, k: int = 10) -> None:
    (near,) = index.search(query[None], k)
    truth = list(library.exact(query).items())[:k]
    assert near.ids.tolist() == [photo_id for photo_id, _ in truth]
    assert near.scores.tolist() == pytest.approx([score for _, score in truth], abs=1e-5)


# -------------------------------------------------------------------- the policy


def test_the_policy_has_the_sizes_of_the_design() -> None:
    assert [IndexPolicy().spec_for(n).backend for n in (0, 4_999)] == ["flat", "flat"]
    chosen = []
    for n in (5_000, 99_999, 100_000, 10_000_000):
        spec = IndexPolicy().spec_for(n)
        chosen.append((n, spec.backend))
    assert chosen == [
        (5_000, "ivf"),
        (99_999, "ivf"),
        (100_000, "ivfpq"),
        (10_000_000, "ivfpq"),
    ]
    assert IndexPolicy().spec_for(5_000).options == {"nlist": 128}


def test_there_are_more_lists_for_more_vectors() -> None:
    counts = [list_count({}, n) for n in (100_000, 1_000_000, 2_000_000, 4_000_000, 10_000_000)]
    assert counts == [1_024, 4_096, 4_096, 8_192, 8_192]
    assert [list_count({"nlist": 128}, n) for n in (0, 39, 500, 5_000)] == [1, 1, 12, 128]


@pytest.mark.parametrize(("count", "kind"), [(400, "flat"), (700, "ivf"), (3_200, "ivfpq")])
def test_each_kind_of_index_finds_what_it_promises(
    library: VectorLibrary, count: int, kind: str
) -> None:
    library.add(vectors_of(count))
    info = library.build()
    assert (info.kind, info.vectors) == (kind, count)
    assert library.files() == [info.file_name]
    assert library.store.reads.encoders.current_snapshot(library.key) == info
    index = library.open()
    assert (len(index), index.tail, index.snapshot) == (count, 0, info)
    report = check_recall(library.store, library.key, encode_texts, POLICY)
    assert report.is_enough
    if kind != "ivfpq":
        assert (report.text.mean, report.image.mean) == (1.0, 1.0)
        for query in vectors_of(5, seed=8):
            check_exact(index, library, query)


def test_compressed_lists_are_calibrated_for_lists_and_candidates(library: VectorLibrary) -> None:
    library.add(vectors_of(3_200))
    details = library.build().details
    for kind in ("text", "image"):
        assert 1 <= float(details[f"nprobe_{kind}"]) < float(details["nlist"])
        assert 10 <= float(details[f"candidates_{kind}"]) <= 1_000
        assert 0 < float(details[f"gap_{kind}"]) < 1
        assert float(details[f"recall_{kind}"]) >= POLICY.recall_target
    for name in ("nprobe", "candidates"):
        assert float(details[f"{name}_text"]) >= float(details[f"{name}_image"])
    info = build_snapshot(library.store, library.key, "made@1", policy=POLICY)
    lists, image = info.details["nlist"], info.details["nprobe_image"]
    assert info.details["nprobe_text"] == min(lists, 4 * image)
    assert "recall_text" not in info.details


def test_lists_far_behind_the_best_one_are_left_out(library: VectorLibrary) -> None:
    library.add(vectors_of(3_200))
    info = library.build()
    of_before = {name: each for name, each in info.details.items() if not name.startswith("gap")}
    path, backend = library.store.snapshots_dir / info.file_name, find_backend(info.kind)
    index = backend.open(path, info.details, POLICY)
    without_gap = backend.open(path, of_before, POLICY)  # as files of before are opened
    queries = encode_texts([""] * 60)
    together = index.search(queries, 10, None, "text")
    found, found_without = [], []
    for query, near in zip(queries, together, strict=True):
        best = {*list(library.exact(query))[:10]}
        (alone,) = index.search(query[None], 10, None, "text")
        (in_all,) = without_gap.search(query[None], 10, None, "text")
        assert alone.ids.tolist() == near.ids.tolist()
        found.append(len(best & {*alone.ids.tolist()}) / 10)
        found_without.append(len(best & {*in_all.ids.tolist()}) / 10)
    assert POLICY.recall_target - 0.02 <= np.mean(found) <= np.mean(found_without)


def test_an_index_of_the_old_kind_serves_until_a_new_one_is_due(library: VectorLibrary) -> None:
    library.add(vectors_of(3_200))
    old = replace(POLICY, specs=((0, IndexSpec("ivf")),))
    assert library.build(old).kind == "ivf"
    assert rebuild_reason(library.store, library.key, POLICY) is None
    assert check_recall(library.store, library.key, encode_texts, POLICY).is_enough
    library.add(vectors_of(200, seed=2))
    assert rebuild_reason(library.store, library.key, POLICY) is not None
    new = library.build()
    assert (new.kind, new.vectors, new.details["trained_on"]) == ("ivfpq", 3_400, 3_400)
    assert library.files() == [new.file_name]
    assert check_recall(library.store, library.key, encode_texts, POLICY).is_enough


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
def test_compressed_lists_keep_their_recall_under_a_filter(
    library: VectorLibrary, share: float
) -> None:
    library.add(vectors_of(3_200))
    library.build()
    index = library.open(POLICY)
    only = np.flatnonzero(np.random.default_rng(4).random(3_200) < share) + 1
    shares = []
    for query in encode_texts([""] * 60):
        (near,) = index.search(query[None], 10, only)
        truth = library.exact(query, only.tolist())
        best = list(truth)[:10]
        shares.append(len({*near.ids.tolist()} & {*best}) / len(best))
        for photo_id, score in zip(near.ids.tolist(), near.scores.tolist(), strict=True):
            assert score == pytest.approx(truth[photo_id], abs=1e-5)
    assert np.mean(shares) >= POLICY.recall_target - 0.02


def test_photos_that_pass_a_filter_are_found_however_far_from_the_query_they_are(
    library: VectorLibrary,
) -> None:
    vectors = vectors_of(3_200)
    library.add(vectors)
    library.build()
    index = library.open()
    centre_of = np.argmax(vectors @ CENTRES.T, axis=1)
    shares = []
    for query in encode_texts([""] * 60):
        farthest = np.argsort(CENTRES @ query)[:8]
        only = np.flatnonzero(np.isin(centre_of, farthest)) + 1
        (near,) = index.search(query[None], 10, only)
        best = list(library.exact(query, only.tolist()))[:10]
        shares.append(len({*near.ids.tolist()} & {*best}) / 10)
    assert np.mean(shares) >= POLICY.recall_target - 0.02


def test_recall_below_the_target_is_reported(library: VectorLibrary) -> None:
    library.add(vectors_of(3_200))
    info = library.build()
    low_effort = replace(info, details=info.details | {"nprobe_text": 1, "nprobe_image": 1})
    library.store.vectors.publish_snapshot(library.key, low_effort)
    report = check_recall(library.store, library.key, encode_texts, POLICY)
    assert report.text.mean < report.target
    assert not report.is_enough


@pytest.mark.parametrize("count", [700, 3_200])
def test_same_vectors_same_file(library: VectorLibrary, tmp_path: Path, count: int) -> None:
    library.add(vectors_of(count))
    first = library.build()
    assert library.build().sha256 == first.sha256  # with the centroids of the first
    assert library.build(fresh=True).sha256 == first.sha256
    other = VectorLibrary(tmp_path / "other")
    other.add(vectors_of(count))
    assert other.build().sha256 == first.sha256
    other.store.close()


def test_centroids_are_kept_until_the_library_has_outgrown_them(library: VectorLibrary) -> None:
    library.add(vectors_of(500))
    assert library.build(EXACT).details["trained_on"] == 500
    library.add(vectors_of(1_499, seed=2))
    kept = library.build(EXACT)
    assert (kept.details["trained_on"], kept.vectors) == (500, 1_999)
    check_exact(library.open(EXACT), library, vectors_of(1, seed=8)[0])
    library.add(vectors_of(1, seed=3))
    assert library.build(EXACT).details["trained_on"] == 2_000


def test_codes_are_kept_until_they_no_longer_suit(library: VectorLibrary) -> None:
    policy = COMPRESSED
    library.add(vectors_of(1_100))
    assert library.build(policy).details["trained_on"] == 1_100
    library.add(vectors_of(20, seed=2))
    assert library.build(policy).details["trained_on"] == 1_100
    assert library.build(policy, fresh=True).details["trained_on"] == 1_120
    # Photos of another kind: the old lists, probed as before, miss too many of them.
    library.add(unit(np.random.default_rng(5).standard_normal((80, DIM)) + 40 * CENTRES[0]))
    library.add(unit(np.random.default_rng(6).standard_normal((100, DIM))))
    retrained = replace(policy, recall_drift=-0.03)  # a recall of 1 would not be enough
    assert library.build(retrained).details["trained_on"] == 1_300


# -------------------------------------------------------------------- snapshot and tail


def test_without_a_snapshot_the_tail_is_everything(library: VectorLibrary) -> None:
    index = library.open()
    assert (len(index), index.tail, index.snapshot) == (0, 0, None)
    assert [len(near.ids) for near in index.search(vectors_of(2), 5)] == [0, 0]
    library.add(vectors_of(300))
    assert index.refresh()
    assert not index.refresh()
    assert (len(index), index.tail) == (300, 300)
    for query in vectors_of(5, seed=8):
        check_exact(index, library, query)


def test_snapshot_and_tail_are_searched_as_one(library: VectorLibrary) -> None:
    library.add(vectors_of(700))
    library.build()
    index = library.open()
    for round_ in range(12):
        library.add(vectors_of(200, seed=20 + round_))
        index.refresh()
        assert index.tail == 200 * (round_ + 1)
        check_exact(index, library, vectors_of(1, seed=40 + round_)[0], k=25)
    library.build(EXACT)
    index.refresh()
    assert index.tail == 0
    check_exact(index, library, vectors_of(1, seed=60)[0], k=25)


COMMITTER = """
import sys, time
from pathlib import Path
from typing import Any
sys.path.insert(0, sys.argv[1])
from tests.test_snapshots import VectorLibrary, vectors_of
library = VectorLibrary(Path(sys.argv[2]))
library.photos = 600
print("ready", flush=True)
sys.stdin.readline()
library.add(vectors_of(1, seed=5))
print(time.time(), flush=True)
sys.stdin.readline()
library.build()
print(time.time(), flush=True)
"""


@pytest.mark.alone
def test_another_process_sees_a_new_photo_within_two_seconds(
    library: VectorLibrary, tmp_path: Path
) -> None:
    library.add(vectors_of(600))
    library.build()
    reader = Store.open(tmp_path, writable=False)
    index = LiveIndex(reader.reads, library.key, POLICY)
    query = vectors_of(1, seed=5)
    assert index.search(query, 1)[0].scores[0] < 0.99
    writer = subprocess.Popen(
        [sys.executable, "-c", COMMITTER, str(Path(__file__).parent.parent), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        committed_s = float(writer.stdout.readline())
        while index.search(query, 1)[0].ids[0] != 601:
            assert time.time() - committed_s < 2
            time.sleep(0.01)
        assert index.tail == 1
        writer.stdin.write("\n")
        writer.stdin.flush()
        built_s = float(writer.stdout.readline())
        while index.tail:
            assert index.search(query, 1)[0].ids[0] == 601
            assert time.time() - built_s < 2
    reader.close()


@pytest.mark.slow
def test_no_search_fails_while_snapshots_are_replaced(library: VectorLibrary) -> None:
    vectors = vectors_of(1_200)
    library.add(vectors)
    library.build()
    index = library.open()
    stop = Event()
    wrong: list[object] = []
    searches = [0, 0, 0]

    def search(thread: int) -> None:
        generator = np.random.default_rng(thread)
        while not stop.is_set():
            row = int(generator.integers(0, len(vectors)))
            try:
                (near,) = index.search(vectors[row : row + 1], 3, kind="image")
                if near.ids[0] != row + 1 or len(near.ids) != 3:
                    wrong.append((row, near))
            except Exception as error:  # noqa: BLE001  # any error at all is a failed search
                wrong.append(error)
            searches[thread] += 1

    threads = [Thread(target=search, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    files = set()
    for round_ in range(3):
        library.add(vectors_of(20, seed=100 + round_))
        library.build(fresh=bool(round_ % 2))
        index.refresh()
        assert index.snapshot is not None
        files.add(index.snapshot.file_name)
        before = list(searches)
        while any(now == then for now, then in zip(searches, before, strict=True)):
            time.sleep(0.001)  # each thread searches the new snapshot
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(files) == 3
    assert len(library.files()) == 1


# -------------------------------------------------------------------- deletes, parts, filters


@pytest.mark.parametrize("built", [False, True])
def test_a_deleted_photo_is_gone_at_once_and_others_take_its_place(
    library: VectorLibrary, built: bool
) -> None:
    library.add(vectors_of(1_400))
    if built:
        library.build()
    index = library.open()
    query = vectors_of(1, seed=8)
    nearest = index.search(query, 60)[0].ids.tolist()
    assert len(nearest) == 60
    library.delete(nearest[:50])
    (near,) = index.search(query, 60)
    assert len(near.ids) == 60
    assert near.ids.tolist()[:10] == nearest[50:]
    (near,) = index.search(query, 1_400)
    assert len(near.ids) == 1_350
    library.delete(range(1, 1_401))
    assert len(index.search(query, 5)[0].ids) == 0


def test_deleted_photos_cost_a_search_no_time(
    library: VectorLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those nearest to a query are left out of the first search, so that no second one follows."""
    library.add(vectors_of(4_000))
    assert library.build().kind == "ivfpq"
    index = library.open()
    query = vectors_of(1, seed=8)
    nearest = index.search(query, 60)[0].ids.tolist()
    library.delete(nearest)
    index.refresh()
    wanted: list[int] = []
    search = CompressedIndex.search

    def counted(self: CompressedIndex, queries: np.ndarray, k: int, *rest: Any) -> Any:
        wanted.append(k)
        return search(self, queries, k, *rest)

    monkeypatch.setattr(CompressedIndex, "search", counted)
    (near,) = index.search(query, 60)
    assert len(wanted) == 1
    found, truth = set(near.ids.tolist()), list(library.exact(query[0]))[:60]
    assert not found & set(nearest)
    assert len(found & set(truth)) >= 54
    library.bring_back(nearest[0])
    index.refresh()
    assert index.search(query, 1)[0].ids.tolist() == nearest[:1]
    (near,) = index.search(query, 5, np.array(nearest))
    assert near.ids.tolist() == nearest[:1], "a filter passes photos that are there only"


def test_a_photo_that_comes_back_is_found_whatever_was_built_meanwhile(
    library: VectorLibrary,
) -> None:
    vectors = vectors_of(700)
    library.add(vectors)
    library.delete([7, 8])
    assert library.build().vectors == 698
    index = library.open()
    assert index.search(vectors[6:7], 1)[0].ids[0] != 7
    library.bring_back(7)
    index.refresh()
    (near,) = index.search(vectors[6:7], 1)
    assert (near.ids[0], near.scores[0]) == (7, pytest.approx(1, abs=1e-5))
    assert library.build().vectors == 699
    index.refresh()
    assert index.search(vectors[6:7], 1)[0].ids[0] == 7
    # One that was gone for a moment only, and is still in the snapshot, is found once.
    library.delete([9])
    library.bring_back(9)
    index.refresh()
    assert index.tail == 1
    assert index.search(vectors[8:9], 700)[0].ids.tolist().count(9) == 1


def test_a_photo_of_several_vectors_counts_once_with_its_best(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    library.add(vectors_of(600, seed=2), again=True)
    library.build(EXACT)
    index = library.open()
    for query in vectors_of(5, seed=8):
        check_exact(index, library, query, k=30)
    assert sorted(index.search(query[None], 900)[0].ids.tolist()) == list(range(1, 601))


def test_a_filter_may_come_in_any_order_and_twice(library: VectorLibrary) -> None:
    library.add(vectors_of(700))
    library.build()
    index = library.open()
    query = vectors_of(1, seed=8)
    sorted_once = index.search(query, 5, np.arange(100, 200))[0].ids.tolist()
    shuffled = np.random.default_rng(1).permutation(np.repeat(np.arange(100, 200), 2))
    assert index.search(query, 5, shuffled)[0].ids.tolist() == sorted_once
    assert len(sorted_once) == 5
    assert len(index.search(query, 5, np.array([150]))[0].ids) == 1


def test_many_queries_at_once_get_the_results_of_each_alone(library: VectorLibrary) -> None:
    library.add(vectors_of(1_200))
    library.build()
    library.add(vectors_of(50, seed=3))
    index = library.open()
    queries = vectors_of(700, seed=8)
    together = index.search(queries, 5)
    assert len(together) == 700
    for row in range(0, 700, 50):
        assert together[row].ids.tolist() == index.search(queries[row][None], 5)[0].ids.tolist()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VectorLibrary, LiveIndex]]:
    """900 photos in an exact snapshot, 150 of them with a second vector, and 150 in the tail."""
    library = VectorLibrary(tmp_path_factory.mktemp("mixed"))
    vectors = vectors_of(900)
    vectors[100:120] = vectors[0]  # twenty copies of one picture
    library.add(vectors)
    library.build(EXACT)
    library.add(vectors_of(150, seed=2))
    library.add(vectors_of(150, seed=3), again=True)
    yield library, library.open(POLICY)
    library.store.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_filter_any_deletes_any_k(
    mixed: tuple[VectorLibrary, LiveIndex], data: st.DataObject
) -> None:
    library, index = mixed
    generator = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    k = data.draw(st.sampled_from([0, 1, 7, 100, 3_000]))
    share = data.draw(st.none() | st.floats(0, 1))
    photos = library.photos
    deleted = np.flatnonzero(generator.random(photos) < data.draw(st.sampled_from([0, 0.02]))) + 1
    library.delete(deleted.tolist())
    only = None
    if share is not None:
        only = np.flatnonzero(generator.random(photos) < share) + 1
    query = vectors_of(1, seed=int(generator.integers(2**16)))
    if generator.random() < 0.3:
        query = vectors_of(900)[:1]  # the picture with twenty copies
    (near,) = index.search(query, k, only)
    truth = library.exact(query[0], None if only is None else only.tolist())
    for photo_id in deleted.tolist():
        library.bring_back(photo_id)
    assert len(near.ids) == min(k, len(truth))
    assert len(set(near.ids.tolist())) == len(near.ids)
    best = list(truth.values())[: len(near.ids)]
    assert near.scores.tolist() == pytest.approx(best, abs=1e-5)
    for photo_id, score in zip(near.ids.tolist(), near.scores.tolist(), strict=True):
        assert score == pytest.approx(truth[photo_id], abs=1e-5)


# -------------------------------------------------------------------- when to rebuild


def test_when_a_rebuild_is_due(library: VectorLibrary) -> None:
    assert rebuild_reason(library.store, library.key, POLICY) is None
    library.add(vectors_of(99))
    assert rebuild_reason(library.store, library.key, POLICY) is None
    library.add(vectors_of(901, seed=2))
    assert rebuild_reason(library.store, library.key, POLICY) == "1000 vectors have no index yet"
    library.build()
    assert rebuild_reason(library.store, library.key, POLICY) is None
    library.add(vectors_of(100, seed=3))
    assert rebuild_reason(library.store, library.key, POLICY) is None
    library.add(vectors_of(1, seed=4))
    assert "101 vectors were added" in str(rebuild_reason(library.store, library.key, POLICY))
    library.build()
    library.delete(range(1, 111))
    assert rebuild_reason(library.store, library.key, POLICY) is None
    library.delete(range(111, 113))
    assert "have left the library" in str(rebuild_reason(library.store, library.key, POLICY))
    assert library.build().vectors == 989
    assert rebuild_reason(library.store, library.key, POLICY) is None


# -------------------------------------------------------------------- damage


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, make_empty, Path.unlink])
@pytest.mark.parametrize("count", [300, 1_200])
def test_a_damaged_snapshot_is_noticed_and_rebuilt(
    library: VectorLibrary, count: int, damage: Callable[[Path], None]
) -> None:
    library.add(vectors_of(count))
    info = library.build()
    damage(library.store.snapshots_dir / info.file_name)
    with pytest.raises(SnapshotError, match="imgsearch rebuild"):
        library.open()
    assert rebuild_reason(library.store, library.key, POLICY) is not None
    check_exact(library.open(use_snapshot=False), library, vectors_of(1, seed=8)[0])
    again = library.build()
    assert again.sha256 == info.sha256
    assert len(library.open()) == count


def test_damage_that_keeps_size_and_time_is_found_by_the_check(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    info = library.build()
    path = library.store.snapshots_dir / info.file_name
    before = path.stat()
    flip_a_bit(path)
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    with pytest.raises(SnapshotError, match="damaged"):
        check_recall(library.store, library.key, encode_texts, POLICY)


def test_a_copied_library_opens_and_is_checked_only_once(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    info = library.build()
    path = library.store.snapshots_dir / info.file_name
    os.utime(path)
    library.open()
    assert path.stat().st_mtime == info.built_at.timestamp()


def test_an_open_reader_keeps_working_when_the_next_snapshot_is_damaged(
    library: VectorLibrary,
) -> None:
    library.add(vectors_of(600))
    library.build()
    index = library.open()
    library.add(vectors_of(50, seed=2))
    info = library.build()
    truncate(library.store.snapshots_dir / info.file_name)
    index.refresh()
    assert (len(index), index.tail) == (650, 50)
    check_exact(index, library, vectors_of(1, seed=8)[0])
    library.build()
    index.refresh()
    assert (len(index), index.tail) == (650, 0)


def test_what_a_crash_leaves_behind_is_removed(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    info = library.build()
    for name in ("1-9.partial", "1-9-0123456789abcdef.ivf"):
        (library.store.snapshots_dir / name).write_bytes(b"half a file")
    snapshot.clean(library.store)
    assert library.files() == [info.file_name]


def test_two_encoders_keep_a_snapshot_each(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    first = library.build()
    other = library.store.vectors.add_encoder("other@1", "other", DIM).key
    vectors = {i: PhotoVectors(row[None]) for i, row in enumerate(vectors_of(600, seed=2), 1)}
    library.store.vectors.add(other, vectors)
    second = build_snapshot(library.store, other, "other@1", policy=POLICY)
    assert library.files() == sorted([first.file_name, second.file_name])
    check_exact(library.open(), library, vectors_of(1, seed=8)[0])


# -------------------------------------------------------------------- disk and memory


@pytest.mark.parametrize(
    ("policy", "bytes_max"),
    # As large as the database may be, and far too small for an index of 1,200 vectors; and for
    # the codes that a build keeps on the disk meanwhile.
    [(POLICY, 100_000), (replace(POLICY, specs=COMPRESSED.specs), 20_000)],
)
def test_a_full_disk_leaves_the_old_snapshot_in_use(
    library: VectorLibrary, policy: IndexPolicy, bytes_max: int
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    library.add(vectors_of(600))
    info = library.build()
    library.add(vectors_of(600, seed=2))
    names = sorted(path.name for path in library.store.data_dir.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, hard))
    try:
        with pytest.raises(DiskError, match="old one stays in use"):
            library.build(policy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert library.files() == [info.file_name]
    assert sorted(path.name for path in library.store.data_dir.iterdir()) == names
    assert library.store.reads.encoders.current_snapshot(library.key) == info
    index = library.open()
    assert (len(index), index.tail) == (1_200, 600)
    check_exact(index, library, vectors_of(1, seed=8)[0])


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(library: VectorLibrary) -> None:
    library.add(vectors_of(600))
    library.store.snapshots_dir.mkdir()
    library.store.snapshots_dir.chmod(0o500)
    with pytest.raises(DiskError, match="--data"):
        library.build()


def test_an_interrupted_build_leaves_nothing(library: VectorLibrary) -> None:
    library.add(vectors_of(600))

    def interrupt(step: str) -> None:
        if step == "writing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.build(on_step=interrupt)
    assert library.files() == []


@pytest.mark.parametrize("at", ["adding", "calibrating", "writing"])
def test_a_killed_build_leaves_no_codes_behind(library: VectorLibrary, at: str) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    library.add(vectors_of(600))
    library.store.close()
    before = {path.name for path in library.store.data_dir.iterdir()}
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from tests.test_snapshots import *
store = Store.open(Path({str(library.store.data_dir)!r}), writable=True)
def die(step):
    if step == {at!r}:
        os.kill(os.getpid(), signal.SIGKILL)
build_snapshot(store, 1, "made@1", encode_texts, policy=COMPRESSED, on_step=die)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    after = {path.name for path in library.store.data_dir.iterdir()}
    assert after - before <= {"library.db-shm", "library.db-wal", "snapshots"}


PEAK = """
import sys
from pathlib import Path
from typing import Any
sys.path.insert(0, sys.argv[1])
from tests.test_snapshots import *
import imgsearch.index.ivf
def peak_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
store = Store.open(Path(sys.argv[2]), writable=True)
store.vectors.count(1)
before = peak_bytes()
build_snapshot(store, 1, "made@1")
print(peak_bytes() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_build_peaks_below_two_and_a_half_times_the_vectors(tmp_path: Path) -> None:
    library = VectorLibrary(tmp_path)
    centres = np.random.default_rng(0).standard_normal((200, 512)).astype(np.float32)
    for seed in range(6):
        generator = np.random.default_rng(seed)
        noise = generator.standard_normal((10_000, 512), np.float32)
        library.add(unit(centres[generator.integers(0, 200, 10_000)] + noise))
    library.store.close()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(Path(__file__).parent.parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 2.5 * 60_000 * 512 * 4


def test_without_faiss_the_message_names_the_cure() -> None:
    code = "import sys; sys.modules['faiss'] = None; import imgsearch.index.ivf"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MissingPackage" in done.stderr
    assert pip_install("faiss-cpu") in done.stderr
