"""The pipeline before a device: its order, what it hides, and what it does when memory runs out."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imgsearch.encoders.batching import BatchScheduler, smallest_fast_size
from imgsearch.encoders.cache import BatchSizeCache
from imgsearch.encoders.device import CpuDevice, DeviceOutOfMemory, cpu_batch_size
from imgsearch.errors import EncoderError
from tests.slow_device import Costs, SlowDevice
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

MODEL = StandIn()


def device(costs: Costs | None = None) -> SlowDevice:
    return SlowDevice(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, costs or Costs())


def pipeline(
    made: SlowDevice, folder: Path, batch_size: int = 0, encoder_id: str = "m@1"
) -> BatchScheduler:
    return BatchScheduler(made, BatchSizeCache(folder, encoder_id), batch_size)


def photos(count: int, seed: int = 0) -> PixelBatch:
    noise = np.random.default_rng(seed)
    return noise.integers(0, 256, (count, 3, MODEL.side_px, MODEL.side_px), np.uint8)


# ---------------------------------------------------------------------------- what comes out


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
def test_vectors_come_in_the_order_of_the_photos(tmp_path: Path, count: int) -> None:
    made = device(Costs(0.001, lambda n: 0.002 / n, 0.001))  # a ragged batch takes longest
    embed = pipeline(made, tmp_path, batch_size=16)
    batch = photos(count)
    found = embed(batch)
    assert found.shape == (count, MODEL.dim) and found.dtype == np.float32
    assert np.array_equal(found, rows_of(batch, 16))
    full, rest = divmod(count, 16)
    assert sorted(made.computed) == sorted([16] * full + [rest] * (rest > 0))


def rows_of(batch: PixelBatch, size: int) -> Vectors:
    """What the model makes of it by itself, cut in the same way: its last bits depend on that."""
    parts = [MODEL.encode_pixels(batch[at : at + size]) for at in range(0, len(batch), size)]
    return np.concatenate([np.empty((0, MODEL.dim), np.float32), *parts])


def test_each_of_many_threads_gets_its_own(tmp_path: Path) -> None:
    made = device(Costs(0.001, lambda n: 0.001, 0.001))
    embed = pipeline(made, tmp_path, batch_size=8)
    batches = [photos(5 + 7 * number, seed=number) for number in range(8)]
    with ThreadPoolExecutor(8) as askers:
        for found, batch in zip(askers.map(embed, batches), batches, strict=True):
            assert np.array_equal(found, rows_of(batch, 8))


def test_a_device_that_fails_is_told_and_serves_again(tmp_path: Path) -> None:
    made = device(Costs(model_s=lambda n: 0.01))
    embed = pipeline(made, tmp_path, batch_size=4)
    batch = photos(40)
    made.breaks = True
    for _ in range(3):  # more often than there are slots
        with pytest.raises(RuntimeError, match="fell off the bus"):
            embed(batch)
    made.breaks = False
    assert np.array_equal(embed(batch), rows_of(batch, 4))


def test_a_batch_that_fails_in_flight_harms_no_other(tmp_path: Path) -> None:
    def tower(batch: PixelBatch) -> Vectors:
        if batch[0, 0, 0, 0] == 255:
            raise ZeroDivisionError
        return MODEL.encode_pixels(batch)

    made = SlowDevice(tower, MODEL.dim, MODEL.side_px, Costs(model_s=lambda n: 0.005))
    embed = pipeline(made, tmp_path, batch_size=4)
    good, bad = photos(24) // 2, photos(24)
    bad[8] = 255
    with ThreadPoolExecutor(2) as askers:
        fails, works = askers.submit(embed, bad), askers.submit(embed, good)
        assert np.array_equal(works.result(), rows_of(good, 4))
        with pytest.raises(ZeroDivisionError):
            fails.result()
    assert np.array_equal(embed(good), rows_of(good, 4))


def test_who_lets_go_of_it_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    made = device()
    embed = pipeline(made, tmp_path, batch_size=4)
    embed(photos(40))
    started = [each for each in set(threading.enumerate()) - before if "imgsearch" in each.name]
    assert len(started) == made.slots
    gone = weakref.ref(made)
    del embed, made
    assert gone() is None, "the memory of a model would stay in use"  # without a collection
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


# ---------------------------------------------------------------------------- a GPU, without one


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Plays the few calls of `torch.cuda` on the processor, and notes (who, does what, event).

    It shows the order in which streams wait for one another; tests/gpu shows that this suffices.
    """
    import torch

    from imgsearch.encoders import gpu

    noted: list[tuple[str, str, int]] = []
    names, numbers = itertools.cycle(("up", "work", "down")), itertools.count()

    class Stream:
        def __init__(self, device: torch.device) -> None:
            self.name = next(names)

        def wait_event(self, event: Event) -> None:
            noted.append((self.name, "waits", event.number))

    class Event:
        def __init__(self, blocking: bool) -> None:
            self.number = next(numbers)

        def record(self, stream: Stream) -> None:
            noted.append((stream.name, "records", self.number))

        def synchronize(self) -> None:
            noted.append(("host", "waits", self.number))

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    monkeypatch.setattr(gpu, "_pinned", lambda shape, dtype: torch.empty(shape, dtype=dtype))
    return noted


