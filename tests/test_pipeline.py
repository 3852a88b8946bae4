"""Indexing hides the cheaper stages behind the dearest, whichever that is, and holds few photos."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

import imgsearch.encoders
from imgsearch import Library, Settings
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.cache import BatchSizeCache
from imgsearch.store.store import Store
from tests.factories import write_noise
from tests.slow_device import Costs, SlowDevice
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
    from imgsearch.records.files import IngestResult

pytestmark = pytest.mark.alone  # it measures time, or waits for it

PHOTOS = 128
THREADS = 2
STAGE_S = 1.6  # of the dearest stage, all photos together: much more than the real work takes


class TimedDevice(StandIn):
    """An encoder whose stages take as long as they are told to, as a device of its own does."""

    def __init__(self, prepare_s: float = 0.0, model_s: float = 0.0, fails_at: int = -1) -> None:
        super().__init__()
        self.prepare_s, self.model_s, self.fails_at = prepare_s, model_s, fails_at
        self.batches = 0
        self.held = self.most_held = 0
        self._counting = threading.Lock()

    def prepare(self, image: Image.Image) -> Pixels:
        time.sleep(self.prepare_s)
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


class Beside(StandIn):
    """An encoder on a device of its own, to which pixels take as long as they are told to."""

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
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        write_noise(folder / f"{number:03}.png", number)
    return folder


def index(
    photos: Path, place: Path, device: StandIn, record_s: float, monkeypatch: pytest.MonkeyPatch
) -> float:
    """Index the photos with a device and a disk that takes so long for a batch; the seconds."""
    monkeypatch.setattr(imgsearch.encoders, "open_encoder", lambda *arguments: device)
    enter = Store.record

    def slowly(self: Store, root_id: int, key: int, outcomes: Sequence[IngestResult]) -> None:
        time.sleep(record_s)
        enter(self, root_id, key, outcomes)

    monkeypatch.setattr(Store, "record", slowly)
    settings = Settings.load(data_dir=place, encoder="lite", threads=THREADS)
    with Library.open(settings) as library:
        started = time.perf_counter()
        report = library.index([photos]).run()
        taken_s = time.perf_counter() - started
        assert (report.new, report.failed) == (PHOTOS, 0)
        assert library.photo_count() == PHOTOS
    return taken_s


@pytest.mark.parametrize(
    ("decoding", "model", "disk"),
    [(1, 1, 0), (0, 1, 1), (1, 0.3, 0.3), (0.3, 1, 0.3), (1, 1, 1)],
    ids=["decoding and model", "model and disk", "slow decoding", "slow model", "all three"],
)
def test_the_dearest_stage_hides_the_others(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    decoding: float,
    model: float,
    disk: float,
) -> None:
    batches = PHOTOS / StandIn.batch_size
    device = TimedDevice(decoding * STAGE_S * THREADS / PHOTOS, model * STAGE_S / batches)
    idle = index(photos, tmp_path / "idle", TimedDevice(), 0, monkeypatch)  # the real work alone
    monkeypatch.undo()
    taken = index(photos, tmp_path / "busy", device, disk * STAGE_S / batches, monkeypatch) - idle
    one_after_the_other = (decoding + model + disk) * STAGE_S
    dearest = max(decoding, model, disk) * STAGE_S
    filling = (decoding + model + disk) * STAGE_S / batches  # the first batch waits for each stage
    assert taken >= 0.9 * dearest - idle
    # Half-way between all hidden and nothing hidden, for machines that do other things, too.
    assert taken <= (dearest + filling + one_after_the_other) / 2


@pytest.mark.parametrize(
    ("up", "model", "disk"),
    [(1, 1, 0), (0.3, 1, 0.3), (1, 0.3, 0.3)],
    ids=["way up and model", "slow model", "slow way up"],
)
def test_the_way_up_to_a_device_is_hidden(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    up: float,
    model: float,
    disk: float,
) -> None:
    batches = PHOTOS / StandIn.batch_size
    idle = index(photos, tmp_path / "idle", Beside(tmp_path, 0, 0), 0, monkeypatch)
    monkeypatch.undo()
    encoder = Beside(tmp_path, up * STAGE_S / batches, model * STAGE_S / batches)
    taken = index(photos, tmp_path / "busy", encoder, disk * STAGE_S / batches, monkeypatch) - idle
    assert encoder.device.computed == [StandIn.batch_size] * int(batches)
    one_after_the_other = (up + model + disk) * STAGE_S
    filling = one_after_the_other / batches
    dearest = max(up, model, disk) * STAGE_S
    assert taken >= 0.9 * dearest - idle
    assert taken <= (dearest + filling + one_after_the_other) / 2


def test_a_rebuild_hides_the_cheaper_stages_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(photos, tmp_path / "library", TimedDevice(), 0, monkeypatch)
    batches = PHOTOS / StandIn.batch_size

    def rebuild(kind: str, stage_s: float) -> float:
        encoder = TimedDevice(stage_s * THREADS / PHOTOS, stage_s / batches)
        encoder.id = f"lite/{kind}"
        monkeypatch.setattr(imgsearch.encoders, "open_encoder", lambda *arguments: encoder)
        settings = Settings.load(data_dir=tmp_path / "library", encoder="lite", threads=THREADS)
        with Library.open(settings) as library:
            started = time.perf_counter()
            report = library.rebuild("lite").run()
            taken_s = time.perf_counter() - started
            assert (report.vectors, report.missing) == (PHOTOS, 0)
        assert encoder.embedded == PHOTOS
        return taken_s

    idle = rebuild("at once", 0)
    taken = rebuild("slow", STAGE_S) - idle  # decoding and model take the same
    filling = 2 * STAGE_S / batches
    assert taken >= 0.9 * STAGE_S - idle
    assert taken <= (STAGE_S + filling + 2 * STAGE_S) / 2


def test_few_photos_wait_however_slow_the_model_is(
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

    monkeypatch.setattr(imgsearch.encoders, "open_encoder", lambda *arguments: TimedDevice())
    monkeypatch.setattr(Store, "record", full)
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings) as library, pytest.raises(OSError, match="space"):
        library.index([photos]).run()
