"""A device for tests: like a GPU it has engines of its own, which take as long as they are told.

Its three engines (upload, model, download) each do one thing at a time, in parallel with one
another and with the CPU. It has one buffer a slot, so that writing one too early gives wrong
vectors.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from imgsearch.encoders.device import DeviceOutOfMemory

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

Engine = Literal["upload", "model", "download"]


@dataclass
class Costs:
    """Seconds that a batch takes in each engine; in the model, by its size."""

    up_s: float = 0.0
    model_s: Callable[[int], float] = lambda count: 0.0
    down_s: float = 0.0


@dataclass
class _Slot:
    taken: bool = False
    count: int = 0
    buffer: PixelBatch | None = None
    uploaded: Future[None] = field(default_factory=Future)
    rows: Future[Vectors] = field(default_factory=Future)


def _nothing(engine: Engine, number: int) -> None:
    pass


class SlowDevice:
    """A Device that embeds with `tower`, has memory for `capacity` photos, and counts.

    `sleep` passes the time of its costs. `work` is called by each engine with the number of batches
    that it has worked on before.
    """

    name, slots = "a slow device", 2
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128)

    def __init__(
        self,
        tower: Callable[[PixelBatch], Vectors],
        dim: int,
        side_px: int,
        costs: Costs,
        sleep: Callable[[float], object] = time.sleep,
        work: Callable[[Engine, int], None] = _nothing,
    ) -> None:
        self.dim, self.side_px, self.costs = dim, side_px, costs
        self.capacity = 1_000_000
        self.breaks = False  # instead of computing
        self.computed: list[int] = []  # the sizes of all batches
        self.released = 0
        self._tower, self._sleep, self._work = tower, sleep, work
        self._slots = [_Slot() for _ in range(self.slots)]
        self._begun: Counter[Engine] = Counter()  # each counted by the thread of its engine
        self._up, self._model, self._down = (
            ThreadPoolExecutor(1, f"device-{engine}") for engine in ("up", "model", "down")
        )

    def upload(self, slot: int, batch: PixelBatch) -> None:
        place = self._slots[slot]
        assert not place.taken, "a batch was uploaded into a slot that is in use"
        place.count = len(batch)
        if place.buffer is None or len(place.buffer) < place.count:
            place.buffer = np.empty_like(batch)
        place.buffer[: place.count] = batch
        place.uploaded = self._up.submit(self._finish_upload, place)

    def _finish_upload(self, place: _Slot) -> None:
        self._begin("upload")
        self._sleep(self.costs.up_s)

    def _begin(self, engine: Engine) -> None:
        number = self._begun[engine]
        self._begun[engine] += 1
        self._work(engine, number)

    def compute(self, slot: int) -> None:
        place = self._slots[slot]
        if place.count > self.capacity:
            raise DeviceOutOfMemory
        if self.breaks:
            raise RuntimeError("the device fell off the bus")
        place.taken = True
        self.computed.append(place.count)
        place.rows = self._model.submit(self._embed, place)

    def _embed(self, place: _Slot) -> Vectors:
        place.uploaded.result()
        self._begin("model")
        self._sleep(self.costs.model_s(place.count))
        assert place.buffer is not None
        return self._tower(place.buffer[: place.count])

    def download(self, slot: int) -> Vectors:
        place = self._slots[slot]

        def finish(rows: Vectors) -> Vectors:
            self._begin("download")
            self._sleep(self.costs.down_s)
            return rows

        try:
            # The engine takes a batch that is computed, and never waits for one that is not.
            return self._down.submit(finish, place.rows.result()).result()
        finally:
            place.taken = False

    def release(self, slot: int) -> None:
        assert not self._slots[slot].taken, "the memory of a batch in flight was freed"
        self._slots[slot].buffer = None
        self.released += 1
