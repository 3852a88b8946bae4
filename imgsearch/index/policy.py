"""Which index suits how many vectors, how good it must be, and when it is rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

Options: TypeAlias = Mapping[str, float | int | str]


class IndexSpec(Struct, frozen=True):
    """A registered backend, by name, and the options to build with; the backend defines them."""

    backend: str
    options: Options = field(default_factory=dict)


class IndexPolicy(Struct, frozen=True):
    """Every threshold of the index. Numbers count vectors unless the name says otherwise."""

    # The fewest vectors that a spec is for, ascending from 0, and the spec.
    specs: tuple[tuple[int, IndexSpec], ...] = (
        (0, IndexSpec("flat")),  # exact: one matrix product
        (5_000, IndexSpec("ivf", {"nlist": 128, "probe_all": True})),  # exact too, and faster
        (100_000, IndexSpec("ivfpq")),  # approximate: an eighth of the bytes to read
    )
    seed: int = 20_261  # of every sample and of k-means

    recall_target: float = 0.98  # recall@10, for text and for image queries each
    recall_margin: float = 0.005  # calibration aims above the target: its sample has noise
    new_photo_margin: float = 0.0035  # more for image queries: new photos are found less well
    image_queries: int = 512  # how many photos serve as queries of a calibration or a check

    # What an index was trained on is used again by later builds until its recall on the
    # calibration queries is this far below the target, or the library has grown this many times.
    recall_drift: float = 0.02
    retrain_growth: float = 4.0

    # A filter that leaves this few vectors, or this share of them, is searched exactly.
    exact_filter_rows: int = 50_000
    exact_filter_share: float = 0.05

    # A snapshot is rebuilt when more vectors than both of these came after it ...
    tail_rows: int = 5_000
    tail_share: float = 0.05
    dead_share: float = 0.10  # ... or when this share of its vectors has left the library.

    def spec_for(self, vectors: int) -> IndexSpec:
        """The index to build of this many vectors."""
        return [spec for fewest, spec in self.specs if fewest <= vectors][-1]
