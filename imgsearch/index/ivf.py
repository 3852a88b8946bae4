"""The inverted-file index of FAISS. The one module that imports faiss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import ceil, log2, sqrt
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from imgsearch.errors import MissingPackage, SnapshotError, UsageError
from imgsearch.index.base import (
    BuildContext,
    BuiltIndex,
    Details,
    Effort,
    VectorSource,
)
from imgsearch.index.flat import NO_NEIGHBOURS
from imgsearch.index.policy import IndexPolicy, Options
from imgsearch.index.recall import RecallBenchmark, calibration_benchmarks, smallest_setting
from imgsearch.installation import pip_install
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

try:
    faiss: Any = import_module("faiss")  # its type stubs lack half of what is called here
except ImportError as error:
    raise MissingPackage(
        f"The index needs FAISS, which is not installed. Run: {pip_install('faiss-cpu')} "
        "(or faiss-gpu on a machine with an NVIDIA card; one of the two, never both)"
    ) from error

_POINTS_PER_LIST_MIN = 39  # FAISS calls k-means on fewer points a centroid unreliable
_POINTS_PER_LIST = 64  # in the training sample of k-means
# Text queries need 3.2 to 3.7 times the lists of image queries (1M CLIP vectors, VIBE).
_TEXT_FACTOR = 4
_BLOCK_RESULTS = 1 << 21  # results held at once in a bulk search: 12 bytes each
_BITMAP_IDS = 1 << 29  # above this id a bitmap (64 MiB) gives way to a hash set


class IvfIndex:
    """An IVF of FAISS, its lists in memory or memory-mapped.

    `nprobe_text` and `nprobe_image` are how many lists are searched for each kind of query;
    `trained_on` is how many vectors there were when its centroids were found.
    """

    def __init__(self, index: Any, details: Details, policy: IndexPolicy) -> None:
        self._index = index
        self.policy = policy
        self.nlist = int(index.nlist)
        self.nprobe_text = min(self.nlist, int(details.get("nprobe_text", self.nlist)))
        self.nprobe_image = min(self.nlist, int(details.get("nprobe_image", self.nlist)))
        self.is_exact = "nprobe_text" not in details
        self.trained_on = int(details.get("trained_on", 0))
        # One thread a query. Sharing a query's lists among threads gained a fifth on an idle
        # machine of two cores, and on a busy one every query waited at a barrier.
        index.parallel_mode = 0

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """The k nearest of each query row, from as many lists as the effort says.

        A small filter is searched exactly: skipping what it excludes costs next to nothing. Under
        a larger one more lists are probed, so that as many vectors are compared as without it.
        """
        nprobe = {"text": self.nprobe_text, "image": self.nprobe_image, "exact": self.nlist}[effort]
        if only is not None:
            share = len(only) / max(1, len(self))
            small = len(only) <= self.policy.exact_filter_rows
            if small or share <= self.policy.exact_filter_share:
                nprobe = self.nlist
            else:
                nprobe = min(self.nlist, ceil(nprobe / min(1.0, share)))
        return self.probe(queries, k, nprobe, only)

    def probe(
        self, queries: Vectors, k: int, nprobe: int, only: Ids | None = None
    ) -> list[Neighbours]:
        """The k nearest of each query row in the `nprobe` lists closest to it."""
        k = min(k, len(self))
        if k <= 0 or (only is not None and not len(only)):
            return [NO_NEIGHBOURS for _ in queries]
        # The parameters go with the call: the index is shared between threads. The selector
        # must live as long as the call, and so must the bitmap under it.
        bitmap, selector = _selector(only)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
        queries = np.ascontiguousarray(queries, np.float32)
        results: list[Neighbours] = []
        step = max(1, _BLOCK_RESULTS // k)
        for start in range(0, len(queries), step):
            scores, ids = self._index.search(queries[start : start + step], k, params=parameters)
            results += [_neighbours(*row) for row in zip(ids, scores, strict=True)]
        del bitmap, selector
        return results

    def recall(self, benchmark: RecallBenchmark, nprobe: int) -> float:
        """Recall@10 of a benchmark's queries in `nprobe` lists each."""
        return benchmark.recall(lambda queries, k: self.probe(queries, k, nprobe))

    @property
    def centroids(self) -> Vectors:
        """The centres of the lists, shape (nlist, dim)."""
        return np.asarray(self._index.quantizer.reconstruct_n(0, self.nlist), np.float32)

    @property
    def imbalance(self) -> float:
        """How uneven the lists are: 1 when all are equally long, nlist when one holds all."""
        return float(self._index.invlists.imbalance_factor())


