"""The inverted-file index. The one module that imports faiss."""

from __future__ import annotations

from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from imgsearch.errors import MissingPackage, SnapshotError
from imgsearch.index.base import Details, Effort
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.records.answer import Neighbours

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors

try:
    faiss: Any = import_module("faiss")  # its type stubs do not know half of what we call
except ImportError as error:
    raise MissingPackage(
        "The index needs FAISS, which is not installed. Run: pip install 'imgsearch-photos[cpu]' "
        "(or [gpu] on a machine with an NVIDIA card; one of the two, never both)"
    ) from error

_BLOCK_RESULTS = 1 << 21  # answers held at once in a bulk search: 12 bytes each
_BITMAP_IDS = 1 << 29  # above this id a bitmap (64 MiB) gives way to a hash set


class IvfIndex:
    """An IVF of FAISS, its lists in memory or memory-mapped.

    `nprobe_text` and `nprobe_image` are how many lists each kind of query looks into.
    """

    def __init__(self, index: Any, details: Details, ladder: IndexPolicy) -> None:
        self._index = index
        self._ladder = ladder
        self.nlist = int(index.nlist)
        self.nprobe_text = min(self.nlist, int(details.get("nprobe_text", self.nlist)))
        self.nprobe_image = min(self.nlist, int(details.get("nprobe_image", self.nlist)))
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

        A small filter is searched exactly: passing over what it excludes costs next to nothing.
        Under a larger one more lists are probed, so that as many vectors are compared as
        without it.
        """
        nprobe = {"text": self.nprobe_text, "image": self.nprobe_image, "exact": self.nlist}[effort]
        if only is not None:
            share = len(only) / max(1, len(self))
            small = len(only) <= self._ladder.exact_filter_rows
            if small or share <= self._ladder.exact_filter_share:
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
            return [Neighbours(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        # The parameters go with the call: the index is shared between threads. The selector
        # must live as long as the call, and so must the bitmap under it.
        bitmap, selector = _selector(only)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
        queries = np.ascontiguousarray(queries, np.float32)
        answers: list[Neighbours] = []
        step = max(1, _BLOCK_RESULTS // k)
        for start in range(0, len(queries), step):
            scores, ids = self._index.search(queries[start : start + step], k, params=parameters)
            answers += [_neighbours(*row) for row in zip(ids, scores, strict=True)]
        del bitmap, selector
        return answers

    @property
    def centroids(self) -> Vectors:
        """The centres of the lists, shape (nlist, dim)."""
        return np.asarray(self._index.quantizer.reconstruct_n(0, self.nlist), np.float32)

    @property
    def imbalance(self) -> float:
        """How uneven the lists are: 1 when all are equally long, nlist when one holds all."""
        return float(self._index.invlists.imbalance_factor())

    @classmethod
    def open(cls, path: Path, details: Details, ladder: IndexPolicy) -> IvfIndex:
        """The index in a file, memory-mapped. SnapshotError when it cannot be read as one."""
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
            lists = faiss.downcast_InvertedLists(index.invlists)
        except (RuntimeError, MemoryError, AttributeError) as error:
            reason = str(error).strip().splitlines()[-1:]
            raise SnapshotError(
                f"The index file {path} cannot be read ({''.join(reason)}). "
                "Make it anew: imgsearch rebuild"
            ) from error
        # FAISS would start 32 threads at every search to read ahead, which doubles its time.
        lists.prefetch_nthread = 0
        return cls(index, details, ladder)


class IvfBuilder:
    """Makes an IVF: `train` or `reuse`, then `add` chunk by chunk, then `write`.

    The same vectors in the same order give the same file, byte for byte.
    """

    def __init__(self, dim: int, rung: IndexSpec, ladder: IndexPolicy) -> None:
        self._ladder = ladder
        self._quantizer = faiss.IndexFlatIP(dim)
        self._make = _STORAGE[rung.storage]
        self._rung = rung
        self._index: Any = None

    def train(self, sample: Vectors) -> None:
        """Spherical k-means, seeded, on a sample of (n, dim); on a GPU where FAISS has one."""
        index = self._new_index()
        index.cp.spherical = True
        index.cp.seed = self._ladder.seed
        index.cp.max_points_per_centroid = self._ladder.points_per_list
        if getattr(faiss, "get_num_gpus", lambda: 0)() > 0:
            index.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(index.d))
        index.train(np.ascontiguousarray(sample, np.float32))
        index.clustering_index = None
        self._index = index

    def reuse(self, centroids: Vectors, sample: Vectors) -> None:
        """Take the centres of another index; only a storage that needs it is trained."""
        self._quantizer.add(np.ascontiguousarray(centroids, np.float32))
        self._index = self._new_index()
        self._index.train(np.ascontiguousarray(sample, np.float32))

    def _new_index(self) -> Any:
        return self._make(self._quantizer, self._quantizer.d, self._rung.nlist)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Put a chunk of rows into their lists."""
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def index(self, details: Details) -> IvfIndex:
        """What was built so far, in memory."""
        return IvfIndex(self._index, details, self._ladder)

    def write(self, file: BinaryIO) -> None:
        """The index in FAISS's own format. OSError when the disk is full."""
        failures: list[OSError] = []

        def write(block: bytes) -> None:
            try:
                file.write(block)
            except OSError as error:
                failures.append(error)
                raise

        try:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(write, 1 << 22))
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
    """FAISS's row of answers without its -1, equal scores in the order of their ids."""
    found = ids >= 0
    ids, scores = ids[found], scores[found]
    order = np.lexsort((ids, -scores))
    return Neighbours(ids[order], scores[order])
