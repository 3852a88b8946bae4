"""Batches of photos for a device, and batches of texts from many threads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.encoders.batching import (
    MAX_BATCH_TEXTS,
    BatchingEncoder,
    BatchScheduler,
    smallest_fast_size,
)
from imgsearch.encoders.device import CpuDevice, DeviceOutOfMemory
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.errors import EncoderError
from tests.factories import PATIENCE_S, SimulatedClock
from tests.slow_device import Costs, Engine, SlowDevice
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

MODEL = StandIn()
Result = TypeVar("Result")


def slow_device(costs: Costs | None = None) -> SlowDevice:
    return SlowDevice(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, costs or Costs())


def scheduler(device: SlowDevice, folder: Path, batch_size: int = 0) -> BatchScheduler:
    return BatchScheduler(device, BatchSizes(folder, "m@1"), batch_size)


def photos(count: int, seed: int = 0) -> PixelBatch:
    noise = np.random.default_rng(seed)
    return noise.integers(0, 256, (count, 3, MODEL.side_px, MODEL.side_px), np.uint8)


def rows_of(batch: PixelBatch, size: int) -> Vectors:
    """The model's own vectors, in batches of the same size: their last bits depend on it."""
    parts = [MODEL.encode_pixels(batch[at : at + size]) for at in range(0, len(batch), size)]
    return np.concatenate([np.empty((0, MODEL.dim), np.float32), *parts])


# ---------------------------------------------------------------------------- photos: results


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
def test_vectors_are_in_the_order_of_the_photos(tmp_path: Path, count: int) -> None:
    device = slow_device(Costs(0.001, lambda n: 0.002 / n, 0.001))  # the last, small batch is slow
    batch = photos(count)
    rows = scheduler(device, tmp_path, batch_size=16)(batch)
    assert rows.shape == (count, MODEL.dim) and rows.dtype == np.float32
    assert np.array_equal(rows, rows_of(batch, 16))
    full, rest = divmod(count, 16)
    assert sorted(device.computed) == sorted([16] * full + [rest] * (rest > 0))


