"""A CUDA GPU as a device, in torch: page-locked buffers, and a stream for each of its three tasks.

Pixels are copied into page-locked memory, which the card reads by itself, and uploaded on one
stream; the model runs on another; vectors are downloaded on a third. Events make each stream wait
only for the data that it needs. A buffer is written again only after `download` has waited for the
last event of the batch in it, so memory of one stream may be used on another without
`record_stream`: see the notes on `torch.Tensor.record_stream`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch

from imgsearch.encoders.device import DeviceOutOfMemory

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

Tower = Callable[[torch.Tensor], torch.Tensor]  # uint8 pixels to (n, dim) float32 rows


class CudaDevice:
    """One GPU, and an image tower whose weights are on it."""

    slots = 2
    batch_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)

    def __init__(
        self,
        device: torch.device,
        tower: Tower,
        dim: int,
        side_px: int,
        pin_memory: bool = True,
    ) -> None:
        """`pin_memory` is False in tests without a GPU only."""
        self.name = torch.cuda.get_device_name(device)
        self.dim, self.side_px = dim, side_px
        self._device, self._tower = device, tower
        self._up, self._work, self._down = (_stream(device) for _ in range(3))
        self._pin_memory = pin_memory
        self._lanes = [self._new_lane() for _ in range(self.slots)]
        self._launching = Lock()  # interleaved layers of two batches would take memory for both
        torch.cuda.synchronize(device)  # the weights were uploaded on another stream than ours

    def upload(self, slot: int, batch: PixelBatch) -> None:
        lane = self._lanes[slot]
        with torch.cuda.stream(self._up):
            if not _fits(lambda: lane.make_room(batch)):
                raise DeviceOutOfMemory
            pinned = lane.pinned_pixels[: lane.count]
            np.copyto(pinned.numpy(), batch)  # torch would use threads that the decoders need
            lane.pixels.copy_(pinned, non_blocking=True)
            lane.uploaded.record(self._up)

    def compute(self, slot: int) -> None:
        lane = self._lanes[slot]

        def embed() -> None:
            lane.rows = self._tower(lane.pixels)

        with self._launching, torch.cuda.stream(self._work):
            self._work.wait_event(lane.uploaded)
            if not _fits(embed):
                raise DeviceOutOfMemory
            lane.computed.record(self._work)

    def download(self, slot: int) -> Vectors:
        lane = self._lanes[slot]
        pinned = lane.pinned_rows[: lane.count]
        with torch.cuda.stream(self._down):
            self._down.wait_event(lane.computed)
            pinned.copy_(lane.rows, non_blocking=True)
            lane.downloaded.record(self._down)
        lane.downloaded.synchronize()
        del lane.rows  # not earlier: its memory belongs to the stream that allocated it
        return pinned.numpy().copy()

    def release(self, slot: int) -> None:
        torch.cuda.synchronize(self._device)  # no transfer may still use a buffer
        self._lanes[slot] = self._new_lane()
        torch.cuda.empty_cache()

    def _new_lane(self) -> _Lane:
        return _Lane(self._device, self.dim, self._pin_memory)


class _Lane:
    """The buffers of a slot, as large as its largest batch, and the events of its batch."""

    pinned_pixels: torch.Tensor
    pinned_rows: torch.Tensor
    pixels: torch.Tensor  # on the GPU, of the current batch
    rows: torch.Tensor  # on the GPU, of the current batch

    def __init__(self, device: torch.device, dim: int, pin_memory: bool) -> None:
        self.count = 0  # photos of the current batch
        self._device, self._dim, self._pin_memory = device, dim, pin_memory
        self._buffer = torch.empty(0)  # on the GPU
        # Blocking events: a waiting thread sleeps, and its core is free for the decoders.
        self.uploaded, self.computed, self.downloaded = (
            torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            for _ in range(3)
        )

    def make_room(self, batch: PixelBatch) -> None:
        """Allocate buffers for this batch, in page-locked memory and on the GPU, if needed."""
        self.count = len(batch)
        like, dtype = batch.shape[1:], torch.from_numpy(np.empty(0, batch.dtype)).dtype
        buffer = self._buffer
        if len(buffer) < self.count or buffer.shape[1:] != like or buffer.dtype != dtype:
            del buffer
            self._buffer = self.pixels = torch.empty(0)  # free the old one first
            pin = self._pin_memory
            self.pinned_pixels = torch.empty(batch.shape, dtype=dtype, pin_memory=pin)
            self.pinned_rows = torch.empty((self.count, self._dim), pin_memory=pin)
            # Allocated last: if this buffer has the size, all three are allocated.
            self._buffer = torch.empty(batch.shape, dtype=dtype, device=self._device)
        self.pixels = self._buffer[: self.count]


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _fits(work: Callable[[], None]) -> bool:
    """Do the work; returns False if the GPU runs out of memory.

    An error instead would keep alive the frames of the model and all memory that they hold.
    """
    try:
        work()
    except torch.OutOfMemoryError:
        return False
    return True
