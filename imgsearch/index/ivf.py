"""The inverted-file indexes of FAISS. The one module that imports faiss.

"ivf" stores whole vectors in its lists, and a search compares them all. "ivfpq" stores codes of an
eighth of the bytes, and scores the candidates that they propose by the stored vectors, which are in
the same file (`rows`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property, partial
from importlib import import_module
from math import inf, log2, sqrt
from pathlib import Path
from shutil import copyfileobj
from tempfile import gettempdir
from typing import Any, BinaryIO, TypeAlias, TypeVar
from weakref import finalize

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.lib import format as npy
from numpy.typing import NDArray

from imgsearch.errors import CommandLine, MissingPackage, Sentence, SnapshotError
from imgsearch.index.base import (
    BuildContext,
    BuiltIndex,
    Details,
    Effort,
    VectorSource,
)
from imgsearch.index.code_lists import (
    ID_BYTES,
    CodeLists,
    Codes,
    close_scratch,
    mapped_scratch,
)
from imgsearch.index.flat import NO_NEIGHBOURS, map_array
from imgsearch.index.policy import IndexPolicy, Options
from imgsearch.index.recall import (
    RecallBenchmark,
    benchmarks_with,
    photo_queries,
)
from imgsearch.index.rows import RowsWriter, StoredRows, open_rows, padding
from imgsearch.index.scan_settings import (
    CANDIDATES_MAX,
    CANDIDATES_PER_RESULT,
    CODES_PER_ROW,
    FILTER_POWER,
    ListsOfPhotos,
    Scanned,
    ScanSetting,
    calibrated,
)
from imgsearch.index.snapshot import disk_error
from imgsearch.installation import pip_install
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

try:
    faiss: Any = import_module("faiss")  # its type stubs lack half of the names used here
except ImportError as error:
    raise MissingPackage(
        f"The index needs FAISS, which is not installed. Run: {pip_install('faiss-cpu')} "
        "(or faiss-gpu on a machine with an NVIDIA card; one of the two, never both)"
    ) from error

_Opened = TypeVar("_Opened")

HAS_GPU_BUILD = hasattr(faiss, "StandardGpuResources")  # of faiss-gpu, not hidden by faiss-cpu

_POINTS_PER_LIST_MIN = 39  # FAISS calls k-means on fewer points a centroid unreliable
_POINTS_PER_LIST = 40  # in the training sample of k-means
_ROUNDS = 7  # of k-means: three more take half as long again, and find nothing more
_LISTS_MAX = 8_192  # unless a policy says otherwise: more centres need a larger sample
_SAMPLE_MAX = _POINTS_PER_LIST_MIN * _LISTS_MAX  # 650 MB of 512 numbers
_BLOCK_RESULTS = 1 << 21  # results in memory at once in a bulk search: 12 bytes each
_BITMAP_IDS = 1 << 29  # above this id a bitmap (64 MiB) gives way to a hash set

_BITS = 4  # of a code: 16 points for every two dimensions
_BLOCK_CODES = 32  # the codes that fast-scan compares at once
_COPIED_BYTES = 1 << 22
_FILTERS_KEPT = 4  # of up to 17 bytes for each photo that passes
_FILTER_SAMPLE = 2_048  # photos sampled from a filter, to estimate their share of each list
# A filter depends on a query if an eighth, a quarter, half or all of the lists nearest to the query
# hold fewer than this share of the photos that a random filter of the same size would have there.
_DEPTHS = (8, 4, 2, 1)
_USUAL_PART = 0.6
# The end of a file: the positions of the table of its lists and of the stored vectors.
_TRAILER = struct.Struct("<8sQ")
_MAGIC = b"imgsposn"


class IvfIndex:
    """An IVF of FAISS that is searched exactly, its lists in memory or memory-mapped.

    `trained_on` is the number of vectors when its centroids were trained.
    """

    is_exact = True

    def __init__(self, index: Any, details: Details) -> None:
        self._index = index
        self.nlist = int(index.nlist)
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
        """Find the k nearest vectors of each query row in all lists, whatever the effort."""
        k = min(k, len(self))
        if k <= 0 or (only is not None and not len(only)):
            return [NO_NEIGHBOURS for _ in queries]
        return _search(self._index, queries, k, only)

    @property
    def centroids(self) -> Vectors:
        """The centres of the lists, shape (nlist, dim)."""
        return _centroids(self._index)


def list_count(options: Options, vectors: int) -> int:
    """Return the number of lists for so many vectors: the option "nlist", or by their number.

    Without the option it is 2^round(log2(4·√n)), at most 8,192. FAISS wants 39 vectors a list, so
    there may be fewer.
    """
    usual = min(_LISTS_MAX, 2 ** round(log2(4 * sqrt(max(1, vectors)))))
    nlist = int(options.get("nlist", 0)) or usual
    return max(1, min(nlist, vectors // _POINTS_PER_LIST_MIN))


class IvfBackend:
    """Builds and opens indexes of whole vectors in lists, all of which a search compares.

    Such a search is exact, and faster than one matrix product. The one option is "nlist", the
    number of lists.
    """

    name = "ivf"

    def build(self, context: BuildContext) -> BuiltIndex:
        """Train on a sample and add all vectors.

        Training takes longest, so the centroids of the previous index are reused while they suit.
        Details: nlist, trained_on (the number of vectors at the last training) and imbalance.
        """
        source, policy, on_step = context.source, context.policy, context.on_step
        nlist = list_count(context.options, source.count)
        previous = _reusable(context, nlist, self.open)
        if previous is None:
            on_step("sampling")
            _, sample = source.sample(_POINTS_PER_LIST * nlist, policy.seed)
            on_step("training")
            index = _flat_lists(sample.shape[1], nlist)
            _train(index, sample, policy.seed)
            trained_on = source.count
        else:
            index = _flat_lists(previous.dim, nlist, previous.centroids)
            trained_on = previous.trained_on
        on_step("adding")
        for ids, vectors in source.chunks():
            index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)
        details: dict[str, float | int | str] = {
            "nlist": nlist,
            "trained_on": trained_on,
            "imbalance": round(float(index.invlists.imbalance_factor()), 4),
        }
        return BuiltIndex(IvfIndex(index, details), details, partial(_write_lists, index))

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> IvfIndex:
        """Open an index file, memory-mapped. Raises SnapshotError if it is not a valid index."""
        try:
            return IvfIndex(_mapped(path), details)
        except (RuntimeError, MemoryError, AttributeError) as error:
            raise _unreadable(path, error) from error


class CompressedIndex:
    """An IVF whose lists hold product-quantised codes, with the stored vectors beside them.

    A search compares codes, takes the best as candidates, and scores these by the stored vectors.
    Its scores are exact; it may miss photos whose code scores too low. `read_rows` is called when
    the stored vectors are first needed, which a build never does. `sizes` has the number of vectors
    in each list. The lists hold the positions of the stored vectors. `index` is the one of FAISS.
    """

    is_exact = False

    def __init__(
        self,
        index: Any,
        sizes: Ids,
        read_rows: Callable[[], StoredRows],
        details: Details,
        policy: IndexPolicy,
    ) -> None:
        self.index = index
        self._sizes = sizes
        self._read_rows = read_rows
        self._rows: StoredRows | None = None
        self._filters: tuple[_Filter, ...] = ()  # the last ones
        self._left: _LeftIn | None = None  # what is searched without a filter; None for all
        self.policy = policy
        self.nlist = int(index.nlist)
        self.settings: dict[Effort, ScanSetting] = {
            kind: ScanSetting(
                min(self.nlist, int(details.get(f"nprobe_{kind}", self.nlist))),
                int(details.get(f"candidates_{kind}", CANDIDATES_MAX)),
                float(details.get(f"gap_{kind}", inf)),
                float(details.get(f"nprobe_power_{kind}", FILTER_POWER)),
                float(details.get(f"gap_power_{kind}", FILTER_POWER)),
                float(details.get(f"per_result_{kind}", CANDIDATES_PER_RESULT)),
            )
            for kind in ("text", "image")
        }
        self.trained_on = int(details.get("trained_on", 0))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def dim(self) -> int:
        return int(self.index.d)

    @property
    def rows(self) -> StoredRows:
        """The stored vectors."""
        if self._rows is None:
            self._rows = self._read_rows()
        return self._rows

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """Find the k nearest vectors of each query row, by codes or exactly, whichever is cheaper.

        With effort "exact", or if k is a large part of all vectors, every vector that qualifies is
        scored.
        """
        k = min(k, len(self))
        if k <= 0 or (only is not None and not len(only)):
            return [NO_NEIGHBOURS for _ in queries]
        passing = None if only is None else self._filter(only)
        if effort == "exact":
            return self._search_exactly(queries, k, passing)
        setting = self.settings[effort].for_results(k, self.nlist)
        share = 1.0 if passing is None else passing.share
        cost = _cost(self.index, setting.under_filter(share, self.nlist))
        if CODES_PER_ROW * share * len(self) <= cost:
            return self._search_exactly(queries, k, passing)
        queries = np.ascontiguousarray(queries, np.float32)
        if passing is None:
            candidates = _candidates(self.index, self._sizes, queries, setting, self._left)
        else:
            candidates = self._filtered_candidates(queries, setting, passing)
        results: list[Neighbours] = []
        for row, near in enumerate(candidates):
            # Reading memory in order is faster.
            results += self.rows.search(queries[row : row + 1], k, np.sort(near))
        return results

    def without(self, ids: Ids) -> CompressedIndex:
        """Return the same index, which looks for candidates among the vectors of other photos only.

        Where it scores every vector, those of these photos are among the results.
        """
        others = copy(self)
        positions = self.rows.positions(ids)
        others._left = _LeftIn.without(positions, len(self)) if len(positions) else None
        return others

    def candidates(self, queries: Vectors, setting: ScanSetting) -> list[Ids]:
        """Return for each query row the candidates with the best code scores, best first.

        This is a search without the exact scores.
        """
        return _candidates(self.index, self._sizes, queries, setting)

    def _search_exactly(
        self, queries: Vectors, k: int, passing: _Filter | None
    ) -> list[Neighbours]:
        return self.rows.search(queries, k, None if passing is None else passing.positions)

    def _filter(self, only: Ids) -> _Filter:
        """Return the prepared form of a filter, from the cache if it was among the last ones.

        Only read-only arrays are cached: others may have changed meanwhile.
        """
        for known in self._filters:
            if known.ids is only:
                return known
        new = _Filter(only, self.rows, self.nlist)
        if not only.flags.writeable:
            self._filters = (new, *self._filters[: _FILTERS_KEPT - 1])
        return new

    def _filtered_candidates(
        self, queries: Vectors, setting: ScanSetting, passing: _Filter
    ) -> list[Ids]:
        """Candidates that pass a filter, from all lists if the lists near a query hold too few.

        `setting` is the setting of searches without a filter.
        """
        wider = setting.under_filter(passing.share, self.nlist)
        every = replace(setting, nprobe=self.nlist, gap=inf)
        found: list[Ids] = []
        for query in queries[:, None]:
            scores = _scores_of_centres(self.index, query)
            nearest = _nearest_lists(scores[0], setting.nprobe)
            of_query = every if self._depends_on_query(nearest, passing) else wider
            found += _candidates(self.index, self._sizes, query, of_query, passing, scores)
        return found

    def _depends_on_query(self, lists: Ids, passing: _Filter) -> bool:
        """Return whether the lists nearest to a query hold fewer matching photos than other lists.

        The results then lie in lists so far off that their order means little. `lists` are the
        nearest ones, nearest first.
        """
        counts = passing.sample_by_list
        passed = np.cumsum(counts[lists]) / max(1, int(counts.sum()))
        usual = np.cumsum(self._sizes[lists]) / max(1, len(self))
        depths = [max(1, len(lists) // part) - 1 for part in _DEPTHS]
        return bool((passed < _USUAL_PART * usual)[depths].any())

    def without_vectors(self) -> Any:
        """FAISS's index with the same centres and codes, and nothing in its lists."""
        index = _code_lists(self.dim, self.nlist, _centroids(self.index))
        codebook = faiss.vector_to_array(self.index.pq.centroids)
        faiss.copy_array_to_vector(codebook, index.pq.centroids)
        index.is_trained = True
        return index


