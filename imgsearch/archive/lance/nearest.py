"""The nearest photos of a query: exactly, or through Lance's index, and how that is calibrated.

The index is of the kind IVF_RQ: partitions of vectors that are near each other, and in each a few
bits for every dimension. It finds candidates; these are scored by the vectors themselves, so
scores are always exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil, log
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from imgsearch.archive.lance.rows import vectors_in
from imgsearch.archive.lance.tables import FIRST_PARTS, View, is_one_of
from imgsearch.archive.lance.vector_files import (
    LIST_COLUMNS,
    Addresses,
    Fragment,
    PartRows,
    VectorFiles,
    fragments_of,
)
from imgsearch.caches import MemoryCache
from imgsearch.index.flat import NO_NEIGHBOURS
from imgsearch.index.recall import RecallBenchmark
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

QueryKind = Literal["text", "image"]
INDEX_NAME = "vectors"
CONFIG_KEY = "imgsearch.search"  # in the configuration of the table of photos
_CALIBRATED_K = 10
_LARGEST_DEPTH = 400  # candidates that a calibration looks at
_LARGEST_FILTERED_DEPTH = 1_000
SAMPLE_SHARE = 1 / 20  # of the photos, as a filter for calibration
_SAMPLE_BOUND = 2**63 // 20
_IN_SAMPLE = f"id < {_SAMPLE_BOUND}"
_LARGEST_POWER = 2.0  # for a filter of a 400th
_ENOUGH_DEPTH = 120  # more candidates cost more than further partitions do
_FILTER_POWER = 0.4  # see docs/decisions/0028: of the share that passes a filter
_SCAN_ROWS = 8_192
_ROWS_READ_AT_ONCE = 100_000  # of columns, by a search: 15 MB
_MOST_ADDRESSES = 10_000  # of photos that were found: some 2 MB
_MATCHING_BYTES = 16_000_000  # of conditions and the addresses of their rows, 8 bytes each
_SPARE = 1.5  # times the candidates that a filter is expected to leave
_MOST_UNFILTERED = 6_000  # candidates that are looked through for those that pass a filter


class LancePolicy(Struct, frozen=True):
    """When tables get indexes, and how good these must be. Numbers count vectors."""

    index_from: int = 5_000  # fewer are compared one by one, which is exact
    exact_filter_rows: int = 500  # if a filter leaves this few rows, all of them are scored
    scalar_index_from: int = 5_000
    unindexed_rows: int = 2_000  # this few stay without index, if they are a twentieth or less
    bits: int = 3  # of a dimension in the index
    rows_per_fragment: int = 1 << 20  # of a settled table, as Lance has it
    seed: int = 20_261
    recall_target: float = 0.98  # recall@10
    recall_margin: float = 0.005  # calibration aims above the target
    recall_drift: float = 0.01  # an index this far below the target is trained anew
    queries: int = 128  # of each kind in a calibration
    sample: int = 20_000  # photos, for the mean of the score baseline
    keep_minutes: float = 10.0  # how long readers may still read a version that was replaced


USUAL_POLICY = LancePolicy()


class SearchEffort(Struct, frozen=True):
    """The settings for one kind of query, and the recall@10 measured with them.

    `depth` is how many candidates are scored for ten results; `filtered_depth` how many under a
    filter that `SAMPLE_SHARE` of the photos pass, which are further from the query.
    """

    probes: int  # partitions
    depth: int
    filtered_depth: int
    recall: float
    filtered_recall: float

    def depth_for(self, k: int, share: float) -> int:
        """The number of candidates to score for k results, for the share that passes a filter."""
        power = min(log(share) / log(SAMPLE_SHARE), _LARGEST_POWER)
        growth = max(1.0, self.filtered_depth / self.depth)
        return ceil(self.depth * float(growth**power)) + 3 * max(0, k - _CALIBRATED_K)


class SearchSettings(Struct, frozen=True):
    """The search settings of one version of the index.

    `segments` are the parts of the index that this holds for. `text` is None where no texts could
    be embedded when it was calibrated.
    """

    segments: tuple[str, ...]
    partitions: int
    image: SearchEffort
    text: SearchEffort | None

    def effort(self, kind: QueryKind) -> SearchEffort:
        """The settings for a kind of query."""
        return self.text if kind == "text" and self.text is not None else self.image


_settings_of = msgspec.json.Decoder(SearchSettings).decode


def settings_text(settings: SearchSettings) -> str:
    """The settings as the table's configuration has them."""
    return msgspec.json.encode(settings).decode()


