"""Compares the index with its peers, on synthetic vectors that are no easier than real ones.

    python -m benchmarks.bench_index run --sizes 10000,100000,1000000 --work DIR
    python -m benchmarks.bench_index real --photos IMAGES.npy --texts TEXTS.npy
    python -m benchmarks.bench_index table RESULTS.json
    python -m benchmarks.bench_index plot RESULTS.json SIZE CURVE.svg

`run` writes DIR/results.json after every measurement and skips those that are there, so it can be
stopped and started again. `table` prints the results as Markdown, and `plot` draws time by recall
at many settings, since one setting of each says little. Each measurement runs in a process of its
own. The peers are those of the extra `bench`, and turbovec and rabitqlib, which are installed by
name: `pip install turbovec rabitqlib`. See `synthetic.py` for how the vectors are made, and
docs/benchmarks.md for results.
"""

# ruff: noqa: T201  # a script that prints its results

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec.structs import replace

from benchmarks.synthetic import SyntheticSpace
from imgsearch.cores import usable_cores
from imgsearch.records.index import SnapshotInfo

if TYPE_CHECKING:
    from imgsearch.index.ivf import CompressedIndex
    from imgsearch.index.live import LiveIndex

QUERIES = 300
K = 10
SEARCHED = 19  # vectors that LiveIndex looks for, for ten photos
DEEP = 200  # photos that the search engine asks for, to count those of each level
DEEP_QUERIES = 100
ROUNDS = 3
GONE_SHARE = 0.09  # of the photos; from a tenth on, the index is built anew
ENOUGH = 0.98  # recall
ALL = 0.998  # a curve ends here
SCALES = (0.25, 0.5, 0.7, 1.0, 2.0, 4.0)  # of what a calibrated search compares
Result = dict[str, Any]
Search = Callable[[np.ndarray], np.ndarray]  # one query (dim,) -> ids, best first


# ---------------------------------------------------------------------- the data


def prepare(folder: Path, size: int) -> None:
    """Write vectors as the store keeps them (rounded to fp16), queries, and their exact results."""
    if (folder / "truth.npz").exists():
        return
    space = space_for(size)
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (size, space.dim))
    start = 0
    for chunk in space.photos(size, seed=1):
        halves = chunk.astype(np.float16).astype(np.float32)
        halves /= np.linalg.norm(halves, axis=1, keepdims=True)
        vectors[start : start + len(chunk)] = halves
        start += len(chunk)
    vectors.flush()
    queries = {"image": next(space.photos(QUERIES, seed=2)), "text": space.texts(QUERIES, seed=3)}
    truth = {kind: exact(vectors, rows) for kind, rows in queries.items()}
    np.savez(
        folder / "truth.npz",
        image=queries["image"],
        text=queries["text"],
        image_ids=truth["image"],
        text_ids=truth["text"],
    )
    fill_store(folder, vectors)


