"""Calibrates how many lists and candidates of an index with codes a search compares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import ceil, inf, log2

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from imgsearch.index.base import Effort
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.recall import RecallBenchmark
from imgsearch.records.arrays import Ids, Vector, Vectors

# Text queries need 3.2 to 3.7 times the lists of image queries (1M CLIP vectors, VIBE).
TEXT_FACTOR = 4
CANDIDATES_MAX = 1_000  # of a calibrated search; selecting more takes FAISS much longer
# Scoring a stored vector takes as long as comparing this many codes.
CODES_PER_ROW = 32
FILTER_POWER = 0.4  # if it was not calibrated
CANDIDATES_PER_RESULT = 7.0  # if it was not calibrated: the need of a million vectors
_CALIBRATED_K = 10
_CLOSE = 0.005  # of recall: a difference that does not matter
# Results beyond the ten best need more candidates, from more lists
# (research/notes/compressed-lists.md).
_DEEP_LISTS_SHARE = 0.7
_DEEP_RECALL = 0.97  # the recall that the candidates of deep results must allow
# Small filters need deeper results than the known ones, and too low a limit of lists costs the
# hardest queries their results.
_LISTS_POWER_MIN, _GAP_POWER_MIN = 0.3, 0.1
_LISTS_BEYOND = (
    1.0,
    1.25,
    1.5,
    2.0,
)  # limits to try, by the fewest lists for all queries
_GAPS_TRIED = 16
_SCANNED = 4 * CANDIDATES_MAX  # candidates for trying settings


class ScanSetting(Struct, frozen=True):
    """Chooses the lists whose codes a search compares, and the number of vectors it scores.

    A search compares the lists whose centre scores at most `gap` less than the best one with the
    query, at most `nprobe` lists. A query about one topic thus takes few lists, and a query between
    many topics takes many, as in SPANN (Chen et al., NeurIPS 2021, query-aware pruning). Results n
    times as deep lie in n^`nprobe_power` times as many lists, which are n^`gap_power` times as far
    behind; each result needs `per_result` candidates.
    """

    nprobe: int
    candidates: int
    gap: float = inf
    nprobe_power: float = FILTER_POWER
    gap_power: float = FILTER_POWER
    per_result: float = CANDIDATES_PER_RESULT

    def for_results(self, k: int, nlist: int) -> ScanSetting:
        """Return the setting for so many results; the calibrated one is for ten."""
        depth = max(1.0, k / _CALIBRATED_K)
        lists = ceil(self.nprobe * depth ** (_DEEP_LISTS_SHARE * self.nprobe_power))
        return replace(
            self,
            candidates=max(self.candidates, ceil(self.per_result * k)),
            nprobe=min(nlist, lists),
            gap=self.gap * depth ** (_DEEP_LISTS_SHARE * self.gap_power),
        )

    def under_filter(self, share: float, nlist: int) -> ScanSetting:
        """Return the setting under a filter that leaves this share of the vectors.

        The ten best results then have ranks up to ten divided by the share among all vectors.
        Reaching them takes far fewer lists than in proportion, if the filter does not depend on
        the query.
        """
        nprobe = min(nlist, ceil(self.nprobe / share**self.nprobe_power))
        return replace(self, nprobe=nprobe, gap=self.gap / share**self.gap_power)


class ListsOfPhotos(Struct, frozen=True):
    """The photos of an index's vectors, sorted, and the list of each vector.

    A photo of several parts occurs several times.
    """

    ids: Ids
    lists: NDArray[np.uint32]

    def places(self, ids: Ids, place_of_list: Ids) -> Ids:
        """Return the rank of each photo's list in a query's order of lists.

        The best of its parts.
        """
        rows, at = np.arange(len(ids)), np.searchsorted(self.ids, ids)
        places = place_of_list[self.lists[at]]
        while True:  # until no photo has further parts
            at = at + 1
            is_part = self.ids[np.minimum(at, len(self.ids) - 1)] == ids[rows]
            is_part &= at < len(self.ids)
            if not is_part.any():
                return places
            rows, at = rows[is_part], at[is_part]
            places[rows] = np.minimum(places[rows], place_of_list[self.lists[at]])


class Scanned(Struct, frozen=True):
    """The view of an index with codes that a calibration needs.

    `sizes` has the number of vectors in each list. `centres` returns all lists for query rows,
    nearest first: the scores of their centres, and their numbers. `scan` returns the candidates of
    query rows with a setting, best first, as positions among the vectors of `photos`.
    """

    photos: ListsOfPhotos
    sizes: Ids
    centres: Callable[[Vectors], tuple[Vectors, Ids]]
    scan: Callable[[Vectors, ScanSetting], list[Ids]]


def calibrated(
    index: Scanned, policy: IndexPolicy, benchmarks: Sequence[RecallBenchmark]
) -> dict[str, float | int | str]:
    """Return the cheapest setting with the wanted recall, for each kind of query, and its recall.

    The result is for the details of an index: `recall_text`, `nprobe_text` and so on.
    """
    goals = {"text": policy.recall_target + policy.recall_margin}
    goals["image"] = goals["text"] + policy.new_photo_margin
    settings: dict[Effort, ScanSetting] = {}
    recalls: dict[str, float | int | str] = {}
    for benchmark in benchmarks:
        trial = _SettingsTrial(index, benchmark)
        settings[benchmark.kind], recall = trial.cheapest_setting(goals[benchmark.kind])
        recalls[f"recall_{benchmark.kind}"] = round(recall, 4)
    image = settings["image"]
    # Without a model for texts, assume the usual factor of lists.
    usual = replace(image, nprobe=TEXT_FACTOR * image.nprobe, candidates=2 * image.candidates)
    text = settings.get("text", usual)
    # Texts lie off the manifold of photos, so they need at least as much as photos.
    text = replace(
        text,
        nprobe=min(len(index.sizes), max(text.nprobe, image.nprobe)),
        candidates=min(CANDIDATES_MAX, max(text.candidates, image.candidates)),
    )
    of_kinds = {"text": text, "image": image}
    return recalls | {
        f"{name}_{kind}": value
        for kind, setting in of_kinds.items()
        for name, value in asdict(setting).items()
    }


class _WideScan(Struct, frozen=True):
    """The candidates of each query in a scan of more lists than any setting has.

    `places` (queries, candidates) has the ranks of their lists; `rows` and `columns` index the
    right ones, each photo once, in the order of both. `deep` has the number of candidates that
    reaches each of the deep results among them.
    """

    places: NDArray[np.int32]
    rows: Ids
    columns: Ids
    deep: Ids


class _SettingsTrial:
    """The queries of a benchmark with one scan, wider than any setting that is tried on them."""

    def __init__(self, index: Scanned, benchmark: RecallBenchmark) -> None:
        self._index = index
        self._queries = np.ascontiguousarray(benchmark.queries, np.float32)
        scores, self._order = index.centres(self._queries)
        self._gaps = scores[:, :1] - scores
        self._compared = np.cumsum(index.sizes[self._order], axis=1)
        self._wanted = benchmark.wanted()
        self._deep = benchmark.deep_results()

    def cheapest_setting(self, goal: float) -> tuple[ScanSetting, float]:
        """Return the cheapest setting whose recall reaches the goal, and that recall.

        With more lists, fewer candidates may be enough. If no setting reaches the goal (codes are
        rough), a setting that comes close to the best is chosen.
        """
        nlist = self._gaps.shape[1]
        places, gaps = self._places_of([right for right, _ in self._wanted])
        if not len(places):
            return ScanSetting(1, _CALIBRATED_K, 0.0), 1.0
        fewest = int(np.quantile(places, goal, method="higher")) + 1
        powers = self._powers(fewest, float(np.quantile(gaps, goal)), goal)
        limits = sorted({min(nlist, ceil(factor * fewest)) for factor in _LISTS_BEYOND})
        scan = self._scan(limits[-1])
        per_result = self._candidates_per_result(scan)
        tried: list[tuple[int, float, Vector]] = []
        for limit in limits:
            reached = gaps[places < limit]
            quantiles = np.quantile(reached, np.linspace(min(goal, 0.9), 1, _GAPS_TRIED))
            steps = np.unique(np.ceil(quantiles * 1e4) / 1e4).tolist()
            tried += [(limit, gap, self._recall_by_depth(scan, limit, gap)) for gap in steps]
        best = max(float(by_depth[-1]) for *_, by_depth in tried)
        goal = goal if best >= goal else best - _CLOSE
        found = []
        for limit, gap, by_depth in tried:
            candidates = int(np.searchsorted(by_depth, goal)) + 1
            if candidates <= len(by_depth):
                cost = self._mean_compared(limit, gap) + CODES_PER_ROW * candidates
                setting = ScanSetting(limit, candidates, gap, *powers, per_result)
                found.append((cost, setting, float(by_depth[candidates - 1])))
        _, setting, recall = min(found, key=lambda each: each[0])
        return setting, recall

    def _powers(self, lists: int, gap: float, goal: float) -> tuple[float, float]:
        """Return the powers by which lists and gap grow from ten results to the deepest known.

        `lists` and `gap` are enough for ten results. Filters use the same powers, since the ten
        best photos under a filter lie deeper among all photos.
        """
        depth = max(map(len, self._deep)) / _CALIBRATED_K
        if depth <= 1 or gap <= 0:
            return FILTER_POWER, FILTER_POWER
        places, gaps = self._places_of(self._deep)
        deep = float(np.quantile(places, goal)) + 1, float(np.quantile(gaps, goal))
        growths = (deep[0] / lists, deep[1] / gap)
        nprobe_power, gap_power = (log2(max(1.0, each)) / log2(depth) for each in growths)
        return (
            round(max(nprobe_power, _LISTS_POWER_MIN), 3),
            round(max(gap_power, _GAP_POWER_MIN), 3),
        )

    def _candidates_per_result(self, scan: _WideScan) -> float:
        results = max(map(len, self._deep))
        if results <= _CALIBRATED_K or not len(scan.deep):
            return CANDIDATES_PER_RESULT
        return round(float(np.quantile(scan.deep, _DEEP_RECALL)) / results, 2)

    def _places_of(self, photos: Sequence[Collection[int]]) -> tuple[Ids, Vector]:
        """Return the ranks of the lists of each query's photos, and their gaps to the best list."""
        places, gaps = [], []
        for row, ids in enumerate(photos):
            own = self._index.photos.places(
                np.array(sorted(ids), np.int64), self._place_of_list(row)
            )
            places.append(own)
            gaps.append(self._gaps[row, own])
        return np.concatenate(places), np.concatenate(gaps)

    def _place_of_list(self, row: int) -> Ids:
        places = np.empty(self._order.shape[1], np.int64)
        places[self._order[row]] = np.arange(len(places))
        return places

    def _scan(self, nprobe: int) -> _WideScan:
        found = self._index.scan(self._queries, ScanSetting(nprobe, _SCANNED))
        most = max(map(len, found), default=0)
        places = np.full((len(found), most), np.iinfo(np.int32).max, np.int32)
        is_right = np.zeros(places.shape, np.bool_)
        photos, deep = self._index.photos, []
        for row, positions in enumerate(found):
            ids, place_of_list = photos.ids[positions], self._place_of_list(row)
            known = np.flatnonzero(np.isin(ids, list(self._deep[row])))
            known = known[_is_first(ids[known])]
            right = known[np.isin(ids[known], list(self._wanted[row][0]))]
            deep.append(known + 1)
            own = place_of_list[photos.lists[positions]]
            own[right] = photos.places(ids[right], place_of_list)
            places[row, : len(ids)], is_right[row, right] = own, True
        rows, columns = np.nonzero(is_right)
        return _WideScan(places, rows, columns, np.concatenate(deep))

    def _recall_by_depth(self, scan: _WideScan, limit: int, gap: float) -> Vector:
        """Return the recall@10 of a setting with the first 1, 2, 3, … candidates only."""
        wanted = np.array([most for _, most in self._wanted], np.int64)
        is_near = scan.places < self._compared_lists(limit, gap)[:, None]
        found = is_near[scan.rows, scan.columns]
        rows, columns = scan.rows[found], scan.columns[found]
        depths = np.cumsum(is_near, axis=1, dtype=np.int32)[rows, columns] - 1
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)  # among the right ones of a query
        counts = (rank < wanted[rows]) & (depths < CANDIDATES_MAX)
        gained = np.bincount(depths[counts], 1 / wanted[rows[counts]], CANDIDATES_MAX)
        return np.asarray(np.cumsum(gained) / max(1, int(np.count_nonzero(wanted))), np.float32)

    def _compared_lists(self, limit: int, gap: float) -> Ids:
        """Return the number of lists that each query compares."""
        return np.asarray(np.minimum((self._gaps <= gap).sum(axis=1), limit), np.int64)

    def _mean_compared(self, limit: int, gap: float) -> float:
        """Return the mean number of codes that a query compares."""
        lists = self._compared_lists(limit, gap)
        return float(self._compared[np.arange(len(lists)), lists - 1].mean())


def _is_first(ids: Ids) -> NDArray[np.bool_]:
    """Return a mask of the ids that occur for the first time."""
    _, first = np.unique(ids, return_index=True)
    is_first = np.zeros(len(ids), np.bool_)
    is_first[first] = True
    return is_first