def segments_of(dataset: Any) -> tuple[str, ...]:
    """The parts of the index of vectors; none without an index."""
    return tuple(
        sorted(
            str(segment.uuid)
            for index in dataset.describe_indices()
            if index.name == INDEX_NAME
            for segment in index.segments
        )
    )


def indexed_rows(dataset: Any) -> int:
    """The number of rows in the index of vectors."""
    indexes = dataset.describe_indices()
    return sum(index.num_rows_indexed for index in indexes if index.name == INDEX_NAME)


def _unindexed(dataset: Any) -> list[Any]:
    """The fragments (lance.LanceFragment) that are not in the index of vectors."""
    indexed = {
        number
        for index in dataset.describe_indices()
        if index.name == INDEX_NAME
        for segment in index.segments
        for number in segment.fragment_ids
    }
    return [each for each in dataset.get_fragments() if each.fragment_id not in indexed]


class _Scorable(Struct, frozen=True, eq=False):
    """Rows of the table of photos: the photos (n,) and vectors (n, dim)."""

    ids: Ids
    vectors: Vectors


class PhotoVectorsView(Struct, frozen=True):
    """The vectors of one version of the table of photos, and how they are searched.

    `settings` are None where there is no index, or none that was calibrated: then all partitions
    are searched. `unindexed` are the fragments (lance.LanceFragment) that are not in the index.
    `files` are copies of the vectors on this machine, if any are made. With them, `addresses` has
    those of the photos that were found last: of their first parts, by photo. `matching` has those
    of all rows that fulfil a condition, by condition: one answer asks several times for the same.
    """

    view: View
    segments: tuple[str, ...]
    settings: SearchSettings | None
    rows: int
    policy: LancePolicy
    unindexed: tuple[Any, ...] = ()
    files: VectorFiles | None = None
    fragments: tuple[Fragment, ...] = ()  # where there are files
    addresses: MemoryCache[int] = field(default_factory=lambda: MemoryCache(_MOST_ADDRESSES))
    matching: MemoryCache[str] = field(default_factory=lambda: MemoryCache(_MATCHING_BYTES))
    from_files: MemoryCache[str] = field(default_factory=lambda: MemoryCache(3))

    @classmethod
    def of(
        cls, view: View, policy: LancePolicy, files: VectorFiles | None = None
    ) -> PhotoVectorsView:
        """The vectors of a version."""
        segments = segments_of(view.dataset)
        settings = None
        with suppress(msgspec.DecodeError):  # none, or settings of another version
            settings = _settings_of(view.dataset.config().get(CONFIG_KEY, ""))
        if settings is not None and settings.segments != segments:
            settings = None
        unindexed = tuple(_unindexed(view.dataset))
        fragments = () if files is None else fragments_of(view)
        return cls(view, segments, settings, view.count(), policy, unindexed, files, fragments)

    def nearest(self, query: Vector, k: int, condition: str | None, kind: QueryKind) -> Neighbours:
        """The k nearest photos that fulfil a condition: best first, equal scores by id."""
        matching = self.rows if condition is None else self.count(condition)
        if k <= 0 or not matching:
            return NO_NEIGHBOURS
        if not self.segments or matching <= self.policy.exact_filter_rows:
            return self.nearest_exactly(query, k, condition)
        share = matching / self.rows
        effort = None if self.settings is None else self.settings.effort(kind)
        depth = 4 * k + _LARGEST_DEPTH if effort is None else effort.depth_for(k, share)
        while depth < matching / 4:
            rows = self._candidates(query, depth, effort, condition, share)
            found = self._best_of(k, query, rows)
            if len(found.ids) == k:
                return found
            if len(rows.ids) < depth:
                break
            depth *= 4  # several candidates are parts of one photo
        return self.nearest_exactly(query, k, condition)

    def _candidates(
        self,
        query: Vector,
        depth: int,
        effort: SearchEffort | None,
        condition: str | None,
        share: float,
    ) -> PartRows | _Scorable:
        """The rows that the index takes for the nearest.

        The condition is fulfilled by this share of all rows.
        """
        probes = None
        if effort is not None and self.settings is not None:
            # Partitions are added where these have too few rows that fulfil the condition.
            probes = ceil(effort.probes * (1 / share) ** _FILTER_POWER)
            probes = min(probes, self.settings.partitions)
        stored = self._stored_candidates(query, depth, probes, condition, share)
        if stored is not None:
            return stored
        options = _options(query, depth, probes, condition)
        rows = self.view.read(("id", "vector"), condition, **options)
        return _Scorable(rows["id"].to_numpy(), vectors_in(rows))

    def _best_of(self, k: int, query: Vector, rows: PartRows | _Scorable) -> Neighbours:
        """The k best photos of rows. Of those from files, the addresses of first parts are kept."""
        found = _best(k, rows.ids, rows.vectors @ query)
        if isinstance(rows, PartRows):
            is_first = (rows.parts == 0) & np.isin(rows.ids, found.ids)
            ids, addresses = rows.ids[is_first].tolist(), rows.addresses[is_first].tolist()
            self.addresses.keep_all(dict(zip(ids, addresses, strict=True)), None)
        return found

    def _stored_candidates(
        self,
        query: Vector,
        depth: int,
        probes: int | None,
        condition: str | None,
        share: float,
    ) -> PartRows | None:
        """The candidates of the index, and all rows that it does not have, as `stored_rows`.

        Lance would compare both by their vectors, and read those of all candidates for that.
        """
        if self.files is None or self.lacks_files():
            return None
        found = self._unfiltered_candidates(query, depth, probes, condition, share)
        if found is None:
            options = _options(query, depth, probes, condition)
            found = self.view.addresses(condition, fast_search=True, **options)
        if self.unindexed:
            others = self.view.addresses_in(self.unindexed, condition)
            found = np.concatenate([found, others])
        return self._rows_at(found)

    def _unfiltered_candidates(
        self,
        query: Vector,
        depth: int,
        probes: int | None,
        condition: str | None,
        share: float,
    ) -> Addresses | None:
        """As many candidates that fulfil a condition, chosen from more without it.

        Lance would ask again which rows fulfil it, which is known and may take longer than the
        search. In the same partitions, the best of these are the same. None for a condition that
        few rows fulfil, or too few of those near the query.
        """
        wanted = ceil(_SPARE * depth / share)
        if condition is None or probes is None or wanted > min(_MOST_UNFILTERED, self.rows):
            return None
        matching = self._matching(condition)
        if matching is None:
            return None
        options = _options(query, wanted, probes, None)
        found = self.view.addresses(None, fast_search=True, **options)
        found = found[_is_among(found, matching)]
        return found if len(found) >= depth else None

    def count(self, condition: str) -> int:
        """The number of rows that fulfil a condition."""

        def rows() -> int | None:
            matching = self._matching(condition)
            return None if matching is None else len(matching)

        return self.view.count(condition, rows)

    def count_photos(self, condition: str) -> int:
        """The number of photos that fulfil a condition: their first parts do."""
        rows = self.count(condition)
        if not rows or self.view.count(FIRST_PARTS) == self.rows:
            return rows

        def photos() -> int | None:
            columns = self._columns_of(condition, ["part"])
            return None if columns is None else int(np.sum(columns["part"].to_numpy() == 0))

        return self.view.count(f"({FIRST_PARTS}) AND ({condition})", photos)

    def within(self, ids: Sequence[int], condition: str) -> set[int] | None:
        """The photos among these that fulfil a condition; None unless that is known of all."""
        is_known = self.matching.known(condition, None) is not None
        columns = self._columns_of(condition, ["id"]) if is_known else None
        if columns is None:
            return None
        wanted = np.array(ids, np.int64)
        return set(wanted[np.isin(wanted, columns["id"].to_numpy())].tolist())

    def _columns_of(self, condition: str, columns: Sequence[str]) -> Any:
        """Some of `LIST_COLUMNS` (a pyarrow.Table) of the rows that fulfil a condition.

        None without files, and for no rows.
        """
        matching = self._matching(condition)
        if self.files is None or matching is None:
            return None
        return self.files.columns_at(self.fragments, matching, columns)

    def _matching(self, condition: str) -> Addresses | None:
        """The addresses of the rows that fulfil a condition, sorted; None without files."""
        if self.files is None or not self._has_columns():
            return None
        matching: Addresses = self.matching.get(
            condition,
            lambda: np.sort(self.view.addresses(condition)),
            lambda: None,
            lambda addresses: addresses.nbytes + len(condition),
        )
        return matching

    def _has_columns(self) -> bool:
        """Whether files of columns of all fragments are read. Large ones are not read for this."""
        if self.from_files.known("columns", None):
            return True
        return self.rows <= _ROWS_READ_AT_ONCE and self._read_columns()

    def _read_columns(self) -> bool:
        """Whether there are files of columns of all fragments. Each is read once in a process."""
        has_them = self.files is not None and self.files.has_columns(self.fragments)
        if has_them:
            self.from_files.keep("columns", None, True)
        return has_them

    def stored_rows(self, condition: str | None) -> PartRows | None:
        """The rows that fulfil a condition, from the files on this machine; None if one has none.

        The storage is asked for their addresses, which its indexes know.
        """
        if self.files is None or self.lacks_files():
            return None
        matching = None if condition is None else self._matching(condition)
        return self._rows_at(self.view.addresses(condition) if matching is None else matching)

    def stored_parts(self, ids: Sequence[int], *, only_several: bool = False) -> PartRows | None:
        """All rows of these photos, or of those with several parts, as `stored_rows` finds them.

        The storage is asked for addresses only of photos that were not found lately, or that have
        several parts.
        """
        if self.files is None or self.lacks_files():
            return None
        further = self._with_further_parts()
        if further is None:
            return self._rows_at(self._addresses_of(ids, {}))
        wanted = np.array(ids, np.int64)
        has_several = np.isin(wanted, further)
        known: dict[int, int] = {}
        if only_several:
            wanted = wanted[has_several]
        else:
            known = self.addresses.known_among(wanted[~has_several].tolist(), None)
        return self._rows_at(self._addresses_of(wanted.tolist(), known))

    def stored_records(self, ids: Sequence[int]) -> list[dict[str, Any]] | None:
        """The records of the first parts of these photos, as `stored_parts` finds them."""
        if self.files is None or self.lacks_files():
            return None
        known = self.addresses.known_among(ids, None)
        records = self.records_at(self._addresses_of(ids, known))
        if records is None:
            self.from_files.clear()
            return None
        return [each for each in records if each["part"] == 0]

    def _addresses_of(self, ids: Sequence[int], known: Mapping[int, int]) -> Addresses:
        """The addresses of the rows of these photos, of which some are known."""
        addresses = np.fromiter(known.values(), np.uint64, len(known))
        others = [each for each in ids if each not in known]
        if not others:
            return addresses
        return np.concatenate([addresses, self.view.addresses(is_one_of("id", others))])

    def _rows_at(self, addresses: Addresses) -> PartRows | None:
        assert self.files is not None
        rows = self.files.rows_at(self.fragments, self.view.encoder.dim, addresses)
        if rows is None:
            self.from_files.clear()  # one was damaged or deleted
        return rows

    def _with_further_parts(self) -> Ids | None:
        """The photos with several parts, sorted, and some that were deleted; None without files."""
        assert self.files is not None
        known = self.from_files.known("further", None)
        if isinstance(known, np.ndarray):
            return known
        further = self.files.with_further_parts(self.fragments) if self._has_columns() else None
        if further is not None:
            self.from_files.keep("further", None, further)
        return further

    def records_at(self, addresses: Any) -> list[dict[str, Any]] | None:
        """The records of the rows at these addresses, also of deleted ones; None without files."""
        return None if self.files is None else self.files.records_at(self.fragments, addresses)

    def listed_rows(self, condition: str | None) -> Any:
        """`LIST_COLUMNS` (a pyarrow.Table) of the rows that fulfil a condition, or of all rows.

        From the files on this machine, which are made where searches make files; the storage is
        asked for their addresses. None without files, and for no rows.
        """
        if self.files is None:
            return None
        if self.files.made_by_searches:
            self.files.make_columns(self.view, self.fragments)
        if not self._read_columns():
            return None
        if condition is not None:
            return self._columns_of(condition, LIST_COLUMNS)
        return self.files.columns_at(self.fragments, np.sort(self.view.addresses()))

    def make_files(self, most_rows: int | None = None) -> None:
        """Make the files of the vectors that have none, if these are `most_rows` at most."""
        if self.files is not None:
            self.files.make(self.view, self.fragments, most_rows)

    def prepare(self) -> None:
        """Make all files that are wanted, and read what many searches need of them."""
        self.make_files()
        if self.files is not None:
            self.files.make_columns(self.view, self.fragments)
        if self._read_columns():
            self._with_further_parts()

    def is_prepared(self) -> bool:
        """Whether `prepare` would do nothing."""
        if self.files is None:
            return True
        return self.from_files.known("columns", None) is not None and not self.lacks_files()

    def lacks_files(self) -> bool:
        """Whether files are wanted of more vectors than there are."""
        if self.files is None or self.from_files.known("complete", None):
            return False
        lacking = bool(self.files.lacking(self.fragments, self.view.encoder.dim))
        if not lacking:
            self.from_files.keep("complete", None, True)
        return lacking

    def nearest_exactly(self, query: Vector, k: int, condition: str | None) -> Neighbours:
        """The k nearest photos, by comparing every vector that fulfils the condition."""
        stored = self.stored_rows(condition)
        if stored is not None:
            return self._best_of(k, query, stored)
        ids: list[Ids] = []
        scores: list[Vector] = []
        for batch in self.view.batches(["id", "vector"], condition, _SCAN_ROWS):
            ids.append(batch["id"].to_numpy())
            scores.append(vectors_in(batch) @ query)
        if not ids:
            return NO_NEIGHBOURS
        return _best(k, np.concatenate(ids), np.concatenate(scores))


