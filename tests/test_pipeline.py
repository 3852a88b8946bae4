"""Indexing runs its stages at the same time, and holds few photos in memory."""

from __future__ import annotations

import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.cache import BatchSizeCache
from imgsearch.store.store import Store
from tests.factories import rgb_at, write_photos
from tests.slow_device import Costs, SlowDevice
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
    from imgsearch.records.files import IngestResult

PHOTOS = 128
THREADS = 2
PATIENCE_S = 60.0  # for a busy machine
STAGE_S = 1.6  # the longest stage, all photos together: much more than the real work takes


class TimedDevice(StandIn):
    """An encoder that takes `model_s` for a batch and fails at batch number `fails_at`.

    It counts the photos that are prepared and not embedded yet.
    """

    def __init__(self, model_s: float = 0.0, fails_at: int = -1) -> None:
        super().__init__()
        self.model_s, self.fails_at = model_s, fails_at
        self.batches = 0
        self.held = self.most_held = 0
        self._counting = threading.Lock()

    def prepare(self, image: Image.Image) -> Pixels:
        with self._counting:
            self.held += 1
            self.most_held = max(self.most_held, self.held)
        return super().prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        if self.batches == self.fails_at:
            raise MemoryError("the device is gone")
        self.batches += 1
        time.sleep(self.model_s)
        with self._counting:
            self.held -= len(batch)
        return super().encode_pixels(batch)


class DeviceEncoder(StandIn):
    """An encoder on a device with a memory of its own: copying a batch to it takes `up_s`."""

    batches_at_once = SlowDevice.slots

    def __init__(self, folder: Path, up_s: float, model_s: float) -> None:
        super().__init__()
        costs = Costs(up_s, lambda count: model_s)
        self.device = SlowDevice(super().encode_pixels, self.dim, self.side_px, costs)
        self._pipeline = BatchScheduler(
            self.device, BatchSizeCache(folder, self.id), self.batch_size
        )

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._pipeline(batch)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


def index(
    photos: Path, place: Path, device: StandIn, record_s: float, monkeypatch: pytest.MonkeyPatch
) -> float:
    """Index the photos with an encoder, and a disk that takes `record_s` a batch; the seconds."""
    enter = Store.record

    def slowly(self: Store, root_id: int, key: int, outcomes: Sequence[IngestResult]) -> None:
        time.sleep(record_s)
        enter(self, root_id, key, outcomes)

    monkeypatch.setattr(Store, "record", slowly)
    settings = Settings.load(data_dir=place, encoder="lite", threads=THREADS)
    with Library.open(settings, encoder=device) as library:
        started = time.perf_counter()
        report = library.index([photos]).run()
        taken_s = time.perf_counter() - started
        assert (report.new, report.failed) == (PHOTOS, 0)
        assert library.photo_count() == PHOTOS
    return taken_s


class Meetings:
    """Numbered points in time at which some stages must all be at work."""

    def __init__(self, stages: int, count: int) -> None:
        self._barriers = [threading.Barrier(stages) for _ in range(count)]

    def attend(self, number: int) -> None:
        """Wait for the other stages; fails where one never comes."""
        if 0 <= number < len(self._barriers):
            self._barriers[number].wait(PATIENCE_S)


class MeetingEncoder(StandIn):
    """An encoder whose model, on one batch, meets the decoder of a photo of the next batch."""

    def __init__(self, meetings: Meetings, model_ahead: int) -> None:
        super().__init__()
        self._meetings, self._ahead = meetings, model_ahead
        self._batches = count()

    def prepare(self, image: Image.Image) -> Pixels:
        number = rgb_at(image, 0, 0)[0]  # the photo's: see write_photo
        if number % self.batch_size == self.batch_size // 2:
            self._meetings.attend(number // self.batch_size - 1 - self._ahead)
        return super().prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self._meetings.attend(next(self._batches) - self._ahead)
        return super().encode_pixels(batch)


def test_decoder_model_and_disk_work_at_the_same_time(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a batch is recorded, the next is in the model, and the one after that is decoded."""
    meetings = Meetings(stages=3, count=PHOTOS // StandIn.batch_size - 2)
    encoder, batches, record = MeetingEncoder(meetings, model_ahead=1), count(), Store.record

    def meet(self: Store, root_id: int, key: int, results: Sequence[IngestResult]) -> None:
        meetings.attend(next(batches))
        record(self, root_id, key, results)

    monkeypatch.setattr(Store, "record", meet)
    index(photos, tmp_path / "library", encoder, 0, monkeypatch)


def test_decoder_and_model_work_at_the_same_time_in_a_rebuild(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(photos, tmp_path / "library", StandIn(), 0, monkeypatch)
    meetings = Meetings(stages=2, count=PHOTOS // StandIn.batch_size - 1)
    encoder = MeetingEncoder(meetings, model_ahead=0)
    encoder.id = "lite/another"
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite", threads=THREADS)
    with Library.open(settings, encoder=encoder) as library:
        report = library.rebuild("lite").run()
    assert (report.vectors, report.missing, encoder.embedded) == (PHOTOS, 0, PHOTOS)


@pytest.mark.alone  # measures time
@pytest.mark.parametrize(
    ("up", "model", "disk"),
    [(1, 1, 0), (0.3, 1, 0.3), (1, 0.3, 0.3)],
    ids=["copying and model", "slow model", "slow copying"],
)
def test_copying_to_a_device_is_hidden(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    up: float,
    model: float,
    disk: float,
) -> None:
    batches = PHOTOS / StandIn.batch_size
    one_after_the_other = (up + model + disk) * STAGE_S
    filling = one_after_the_other / batches
    longest = max(up, model, disk) * STAGE_S

    def extra_s(attempt: int) -> float:
        """The time on the slow device beyond that on one that takes no time."""
        idle = DeviceEncoder(tmp_path, 0, 0)
        idle_s = index(photos, tmp_path / f"idle {attempt}", idle, 0, monkeypatch)
        monkeypatch.undo()
        encoder = DeviceEncoder(tmp_path, up * STAGE_S / batches, model * STAGE_S / batches)
        record_s = disk * STAGE_S / batches
        taken_s = index(photos, tmp_path / f"slow {attempt}", encoder, record_s, monkeypatch)
        monkeypatch.undo()
        assert encoder.device.computed == [StandIn.batch_size] * int(batches)
        assert taken_s >= 0.9 * longest
        return taken_s - idle_s

    # Half-way between all hidden and nothing hidden; other work may spoil single measurements.
    limit_s = (longest + filling + one_after_the_other) / 2
    assert any(extra_s(attempt) <= limit_s for attempt in range(5))


def test_few_photos_are_held_however_slow_the_model_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = TimedDevice(model_s=0.05)
    index(photos, tmp_path / "library", device, 0, monkeypatch)
    assert device.most_held <= 3 * StandIn.batch_size + THREADS < PHOTOS / 2


def test_what_was_embedded_is_kept_when_the_device_fails(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MemoryError):
        index(photos, tmp_path / "library", TimedDevice(fails_at=3), 0.1, monkeypatch)
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        assert library.photo_count() == 3 * StandIn.batch_size


def test_a_disk_that_fails_ends_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "record", full)
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with (
        Library.open(settings, encoder=TimedDevice()) as library,
        pytest.raises(OSError, match="space"),
    ):
        library.index([photos]).run()