@dataclass(frozen=True, slots=True)
class IvfOptions:
    """The options of an "ivf" spec, for one number of vectors.

    Without "nlist" it is 2^round(log2(4·√n)); FAISS wants 39 vectors a list, so there may be
    fewer. "storage" is how a list stores vectors: "fp32" (the default), "fp16" or "sq8" (8 bits a
    number). With "probe_all" every search goes through all lists, so it is exact.
    """

    nlist: int
    storage: str
    probe_all: bool

    @classmethod
    def read(cls, options: Options, vectors: int) -> IvfOptions:
        """Raises UsageError for a storage that is not known."""
        storage = str(options.get("storage", "fp32"))
        if storage not in _STORAGE:
            raise UsageError(f"Unknown storage {storage!r}. Known: {', '.join(_STORAGE)}.")
        nlist = int(options.get("nlist", 0)) or 2 ** round(log2(4 * sqrt(max(1, vectors))))
        nlist = max(1, min(nlist, vectors // _POINTS_PER_LIST_MIN))
        return cls(nlist, storage, bool(options.get("probe_all", False)))


class IvfBackend:
    """Builds and opens IVF indexes; `IvfOptions` are its options."""

    name = "ivf"

    def build(self, context: BuildContext) -> BuiltIndex:
        """Train on a sample, add all vectors, and calibrate where not all lists are probed.

        Training takes longest, so the centroids of the previous index are used again while they
        suit. Details: nlist, storage, trained_on (how many vectors there were at the last
        training), imbalance and, where it is calibrated, nprobe_text and nprobe_image.
        """
        source, policy, on_step = context.source, context.policy, context.on_step
        options = IvfOptions.read(context.options, source.count)
        on_step("sampling")
        _, sample = source.sample(_POINTS_PER_LIST * options.nlist, policy.seed)
        benchmarks: list[RecallBenchmark] = []
        if not options.probe_all:
            benchmarks = calibration_benchmarks(source, policy, context.encode_texts)
        previous = self._reusable(context, options)
        index: Any = None
        if previous is not None:
            trained_on = previous.trained_on
            index = _index_around(previous.centroids, sample, options)
            on_step("adding")
            _add_all(index, source, benchmarks)
            if _has_drifted(IvfIndex(index, {}, policy), previous, benchmarks):
                index = None  # before the next one needs as much memory
        if index is None:
            on_step("training")
            index = _trained_index(sample, options, policy.seed)
            del sample
            on_step("adding")
            _add_all(index, source, benchmarks if previous is None else [])  # observe only once
            trained_on = int(index.ntotal)
        built = IvfIndex(index, {}, policy)
        details: dict[str, float | int | str] = {
            "nlist": options.nlist,
            "storage": options.storage,
            "trained_on": trained_on,
            "imbalance": round(built.imbalance, 4),
        }
        if benchmarks:
            on_step("calibrating")
            details |= _calibrate(built, benchmarks)
        return BuiltIndex(IvfIndex(index, details, policy), details, partial(_write, index))

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> IvfIndex:
        """The index in a file, memory-mapped. SnapshotError when it cannot be read as one."""
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
            lists = faiss.downcast_InvertedLists(index.invlists)
        except (RuntimeError, MemoryError, AttributeError) as error:
            reason = str(error).strip().splitlines()[-1:]
            raise SnapshotError(
                f"Cannot read the index file {path} ({''.join(reason)}). "
                "Rebuild it: imgsearch rebuild"
            ) from error
        # FAISS would start 32 threads at every search to read ahead, which doubles its time.
        lists.prefetch_nthread = 0
        return IvfIndex(index, details, policy)

    def _reusable(self, context: BuildContext, options: IvfOptions) -> IvfIndex | None:
        """The previous index, where its centroids may still suit."""
        previous, policy = context.previous, context.policy
        if previous is None or previous.details.get("nlist") != options.nlist:
            return None
        trained_on = int(previous.details.get("trained_on", 0))
        if context.source.count >= policy.retrain_growth * trained_on:
            return None
        try:
            return self.open(previous.verified_path(), previous.details, policy)
        except SnapshotError:
            return None  # this build replaces it anyway


def _trained_index(sample: Vectors, options: IvfOptions, seed: int) -> Any:
    """Empty lists around centres found by spherical k-means, on a GPU where FAISS has one.

    The same sample and seed give the same centres.
    """
    dim = sample.shape[1]
    index = _STORAGE[options.storage](faiss.IndexFlatIP(dim), dim, options.nlist)
    index.cp.spherical = True
    index.cp.seed = seed
    index.cp.max_points_per_centroid = _POINTS_PER_LIST
    if getattr(faiss, "get_num_gpus", lambda: 0)() > 0:
        index.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(dim))
    index.train(np.ascontiguousarray(sample, np.float32))
    index.clustering_index = None
    return index


def _index_around(centroids: Vectors, sample: Vectors, options: IvfOptions) -> Any:
    """Empty lists around known centres; the sample trains a storage that needs it."""
    dim = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(np.ascontiguousarray(centroids, np.float32))
    index = _STORAGE[options.storage](quantizer, dim, options.nlist)
    index.train(np.ascontiguousarray(sample, np.float32))
    return index


def _add_all(index: Any, source: VectorSource, benchmarks: Sequence[RecallBenchmark]) -> None:
    for ids, vectors in source.chunks():
        index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)
        for benchmark in benchmarks:
            benchmark.observe(ids, vectors)