def _options(
    query: Vector, depth: int, probes: int | None, condition: str | None
) -> dict[str, Any]:
    """The options of a search for `depth` candidates, in all partitions without `probes`."""
    nearest: dict[str, Any] = {"column": "vector", "q": query, "k": depth}
    if probes is None:
        nearest["search_effort"] = 1.0
    else:
        nearest["minimum_nprobes"] = probes
    return {
        "nearest": nearest,
        "prefilter": condition is not None,
        "disable_scoring_autoprojection": True,
    }


def _is_among(addresses: Addresses, others: Addresses) -> NDArray[np.bool_]:
    """Which of these addresses are among others, which are sorted."""
    at = np.minimum(np.searchsorted(others, addresses), len(others) - 1)
    return np.equal(others[at], addresses)


def _best(k: int, ids: Ids, scores: Vector) -> Neighbours:
    """The k best photos of rows, each by its best part; equal scores by id."""
    order = np.lexsort((ids, -scores))
    _, first = np.unique(ids[order], return_index=True)
    chosen = order[np.sort(first)[:k]]
    return Neighbours(ids[chosen].astype(np.int64), scores[chosen].astype(np.float32))


# ------------------------------------------------------------------------- calibration


class _Trial(Struct, frozen=True):
    """Queries of one kind with their exact results, among all photos and among some of them.

    Ids are as good as random, so those below a bound are a random sample that an index can find.
    """

    everywhere: RecallBenchmark
    filtered: RecallBenchmark

    @classmethod
    def of(cls, kind: QueryKind, queries: Vectors, own: Ids | None = None) -> _Trial:
        return cls(RecallBenchmark(kind, queries, own), RecallBenchmark(kind, queries, own))

    def observe(self, ids: Ids, vectors: Vectors) -> None:
        self.everywhere.observe(ids, vectors)
        is_below = ids < _SAMPLE_BOUND
        self.filtered.observe(ids[is_below], vectors[is_below])


