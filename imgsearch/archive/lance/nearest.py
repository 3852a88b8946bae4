"""The nearest photos of a query: exactly, or through Lance's index, and how that is calibrated.

The index is of the kind IVF_RQ: partitions of vectors that are near each other, and in each a few
bits for every dimension. It finds candidates; these are scored by the vectors themselves, so
scores are always exact.
"""

from __future__ import annotations

from contextlib import suppress
from math import ceil, log
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from imgsearch.archive.lance.rows import vectors_in
from imgsearch.archive.lance.tables import FIRST_PARTS, View
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
_SPARE = 1.5  # times the photos that a range of ids is expected to have


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
        """Return the number of candidates to score for k results, by the share that passes."""
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
        """Return the settings for a kind of query."""
        return self.text if kind == "text" and self.text is not None else self.image


_settings_of = msgspec.json.Decoder(SearchSettings).decode


def settings_text(settings: SearchSettings) -> str:
    """Return the settings as the table's configuration has them."""
    return msgspec.json.encode(settings).decode()


def segments_of(dataset: Any) -> tuple[str, ...]:
    """Return the parts of the index of vectors; none without an index."""
    return tuple(
        sorted(
            str(segment.uuid)
            for index in dataset.describe_indices()
            if index.name == INDEX_NAME
            for segment in index.segments
        )
    )


def indexed_rows(dataset: Any) -> int:
    """Return the number of rows in the index of vectors."""
    indexes = dataset.describe_indices()
    return sum(index.num_rows_indexed for index in indexes if index.name == INDEX_NAME)


class PhotoVectorsView(Struct, frozen=True):
    """The vectors of one version of the table of photos, and how they are searched.

    `settings` are None where there is no index, or none that was calibrated: then all partitions
    are searched.
    """

    view: View
    segments: tuple[str, ...]
    settings: SearchSettings | None
    rows: int
    policy: LancePolicy

    @classmethod
    def of(cls, view: View, policy: LancePolicy) -> PhotoVectorsView:
        """Return the vectors of a version."""
        segments = segments_of(view.dataset)
        settings = None
        with suppress(msgspec.DecodeError):  # none, or settings of another version
            settings = _settings_of(view.dataset.config().get(CONFIG_KEY, ""))
        if settings is not None and settings.segments != segments:
            settings = None
        return cls(view, segments, settings, view.count(), policy)

    def nearest(self, query: Vector, k: int, condition: str | None, kind: QueryKind) -> Neighbours:
        """Return the k nearest photos that fulfil a condition: best first, equal scores by id."""
        matching = self.rows if condition is None else self.view.count(condition)
        if k <= 0 or not matching:
            return NO_NEIGHBOURS
        if not self.segments or matching <= self.policy.exact_filter_rows:
            return self.nearest_exactly(query, k, condition)
        share = matching / self.rows
        effort = None if self.settings is None else self.settings.effort(kind)
        depth = 4 * k + _LARGEST_DEPTH if effort is None else effort.depth_for(k, share)
        while depth < matching / 4:
            rows = self._candidates(query, depth, effort, condition, share)
            found = _best(k, rows["id"].to_numpy(), vectors_in(rows) @ query)
            if len(found.ids) == k:
                return found
            if rows.num_rows < depth:
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
    ) -> Any:
        """Return the rows (a pyarrow.Table) that the index takes for the nearest.

        The condition is fulfilled by this share of all rows.
        """
        probes = None
        if effort is not None and self.settings is not None:
            # Partitions are added where these have too few rows that fulfil the condition.
            probes = ceil(effort.probes * (1 / share) ** _FILTER_POWER)
            probes = min(probes, self.settings.partitions)
        options = _options(query, depth, probes, condition)
        return self.view.read(("id", "vector"), condition, **options)

    def nearest_exactly(self, query: Vector, k: int, condition: str | None) -> Neighbours:
        """Return the k nearest photos, by comparing every vector that fulfils the condition."""
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
    """Return the options of a search for `depth` candidates, in all partitions without `probes`."""
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


def _best(k: int, ids: Ids, scores: Vector) -> Neighbours:
    """Return the k best photos of rows, each by its best part; equal scores by id."""
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
    """Return the settings with which an index reaches the recall wanted at the least cost.

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
    """Return the fewest candidates whose recall reaches the goal.

    All of the curve where none does.
    """
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
    """Return the vectors (n, dim) of the `count` whole photos with the lowest hashes, in order.

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
    """Return a random sample of whole photos: ids and vectors.

    The same seed gives the same ones.
    """
    total = view.count()
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.choice(total, min(count, total), replace=False))
    table = view.dataset.take(rows.tolist(), columns=["id", "part", "vector"])
    wholes = table.filter(_is_whole(table))
    return wholes["id"].to_numpy(), vectors_in(wholes)


def _is_whole(table: Any) -> Any:
    import pyarrow.compute as pc

    return pc.equal(table["part"], 0)