@pytest.mark.slow
def test_the_streams_of_a_gpu_wait_for_one_another(
    tmp_path: Path, streams: list[tuple[str, str, int]]
) -> None:
    import torch

    from imgsearch.encoders.gpu import CudaDevice
    from imgsearch.encoders.openclip.torch import random_model

    room = 1000

    def tower(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return towers.image_rows(pixels)

    towers = random_model("ViT-S-32-alt", 0, "cpu")
    card = CudaDevice(torch.device("cpu"), tower, towers.dim, towers.preprocess.side_px)
    embed = BatchScheduler(card, BatchSizeCache(tmp_path, "m@1"), batch_size=4)
    batch = np.random.default_rng(0).integers(0, 256, (19, 3, 224, 224), np.uint8)
    batch.flags.writeable = False
    wanted = towers.images(batch.copy())
    np.testing.assert_allclose(embed(batch), wanted, atol=1e-4)
    for first in (0, 3):  # the events of each slot: uploaded, computed, downloaded
        mine = [note for note in streams if first <= note[2] < first + 3]
        in_order = [("up", "records", 0), ("work", "waits", 0), ("work", "records", 1)]
        in_order += [("down", "waits", 1), ("down", "records", 2), ("host", "waits", 2)]
        batches = len(mine) // len(in_order)
        assert mine == [(who, does, first + number) for who, does, number in in_order] * batches
    assert len(streams) == 6 * 5

    room = 3
    np.testing.assert_allclose(embed(batch), wanted, atol=1e-4)
    assert embed.batch_size == 2


# ---------------------------------------------------------------------------- what it hides


@pytest.mark.alone
@pytest.mark.parametrize(
    ("up", "model", "down"),
    [(1, 1, 0), (0.6, 1, 0.2), (1, 0.6, 0.2), (0.5, 1, 0.5)],
    ids=["way up and model", "slow model", "slow way up", "all three"],
)
@pytest.mark.parametrize("callers", [1, 2], ids=["one call", "two callers"])
def test_the_dearest_engine_hides_the_others(
    tmp_path: Path, up: float, model: float, down: float, callers: int
) -> None:
    batches, unit_s = 10, 0.12  # much more than a busy machine takes to wake a thread
    made = device(Costs(up * unit_s, lambda n: model * unit_s, down * unit_s))
    embed = pipeline(made, tmp_path, batch_size=4)
    started = time.perf_counter()
    if callers == 1:
        embed(photos(4 * batches))
    else:  # as indexing does it: each calls with one batch at a time
        with ThreadPoolExecutor(callers) as askers:
            list(askers.map(lambda number: embed(photos(4, number)), range(batches)))
    taken = time.perf_counter() - started
    dearest = max(up, model, down) * unit_s * batches
    one_after_the_other = (up + model + down) * unit_s * batches
    filling = (up + model + down) * unit_s
    assert taken >= 0.9 * dearest
    # Half-way between all hidden and nothing hidden, for machines that do other things, too.
    assert taken <= (dearest + filling + one_after_the_other) / 2


# ---------------------------------------------------------------------------- memory


def test_the_batch_is_halved_until_it_fits_and_stays_so(tmp_path: Path) -> None:
    made = device()
    embed = pipeline(made, tmp_path, batch_size=16)
    made.room = 5
    batch = photos(50)
    np.testing.assert_allclose(embed(batch), MODEL.encode_pixels(batch), atol=1e-6)
    assert max(made.computed) == 4 == embed.batch_size
    assert made.released >= 1
    made.computed.clear()
    made.room, released = 1_000_000, made.released  # it does not try what failed before
    assert np.array_equal(embed(batch), rows_of(batch, 4))
    assert max(made.computed) == 4 and made.released == released


def test_not_even_one_photo_fits(tmp_path: Path) -> None:
    made = device()
    embed = pipeline(made, tmp_path, batch_size=16)
    made.room = 0
    with pytest.raises(EncoderError, match="smaller model") as caught:
        embed(photos(50))
    assert made.name in str(caught.value)
    made.room = 16
    assert np.array_equal(embed(photos(5)), rows_of(photos(5), 1))


def test_what_did_not_fit_is_let_go_of_before_the_next_try(tmp_path: Path) -> None:
    """An error keeps the frames it came through alive, and they all that a model made so far."""
    left: list[weakref.ref[np.ndarray]] = []

    class Full(SlowDevice):
        def compute(self, slot: int) -> None:
            assert not any(ref() is not None for ref in left), "it tried again beside the remains"
            made_so_far = np.zeros(10)
            left.append(weakref.ref(made_so_far))
            super().compute(slot)

    made = Full(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, Costs())
    made.room = 2
    embed = pipeline(made, tmp_path, batch_size=16)
    np.testing.assert_allclose(embed(photos(16)), MODEL.encode_pixels(photos(16)), atol=1e-6)
    assert len(left) > 3


@pytest.mark.slow
def test_a_real_model_gives_the_same_vectors_in_halves(tmp_path: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    towers = random_model("ViT-S-32-alt", 0, "cpu")
    batch = np.random.default_rng(0).integers(0, 256, (7, 3, 224, 224), np.uint8)
    sizes: list[int] = []

    def cramped(part: PixelBatch) -> Vectors:
        sizes.append(len(part))
        if len(part) > 2:
            raise DeviceOutOfMemory
        return towers.images(part)

    host = CpuDevice(cramped, towers.dim, towers.preprocess.side_px)
    embed = BatchScheduler(host, BatchSizeCache(tmp_path, "m@1"), batch_size=7)
    np.testing.assert_allclose(embed(batch), towers.images(batch), atol=1e-4)
    assert sizes[0] == 7 and embed.batch_size == 2


# ---------------------------------------------------------------------------- the size of a batch


def test_the_smallest_fast_size_is_taken() -> None:
    def choose(*rates: float | None) -> int:
        asked = iter(rates)
        return smallest_fast_size((32, 64, 128, 256), lambda size: next(asked))

    assert choose(1000, 1950, 2000, 2001) == 64
    assert choose(1000, 1800, 2000, 2001) == 128
    assert choose(1000, 2000, 2100, 3000) == 256
    assert choose(3000, 2000, 1000, 500) == 32
    assert choose(1000, 2000, None) == 64  # and 256 is not tried
    assert choose(None) == 32


@pytest.mark.alone
def test_a_size_is_found_by_trial_once(tmp_path: Path) -> None:
    def model_s(count: int) -> float:
        return max(count, 64) * (0.0003 if count <= 64 else 0.00036)  # 64 is what it likes best

    made = device(Costs(0.001, model_s))
    embed = pipeline(made, tmp_path)
    embed(photos(16))
    assert made.computed == [16], "a query's image waited for a trial"
    assert embed.batch_size == 64
    assert made.released >= made.slots, "the buffers of the largest batch are kept"
    made.computed.clear()
    assert np.array_equal(embed(photos(150)), rows_of(photos(150), 64))
    assert sorted(made.computed) == [22, 64, 64]

    again = device(Costs(0.001, model_s))
    assert pipeline(again, tmp_path).batch_size == 64
    assert again.computed == [], "what is known was measured again"


@pytest.mark.alone
def test_another_device_or_encoder_is_measured_for_itself(tmp_path: Path) -> None:
    def small_and_fast() -> SlowDevice:
        made = device(Costs(model_s=lambda count: (count / 16) ** 2 * 0.005))
        made.batch_sizes = (16, 32)
        return made

    BatchSizeCache(tmp_path, "m@1").put(SlowDevice.name, 128)
    assert pipeline(small_and_fast(), tmp_path).batch_size == 128
    other = small_and_fast()
    other.name = "another device"
    assert pipeline(other, tmp_path).batch_size == 16
    assert other.computed
    same = small_and_fast()
    assert pipeline(same, tmp_path, encoder_id="m@2").batch_size == 16
    assert same.computed
    assert pipeline(small_and_fast(), tmp_path).batch_size == 128


@pytest.mark.alone
def test_no_size_is_chosen_that_memory_has_no_room_for(tmp_path: Path) -> None:
    made = device(Costs(model_s=lambda count: 0.01))  # the larger the faster
    made.room = 70
    embed = pipeline(made, tmp_path)
    assert embed.batch_size == 64
    assert np.array_equal(embed(photos(70)), rows_of(photos(70), 64))
    assert BatchSizeCache(tmp_path, "m@1").get(made.name) == 64


@pytest.mark.alone
def test_a_slow_device_is_not_tried_for_long(tmp_path: Path) -> None:
    made = device(Costs(model_s=lambda count: count * 0.004))
    started = time.perf_counter()
    embed = BatchScheduler(made, BatchSizeCache(tmp_path, "m@1"), trials_s=0.3)
    assert embed.batch_size == 16
    assert max(made.computed) < made.batch_sizes[-1] and time.perf_counter() - started < 3


def test_a_size_that_is_asked_for_wins(tmp_path: Path) -> None:
    BatchSizeCache(tmp_path, "m@1").put(SlowDevice.name, 128)
    made = device()
    embed = pipeline(made, tmp_path, batch_size=7)
    embed(photos(16))
    assert embed.batch_size == 7 and made.computed == [7, 7, 2]
    assert BatchSizeCache(tmp_path, "m@1").get(made.name) == 128


@pytest.mark.parametrize("content", ["", "{", "[]", "7.5", "0", '"many"', "true", "null"])
def test_a_damaged_note_is_no_note(tmp_path: Path, content: str) -> None:
    remembered = BatchSizeCache(tmp_path, "m@1")
    remembered.put("card", 64)
    remembered.put("other", 16)
    assert remembered.get("card") == 64
    file = tmp_path / "batch_sizes.json"
    for damaged in (content, file.read_text().replace("64", content)):
        file.write_text(damaged)
        assert remembered.get("card") is None
        remembered.put("card", 32)
        assert remembered.get("card") == 32


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remembered = BatchSizeCache(tmp_path / "file", "m@1")
    remembered.put("card", 64)
    assert remembered.get("card") is None


def test_a_processor_gets_a_photo_for_each_core(tmp_path: Path) -> None:
    assert [cpu_batch_size(cores) for cores in (1, 2, 16, 17, 64)] == [16, 16, 16, 17, 64]
    sizes: list[int] = []

    def tower(batch: PixelBatch) -> Vectors:
        sizes.append(len(batch))
        return MODEL.encode_pixels(batch)

    embed = BatchScheduler(
        CpuDevice(tower, MODEL.dim, MODEL.side_px, cores=48), BatchSizeCache(tmp_path, "m@1")
    )
    assert np.array_equal(embed(photos(100)), rows_of(photos(100), 48))
    assert embed.batch_size == 48 and embed.batches_at_once == 1
    assert sizes == [48, 48, 4], "there is nothing to try on a processor"
