"""Builds a snapshot from the stored vectors, in chunks, and makes it current."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np

from imgsearch.errors import ImgsearchError, SnapshotError
from imgsearch.index import snapshot
from imgsearch.index.flat import FlatIndex, contains
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.records.status import SnapshotInfo

if TYPE_CHECKING:
    from imgsearch.index.ivf import IvfBuilder
    from imgsearch.index.recall import RecallBenchmark
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.store.store import Store

EncodeTexts: TypeAlias = "Callable[[Sequence[str]], Vectors]"
Details: TypeAlias = dict[str, float | int | str]

# Text queries need 3.2 to 3.7 times the lists of image queries (1M CLIP vectors, VIBE).
_TEXT_FACTOR = 4
_CHUNK_ROWS = 8_192  # vectors read and added at once


def _quiet(step: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build. `fresh`: train anew even where the last snapshot's centroids would do.

    `step` is told the name of every step: counting, sampling, training, adding, calibrating,
    writing (once a block), synced, renamed, published, cleaned.
    """

    ladder: IndexPolicy = field(default_factory=IndexPolicy)
    fresh: bool = False
    step: snapshot.Step = _quiet


def build_snapshot(
    store: Store,
    encoder_key: int,
    encoder_id: str,
    encode_texts: EncodeTexts | None = None,
    options: BuildOptions | None = None,
) -> SnapshotInfo:
    """Build a snapshot of every vector whose photo is in the library, and make it current.

    Only the writer may call this. Until the row in the database changes the old snapshot serves,
    and after it too for those who have it open. `encode_texts` calibrates a large index for text
    queries; without it they look into four times as many lists as image queries.
    Raises DiskError, with the old snapshot still current, and MissingPackage without FAISS.
    """
    source = _Source(store, encoder_key, options or BuildOptions())
    source.step("counting")
    draft = _draft(source, encode_texts)
    name = f"{encoder_key}-{draft.last_seq}"
    written = snapshot.write(store.snapshots_dir / name, f".{draft.kind}", draft.dump, source.step)
    info = SnapshotInfo(
        file_name=written.path.name,
        encoder_id=encoder_id,
        kind=draft.kind,
        last_seq=draft.last_seq,
        vectors=draft.vectors,
        size_bytes=written.size_bytes,
        sha256=written.sha256,
        built_at=written.written_at,
        details=draft.details,
    )
    try:
        store.publish_snapshot(encoder_key, info)
    except ImgsearchError:
        snapshot.clean(store)
        raise
    source.step("published")
    snapshot.clean(store)
    source.step("cleaned")
    return info


@dataclass(frozen=True, slots=True)
class _Draft:
    """An index in memory, ready to be written."""

    kind: str
    last_seq: int
    vectors: int
    details: Details
    dump: Callable[[BinaryIO], None]


class _Source:
    """The vectors to build from: all whose photo some path points at."""

    def __init__(self, store: Store, encoder_key: int, options: BuildOptions) -> None:
        self.store = store
        self.encoder_key = encoder_key
        self.ladder = options.ladder
        self.fresh = options.fresh
        self.step = options.step
        self.last_seq = 0  # of what `chunks` has read
        self._live = store.live_ids()
        self.count = store.live_vector_count(encoder_key)

    def chunks(self) -> Iterator[tuple[Ids, Vectors]]:
        """Chunks of (ids, vectors), in the order of `seq`."""
        for last_seq, ids, vectors in self.store.vectors(self.encoder_key, 0, _CHUNK_ROWS):
            self.last_seq = last_seq
            alive = contains(self._live, ids)
            yield (ids, vectors) if alive.all() else (ids[alive], vectors[alive])

    def sample(self, count: int, seed: int) -> tuple[Ids, Vectors]:
        """At most `count` of the vectors, each as likely as any other, the same every time."""
        wanted = np.arange(self.count)
        if count < self.count:
            generator = np.random.default_rng(seed)
            wanted = np.sort(generator.choice(self.count, count, replace=False))
        ids = np.empty(len(wanted), np.int64)
        vectors = np.empty((len(wanted), 0), np.float32)
        start = last = 0
        for chunk_ids, chunk in self.chunks():
            if not vectors.shape[1]:  # filled in place: a list of parts would need twice the memory
                vectors = np.empty((len(wanted), chunk.shape[1]), np.float32)
            first, last = np.searchsorted(wanted, (start, start + len(chunk_ids)))
            rows = wanted[first:last] - start
            ids[first:last], vectors[first:last] = chunk_ids[rows], chunk[rows]
            start += len(chunk_ids)
        return ids[:last], vectors[:last]