def calibrated(
    found: PhotoVectorsView, partitions: int, images: tuple[Ids, Vectors], texts: Vectors | None
) -> SearchSettings:
    """The settings with which an index reaches the recall wanted at the least cost.

    `images` are photos, and texts are vectors of captions, to search by. Every vector is read once,
    for the exact results.
    """
    image = _Trial.of("image", images[1], images[0])
    text = None if texts is None else _Trial.of("text", texts)
    for batch in found.view.batches(["id", "vector"], None, _SCAN_ROWS):
        ids, vectors = batch["id"].to_numpy(), vectors_in(batch)
        for trial in (image, text):
            if trial is not None:
                trial.observe(ids, vectors)
    return SearchSettings(
        found.segments,
        partitions,
        _cheapest(found, partitions, image),
        None if text is None else _cheapest(found, partitions, text),
    )


def _cheapest(found: PhotoVectorsView, partitions: int, trial: _Trial) -> SearchEffort:
    goal = found.policy.recall_target + found.policy.recall_margin
    best = (0.0, partitions, _LARGEST_DEPTH)  # recall, probes, depth
    probes = 0
    while probes < partitions:
        probes = min(2 * probes or 1, partitions)
        curve = _recall_by_depth(found, probes, trial.everywhere, _LARGEST_DEPTH)
        depth = _enough(curve, goal)
        if curve[depth - 1] >= goal and (depth <= _ENOUGH_DEPTH or probes == partitions):
            best = (float(curve[depth - 1]), probes, depth)
            break
        if curve[-1] >= best[0]:
            best = (float(curve[-1]), probes, len(curve))
    recall, probes, depth = best
    wider = min(partitions, ceil(probes * (1 / SAMPLE_SHARE) ** _FILTER_POWER))
    curve = _recall_by_depth(found, wider, trial.filtered, _LARGEST_FILTERED_DEPTH, _IN_SAMPLE)
    filtered_depth = _enough(curve, goal)
    return SearchEffort(probes, depth, filtered_depth, recall, float(curve[filtered_depth - 1]))


