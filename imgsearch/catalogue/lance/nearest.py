"""The nearest photos of a query: exactly, or through Lance's index, and how that is calibrated.

The index is of the kind IVF_RQ: partitions of vectors that are near each other, and in each about
one bit for every dimension. It finds candidates; these are scored by the vectors themselves, so
scores are always exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import numpy as np

from imgsearch.catalogue.lance.rows import vectors_in
from imgsearch.catalogue.lance.tables import View
from imgsearch.index.flat import NO_NEIGHBOURS
from imgsearch.index.recall import RecallBenchmark
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vector, Vectors

QueryKind = Literal["text", "image"]
INDEX_NAME = "vectors"
CONFIG_KEY = "imgsearch.search"  # in the configuration of the table of photos
_CALIBRATED_K = 10
_LARGEST_DEPTH = 400  # candidates that a calibration looks at
_ENOUGH_DEPTH = 120  # more candidates cost more than further partitions do
_FILTER_POWER = 0.4  # see docs/decisions/0028: of the share that passes a filter
_SCAN_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class LancePolicy:
    """When tables get indexes, and how good these must be. Numbers count vectors."""

    index_from: int = 5_000  # fewer are compared one by one, which is exact
    exact_filter_rows: int = 5_000  # so are those that a filter leaves, if they are this few
    scalar_index_from: int = 5_000
    seed: int = 20_261
    recall_target: float = 0.98  # recall@10
    recall_margin: float = 0.005  # calibration aims above the target
    recall_drift: float = 0.01  # an index this far below the target is trained anew
    queries: int = 128  # of each kind in a calibration
    sample: int = 20_000  # photos, for the mean of the score baseline
    keep_minutes: float = 10.0  # how long readers may still read a version that was replaced


USUAL_POLICY = LancePolicy()


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How the index of one version is searched, and the recall that was measured with that.

    `segments` are the parts of the index that this holds for.
    """

    segments: tuple[str, ...]
    partitions: int
    probes_text: int
    probes_image: int
    depth_text: int  # candidates for ten results
    depth_image: int
    recall_text: float | None  # None: no texts could be embedded
    recall_image: float

    def probes(self, kind: QueryKind) -> int:
        """How many partitions a query looks into."""
        return self.probes_text if kind == "text" else self.probes_image

    def depth(self, kind: QueryKind, k: int) -> int:
        """How many candidates are scored for k results."""
        depth = self.depth_text if kind == "text" else self.depth_image
        return depth + 3 * max(0, k - _CALIBRATED_K)


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


@dataclass(frozen=True, slots=True)
class PhotoVectorsView:
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
        """The vectors of a version."""
        segments = segments_of(view.dataset)
        text = view.dataset.config().get(CONFIG_KEY)
        settings = _settings_of(text) if text else None
        if settings is not None and settings.segments != segments:
            settings = None
        return cls(view, segments, settings, view.count(), policy)

    def nearest(self, query: Vector, k: int, condition: str | None, kind: QueryKind) -> Neighbours:
        """The k nearest photos that fulfil a condition: best first, equal scores by id."""
        matching = self.rows if condition is None else self.view.count(condition)
        if k <= 0 or not matching:
            return NO_NEIGHBOURS
        if not self.segments or matching <= self.policy.exact_filter_rows:
            return self.nearest_exactly(query, k, condition)
        depth = 4 * k if self.settings is None else self.settings.depth(kind, k)
        while depth < matching / 4:
            rows = self.candidates(query, depth, condition, matching, kind, ("id", "vector"))
            found = _best(k, rows["id"].to_numpy(), vectors_in(rows) @ query)
            if len(found.ids) == k:
                return found
            if len(rows) < depth:
                break
            depth *= 4  # several candidates are parts of one photo
        return self.nearest_exactly(query, k, condition)

    def candidates(
        self,
        query: Vector,
        depth: int,
        condition: str | None,
        matching: int,
        kind: QueryKind,
        columns: Sequence[str],
        *,
        is_trial: bool = False,
    ) -> Any:
        """The rows that the index takes for the nearest, the nearest first (a pyarrow.Table).

        Partitions are added where those of the settings have too few rows that fulfil the
        condition, but not with `is_trial`.
        """
        nearest: dict[str, Any] = {"column": "vector", "q": query, "k": depth}
        if self.settings is None:
            nearest["search_effort"] = 1.0
        else:
            share = matching / max(1, self.rows)
            probes = round(self.settings.probes(kind) * (1 / share) ** _FILTER_POWER)
            probes = min(probes, self.settings.partitions)
            nearest["nprobes" if is_trial else "minimum_nprobes"] = probes
        return self.view.read(
            columns,
            condition,
            nearest=nearest,
            prefilter=condition is not None,
            disable_scoring_autoprojection=True,
        )

    def nearest_exactly(self, query: Vector, k: int, condition: str | None) -> Neighbours:
        """The same by comparing every vector that fulfils the condition."""
        ids: list[Ids] = []
        scores: list[Vector] = []
        for batch in self.view.batches(["id", "vector"], condition, _SCAN_ROWS):
            ids.append(batch["id"].to_numpy())
            scores.append(vectors_in(batch) @ query)
        if not ids:
            return NO_NEIGHBOURS
        return _best(k, np.concatenate(ids), np.concatenate(scores))