def _draft(source: _Source, encode_texts: EncodeTexts | None) -> _Draft:
    rung = source.ladder.rung(source.count)
    if rung.kind == "flat":
        index = FlatIndex(*source.sample(source.count, seed=0))
        return _Draft("flat", source.last_seq, len(index), {}, index.write)
    source.step("sampling")
    _, sample = source.sample(source.ladder.points_per_list * rung.nlist, source.ladder.seed)
    exams = [] if rung.whole else _exams(source, encode_texts)
    last = None if source.fresh else _last_centroids(source, rung)
    if last is not None:
        source.step("adding")
        builder = _builder(source, rung, sample, last.centroids)
        vectors = _add_all(source, builder, exams)
        if not _has_drifted(builder, last, exams, source.ladder):
            return _finish(source, rung, _Built(builder, vectors, last.trained_on), exams)
        del builder
        exams = _exams(source, encode_texts)
    source.step("training")
    builder = _builder(source, rung, sample, None)
    del sample
    source.step("adding")
    vectors = _add_all(source, builder, exams)
    return _finish(source, rung, _Built(builder, vectors, vectors), exams)


@dataclass(frozen=True, slots=True)
class _Built:
    builder: IvfBuilder
    vectors: int
    trained_on: int


def _builder(
    source: _Source, rung: IndexSpec, sample: Vectors, centroids: Vectors | None
) -> IvfBuilder:
    from imgsearch.index.ivf import IvfBuilder

    builder = IvfBuilder(sample.shape[1], rung, source.ladder)
    if centroids is None:
        builder.train(sample)
    else:
        builder.reuse(centroids, sample)
    return builder


def _add_all(source: _Source, builder: IvfBuilder, exams: Sequence[RecallBenchmark]) -> int:
    vectors = 0
    for ids, chunk in source.chunks():
        builder.add(ids, chunk)
        for exam in exams:
            exam.observe(ids, chunk)
        vectors += len(ids)
    return vectors


def _finish(
    source: _Source, rung: IndexSpec, built: _Built, exams: Sequence[RecallBenchmark]
) -> _Draft:
    index = built.builder.index({})
    details: Details = {
        "nlist": rung.nlist,
        "storage": rung.storage,
        "trained_on": built.trained_on,
        "imbalance": round(index.imbalance, 4),
    }
    ladder = source.ladder
    if exams:
        source.step("calibrating")
    for exam in exams:
        goal = ladder.recall_target + ladder.recall_margin
        nprobe, recall = exam.smallest_nprobe(index, goal)
        details |= {f"nprobe_{exam.kind}": nprobe, f"recall_{exam.kind}": round(recall, 4)}
    if exams and "nprobe_text" not in details:
        details["nprobe_text"] = min(rung.nlist, _TEXT_FACTOR * int(details["nprobe_image"]))
    return _Draft("ivf", source.last_seq, built.vectors, details, built.builder.write)


def _exams(source: _Source, encode_texts: EncodeTexts | None) -> list[RecallBenchmark]:
    from imgsearch.index.recall import RecallBenchmark, prompts

    ids, vectors = source.sample(source.ladder.image_queries, source.ladder.seed + 1)
    exams = [RecallBenchmark("image", vectors, ids)]
    if encode_texts is not None:
        exams.insert(0, RecallBenchmark("text", encode_texts(prompts())))
    return exams


@dataclass(frozen=True, slots=True)
class _Last:
    """What the current snapshot was built with."""

    centroids: Vectors
    trained_on: int
    nprobe_text: int
    nprobe_image: int


def _last_centroids(source: _Source, rung: IndexSpec) -> _Last | None:
    """The centroids of the current snapshot, where they still suit: training takes the longest."""
    from imgsearch.index.ivf import IvfIndex

    info = source.store.current_snapshot(source.encoder_key)
    if info is None or info.kind != "ivf" or info.details.get("nlist") != rung.nlist:
        return None
    trained_on = int(info.details.get("trained_on", 0))
    if source.count >= source.ladder.retrain_growth * trained_on:
        return None
    try:
        path = snapshot.verify(source.store.snapshots_dir, info, full=True)
        index = IvfIndex.open(path, info.details, source.ladder)
    except SnapshotError:
        return None  # it is being replaced anyway
    return _Last(index.centroids, trained_on, index.nprobe_text, index.nprobe_image)


def _has_drifted(
    builder: IvfBuilder, last: _Last, exams: Sequence[RecallBenchmark], ladder: IndexPolicy
) -> bool:
    """Whether the old centroids, probed as before, find too little of what is there now."""
    index = builder.index({})
    nprobes = {"text": last.nprobe_text, "image": last.nprobe_image}
    floor = ladder.recall_target - ladder.recall_drift
    return any(exam.recall(index, nprobes[exam.kind]) < floor for exam in exams)
