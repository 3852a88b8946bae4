"""Devices that run image towers: their interface, their detection, and the CPU as a device.

The GPU is in `gpu`, which needs torch. `batching` keeps devices busy.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgsearch.cores import usable_cores

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

CPU_BATCHES = 2  # at once: threads that the end of one batch does not need begin the next
_MIN_CPU_BATCH = 16
_PHOTOS_PER_CORE = 8  # one at a time takes a core 7 to 14 % longer: each run reads all weights


class DeviceOutOfMemory(Exception):  # BatchScheduler turns it into EncoderError
    """A device has no memory for a batch; a smaller one may fit."""


class Device(Protocol):
    """A device that runs an image tower. Pixels go into one of `slots` and come out as vectors.

    A slot belongs to one thread at a time, which calls `upload`, `compute` and `download` in this
    order; other threads do the same with other slots meanwhile. `upload` and `compute` only start
    their work. They raise DeviceOutOfMemory for a batch that is too large; after that, and after
    any other error, the slot can take the next upload.
    """

    name: str  # the maker's name: devices with equal names are equally fast
    slots: int
    batch_sizes: tuple[int, ...]  # candidates, ascending; a single one needs no trial
    side_px: int
    dim: int

    def upload(self, slot: int, batch: PixelBatch) -> None:
        """Take a batch, (n, 3, side_px, side_px). The caller may change it after the return."""

    def compute(self, slot: int) -> None:
        """Embed the uploaded batch."""

    def download(self, slot: int) -> Vectors:
        """Wait for the vectors and return them, (n, dim) float32 rows of length 1."""

    def release(self, slot: int) -> None:
        """Free the memory of this slot, and unused cached memory."""


class CpuDevice:
    """The CPU as a device, which copies nothing.

    `slots` of 1 is for a `tower` that one thread at a time may call.
    """

    name = "processor"

    def __init__(
        self,
        tower: Callable[[PixelBatch], Vectors],
        dim: int,
        side_px: int,
        cores: int | None = None,
        slots: int = CPU_BATCHES,
    ) -> None:
        self.dim, self.side_px, self.slots = dim, side_px, slots
        self.batch_sizes: tuple[int, ...] = (cpu_batch_size(cores or usable_cores()),)
        self._tower = tower
        self._batches: dict[int, PixelBatch] = {}  # by slot

    def upload(self, slot: int, batch: PixelBatch) -> None:
        self._batches[slot] = batch

    def compute(self, slot: int) -> None:
        """Do nothing: starting early gains nothing on the CPU, so `download` does the work."""

    def download(self, slot: int) -> Vectors:
        return self._tower(self._batches.pop(slot))

    def release(self, slot: int) -> None:
        self._batches.pop(slot, None)


def cpu_batch_size(cores: int) -> int:
    """Return the number of photos at once that keep this many cores busy."""
    return max(_MIN_CPU_BATCH, _PHOTOS_PER_CORE * cores)


def has_gpu(device: str = "auto") -> bool:
    """Return whether work on `device` runs on a CUDA GPU.

    torch is loaded only if there is a driver.

    Without torch, nothing runs on a GPU: `auto` then means the CPU.
    """
    if device != "auto":
        return device.startswith("cuda")
    if find_spec("torch") is None:
        return False
    if not any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")):
        return os.name == "nt" and _torch_sees_cuda()
    return _torch_sees_cuda()


def _torch_sees_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