def space_for(size: int) -> SyntheticSpace:
    """More topics for a larger library: few would make clusters that are too easy to index."""
    return SyntheticSpace(topics=max(2_000, size // 50))


def exact(
    vectors: np.ndarray, queries: np.ndarray, only: np.ndarray | None = None, k: int = K
) -> np.ndarray:
    """The ids (row number + 1) of the k best of each query, by plain matrix products."""
    from imgsearch.index.flat import FlatIndex

    index = FlatIndex(np.arange(1, len(vectors) + 1), vectors)
    return np.stack([near.ids for near in index.search(queries, k, only)])


def fill_store(folder: Path, vectors: np.ndarray) -> None:
    """Write a library of photos with these vectors by SQL: photo by photo takes minutes."""
    from imgsearch.store.store import Store

    store = Store.open(folder, writable=True)
    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("made@1", "made", vectors.shape[1]).key
    ids = range(1, len(vectors) + 1)
    with sqlite3.connect(folder / "library.db") as database:
        database.executemany(
            "INSERT INTO photos (id, content_hash, size_bytes, format, width_px, height_px,"
            " added_at, facts_at)"
            " VALUES (?, ?, 1, 'JPEG', 1, 1, '2026-01-01', '2026-01-01')",
            ((i, hashlib.sha256(b"%d" % i).digest()) for i in ids),
        )
        database.executemany(
            "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode)"
            " VALUES (?, ?, ?, 1, 1, 1)",
            ((root_id, b"%d.jpg" % i, i) for i in ids),
        )
        database.executemany(
            "INSERT INTO vectors (encoder_key, photo_id, part, vector) VALUES (?, ?, 0, ?)",
            ((key, i, vectors[i - 1].astype("<f2").tobytes()) for i in ids),
        )
        database.execute("DELETE FROM stale_names")  # nobody asks for names here
    database.close()
    store.close()


def measured(search: Search, queries: np.ndarray, truth: np.ndarray) -> Result:
    """Latency of single queries, after a few to warm up, and the share of the truth found.

    Of several rounds the least is taken: what another process adds in one of them says nothing
    about the index. `cpu_ms` is the processor time of all threads.
    """
    for query in queries[:20]:
        search(query)
    rounds = []
    for _ in range(ROUNDS):
        took_ms, each_cpu_ms, right = [], [], 0
        for query, best in zip(queries, truth, strict=True):
            began, cpu_began = time.perf_counter(), time.process_time()
            ids = search(query)
            took_ms.append(1e3 * (time.perf_counter() - began))
            each_cpu_ms.append(1e3 * (time.process_time() - cpu_began))
            right += len(set(ids[: len(best)].tolist()) & set(best.tolist()))
        rounds.append((np.median(took_ms), np.quantile(took_ms, 0.95), np.median(each_cpu_ms)))
    p50_ms, p95_ms, cpu_ms = np.min(rounds, axis=0).tolist()
    return {
        "p50_ms": round(p50_ms, 3),
        "p95_ms": round(p95_ms, 3),
        "cpu_ms": round(cpu_ms, 3),
        "recall": round(right / truth.size, 4),
    }


def memory_mb(field: str) -> float:
    """A memory field of this process from /proc, in MiB; VmHWM is the peak of resident memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


class Peak:
    """Measures in a thread how much a memory field of this process grows while a block runs."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._before_mb = memory_mb(field)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._measure)
        self.grown_mb = 0.0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._done.wait(0.05):
            self.grown_mb = max(self.grown_mb, memory_mb(self._field) - self._before_mb)


# ---------------------------------------------------------------------- imgsearch itself


def build(folder: Path) -> Result:
    """Build a snapshot of the store: when each step began, and peak memory above the start.

    And once more, with the lists and codes of the first. `peak_anonymous_mb` is without the pages
    of files, which the system takes back when memory is short.
    """
    from imgsearch.index.build import build_snapshot
    from imgsearch.store.store import Store

    store = Store.open(folder, writable=True)
    rows = store.vectors.count(1)
    before_mb = memory_mb("VmHWM")

    def encode_texts(texts: object) -> np.ndarray:
        return space_for(rows).texts(len(texts), seed=4)  # type: ignore[arg-type]

    def timed(fresh: bool) -> tuple[SnapshotInfo, float, dict[str, float]]:
        began = time.perf_counter()
        steps: dict[str, float] = {}

        def on_step(name: str) -> None:
            steps.setdefault(name, round(time.perf_counter() - began, 2))

        info = build_snapshot(store, 1, "made@1", encode_texts, fresh=fresh, on_step=on_step)
        return info, round(time.perf_counter() - began, 1), steps

    with Peak("RssAnon") as anonymous:
        info, build_s, steps = timed(fresh=True)
    peak_mb = memory_mb("VmHWM") - before_mb
    raw_mb = rows * 512 * 4 / 2**20
    _, rebuild_s, rebuild_steps = timed(fresh=False)
    return {
        "build_s": build_s,
        "rebuild_s": rebuild_s,
        "rebuild_steps_s": rebuild_steps,
        "peak_mb": round(peak_mb),
        "peak_anonymous_mb": round(anonymous.grown_mb),
        "peak_by_raw": round(peak_mb / raw_mb, 2),
        "file_mb": round(info.size_bytes / 2**20),
        "steps_s": steps,
        "details": info.details,
    }


def query(folder: Path) -> Result:
    """Open the library as a reader and search it: memory, latency, recall, filters, bulk."""
    from imgsearch.index.live import LiveIndex
    from imgsearch.store.store import Store

    data = np.load(folder / "truth.npz")
    queries = {kind: data[kind] for kind in ("image", "text")}
    store = Store.open(folder, writable=False)
    store.vectors.count(1)
    before_mb = memory_mb("VmRSS")
    began = time.perf_counter()
    import_module("faiss")
    imported_s = time.perf_counter() - began
    began = time.perf_counter()
    index = LiveIndex(store.reads, 1)
    opened_s = time.perf_counter() - began
    index.search(queries["text"][:1], K, kind="text")
    first_s = time.perf_counter() - began
    result: Result = {
        "import_faiss_ms": round(1e3 * imported_s),
        "open_ms": round(1e3 * opened_s, 2),
        "first_query_ms": round(1e3 * first_s, 2),
        "resident_mb": round(memory_mb("VmRSS") - before_mb, 1),
    }
    for kind in ("text", "image"):

        def search(row: np.ndarray, kind: Any = kind) -> np.ndarray:
            return index.search(row[None], K, kind=kind)[0].ids

        result[kind] = measured(search, queries[kind], data[f"{kind}_ids"])
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    for kind in ("text", "image"):

        def search_deep(row: np.ndarray, kind: Any = kind) -> np.ndarray:
            return index.search(row[None], DEEP, kind=kind)[0].ids

        some = queries[kind][:DEEP_QUERIES]
        result[f"{kind}_{DEEP}"] = measured(search_deep, some, exact(vectors, some, k=DEEP))
    for share in (0.01, 0.1, 0.5):
        generator = np.random.default_rng(int(1_000 * share))
        only = np.flatnonzero(generator.random(len(vectors)) < share) + 1
        only.flags.writeable = False  # as `Reads.matching` gives it, the same until a change
        some = queries["text"]

        def filtered(row: np.ndarray, only: np.ndarray = only) -> np.ndarray:
            return index.search(row[None], K, only, kind="text")[0].ids

        result[f"filter_{share}"] = measured(filtered, some, exact(vectors, some, only))
    began = time.perf_counter()
    index.search(np.concatenate([queries["image"]] * 4), K, kind="image")
    result["bulk_queries_s"] = round(4 * QUERIES / (time.perf_counter() - began))
    return result


def curve(folder: Path) -> Result:
    """Time and recall of searches that compare less and more than calibrated, and their limits.

    `codes_ms` is the time up to the candidates: what a search takes before it scores a vector or
    asks the database. The limit is how long memory takes to deliver what the calibrated search
    reads: the centres of the lists, the codes in those compared, and the vectors scored.
    """
    from imgsearch.index.ivf import IvfPqBackend
    from imgsearch.index.live import LiveIndex
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.index.snapshot import verify
    from imgsearch.store.store import Store

    data = np.load(folder / "truth.npz")
    kinds: tuple[Literal["text", "image"], ...] = ("text", "image")
    with Store.open(folder, writable=True) as store:
        info = store.reads.encoders.current_snapshot(1)
        if info is None or info.kind != IvfPqBackend.name:
            return {}
        result: Result = {"read_gb_s": round(memory_gb_s(), 1)}
        result |= {f"{kind}_curve": [] for kind in kinds}
        path = verify(store.reads.snapshots_dir, info)
        try:
            for scale in SCALES:
                details = scaled(info.details, scale)
                codes = IvfPqBackend().open(path, details, IndexPolicy())
                store.vectors.publish_snapshot(1, replace(info, details=details))
                index = LiveIndex(store.reads, 1)
                for kind in kinds:

                    def search(row: np.ndarray, kind: Any = kind, at: Any = index) -> np.ndarray:
                        return np.asarray(at.search(row[None], K, kind=kind)[0].ids)

                    def scan(row: np.ndarray, kind: Any = kind, at: Any = codes) -> np.ndarray:
                        setting = at.settings[kind].for_results(SEARCHED, at.nlist)
                        return np.asarray(at.candidates(row[None], setting)[0])

                    took = measured(search, data[kind], data[f"{kind}_ids"])
                    took["codes_ms"] = measured(scan, data[kind], data[f"{kind}_ids"])["p50_ms"]
                    result[f"{kind}_curve"].append(took | {"setting": f"{scale} of the calibrated"})
        finally:
            store.vectors.publish_snapshot(1, info)
    compressed = IvfPqBackend().open(path, info.details, IndexPolicy())
    for kind in kinds:
        read = bytes_read(compressed, data[kind], kind)
        result[f"{kind}_read_mb"] = round(read / 1e6, 1)
        result[f"{kind}_limit_ms"] = round(read / result["read_gb_s"] / 1e6, 3)
    return result


def bytes_read(
    index: CompressedIndex, queries: np.ndarray, kind: Literal["text", "image"]
) -> float:
    """Bytes of centres, codes and vectors that the median search reads."""
    lists = index.without_vectors()  # owns the quantizer
    centres = lists.quantizer.reconstruct_n(0, index.nlist)
    sizes = np.bincount(index.rows.groups, minlength=index.nlist)
    setting = index.settings[kind].for_results(SEARCHED, index.nlist)
    scores = queries @ centres.T
    order = np.argsort(-scores, axis=1)[:, : setting.nprobe]
    ranked = np.take_along_axis(scores, order, axis=1)
    compared = np.where(ranked >= ranked[:, :1] - setting.gap, sizes[order], 0).sum(axis=1)
    codes = float(np.median(compared)) * index.dim / 4  # four bits for every two dimensions
    return 4.0 * index.dim * index.nlist + codes + 2.0 * index.dim * setting.candidates


def scaled(details: Mapping[str, float | int | str], scale: float) -> dict[str, Any]:
    """The details of an index that compares more or less, by about this factor."""
    made: dict[str, Any] = dict(details)
    for name, value in details.items():
        if name.startswith(("nprobe_", "candidates_")):
            made[name] = max(1, round(float(value) * scale))
        elif name.startswith("gap_"):  # twice the lists lie in a ball that is a little larger
            made[name] = float(value) * scale**0.3
    return made


def memory_gb_s() -> float:
    """The rate at which one thread reads memory, in GB/s."""
    numbers = np.ones(1 << 27, np.float32)  # half a gigabyte, more than any cache
    took = []
    for _ in range(5):
        began = time.perf_counter()
        numbers.max()
        took.append(time.perf_counter() - began)
    return numbers.nbytes / min(took) / 1e9


def measure_tail(folder: Path) -> Result:
    """Measure the delay until another process finds a commit, and queries over long tails."""
    from imgsearch.index.live import LiveIndex
    from imgsearch.store.store import Store

    reader = Store.open(folder, writable=False)
    index = LiveIndex(reader.reads, 1)
    first = len(index)
    space = space_for(first)
    texts = space.texts(60, seed=9)
    result: Result = {}
    arguments = [sys.executable, "-m", "benchmarks.bench_index", "_commit", str(folder)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        waits = []
        for number in range(20):
            query = next(space.photos(1, seed=1_000 + number))
            print("1", 1_000 + number, file=writer.stdin, flush=True)
            committed_s = float(writer.stdout.readline())
            while index.search(query, 1, kind="image")[0].scores[0] < 0.999:
                time.sleep(0.005)
            waits.append(time.time() - committed_s)
        result["visible_ms_p50"] = round(1e3 * float(np.median(waits)), 1)
        result["visible_ms_max"] = round(1e3 * max(waits), 1)
        for tail in (5_000, 50_000):
            print(tail - index.tail, 2_000 + tail, file=writer.stdin, flush=True)
            writer.stdout.readline()
            began = time.perf_counter()
            index.refresh()
            result[f"tail_{tail}_read_ms"] = round(1e3 * (time.perf_counter() - began))
            took = measured(
                lambda row: index.search(row[None], K, kind="text")[0].ids,
                texts,
                np.zeros((60, K)),
            )
            result[f"tail_{tail}_p50_ms"] = took["p50_ms"]
    with sqlite3.connect(folder / "library.db") as database:
        database.execute("DELETE FROM vectors WHERE photo_id > ?", (first,))
        database.execute("DELETE FROM paths WHERE photo_id > ?", (first,))
        database.execute("DELETE FROM photos WHERE id > ?", (first,))
    database.close()
    return result


def measure_deletes(folder: Path) -> Result:
    """Measure queries while deleted photos are still in the index: any, and those nearest to them.

    "gone" are a share of all photos that is below what makes an index be built anew, or the best
    photos of each query, as when a trip was deleted. Times are processor time.
    """
    from imgsearch.index.live import LiveIndex
    from imgsearch.store.store import Store

    queries = np.load(folder / "truth.npz")["text"][:DEEP_QUERIES]
    with Store.open(folder, writable=False) as store:
        photos = len(index := LiveIndex(store.reads, 1))
        near = [index.search(row[None], DEEP, kind="text")[0].ids for row in queries]
    generator = np.random.default_rng(5)
    gone = {
        "none": np.empty(0, np.int64),
        "any": generator.choice(photos, round(GONE_SHARE * photos), replace=False) + 1,
        "nearest": np.unique(np.concatenate([ids[: DEEP // 2] for ids in near])),
    }
    result: Result = {}
    for name, ids in gone.items():
        with sqlite3.connect(folder / "library.db") as database:
            database.execute("CREATE TABLE kept_paths AS SELECT * FROM paths")
            database.executemany(
                "DELETE FROM paths WHERE photo_id = ?", ((photo,) for photo in ids.tolist())
            )
        try:
            with Store.open(folder, writable=False) as store:
                index = LiveIndex(store.reads, 1)
                for k in (K, DEEP):
                    result[f"{name}_{k}_ms"] = cpu_ms(index, queries, k)
        finally:
            with database:
                database.execute(
                    "INSERT INTO paths SELECT * FROM kept_paths WHERE id NOT IN "
                    "(SELECT id FROM paths)"
                )
                database.execute("DROP TABLE kept_paths")
            database.close()
        result[f"{name}_gone"] = len(ids)
    return result


def cpu_ms(index: LiveIndex, queries: np.ndarray, k: int) -> float:
    """The median processor time of one of these queries, each asked for the second time."""
    took = []
    for is_counted in (False, True):
        for row in queries:
            began = time.process_time()
            index.search(row[None], k, kind="text")
            if is_counted:
                took.append(time.process_time() - began)
    return round(1e3 * float(np.median(took)), 3)


def commit(folder: Path) -> None:
    """The writer for `measure_tail`: add photos for each line "count seed", and print when."""
    database = sqlite3.connect(folder / "library.db")
    space = space_for(database.execute("SELECT count(*) FROM photos").fetchone()[0])
    for line in sys.stdin:
        count, seed = map(int, line.split())
        (last,) = database.execute("SELECT max(id) FROM photos").fetchone()
        with database:
            for chunk in space.photos(count, seed):
                for vector in chunk:
                    last += 1
                    database.execute(
                        "INSERT INTO photos (id, content_hash, size_bytes, format, width_px,"
                        " height_px, added_at, facts_at)"
                        " VALUES (?, ?, 1, 'JPEG', 1, 1, '2026-01-01', '2026-01-01')",
                        (last, b"%d" % last),
                    )
                    database.execute(
                        "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode)"
                        " VALUES (1, ?, ?, 1, 1, 1)",
                        (b"%d.jpg" % last, last),
                    )
                    database.execute(
                        "INSERT INTO vectors (encoder_key, photo_id, part, vector)"
                        " VALUES (1, ?, 0, ?)",
                        (last, vector.astype("<f2").tobytes()),
                    )
        print(time.time(), flush=True)
    database.close()


# ---------------------------------------------------------------------- peers


def peer(folder: Path, name: str) -> Result:
    """A peer on the same vectors: a curve, and its first setting of enough recall, or the last."""
    vectors = np.load(folder / "vectors.npy")
    data = np.load(folder / "truth.npz")
    before_mb = memory_mb("VmRSS")
    began = time.perf_counter()
    settings = PEER_BUILDERS[name](vectors)
    result: Result = {
        "build_s": round(time.perf_counter() - began, 1),
        "resident_mb": round(memory_mb("VmRSS") - before_mb),
    }
    for kind in ("text", "image"):
        points: list[Result] = []
        for setting, search in settings():
            took = measured(search, data[kind], data[f"{kind}_ids"])
            points.append(took | {"setting": setting})
            if took["recall"] >= ALL:
                break
        enough = [point for point in points if point["recall"] >= ENOUGH]
        result[kind] = (enough or points[-1:])[0]
        result[f"{kind}_curve"] = points
    return result


Settings = Callable[[], Iterator[tuple[str, Search]]]
EFS = (32, 64, 128, 160, 256, 512, 1_024, 2_048)


def numpy_peer(vectors: np.ndarray) -> Settings:
    def search(row: np.ndarray) -> np.ndarray:
        scores = vectors @ row
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best])] + 1

    return lambda: iter([("", search)])


def flat_peer(vectors: np.ndarray) -> Settings:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda: iter([("", lambda row: index.search(row[None], K)[1][0] + 1)])


def hnswlib_peer(vectors: np.ndarray) -> Settings:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=100, M=16, random_seed=1)
    index.add_items(vectors)
    index.set_num_threads(1)

    def settings() -> Iterator[tuple[str, Search]]:
        for ef in EFS:
            index.set_ef(ef)
            yield f"M=16 ef={ef}", lambda row: index.knn_query(row[None], K)[0][0] + 1

    return settings


def usearch_peer(vectors: np.ndarray) -> Settings:
    from usearch.index import Index

    options = {"ndim": vectors.shape[1], "metric": "ip", "dtype": "f16", "connectivity": 16}
    index = Index(**options)
    index.add(np.arange(len(vectors)), vectors)
    saved = index.save()

    def settings() -> Iterator[tuple[str, Search]]:
        for ef in EFS:
            # usearch 2.26 no longer lets an index change how far it searches.
            searched = Index(**options, expansion_search=ef)
            searched.load(saved)

            def search(row: np.ndarray, searched: Index = searched) -> np.ndarray:
                keys: np.ndarray = searched.search(row, K).keys
                return keys + 1

            yield f"M=16 ef={ef}", search

    return settings


NPROBES = (4, 8, 16, 32, 64, 128, 256, 512, 1_024)
RESCORED = 40  # candidates of a peer without vectors, whose own score is read as it is done here
TRAINED_BY_LIST = 39  # vectors for each list, from which k-means warns of nothing in FAISS


def lists_for(vectors: np.ndarray) -> int:
    """As many lists as FAISS advises for an inverted file: 4 times the root of the vectors."""
    return int(4 * len(vectors) ** 0.5)


def rescored(vectors: np.ndarray, row: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The ids of the best of these rows, by their vectors; rows below 0 are none."""
    found = candidates[candidates >= 0]
    ids: np.ndarray = found[np.argsort(-(vectors[found] @ row))[:K]] + 1
    return ids


def faiss_rabitq_peer(vectors: np.ndarray) -> Settings:
    """FAISS' IVF-RaBitQ as fast-scan codes: one bit a value for the scan, four more to refine."""
    import faiss

    dim, lists = vectors.shape[1], lists_for(vectors)
    faiss.omp_set_num_threads(1)
    centres = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFRaBitQFastScan(
        centres, dim, lists, faiss.METRIC_INNER_PRODUCT, 32, True, 5
    )
    rotation = faiss.RandomRotationMatrix(dim, dim)
    rotated = faiss.IndexPreTransform(rotation, index)
    some = np.random.default_rng(1).permutation(len(vectors))[: TRAINED_BY_LIST * lists]
    rotated.train(vectors[np.sort(some)])
    rotated.add(vectors)

    def settings() -> Iterator[tuple[str, Search]]:
        for nprobe in NPROBES:
            index.nprobe = nprobe

            def search(row: np.ndarray) -> np.ndarray:
                return rescored(vectors, row, rotated.search(row[None], RESCORED)[1][0])

            yield f"5 bits, nprobe={nprobe}", search

    return settings


def rabitqlib_peer(vectors: np.ndarray, bits: int) -> Settings:
    """IVF-RaBitQ of its authors, with so many bits a value."""
    from rabitqlib import FinalAssignmentMode, IvfIndex, RaBitQKMeans

    dim, lists = vectors.shape[1], lists_for(vectors)
    clustering = RaBitQKMeans(dim, lists, num_threads=1, final_assignment=FinalAssignmentMode.Exact)
    clustering.train(vectors)
    index = IvfIndex(dim, len(vectors), lists, bits, metric="ip")
    index.build(vectors, clustering.centroids, clustering.assignments)

    def settings() -> Iterator[tuple[str, Search]]:
        for nprobe in NPROBES:

            def search(row: np.ndarray, nprobe: int = nprobe) -> np.ndarray:
                ids = index.search(row[None], RESCORED, nprobe)[0]
                return rescored(vectors, row, ids[0].astype(np.int64))

            yield f"{bits} bits, nprobe={nprobe}", search

    return settings


def turbovec_peer(vectors: np.ndarray) -> Settings:
    """Codes of four bits, all of which are compared."""
    from turbovec import TurboQuantIndex

    index = TurboQuantIndex(vectors.shape[1], 4)
    index.calibrate(vectors[np.random.default_rng(1).permutation(len(vectors))[:1_024]])
    index.add(vectors)
    index.prepare()

    def settings() -> Iterator[tuple[str, Search]]:
        for candidates in (K, 20, RESCORED, 100):

            def search(row: np.ndarray, candidates: int = candidates) -> np.ndarray:
                return rescored(vectors, row, index.search(row[None], candidates)[1][0])

            yield f"4 bits, {candidates} candidates", search

    return settings


PEER_BUILDERS: dict[str, Callable[[np.ndarray], Settings]] = {
    "numpy": numpy_peer,
    "faiss-flat": flat_peer,
    "hnswlib": hnswlib_peer,
    "usearch": usearch_peer,
    "faiss-rabitq": faiss_rabitq_peer,
    "rabitqlib-5": partial(rabitqlib_peer, bits=5),
    "rabitqlib-9": partial(rabitqlib_peer, bits=9),
    "turbovec": turbovec_peer,
}


# ---------------------------------------------------------------------- running it


def run(work: Path, sizes: list[int], jobs: list[str], peers: list[str]) -> None:
    """Measure what is not measured yet, each in a process of its own."""
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    path = work / "results.json"
    work.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    results["machine"] = {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "python": platform.python_version(),
    }
    for size in sizes:
        folder = work / str(size)
        prepare(folder, size)
        parts = [(job,) for job in jobs] + [("peer", name) for name in peers]
        for job, *arguments in parts:
            name = " ".join([str(size), job, *arguments])
            if name in results:
                continue
            load = os.getloadavg()[0]
            command = [
                sys.executable,
                "-m",
                "benchmarks.bench_index",
                f"_{job}",
                str(folder),
                *arguments,
            ]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                print(f"{name}: failed", flush=True)
                continue
            results[name] = json.loads(done.stdout) | {"load_before": round(load, 1)}
            path.write_text(json.dumps(results, indent=1))
            print(name, done.stdout.strip(), flush=True)


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def table(results: dict[str, Result]) -> None:
    """The results as Markdown."""
    row = "| {} | {} | {} | {} | {} | {} | {} |".format
    print(row("vectors", "index", "build s", "text p50 / p95 ms", "recall", "image p50", "recall"))
    print(row(*["---"] * 7))
    for name, result in results.items():
        if "text" not in result:
            continue
        size, _, what = name.partition(" ")
        text, image = result["text"], result["image"]
        build_s = results.get(f"{size} build", {}).get("build_s") if what == "query" else None
        print(
            row(
                f"{int(size):,}",
                "imgsearch" if what == "query" else what.removeprefix("peer "),
                build_s or result.get("build_s", ""),
                f"{text['p50_ms']} / {text['p95_ms']}",
                text["recall"],
                image["p50_ms"],
                image["recall"],
            )
        )


LOWEST = 0.9  # recall in the plot
COLOURS = {"imgsearch": "#0969da", "hnswlib": "#9a6700", "usearch": "#8250df"}


def plot(results: dict[str, Result], size: int) -> str:
    """An SVG: processor time a query by recall, for text and for image queries side by side.

    Each of them searches in one thread, so this is its time on a machine with nothing else to do.
    """
    width, height, left, bottom, panel = 760, 330, 48, 40, 350
    sources = {"imgsearch": f"{size} curve"} | {
        name: f"{size} peer {name}" for name in ("hnswlib", "usearch")
    }
    curves = {
        (kind, name): [
            (point["recall"], point["cpu_ms"])
            for point in results.get(source, {}).get(f"{kind}_curve", [])
            if point["recall"] >= LOWEST
        ]
        for kind in ("text", "image")
        for name, source in sources.items()
    }
    times = [ms for points in curves.values() for _, ms in points]
    low, high = np.log2(min(times)), np.log2(max(times))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]

    def y(ms: float) -> float:
        spread = (np.log2(ms) - low) / max(1e-9, high - low)
        return float(height - bottom - (height - bottom - 50) * spread)

    for number, kind in enumerate(("text", "image")):
        start = left + number * panel

        def x(recall: float, start: int = start) -> float:
            return float(start + (panel - 70) * (recall - LOWEST) / (1 - LOWEST))

        parts.append(
            f'<text x="{start}" y="18">{kind} queries of {size:,} vectors: ms by recall@10</text>'
        )
        for power in range(int(np.ceil(low)), int(np.floor(high)) + 1):
            at = y(2.0**power)
            parts.append(
                f'<path d="M{start} {at:.1f}H{x(1):.1f}" stroke="#ddd"/>'
                f'<text x="{start - 34}" y="{at + 4:.1f}">{2.0**power:g}</text>'
            )
        parts += [
            f'<text x="{x(recall) - 10:.1f}" y="{height - bottom + 20}">{recall:.2f}</text>'
            for recall in (0.9, 0.92, 0.94, 0.96, 0.98, 1.0)
        ]
        name_at = start  # beside each other: where curves cross, their names would, too
        for name, colour in COLOURS.items():
            points = curves[kind, name]
            if points:
                line = " ".join(f"{x(recall):.1f},{y(ms):.1f}" for recall, ms in points)
                parts.append(
                    f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
                    f'<text x="{name_at}" y="36" fill="{colour}">{name}</text>'
                )
                name_at += 80
    return "\n".join([*parts, "</svg>", ""])


def real(photos: Path, captions: Path) -> None:
    """Compare the lists that real and synthetic vectors need for recall .98."""
    import faiss

    from imgsearch.index.recall import RecallBenchmark
    from imgsearch.records.answer import Neighbours

    vectors, words = np.load(photos), np.load(captions)
    mixed = np.random.default_rng(0).permutation(len(vectors))
    held_out, kept = vectors[mixed[:QUERIES]], vectors[mixed[QUERIES:]]
    words = words[np.random.default_rng(1).permutation(len(words))[:QUERIES]]
    space = space_for(len(kept))
    made = np.concatenate(list(space.photos(len(kept), seed=1)))
    samples = {
        "real": (kept, held_out, words),
        "made": (made, next(space.photos(QUERIES, seed=2)), space.texts(QUERIES, seed=3)),
    }
    nlist = 2 ** int(np.log2(len(kept) / 39))
    for name, (rows, images, texts) in samples.items():
        ids = np.arange(1, len(rows) + 1)
        index = faiss.index_factory(rows.shape[1], f"IVF{nlist},Flat", faiss.METRIC_INNER_PRODUCT)
        index.train(rows)
        index.add_with_ids(rows, ids)

        def search(nprobe: int, queries: np.ndarray, k: int) -> list[Neighbours]:
            parameters = faiss.IVFSearchParameters()
            parameters.nprobe = nprobe
            scores, found = index.search(queries, k, params=parameters)  # noqa: B023
            return [Neighbours(*row) for row in zip(found, scores, strict=True)]

        queries_of: dict[Literal["image", "text"], np.ndarray] = {"image": images, "text": texts}
        for kind, queries in queries_of.items():
            benchmark = RecallBenchmark(kind, queries)
            benchmark.observe(ids, rows)
            recalls = (benchmark.recall(partial(search, nprobe)) for nprobe in range(1, nlist + 1))
            nprobe, recall = next(
                (number, recall) for number, recall in enumerate(recalls, 1) if recall >= 0.98
            )
            tenth = np.mean([(rows @ row)[np.argpartition(-(rows @ row), K)[K]] for row in queries])
            print(
                f"{name} {kind}: {nprobe} of {nlist} lists for recall {recall:.3f} over "
                f"{len(rows)} vectors; mean score of the tenth {tenth:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run")
    command.add_argument("--sizes", default="10000,100000,1000000")
    command.add_argument("--jobs", default="build,query,curve,news")
    command.add_argument("--peers", default=",".join(PEER_BUILDERS))
    command.add_argument("--work", type=Path, required=True)
    command = commands.add_parser("real")
    command.add_argument("--photos", type=Path, required=True)
    command.add_argument("--texts", type=Path, required=True)
    commands.add_parser("table").add_argument("results", type=Path)
    command = commands.add_parser("plot")
    command.add_argument("results", type=Path)
    command.add_argument("size", type=int)
    command.add_argument("svg", type=Path)
    for name in ("_build", "_query", "_curve", "_news", "_deletes", "_commit", "_peer"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path)
        if name == "_peer":
            command.add_argument("peer")
    options = parser.parse_args()
    if options.command == "run":
        sizes = [int(size) for size in options.sizes.split(",")]
        run(
            options.work,
            sizes,
            options.jobs.split(","),
            list(filter(None, options.peers.split(","))),
        )
    elif options.command == "real":
        real(options.photos, options.texts)
    elif options.command == "table":
        table(json.loads(options.results.read_text()))
    elif options.command == "plot":
        options.svg.write_text(plot(json.loads(options.results.read_text()), options.size))
    elif options.command == "_commit":
        commit(options.folder)
    elif options.command == "_peer":
        print(json.dumps(peer(options.folder, options.peer)))
    else:
        jobs = {
            "_build": build,
            "_query": query,
            "_curve": curve,
            "_news": measure_tail,
            "_deletes": measure_deletes,
        }
        job = jobs[options.command]
        print(json.dumps(job(options.folder)))


if __name__ == "__main__":
    main()