class _LeftIn(Struct, frozen=True):
    """The vectors whose photos were not deleted: their share of all, and a selector of FAISS."""

    share: float
    selector: Any

    @classmethod
    def without(cls, positions: Ids, vectors: int) -> _LeftIn:
        """Return all of these vectors but those at some positions."""
        mask = np.ones(vectors, np.bool_)
        mask[positions] = False
        bitmap = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        return cls(max(1, vectors - len(positions)) / vectors, bitmap)


class _Filter:
    """The photos that pass a filter, sorted and unique, prepared for searches."""

    def __init__(self, ids: Ids, rows: StoredRows, nlist: int) -> None:
        self.ids = ids
        self.share = min(1.0, len(ids) / len(rows))  # of all photos
        self._rows = rows
        self._nlist = nlist

    @cached_property
    def positions(self) -> Ids:
        """The positions of their vectors among the stored ones."""
        return self._rows.positions(self.ids)

    @cached_property
    def selector(self) -> Any:
        """The filter as a selector of FAISS."""
        return _selector(self.positions)

    @cached_property
    def sample_by_list(self) -> NDArray[np.int64]:
        """The number of sampled photos in each list."""
        sample = self.ids[:: max(1, len(self.ids) // _FILTER_SAMPLE)]
        return np.bincount(self._rows.groups_of(sample), minlength=self._nlist)


class IvfPqBackend:
    """Builds and opens compressed indexes. Their one option is "nlist", as for "ivf"."""

    name = "ivfpq"

    def build(self, context: BuildContext) -> BuiltIndex:
        """Train on a sample, add all vectors, and calibrate.

        The lists and codes of the previous index are reused while they suit. Details: nlist,
        trained_on (the number of vectors at the last training), imbalance, and for text and for
        image queries nprobe (lists compared), candidates (vectors scored) and recall. Raises
        DiskError if the codes do not fit on the disk.
        """
        source, policy, on_step = context.source, context.policy, context.on_step
        nlist = list_count(context.options, source.count)
        previous = _reusable(context, nlist, self.open)
        training = (min(_POINTS_PER_LIST * nlist, _SAMPLE_MAX), policy.seed)
        on_step("sampling")
        photos, *samples = source.samples(
            photo_queries(policy), *([training] if previous is None else [])
        )
        benchmarks = benchmarks_with(photos, context.encode_texts)
        filled: _FilledIndex | None = None
        trained_on = source.count
        if previous is not None:
            on_step("adding")
            observers = _observers(benchmarks)
            filled = _FilledIndex(previous.without_vectors(), source, observers, previous.rows)
            trained_on = previous.trained_on
            if _codes_have_drifted(filled, previous, benchmarks):
                filled = None  # freed before the next one needs as much room
                samples = source.samples(training)
        if filled is None:
            on_step("training")
            index = _trained_codes(samples.pop()[1], nlist, policy.seed)
            on_step("adding")
            # They observe only once.
            filled = _FilledIndex(index, source, _observers(benchmarks if previous is None else []))
            trained_on = source.count
        index = filled.index
        details: dict[str, float | int | str] = {
            "nlist": nlist,
            "trained_on": trained_on,
            "imbalance": round(float(index.invlists.imbalance_factor()), 4),
        }
        on_step("calibrating")
        details |= calibrated(filled.scanned(), policy, benchmarks)
        built = CompressedIndex(index, filled.sizes, filled.rows.read, details, policy)
        return BuiltIndex(built, details, filled.write)

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> CompressedIndex:
        """Open an index file, memory-mapped. Raises SnapshotError if it is not a valid index."""
        try:
            with path.open("rb") as file:
                file.seek(-_TRAILER.size, 2)
                magic, start = _TRAILER.unpack(file.read())
                if magic != _MAGIC:
                    raise ValueError("it is not complete")
                file.seek(start)
                lists = map_array(path, file)
                rows = open_rows(path, file)
            index = faiss.read_index(str(path))
            _map_lists(index, str(path), lists)
            sizes = lists[:, 0].astype(np.int64)
        except (OSError, ValueError, RuntimeError, MemoryError, AttributeError) as error:
            raise _unreadable(path, error) from error
        return CompressedIndex(index, sizes, lambda: rows, details, policy)


def _reusable(
    context: BuildContext, nlist: int, open_index: Callable[[Path, Details, IndexPolicy], _Opened]
) -> _Opened | None:
    """Return the previous index, unless it has other lists or the library has outgrown it."""
    previous = context.previous
    if previous is None or previous.details.get("nlist") != nlist:
        return None
    trained_on = int(previous.details.get("trained_on", 0))
    if context.source.count >= context.policy.retrain_growth * trained_on:
        return None
    try:
        return open_index(previous.verified_path(), previous.details, context.policy)
    except SnapshotError:
        return None  # this build replaces it anyway


def _mapped(path: Path) -> Any:
    """Read the index in FAISS's format at the beginning of a file, its lists memory-mapped."""
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    # FAISS would start 32 threads at every search to read ahead, which doubles its time.
    faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
    return index


def _unreadable(path: Path, error: Exception) -> SnapshotError:
    reason = str(error).strip().splitlines()[-1:]
    return SnapshotError(
        Sentence(
            f"Cannot read the index file {path} ({''.join(reason)}). Rebuild it: ",
            CommandLine("rebuild"),
        )
    )


def _train(index: Any, sample: Vectors, seed: int) -> None:
    """Find the centres by spherical k-means, on a GPU if FAISS has one.

    The same sample and seed give the same centres.
    """
    index.cp.spherical = True
    index.cp.seed = seed
    index.cp.niter = _ROUNDS
    index.cp.max_points_per_centroid = _POINTS_PER_LIST
    if getattr(faiss, "get_num_gpus", lambda: 0)() > 0:
        index.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(index.d))
    index.train(np.ascontiguousarray(sample, np.float32))
    index.clustering_index = None


def _candidates(
    index: Any,
    sizes: Ids,
    queries: Vectors,
    setting: ScanSetting,
    passing: _Filter | _LeftIn | None = None,
    scores: Vectors | None = None,
) -> list[Ids]:
    """Return for each query row the candidates with the best code scores, best first.

    The compared lists always hold as many vectors as candidates are wanted, even if few lists are
    near: with too few candidates, every vector would be scored. `scores` are the scores of the
    centres, if known.
    """
    k = min(setting.candidates, int(index.ntotal))
    share, selector = (1.0, None) if passing is None else (passing.share, passing.selector)
    results: list[Ids] = []
    step = max(1, _BLOCK_RESULTS // max(k, int(index.nlist)))
    for start in range(0, len(queries), step):
        block = np.ascontiguousarray(queries[start : start + step], np.float32)
        of_block = _scores_of_centres(index, block) if scores is None else scores[start:][:step]
        near = [_lists_to_compare(row, sizes, setting, k / share) for row in of_block]
        nprobe = max(map(len, near))
        lists = np.full((len(block), nprobe), -1, np.int64)  # FAISS skips -1
        list_scores = np.zeros(lists.shape, np.float32)
        for row, own in enumerate(near):
            lists[row, : len(own)], list_scores[row, : len(own)] = own, of_block[row, own]
        found = np.empty((len(block), k), np.float32), np.empty((len(block), k), np.int64)
        # FAISS's method for Python reads the number of lists from the index, which all threads
        # share.
        index.search_preassigned_c(
            len(block),
            faiss.swig_ptr(block),
            k,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(list_scores),
            *map(faiss.swig_ptr, found),
            False,
            faiss.SearchParametersIVF(nprobe=nprobe, sel=selector),
        )
        results += [row[row >= 0] for row in found[1]]
    return results


def _scores_of_centres(index: Any, queries: Vectors) -> Vectors:
    """Return the scores of each query row with the centre of each list: (queries, lists)."""
    dim, nlist = int(index.d), int(index.nlist)
    scores = np.empty((len(queries), nlist), np.float32)
    centres = faiss.downcast_index(index.quantizer).get_xb()
    if len(queries) == 1:  # BLAS takes longer when the centres are not in the processor's cache
        pointers = map(faiss.swig_ptr, (scores, queries))
        faiss.fvec_inner_products_ny(*pointers, centres, dim, nlist)
    else:
        array = faiss.rev_swig_ptr(centres, nlist * dim).reshape(nlist, dim)
        np.matmul(queries, array.T, out=scores)
    return scores


def _nearest_lists(scores: Vector, count: int, least: float = -inf) -> Ids:
    """Return the lists with the best centres, best first: at most `count`, scores from `least`."""
    lists = np.flatnonzero(scores >= least)
    if len(lists) > count:
        lists = lists[np.argpartition(-scores[lists], count - 1)[:count]]
    return lists[np.argsort(-scores[lists])]


def _lists_to_compare(scores: Vector, sizes: Ids, setting: ScanSetting, vectors: float) -> Ids:
    """Return the lists that a setting chooses by the scores of their centres, best first.

    Further lists follow if these have fewer vectors than wanted.
    """
    best = float(np.fmax.reduce(scores))  # NaN, the score of a damaged centre, is left out
    lists = _nearest_lists(scores, setting.nprobe, best - setting.gap)
    if len(lists) < setting.nprobe and sizes[lists].sum() < vectors:
        lists = _nearest_lists(scores, setting.nprobe)
        lists = lists[: np.searchsorted(np.cumsum(sizes[lists]), vectors) + 1]
    return lists


def _cost(index: Any, setting: ScanSetting) -> float:
    """Return the cost of a query, as the number of codes compared in the same time."""
    vectors = int(index.ntotal)
    compared = vectors * setting.nprobe / int(index.nlist)
    return compared + CODES_PER_ROW * min(setting.candidates, vectors)


def _recall_by_depth(
    filled: _FilledIndex, benchmark: RecallBenchmark, setting: ScanSetting
) -> Vector:
    """Return the recall@10 of a benchmark's queries with the first 1, 2, 3, … candidates only."""
    depth = min(setting.candidates, int(filled.index.ntotal))
    found = filled.candidates(benchmark.queries, setting)
    return benchmark.recall_by_depth([filled.photos.ids[row] for row in found], depth)


def _code_lists(dim: int, nlist: int, centroids: Vectors | None = None) -> Any:
    """Make empty lists of codes of four bits for every two dimensions."""
    quantizer = faiss.IndexFlatIP(dim)
    if centroids is not None:
        quantizer.add(np.ascontiguousarray(centroids, np.float32))
    codes = dim if dim % 2 else dim // 2
    index = faiss.IndexIVFPQFastScan(
        quantizer, dim, nlist, codes, _BITS, faiss.METRIC_INNER_PRODUCT, _BLOCK_CODES
    )
    index.by_residual = True  # the same time, and half the candidates for the same recall
    index.parallel_mode = 0
    return index


def _trained_codes(sample: Vectors, nlist: int, seed: int) -> Any:
    """Make empty lists of codes, with centres and a quantiser trained on a sample."""
    index = _code_lists(sample.shape[1], nlist)
    if len(sample) < 1 << _BITS:  # the number of points of a quantiser
        sample = np.resize(sample, (1 << _BITS, sample.shape[1]))
    _train(index, sample, seed)
    return index


Observer: TypeAlias = Callable[[Ids, Vectors], None]


class _FilledIndex:
    """An index with codes of all vectors of a source, its lists in an unnamed file.

    A vector that `known` has as well goes into the same list, if it is the only one of its photo
    there: finding the nearest centre would take half of the time. Raises DiskError if the disk is
    full.
    """

    def __init__(
        self,
        index: Any,
        source: VectorSource,
        observers: Sequence[Observer],
        known: StoredRows | None = None,
    ) -> None:
        self.index = index
        self.rows = RowsWriter(source)
        try:
            self._fill(source, observers, known)
        except OSError as error:
            raise disk_error(source.scratch or Path(gettempdir()), error) from error

    def _fill(
        self, source: VectorSource, observers: Sequence[Observer], known: StoredRows | None
    ) -> None:
        index = self.index
        self._codes = CodeLists(
            int(index.nlist), int(index.code_size), _BLOCK_CODES, source.count, source.scratch
        )
        for ids, vectors in source.chunks():
            vectors = np.ascontiguousarray(vectors, np.float32)
            lists = _lists_of(index, ids, vectors, known)
            self._codes.add(lists, _encoded(index, vectors, lists))
            self.rows.note(ids, vectors, lists)
            for observe in observers:
                observe(ids, vectors)
        self._without_lists = faiss.serialize_index(index).tobytes()
        packer = index.get_CodePacker()
        self._lists = mapped_scratch(
            self._codes.size_bytes,
            source.scratch,
            lambda path: _map_lists(index, path, self._codes.table(0)),
        )
        finalize(self, close_scratch, self._lists)
        self._codes.write(self._lists, partial(_packed, packer), self.rows.positions())
        self._lists.flush()

    @property
    def sizes(self) -> Ids:
        """The number of vectors in each list."""
        return self._codes.sizes

    def scanned(self) -> Scanned:
        """Return the view of the index that a calibration needs."""
        nlist = int(self.index.nlist)
        return Scanned(
            self.photos,
            self.sizes,
            lambda queries: self.index.quantizer.search(queries, nlist),
            self.candidates,
        )

    def candidates(self, queries: Vectors, setting: ScanSetting) -> list[Ids]:
        """Return for each query row the positions of the best codes' vectors, best first."""
        return _candidates(self.index, self.sizes, queries, setting)

    @cached_property
    def photos(self) -> ListsOfPhotos:
        """The photos of the vectors, and their lists."""
        ids, _, lists = self.rows.by_id
        return ListsOfPhotos(ids, lists)

    def write(self, file: BinaryIO) -> None:
        """Write FAISS's index without lists, the lists, their table, and the stored vectors."""
        start = len(self._without_lists) + len(padding(len(self._without_lists)))
        file.write(self._without_lists + padding(len(self._without_lists)))
        self._lists.seek(0)
        copyfileobj(self._lists, file, _COPIED_BYTES)
        end = start + self._codes.size_bytes
        file.write(padding(end))
        npy.write_array(file, self._codes.table(start), version=(1, 0))
        self.rows.write(file, int(self.index.d))
        file.write(_TRAILER.pack(_MAGIC, end + len(padding(end))))


def _lists_of(index: Any, ids: Ids, vectors: Vectors, known: StoredRows | None) -> Ids:
    """Choose the list of each vector."""
    lists = np.full(len(ids), -1) if known is None else known.groups_of_same(ids, vectors)
    new = np.flatnonzero(lists < 0)
    lists[new] = index.quantizer.search(vectors[new], 1)[1][:, 0]
    return lists


def _encoded(index: Any, vectors: Vectors, lists: Ids) -> Codes:
    """Return the code of each vector for its list."""
    codes = np.empty((len(vectors), int(index.code_size)), np.uint8)
    index.encode_vectors(len(vectors), *map(faiss.swig_ptr, (vectors, lists, codes)))
    return codes


def _packed(packer: Any, codes: Codes) -> bytes:
    """Arrange codes, as many as fill whole blocks, in the blocks that fast-scan reads."""
    blocks = np.empty((len(codes) // _BLOCK_CODES, packer.block_size), np.uint8)
    for number, block in enumerate(blocks):
        first = codes[number * _BLOCK_CODES :]
        packer.pack_all(faiss.swig_ptr(first), faiss.swig_ptr(block))
    return blocks.tobytes()


def _observers(benchmarks: Sequence[RecallBenchmark]) -> list[Observer]:
    return [benchmark.observe for benchmark in benchmarks]


def _codes_have_drifted(
    filled: _FilledIndex, previous: CompressedIndex, benchmarks: Sequence[RecallBenchmark]
) -> bool:
    """Return whether the recall of the old lists and codes, searched as before, is now too low."""
    floor = previous.policy.recall_target - previous.policy.recall_drift
    return any(
        _recall_by_depth(filled, each, previous.settings[each.kind])[-1] < floor
        for each in benchmarks
    )


def _write_lists(index: Any, file: BinaryIO) -> None:
    _write(index, file)


def _map_lists(index: Any, path: str, table: NDArray[Any]) -> None:
    """Attach the lists in a file to an empty index, by their table (see CodeLists)."""
    lists = faiss.OnDiskInvertedLists()
    lists.nlist, lists.code_size = int(index.nlist), int(index.code_size)
    ends = table[:, 2] + table[:, 1] * np.uint64(lists.code_size + ID_BYTES)
    size_bytes = Path(path).stat().st_size
    if table.shape != (lists.nlist, 3) or table.dtype != np.uint64 or np.any(ends > size_bytes):
        raise ValueError("its lists are not where they should be")
    lists.lists.resize(lists.nlist)
    faiss.memcpy(lists.lists.data(), faiss.swig_ptr(np.ascontiguousarray(table)), table.nbytes)
    lists.filename, lists.totsize, lists.read_only = path, size_bytes, True
    lists.prefetch_nthread = 0
    lists.do_mmap()
    lists.this.disown()
    index.replace_invlists(lists, True)
    index.ntotal = int(table[:, 0].sum())


def _write(index: Any, file: BinaryIO) -> int:
    """Write the index in FAISS's own format; returns the bytes written. Raises OSError."""
    failures: list[OSError] = []
    written = 0

    def write(block: bytes) -> None:
        nonlocal written
        try:
            written += file.write(block)
        except OSError as error:
            failures.append(error)
            raise

    try:
        faiss.write_index(index, faiss.PyCallbackIOWriter(write, 1 << 22))
    except Exception:
        if failures:  # FAISS turns it into an error of its own, without the errno
            raise failures[0] from None
        raise
    return written


def nearest_rows(vectors: Vectors, k: int, nlist: int, nprobe: int) -> tuple[Vectors, Ids]:
    """Find for each row its k nearest other rows: scores and row numbers, both (n, k).

    The `nprobe` nearest of `nlist` lists are searched, so a neighbour may be missed. Where fewer
    than k are found, the row number is -1. All cores that this process may use take part.
    """
    index = faiss.index_factory(
        vectors.shape[1], "Flat" if nlist < 2 else f"IVF{nlist},Flat", faiss.METRIC_INNER_PRODUCT
    )
    if nlist > 1:
        index.cp.niter, index.cp.min_points_per_centroid = _ROUNDS, 1
        index.cp.max_points_per_centroid = _POINTS_PER_LIST
        index.train(vectors)
        index.nprobe = nprobe
    index.add(vectors)
    scores, rows = index.search(vectors, k + 1)
    # A row is usually its own first neighbour, but not where others are equal to it.
    own = rows == np.arange(len(vectors))[:, None]
    own[~own.any(axis=1), -1] = True
    return scores[~own].reshape(-1, k), rows[~own].reshape(-1, k)


def _flat_lists(dim: int, nlist: int, centroids: Vectors | None = None) -> Any:
    """Make empty lists of whole vectors, ready to be filled if the centroids are known."""
    quantizer = faiss.IndexFlatIP(dim)
    if centroids is not None:
        quantizer.add(np.ascontiguousarray(centroids, np.float32))
    index = faiss.IndexIVFFlat(quantizer, dim, nlist, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = centroids is not None
    return index


def _search(index: Any, queries: Vectors, k: int, only: Ids | None) -> list[Neighbours]:
    """Search all lists with FAISS."""
    queries = np.ascontiguousarray(queries, np.float32)
    results: list[Neighbours] = []
    step = max(1, _BLOCK_RESULTS // k)
    # The parameters go with the call: the index is shared between threads.
    selector = None if only is None else _selector(only)
    parameters = faiss.SearchParametersIVF(nprobe=int(index.nlist), sel=selector)
    for start in range(0, len(queries), step):
        scores, ids = index.search(queries[start : start + step], k, params=parameters)
        results += [_neighbours(*row) for row in zip(ids, scores, strict=True)]
    return results


def _centroids(index: Any) -> Vectors:
    return np.asarray(index.quantizer.reconstruct_n(0, int(index.nlist)), np.float32)


def _selector(only: Ids) -> Any:
    """Return a filter as a selector of FAISS, which keeps the bitmap alive."""
    if int(only[-1]) >= _BITMAP_IDS:
        return faiss.IDSelectorBatch(only)
    mask = np.zeros(int(only[-1]) + 1, np.bool_)
    mask[only] = True
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _neighbours(ids: Ids, scores: Vector) -> Neighbours:
    """Return a row of FAISS's results without its -1, equal scores in the order of ids."""
    found = ids >= 0
    ids, scores = ids[found], scores[found]
    order = np.lexsort((ids, -scores))
    return Neighbours(ids[order], scores[order])