def _best(k: int, ids: Ids, scores: Vector) -> Neighbours:
    """The k best photos of rows, each by its best part; equal scores by id."""
    order = np.lexsort((ids, -scores))
    _, first = np.unique(ids[order], return_index=True)
    chosen = order[np.sort(first)[:k]]
    return Neighbours(ids[chosen].astype(np.int64), scores[chosen].astype(np.float32))


# ------------------------------------------------------------------------- calibration


def calibrated(
    found: PhotoVectorsView, partitions: int, benchmarks: Sequence[RecallBenchmark]
) -> SearchSettings:
    """The settings with which an index reaches the recall wanted at the least cost.

    Every vector is read once, for the exact results; the benchmarks have observed nothing yet.
    """
    for batch in found.view.batches(["id", "vector"], None, _SCAN_ROWS):
        ids, vectors = batch["id"].to_numpy(), vectors_in(batch)
        for benchmark in benchmarks:
            benchmark.observe(ids, vectors)
    goal = found.policy.recall_target + found.policy.recall_margin
    settings = SearchSettings(found.segments, partitions, 1, 1, 1, 1, None, 1.0)
    chosen = {
        benchmark.kind: _cheapest(found, settings, benchmark, goal) for benchmark in benchmarks
    }
    image = chosen["image"]
    text = chosen.get("text", image)
    return SearchSettings(
        found.segments,
        partitions,
        text.probes,
        image.probes,
        text.depth,
        image.depth,
        text.recall if "text" in chosen else None,
        image.recall,
    )


@dataclass(frozen=True, slots=True)
class _CalibratedSearch:
    probes: int
    depth: int
    recall: float


def _cheapest(
    found: PhotoVectorsView, settings: SearchSettings, benchmark: RecallBenchmark, goal: float
) -> _CalibratedSearch:
    best = _CalibratedSearch(settings.partitions, _LARGEST_DEPTH, 0.0)
    probes = 1
    while True:
        probes = min(probes, settings.partitions)
        trial = replace(settings, probes_text=probes, probes_image=probes)
        curve = _recall_by_depth(replace(found, settings=trial), benchmark)
        enough = np.flatnonzero(curve >= goal)
        if len(enough) and (enough[0] < _ENOUGH_DEPTH or probes == settings.partitions):
            # Never fewer candidates than results.
            depth = max(int(enough[0]) + 1, 2 * _CALIBRATED_K)
            return _CalibratedSearch(probes, depth, float(curve[min(depth, len(curve)) - 1]))
        if float(curve[-1]) >= best.recall:
            best = _CalibratedSearch(probes, len(curve), float(curve[-1]))
        if probes == settings.partitions:
            return best
        probes *= 2


def _recall_by_depth(found: PhotoVectorsView, benchmark: RecallBenchmark) -> Vector:
    depth = min(_LARGEST_DEPTH, found.rows)
    candidates = []
    for query in benchmark.queries:
        rows = found.candidates(
            query, depth, None, found.rows, benchmark.kind, ("id",), is_trial=True
        )
        ids = rows["id"].to_numpy()
        candidates.append(Neighbours(ids, np.zeros(len(ids), np.float32)))
    return benchmark.recall_by_depth(candidates, depth)


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