def _enough(curve: Vector, goal: float) -> int:
    """The fewest candidates whose recall reaches the goal; all of the curve where none does."""
    reached = np.flatnonzero(curve >= goal)
    fewest = int(reached[0]) + 1 if len(reached) else len(curve)
    return min(max(fewest, 2 * _CALIBRATED_K), len(curve))


def _recall_by_depth(
    found: PhotoVectorsView,
    probes: int,
    benchmark: RecallBenchmark,
    depth: int,
    condition: str | None = None,
) -> Vector:
    """Recall@10 with the best of the first 1, 2, … candidates of exactly this many partitions."""
    depth = min(depth, found.rows)
    candidates = []
    for query in benchmark.queries:
        rows = found.view.read(
            ["id"],
            condition,
            nearest={"column": "vector", "q": query, "k": depth, "nprobes": probes},
            prefilter=condition is not None,
            disable_scoring_autoprojection=True,
        )
        candidates.append(rows["id"].to_numpy())
    return benchmark.recall_by_depth(candidates, depth)


def first_by_content(view: View, count: int) -> Vectors:
    """The vectors (n, dim) of the `count` whole photos with the lowest content hashes, in order.

    An id is the beginning of a hash, so an index finds them.
    """
    photos = view.count(FIRST_PARTS)
    share = min(1.0, _SPARE * count / max(1, photos))
    while True:
        last = min(int(2**63 * share), 2**63) - 1
        rows = view.read(["id", "vector"], f"{FIRST_PARTS} AND id <= {last}")
        if rows.num_rows >= count or share >= 1:
            return vectors_in(rows.sort_by("id").slice(0, count))
        share = min(1.0, 2 * share)


def sample_rows(view: View, count: int, seed: int) -> tuple[Ids, Vectors]:
    """A random sample of whole photos: ids and vectors; the same seed gives the same ones."""
    total = view.count()
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.choice(total, min(count, total), replace=False))
    table = view.dataset.take(rows.tolist(), columns=["id", "part", "vector"])
    wholes = table.filter(_is_whole(table))
    return wholes["id"].to_numpy(), vectors_in(wholes)


def _is_whole(table: Any) -> Any:
    import pyarrow.compute as pc

    return pc.equal(table["part"], 0)
