"""What embeds photos, and how it is kept busy: the Device protocol, and the pipeline before it.

A device of its own works while the processor does other things. So two batches are on their way
at any time: while one is computed, the next is copied into the other slot and sent up, and the
vectors of the one before come down. Where the processor is the device, one batch is enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from imgsearch.encoders.cache import BatchSizeCache, smallest_of_the_fast
from imgsearch.encoders.onnx import usable_cores
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

TRIAL_S = 0.3  # for each size that is tried: enough for a dozen batches of a fast card
PATIENCE_S = 3.0  # after that no larger size is tried: a slow card is no faster with it
_FEWEST_ON_CPU = 16


class DeviceOutOfMemory(Exception):  # never leaves the pipeline: EncoderError is what a caller sees
    """A device has no room for a batch; for a smaller one it may have."""


class Device(Protocol):
    """Where an image tower runs. Pixels go into one of `slots`, and come out as vectors.

    A slot belongs to one thread at a time, which calls `upload`, `compute` and `download` in this
    order; other threads do the same with other slots meanwhile. The first two only start what
    they are named for. They raise OutOfMemory for a batch that is too large; after that, and
    after any other error, the slot takes the next upload.
    """

    name: str  # as its maker calls it: equal names are equally fast
    slots: int
    batch_sizes: tuple[int, ...]  # worth trying, growing; one where there is nothing to try
    side_px: int
    dim: int

    def upload(self, slot: int, batch: PixelBatch) -> None:
        """Take a batch, (n, 3, side_px, side_px); it may be changed once this returns."""

    def compute(self, slot: int) -> None:
        """Embed what was uploaded."""

    def download(self, slot: int) -> Vectors:
        """Wait for the vectors, (n, dim) float32 rows of length 1, and hand them over."""

    def release(self, slot: int) -> None:
        """Give back all memory that this slot holds, and what nothing holds any more."""


class CpuDevice:
    """The processor as a device: nothing has to be brought anywhere."""

    name, slots = "processor", 1

    def __init__(self, tower: Callable[[PixelBatch], Vectors], dim: int, side_px: int) -> None:
        self.dim, self.side_px = dim, side_px
        self.batch_sizes: tuple[int, ...] = (enough_for(usable_cores()),)
        self._tower = tower
        self._batch: PixelBatch | None = None

    def upload(self, slot: int, batch: PixelBatch) -> None:
        self._batch = batch

    def compute(self, slot: int) -> None:
        pass  # nobody would gain: the processor has nothing else to do for this batch

    def download(self, slot: int) -> Vectors:
        batch, self._batch = self._batch, None
        assert batch is not None
        return self._tower(batch)

    def release(self, slot: int) -> None:
        self._batch = None


def enough_for(cores: int) -> int:
    """How many photos at once keep so many cores busy, and still lie in the cache of few."""
    return max(_FEWEST_ON_CPU, cores)


class BatchScheduler:
    """Embeds any number of photos on a device, from any number of threads.

    This is the one place where batches are cut. Their size is the one `asked` for, else the one
    that is remembered, else found by trial. When memory runs out it is halved, and stays so.
    """

    def __init__(self, device: Device, remembered: BatchSizeCache, asked: int = 0) -> None:
        self._device, self._remembered = device, remembered
        self._size = asked or None
        self._room: int | None = None  # what memory has room for, once it was found lacking
        self._settling = Lock()
        self._workers = ThreadPoolExecutor(device.slots, "imgsearch-device")
        self._slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(device.slots):
            self._slots.put(slot)

    @property
    def batches_at_once(self) -> int:
        """How many calls, of a batch each, keep the device busy."""
        return self._device.slots

    @property
    def batch_size(self) -> int:
        """How many photos the device embeds at once; the first to ask may wait for a trial."""
        with self._settling:
            if self._size is None:
                self._size = self._best_size()
            return min(self._size, self._room or self._size)

    def __call__(self, batch: PixelBatch) -> Vectors:
        """Embed photos (n, 3, side_px, side_px) as (n, dim) rows of length 1, in their order.

        Raises EncoderError where not even one photo fits into memory.
        """
        size = self._size_for(len(batch))
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        none = np.empty((0, self._device.dim), np.float32)
        return np.concatenate([none, *self._all(parts)])

    def _size_for(self, count: int) -> int:
        few = self._device.batch_sizes[0]
        return few if self._size is None and count <= few else self.batch_size

    def _embed(self, part: PixelBatch) -> Vectors:
        """Embed one batch; in pieces where it does not fit. Runs in a worker, which has a slot."""
        slot = self._slots.get()
        try:
            pieces: list[Vectors] = []
            done = 0
            while done < len(part):
                piece = part[done : done + (self._room or len(part))]
                rows = self._run(slot, piece)
                if rows is None:
                    self._shrink(slot, len(piece))
                else:
                    pieces.append(rows)
                    done += len(piece)
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        finally:
            self._slots.put(slot)

    def _run(self, slot: int, piece: PixelBatch) -> Vectors | None:
        """What the device makes of it; None, and not an error that holds on to what lies in
        memory, where there is no room."""
        try:
            self._device.upload(slot, piece)
            self._device.compute(slot)
            return self._device.download(slot)
        except DeviceOutOfMemory:
            return None

    def _shrink(self, slot: int, count: int) -> None:
        if count == 1:
            raise EncoderError(
                f"Not even one photo fits into the memory of {self._device.name}. "
                "Choose a smaller model or --device cpu."
            )
        self._device.release(slot)
        half = ceil(count / 2)
        self._room = min(half, self._room or half)

    def _best_size(self) -> int:
        sizes = self._device.batch_sizes
        if len(sizes) == 1:
            return sizes[0]
        return self._remembered.size(self._device.name) or self._by_trial(sizes)

    def _by_trial(self, sizes: Sequence[int]) -> int:
        until = time.perf_counter() + PATIENCE_S
        size = smallest_of_the_fast(
            sizes, lambda size: self._images_per_s(size) if time.perf_counter() < until else None
        )
        # Buffers of the largest batch were needed for the trial only.
        for slot in [self._slots.get() for _ in range(self._device.slots)]:
            self._device.release(slot)
            self._slots.put(slot)
        self._remembered.keep(self._device.name, size)
        return size

    def _images_per_s(self, size: int) -> float | None:
        """How fast batches of this size are embedded, one after the other; None: no room."""
        shape = (size, 3, self._device.side_px, self._device.side_px)
        batch = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self._all([batch] * self._device.slots)  # the first of a size allocate, and choose kernels
        if self._room is not None and self._room < size:
            return None
        count = 2 * self._device.slots
        taken_s = self._seconds([batch] * count)
        if taken_s < TRIAL_S:
            count = ceil(count * TRIAL_S / taken_s)
            taken_s = self._seconds([batch] * count)
        return count * size / taken_s

    def _seconds(self, parts: Sequence[PixelBatch]) -> float:
        started = time.perf_counter()
        self._all(parts)
        return time.perf_counter() - started

    def _all(self, parts: Sequence[PixelBatch]) -> list[Vectors]:
        return list(self._workers.map(self._embed, parts))
