"""The devices that image towers run on: the CPU, and a CUDA GPU whose calls are simulated."""

from __future__ import annotations

import itertools
import time
from contextlib import nullcontext
from pathlib import Path
from threading import Barrier, Lock
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.device import CpuDevice, cpu_batch_size
from imgsearch.encoders.measurements import BatchSizes
from tests.factories import PATIENCE_S
from tests.stand_in import StandIn

if TYPE_CHECKING:
    import torch

    from imgsearch.records.arrays import PixelBatch, Vectors

# ---------------------------------------------------------------------------- the CPU


def test_a_cpu_gets_eight_photos_for_each_core(tmp_path: Path) -> None:
    assert [cpu_batch_size(cores) for cores in (1, 2, 16, 17, 64)] == [16, 16, 128, 136, 512]
    model = StandIn()
    sizes: list[int] = []

    def tower(batch: PixelBatch) -> Vectors:
        sizes.append(len(batch))
        return model.encode_pixels(batch)

    device = CpuDevice(tower, model.dim, model.side_px, cores=6)
    embed = BatchScheduler(device, BatchSizes(tmp_path, "m@1"))
    shape = (100, 3, model.side_px, model.side_px)
    photos = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_allclose(embed(photos), model.encode_pixels(photos), atol=1e-6)
    assert embed.batch_size == 48 and embed.batches_at_once == 2
    assert sorted(sizes) == [4, 48, 48], "a trial on a CPU has nothing to find"


def test_a_cpu_computes_a_batch_while_the_one_before_ends(tmp_path: Path) -> None:
    both_are_here = Barrier(2)

    def tower(batch: PixelBatch) -> Vectors:
        both_are_here.wait(PATIENCE_S)  # breaks where the second waits for the end of the first
        return np.full((len(batch), 4), batch[0, 0, 0, 0], np.float32)

    embed = BatchScheduler(CpuDevice(tower, 4, 8), BatchSizes(tmp_path, "m@1"), batch_size=2)
    photos = np.repeat(np.arange(2, dtype=np.uint8), 2)[:, None, None, None] + np.zeros(
        (4, 3, 8, 8), np.uint8
    )
    assert embed(photos)[:, 0].tolist() == [0, 0, 1, 1]


def test_a_tower_for_one_thread_gets_one_batch_at_a_time(tmp_path: Path) -> None:
    taken = Lock()

    def tower(batch: PixelBatch) -> Vectors:
        assert taken.acquire(blocking=False)
        time.sleep(0.01)
        taken.release()
        return np.zeros((len(batch), 4), np.float32)

    device = CpuDevice(tower, 4, 8, slots=1)
    embed = BatchScheduler(device, BatchSizes(tmp_path, "m@1"), batch_size=2)
    assert embed(np.zeros((12, 3, 8, 8), np.uint8)).shape == (12, 4)


# ---------------------------------------------------------------------------- a GPU, without one


@pytest.fixture
def stream_log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Runs the few calls of `torch.cuda` on the CPU, and logs (stream, action, event).

    That shows in which order streams wait for one another; tests/gpu shows that it suffices.
    """
    import torch

    log: list[tuple[str, str, int]] = []
    names, numbers = itertools.cycle(("up", "work", "down")), itertools.count()

    class Stream:
        def __init__(self, device: torch.device) -> None:
            self.name = next(names)

        def wait_event(self, event: Event) -> None:
            log.append((self.name, "waits", event.number))

    class Event:
        def __init__(self, blocking: bool) -> None:
            self.number = next(numbers)

        def record(self, stream: Stream) -> None:
            log.append((stream.name, "records", self.number))

        def synchronize(self) -> None:
            log.append(("host", "waits", self.number))

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    return log


@pytest.mark.slow
def test_the_streams_of_a_gpu_wait_for_one_another(
    tmp_path: Path, stream_log: list[tuple[str, str, int]]
) -> None:
    import torch

    from imgsearch.encoders.gpu import CudaDevice
    from imgsearch.encoders.openclip.torch import random_model

    capacity = 1000

    def tower(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > capacity:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return model.image_rows(pixels)

    model = random_model("ViT-S-32-alt", 0, "cpu")
    side_px = model.preprocess.side_px
    card = CudaDevice(torch.device("cpu"), tower, model.dim, side_px, pin_memory=False)
    embed = BatchScheduler(card, BatchSizes(tmp_path, "m@1"), batch_size=4)
    batch = np.random.default_rng(0).integers(0, 256, (19, 3, 224, 224), np.uint8)
    batch.flags.writeable = False
    expected = model.images(batch.copy())
    np.testing.assert_allclose(embed(batch), expected, atol=1e-4)
    for first in (0, 3):  # the events of each slot: uploaded, computed, downloaded
        of_slot = [entry for entry in stream_log if first <= entry[2] < first + 3]
        in_order = [("up", "records", 0), ("work", "waits", 0), ("work", "records", 1)]
        in_order += [("down", "waits", 1), ("down", "records", 2), ("host", "waits", 2)]
        batches = len(of_slot) // len(in_order)
        assert of_slot == [(who, does, first + event) for who, does, event in in_order] * batches
    assert len(stream_log) == 6 * 5

    capacity = 3
    np.testing.assert_allclose(embed(batch), expected, atol=1e-4)
    assert embed.batch_size == 2
