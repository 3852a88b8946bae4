"""Which index suits how many vectors: every threshold of the index, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, sqrt
from typing import Literal, TypeAlias

_POINTS_PER_LIST_MIN = 39  # FAISS calls k-means on fewer points a centroid unreliable

Storage: TypeAlias = Literal["fp32", "fp16", "sq8"]


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """The index for one size: its kind and, for an IVF, its lists and how they store vectors."""

    kind: Literal["flat", "ivf"]
    nlist: int = 0
    storage: Storage = "fp32"
    whole: bool = True  # every list is searched, so the answer is exact


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """The thresholds, as counts of vectors unless the name says otherwise.

    Tests shrink them, so that every rung is climbed with a few thousand vectors.
    """

    ivf_from: int = 5_000  # below: exact, one matrix product
    probe_from: int = 100_000  # below: an IVF searched whole, which is exact too
    fp16_from: int = 100_000  # half the bytes to read, so half the time of a query
    sq8_from: int = 4_000_000
    whole_nlist: int = 128

    points_per_list: int = 64  # in the k-means training sample
    seed: int = 20_261

    recall_target: float = 0.98  # recall@10, for text and for image queries each
    recall_margin: float = 0.005  # calibration aims above the target: its sample has noise
    recall_drift: float = 0.02  # old centroids are given up when their recall falls this far
    image_queries: int = 512

    exact_filter_rows: int = 50_000  # a filter this small, or of this share, is searched exactly
    exact_filter_share: float = 0.05

    tail_rows: int = 5_000  # a snapshot is due when the tail passes both of these …
    tail_share: float = 0.05
    dead_share: float = 0.10  # … or this share of its vectors has left the library
    retrain_growth: float = 4.0  # centroids are trained anew when the library grew this much

    def rung(self, vectors: int) -> IndexSpec:
        """The index for this many vectors; nlist = 2^round(log2(4·√n)) where lists are probed."""
        if vectors < max(self.ivf_from, _POINTS_PER_LIST_MIN):
            return IndexSpec("flat")
        nlist_max = vectors // _POINTS_PER_LIST_MIN
        storage: Storage = "fp32"
        if vectors >= self.fp16_from:
            storage = "sq8" if vectors >= self.sq8_from else "fp16"
        if vectors < self.probe_from:
            return IndexSpec("ivf", min(self.whole_nlist, nlist_max), storage)
        nlist = 2 ** round(log2(4 * sqrt(vectors)))
        return IndexSpec("ivf", min(nlist, nlist_max), storage, whole=False)