def _has_drifted(
    index: IvfIndex, previous: IvfIndex, benchmarks: Sequence[RecallBenchmark]
) -> bool:
    """Whether the old centroids, probed as before, find too little of what is there now."""
    nprobes = {"text": previous.nprobe_text, "image": previous.nprobe_image}
    floor = index.policy.recall_target - index.policy.recall_drift
    return any(index.recall(each, nprobes[each.kind]) < floor for each in benchmarks)


def _calibrate(index: IvfIndex, benchmarks: Sequence[RecallBenchmark]) -> Details:
    """The fewest lists that reach the recall wanted, for each kind of query, and that recall."""
    details: dict[str, float | int] = {}
    goal = index.policy.recall_target + index.policy.recall_margin
    for benchmark in benchmarks:
        recall_at = partial(index.recall, benchmark)
        nprobe, recall = smallest_setting(recall_at, index.nlist, goal)
        details[f"nprobe_{benchmark.kind}"] = nprobe
        details[f"recall_{benchmark.kind}"] = round(recall, 4)
    if "nprobe_text" not in details:  # no texts could be embedded
        details["nprobe_text"] = min(index.nlist, _TEXT_FACTOR * int(details["nprobe_image"]))
    return details


def _write(index: Any, file: BinaryIO) -> None:
    """The index in FAISS's own format. OSError when the disk is full."""
    failures: list[OSError] = []

    def write(block: bytes) -> None:
        try:
            file.write(block)
        except OSError as error:
            failures.append(error)
            raise

    try:
        faiss.write_index(index, faiss.PyCallbackIOWriter(write, 1 << 22))
    except Exception:
        if failures:  # FAISS turns it into an error of its own, without the errno
            raise failures[0] from None
        raise


def _flat_lists(quantizer: Any, dim: int, nlist: int) -> Any:
    return faiss.IndexIVFFlat(quantizer, dim, nlist, faiss.METRIC_INNER_PRODUCT)


def _half_lists(quantizer: Any, dim: int, nlist: int) -> Any:
    return _scalar_lists(quantizer, dim, nlist, faiss.ScalarQuantizer.QT_fp16)


def _byte_lists(quantizer: Any, dim: int, nlist: int) -> Any:
    return _scalar_lists(quantizer, dim, nlist, faiss.ScalarQuantizer.QT_8bit)


def _scalar_lists(quantizer: Any, dim: int, nlist: int, form: int) -> Any:
    by_residual = False  # a code then means the same in every list, and a product is faster
    return faiss.IndexIVFScalarQuantizer(
        quantizer, dim, nlist, form, faiss.METRIC_INNER_PRODUCT, by_residual
    )


_STORAGE = {"fp32": _flat_lists, "fp16": _half_lists, "sq8": _byte_lists}


def _selector(only: Ids | None) -> tuple[Any, Any]:
    """FAISS's form of a filter, and the array under it."""
    if only is None:
        return None, None
    if int(only[-1]) >= _BITMAP_IDS:
        return only, faiss.IDSelectorBatch(only)
    mask = np.zeros(int(only[-1]) + 1, np.bool_)
    mask[only] = True
    bitmap = np.packbits(mask, bitorder="little")
    return bitmap, faiss.IDSelectorBitmap(bitmap)


def _neighbours(ids: Ids, scores: Vector) -> Neighbours:
    """FAISS's row of results without its -1, equal scores in the order of their ids."""
    found = ids >= 0
    ids, scores = ids[found], scores[found]
    order = np.lexsort((ids, -scores))
    return Neighbours(ids[order], scores[order])