def test_each_of_many_threads_gets_its_own_vectors(tmp_path: Path) -> None:
    device = slow_device(Costs(0.001, lambda n: 0.001, 0.001))
    embed = scheduler(device, tmp_path, batch_size=8)
    batches = [photos(5 + 7 * number, seed=number) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for rows, batch in zip(threads.map(embed, batches), batches, strict=True):
            assert np.array_equal(rows, rows_of(batch, 8))


def test_an_error_of_the_device_is_raised_and_the_device_used_again(tmp_path: Path) -> None:
    device = slow_device(Costs(model_s=lambda n: 0.01))
    embed = scheduler(device, tmp_path, batch_size=4)
    batch = photos(40)
    device.breaks = True
    for _ in range(3):  # more often than there are slots
        with pytest.raises(RuntimeError, match="fell off the bus"):
            embed(batch)
    device.breaks = False
    assert np.array_equal(embed(batch), rows_of(batch, 4))


def test_a_batch_that_fails_does_not_harm_others_in_flight(tmp_path: Path) -> None:
    def tower(batch: PixelBatch) -> Vectors:
        if batch[0, 0, 0, 0] == 255:
            raise ZeroDivisionError
        return MODEL.encode_pixels(batch)

    device = SlowDevice(tower, MODEL.dim, MODEL.side_px, Costs(model_s=lambda n: 0.005))
    embed = scheduler(device, tmp_path, batch_size=4)
    good, bad = photos(24) // 2, photos(24)
    bad[8] = 255
    with ThreadPoolExecutor(2) as threads:
        fails, works = threads.submit(embed, bad), threads.submit(embed, good)
        assert np.array_equal(works.result(), rows_of(good, 4))
        with pytest.raises(ZeroDivisionError):
            fails.result()
    assert np.array_equal(embed(good), rows_of(good, 4))


def test_a_scheduler_that_is_dropped_leaves_no_threads(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    device = slow_device()
    embed = scheduler(device, tmp_path, batch_size=4)
    embed(photos(40))
    started = [t for t in set(threading.enumerate()) - before if "imgsearch" in t.name]
    assert len(started) == device.slots
    reference = weakref.ref(device)
    del embed, device
    assert reference() is None, "the model would stay in memory until the next collection"
    for thread in started:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


# ---------------------------------------------------------------------------- photos: overlap


@pytest.mark.parametrize("callers", [1, 2], ids=["one call", "two callers"])
def test_uploads_and_downloads_happen_while_the_model_works(tmp_path: Path, callers: int) -> None:
    """Each batch in the model waits for the next upload, and each download for the next in it."""
    batches = 10
    started = {
        engine: [threading.Event() for _ in range(batches)] for engine in ("upload", "model")
    }

    def meet(engine: Engine, number: int) -> None:
        if engine != "download":
            started[engine][number].set()
        if engine != "upload" and number + 1 < batches:
            other = "upload" if engine == "model" else "model"
            assert started[other][number + 1].wait(PATIENCE_S), f"no {other} during a {engine}"

    device = SlowDevice(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, Costs(), work=meet)
    embed = scheduler(device, tmp_path, batch_size=4)
    if callers == 1:
        embed(photos(4 * batches))
    else:  # as indexing does: each thread calls with one batch at a time
        with ThreadPoolExecutor(callers) as threads:
            list(threads.map(lambda number: embed(photos(4, number)), range(batches)))
    assert device.computed == [4] * batches


# ---------------------------------------------------------------------------- photos: memory


def test_the_batch_is_halved_until_it_fits_and_stays_so(tmp_path: Path) -> None:
    device = slow_device()
    embed = scheduler(device, tmp_path, batch_size=16)
    device.capacity = 5
    batch = photos(50)
    np.testing.assert_allclose(embed(batch), MODEL.encode_pixels(batch), atol=1e-6)
    assert max(device.computed) == 4 == embed.batch_size
    assert device.released >= 1
    device.computed.clear()
    device.capacity, released = 1_000_000, device.released
    assert np.array_equal(embed(batch), rows_of(batch, 4))
    assert max(device.computed) == 4 and device.released == released, "it tried a failed size again"


def test_an_error_says_that_not_even_one_photo_fits(tmp_path: Path) -> None:
    device = slow_device()
    embed = scheduler(device, tmp_path, batch_size=16)
    device.capacity = 0
    with pytest.raises(EncoderError, match="smaller model") as caught:
        embed(photos(50))
    assert device.name in str(caught.value)
    device.capacity = 16
    assert np.array_equal(embed(photos(5)), rows_of(photos(5), 1))


def test_memory_of_a_batch_that_did_not_fit_is_free_before_the_next_attempt(tmp_path: Path) -> None:
    """An error keeps the frames it came through alive, and all memory that they hold."""
    held: list[weakref.ref[np.ndarray]] = []

    class FullDevice(SlowDevice):
        def compute(self, slot: int) -> None:
            assert not any(reference() is not None for reference in held), "still in memory"
            allocated = np.zeros(10)
            held.append(weakref.ref(allocated))
            super().compute(slot)

    device = FullDevice(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, Costs())
    device.capacity = 2
    embed = scheduler(device, tmp_path, batch_size=16)
    np.testing.assert_allclose(embed(photos(16)), MODEL.encode_pixels(photos(16)), atol=1e-6)
    assert len(held) > 3


@pytest.mark.slow
def test_a_real_model_gives_the_same_vectors_in_halves(tmp_path: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    model = random_model("ViT-S-32-alt", 0, "cpu")
    batch = np.random.default_rng(0).integers(0, 256, (7, 3, 224, 224), np.uint8)
    sizes: list[int] = []

    def little_memory(part: PixelBatch) -> Vectors:
        sizes.append(len(part))
        if len(part) > 2:
            raise DeviceOutOfMemory
        return model.images(part)

    device = CpuDevice(little_memory, model.dim, model.preprocess.side_px)
    embed = BatchScheduler(device, BatchSizes(tmp_path, "m@1"), batch_size=7)
    np.testing.assert_allclose(embed(batch), model.images(batch), atol=1e-4)
    assert sizes[0] == 7 and embed.batch_size == 2


# ---------------------------------------------------------------------------- photos: batch size


def simulated(
    folder: Path, costs: Costs, encoder_id: str = "m@1", trials_s: float = 3.0
) -> tuple[SlowDevice, BatchScheduler]:
    """A device on a simulated clock, and a scheduler that measures with it."""
    clock = SimulatedClock()
    device = SlowDevice(MODEL.encode_pixels, MODEL.dim, MODEL.side_px, costs, sleep=clock.sleep)
    sizes = BatchSizes(folder, encoder_id)
    return device, BatchScheduler(device, sizes, trials_s=trials_s, clock=clock)


def test_the_smallest_fast_size_is_chosen() -> None:
    def choose(*rates: float | None) -> int:
        remaining = iter(rates)
        return smallest_fast_size((32, 64, 128, 256), lambda size: next(remaining))

    assert choose(1000, 1950, 2000, 2001) == 64
    assert choose(1000, 1800, 2000, 2001) == 128
    assert choose(1000, 2000, 2100, 3000) == 256
    assert choose(3000, 2000, 1000, 500) == 32
    assert choose(1000, 2000, None) == 64  # and 256 is not tried
    assert choose(None) == 32


def test_a_size_is_found_by_trial_once(tmp_path: Path) -> None:
    def model_s(count: int) -> float:
        return max(count, 64) * (0.0003 if count <= 64 else 0.00036)  # fastest with 64

    device, embed = simulated(tmp_path, Costs(0.001, model_s))
    embed(photos(16))
    assert device.computed == [16], "the image of a query waited for a trial"
    assert embed.batch_size == 64
    assert device.released >= device.slots, "the buffers of the largest batch are kept"
    device.computed.clear()
    assert np.array_equal(embed(photos(150)), rows_of(photos(150), 64))
    assert sorted(device.computed) == [22, 64, 64]

    again, embed = simulated(tmp_path, Costs(0.001, model_s))
    assert embed.batch_size == 64
    assert again.computed == [], "a known size was measured again"


def test_each_device_and_encoder_is_measured_separately(tmp_path: Path) -> None:
    costs = Costs(model_s=lambda count: (count / 16) ** 2 * 0.005)  # fastest with 16
    BatchSizes(tmp_path, "m@1").put(SlowDevice.name, 128)
    assert simulated(tmp_path, costs)[1].batch_size == 128
    device, embed = simulated(tmp_path, costs)
    device.name = "another device"
    assert embed.batch_size == 16 and device.computed
    device, embed = simulated(tmp_path, costs, encoder_id="m@2")
    assert embed.batch_size == 16 and device.computed
    assert simulated(tmp_path, costs)[1].batch_size == 128


def test_a_size_that_does_not_fit_into_memory_is_not_chosen(tmp_path: Path) -> None:
    device, embed = simulated(tmp_path, Costs(model_s=lambda count: 0.01))  # the larger the faster
    device.capacity = 70
    assert embed.batch_size == 64
    assert np.array_equal(embed(photos(70)), rows_of(photos(70), 64))
    assert BatchSizes(tmp_path, "m@1").get(device.name) == 64


def test_the_trial_on_a_slow_device_ends_early(tmp_path: Path) -> None:
    device, embed = simulated(tmp_path, Costs(model_s=lambda count: count * 0.004), trials_s=0.3)
    assert embed.batch_size == 16
    assert max(device.computed) < device.batch_sizes[-1]


def test_a_requested_size_wins_over_the_cached_one(tmp_path: Path) -> None:
    BatchSizes(tmp_path, "m@1").put(SlowDevice.name, 128)
    device = slow_device()
    embed = scheduler(device, tmp_path, batch_size=7)
    embed(photos(16))
    assert embed.batch_size == 7 and sorted(device.computed) == [2, 7, 7]
    assert BatchSizes(tmp_path, "m@1").get(device.name) == 128


@pytest.mark.parametrize("content", ["", "{", "[]", "7.5", "0", '"many"', "true", "null"])
def test_a_damaged_size_is_measured_again(tmp_path: Path, content: str) -> None:
    cache, file = BatchSizes(tmp_path, "m@1"), tmp_path / "batch_sizes.json"
    cache.put("card", 64)
    cache.put("other", 16)
    assert cache.get("card") == 64
    for damaged in (content, file.read_text().replace("64", content)):
        file.write_text(damaged)
        assert cache.get("card") is None
        cache.put("card", 32)
        assert cache.get("card") == 32


def test_a_cache_that_cannot_be_written_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = BatchSizes(tmp_path / "file", "m@1")
    cache.put("card", 64)
    assert cache.get("card") is None


# ---------------------------------------------------------------------------- texts

THREADS = 16


class ParkedEncoder:
    """An encoder that is busy with its first batch until enough requests have been announced.

    Counting tokens announces a request. It counts its batches, and cannot embed one text.
    """

    def __init__(self, encoder: Encoder, announcements: int = 0) -> None:
        self.batches: list[int] = []
        self.id, self.dim, self.side_px = encoder.id, encoder.dim, encoder.side_px
        self.batch_size, self.batches_at_once = encoder.batch_size, encoder.batches_at_once
        self.logit_scale, self.context_length = encoder.logit_scale, encoder.context_length
        self._encoder = encoder
        self._missing = announcements
        self._announced = threading.Condition()

    def hold(self, announcements: int) -> None:
        """Hold the next batch until as many requests have been announced."""
        self.batches.clear()
        self._missing = announcements

    def token_count(self, text: str) -> int:
        with self._announced:
            self._missing -= 1
            self._announced.notify_all()
        return self._encoder.token_count(text)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(len(texts))
        with self._announced:
            assert self._announced.wait_for(lambda: self._missing <= 0, PATIENCE_S)
        if "unspeakable" in texts:
            raise EncoderError("That cannot be embedded.")
        return self._encoder.encode_texts(texts)

    def prepare(self, image: Image) -> Pixels:
        return self._encoder.prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._encoder.encode_pixels(batch)


def in_threads(work: Callable[[int], Result]) -> list[Result]:
    """The results of as many threads, each with its number."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, range(THREADS)))


def announced(encoder: BatchingEncoder, texts: Sequence[str]) -> Vectors:
    encoder.token_count(texts[0])
    return encoder.encode_texts(texts)


def test_requests_that_wait_for_the_model_share_a_batch(lite: Encoder) -> None:
    texts = [f"a photo of {number} dogs beside a lake" for number in range(THREADS)]
    alone = [lite.encode_texts([text])[0] for text in texts]
    held = ParkedEncoder(lite, THREADS)
    batching = BatchingEncoder(held)
    results = in_threads(lambda number: announced(batching, [texts[number]]))
    assert sum(held.batches) == THREADS
    assert len(held.batches) < THREADS / 2, "they waited for each other and shared nothing"
    for rows, expected in zip(results, alone, strict=True):
        assert rows.shape == (1, lite.dim)
        assert rows[0] @ expected > 0.99999


def test_a_single_request_runs_at_once() -> None:
    held = ParkedEncoder(StandIn())
    for _ in range(100):
        BatchingEncoder(held).encode_texts(["a", "b"])
    assert held.batches == [2] * 100


def test_a_text_that_fails_fails_its_own_request_only() -> None:
    batching = BatchingEncoder(ParkedEncoder(StandIn(), THREADS))

    def request(number: int) -> Vectors | EncoderError:
        try:
            return announced(batching, ["unspeakable" if number % 4 == 0 else f"text {number}"])
        except EncoderError as error:
            return error

    for number, result in enumerate(in_threads(request)):
        if number % 4 == 0:
            assert isinstance(result, EncoderError)
        else:
            assert not isinstance(result, EncoderError)
            assert np.array_equal(result, StandIn().encode_texts([f"text {number}"]))


def test_batches_of_texts_have_a_limit_that_only_one_request_may_exceed() -> None:
    held = ParkedEncoder(StandIn(), THREADS)
    batching = BatchingEncoder(held)
    count = MAX_BATCH_TEXTS // 4 + 1
    in_threads(lambda number: announced(batching, [f"{number}"] * count))
    assert max(held.batches) <= MAX_BATCH_TEXTS and sum(held.batches) == THREADS * count
    assert len(batching.encode_texts(["many"] * (MAX_BATCH_TEXTS + 1))) == MAX_BATCH_TEXTS + 1


def test_a_library_gives_sixteen_threads_the_answers_it_gives_one(
    tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    for number in range(40):
        make_photo(f"photos/{number}.png", (number * 6, 255 - number * 6, number * number % 255))
    held = ParkedEncoder(StandIn())
    queries = [f"a sight of number {number} in its own colours" for number in range(THREADS)]

    def open_library(cache: str) -> Library:
        """Opens the library with a cache in which no query is known."""
        settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / cache)
        return Library.open(settings, encoder=held)

    with open_library("first") as library:
        library.index([tmp_path / "photos"]).run()
        alone = [library.find(query, 5).hits for query in queries]
    assert len({hits[0].photo.id for hits in alone}) > 1, (
        "all answers are equal: this shows nothing"
    )
    with open_library("second") as library:
        held.hold(THREADS)
        answers = in_threads(lambda number: library.find(queries[number], 5).hits)
    assert len(held.batches) < THREADS / 2
    for hits, expected in zip(answers, alone, strict=True):
        assert [hit.photo.id for hit in hits] == [hit.photo.id for hit in expected]
