"""A device for tests: it has engines of its own, as a GPU has, that take as long as they are told.

Its three engines (up, model, down) each do one thing at a time, beside each other and beside the
processor. It has one buffer a slot, so whoever writes one too soon gets wrong vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.device import DeviceOutOfMemory

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors


@dataclass
class Costs:
    """Seconds a batch takes in each engine; of the model, by its size."""

    up_s: float = 0.0
    model_s: Callable[[int], float] = lambda count: 0.0
    down_s: float = 0.0


@dataclass
class _Slot:
    taken: bool = False
    count: int = 0
    buffer: PixelBatch | None = None
    up: Future[None] = field(default_factory=Future)
    rows: Future[Vectors] = field(default_factory=Future)


class SlowDevice:
    """A Device that embeds with `tower`, has `room` for so many photos, and counts."""

    name, slots = "a slow device", 2
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128)

    def __init__(
        self, tower: Callable[[PixelBatch], Vectors], dim: int, side_px: int, costs: Costs
    ) -> None:
        self.dim, self.side_px, self.costs = dim, side_px, costs
        self.room = 1_000_000
        self.breaks = False  # instead of computing
        self.computed: list[int] = []  # the sizes of all batches
        self.released = 0
        self._tower = tower
        self._lanes = [_Slot() for _ in range(self.slots)]
        self._up, self._model, self._down = (
            ThreadPoolExecutor(1, f"device-{engine}") for engine in ("up", "model", "down")
        )

    def upload(self, slot: int, batch: PixelBatch) -> None:
        lane = self._lanes[slot]
        assert not lane.taken, "a batch was sent into a slot that is in use"
        lane.count = len(batch)
        if lane.buffer is None or len(lane.buffer) < lane.count:
            lane.buffer = np.empty_like(batch)
        lane.buffer[: lane.count] = batch
        lane.up = self._up.submit(time.sleep, self.costs.up_s)

    def compute(self, slot: int) -> None:
        lane = self._lanes[slot]
        if lane.count > self.room:
            raise DeviceOutOfMemory
        if self.breaks:
            raise RuntimeError("the device fell off the bus")
        lane.taken = True
        self.computed.append(lane.count)
        lane.rows = self._model.submit(self._embed, lane)

    def _embed(self, lane: _Slot) -> Vectors:
        lane.up.result()
        time.sleep(self.costs.model_s(lane.count))
        assert lane.buffer is not None
        return self._tower(lane.buffer[: lane.count])

    def download(self, slot: int) -> Vectors:
        lane = self._lanes[slot]

        def come_down() -> Vectors:
            rows = lane.rows.result()
            time.sleep(self.costs.down_s)
            return rows

        try:
            return self._down.submit(come_down).result()
        finally:
            lane.taken = False

    def release(self, slot: int) -> None:
        assert not self._lanes[slot].taken, "the memory of a batch in flight was given back"
        self._lanes[slot].buffer = None
        self.released += 1
