"""The index policy: the index for each number of vectors, its recall, and when to rebuild it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

Options: TypeAlias = Mapping[str, float | int | str]


class IndexSpec(Struct, frozen=True):
    """The name of a registered backend, and its build options, which the backend defines."""

    backend: str
    options: Options = field(default_factory=dict)


class IndexPolicy(Struct, frozen=True):
    """Every threshold of the index. Numbers count vectors unless the name says otherwise."""

    # The fewest vectors for a spec, ascending from 0, and the spec.
    specs: tuple[tuple[int, IndexSpec], ...] = (
        (0, IndexSpec("flat")),  # exact: one matrix product
        (5_000, IndexSpec("ivf", {"nlist": 128})),  # exact too, and faster
        (100_000, IndexSpec("ivfpq")),  # approximate: an eighth of the bytes to read
    )
    seed: int = 20_261  # of every sample and of k-means

    recall_target: float = 0.98  # recall@10, for text and for image queries each
    recall_margin: float = 0.005  # calibration aims above the target: its sample has noise
    new_photo_margin: float = 0.0035  # more for image queries: new photos are found less well
    image_queries: int = 512  # photos that serve as queries of a calibration or a check

    # Later builds reuse the training of an index until its recall on the calibration queries is
    # this far below the target, or the library has grown by this factor.
    recall_drift: float = 0.02
    retrain_growth: float = 4.0

    # A snapshot is rebuilt if its tail exceeds both of these ...
    tail_rows: int = 5_000
    tail_share: float = 0.05
    dead_share: float = 0.10  # ... or if this share of its vectors has left the library.

    def spec_for(self, vectors: int) -> IndexSpec:
        """Return the index to build for this many vectors."""
        return [spec for fewest, spec in self.specs if fewest <= vectors][-1]
