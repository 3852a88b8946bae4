"""Indexing runs its stages at the same time, and holds few photos in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode
from imgsearch.encoders.batching import BatchScheduler
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.indexer.pipeline import EmbeddingRun, embed_again, ingest
from imgsearch.indexer.reading import DecodeFile, PhotoDecoder
from imgsearch.indexer.scan import scan
from imgsearch.progress import Job, SyncReport
from imgsearch.store.store import Store
from tests.factories import PATIENCE_S, context_of, write_noise
from tests.slow_device import Costs, SlowDevice
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
    from imgsearch.records.files import Decoded, IngestResult

PHOTOS = 128
BATCHES = PHOTOS // StandIn.batch_size
THREADS = 2
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
        self._lock = threading.Lock()

    def prepare(self, image: Image) -> Pixels:
        with self._lock:
            self.held += 1
            self.most_held = max(self.most_held, self.held)
        return super().prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        if self.batches == self.fails_at:
            raise MemoryError("the device is gone")
        self.batches += 1
        time.sleep(self.model_s)
        with self._lock:
            self.held -= len(batch)
        return super().encode_pixels(batch)


class DeviceEncoder(StandIn):
    """An encoder on a device with a memory of its own: copying a batch to it takes `up_s`."""

    batches_at_once = SlowDevice.slots

    def __init__(self, folder: Path, up_s: float, model_s: float) -> None:
        super().__init__()
        costs = Costs(up_s, lambda count: model_s)
        self.device = SlowDevice(super().encode_pixels, self.dim, self.side_px, costs)
        self._scheduler = BatchScheduler(self.device, BatchSizes(folder, self.id), self.batch_size)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._scheduler(batch)


class ObservedStore(Store):
    """A store that calls `before_record` with the number of each batch before it records it."""

    before_record: Callable[[int], None] | None = None
    batches = 0

    def record(self, root_id: int, encoder_key: int, results: Sequence[IngestResult]) -> None:
        if self.before_record is not None:
            self.before_record(self.batches)
        self.batches += 1
        super().record(root_id, encoder_key, results)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        write_noise(folder / f"{number:03}.png", number)
    return folder


def run_of(store: Store, encoder: StandIn, decode: DecodeFile = decode) -> EmbeddingRun:
    settings = Settings.load(
        data_dir=store.data_dir, cache_dir=store.data_dir / "cache", threads=THREADS
    )
    context = context_of(settings, encoder, decoder=PhotoDecoder(decode))
    return EmbeddingRun.begin(context, store, encoder, thumbnails=None)


def index(
    photos: Path,
    data_dir: Path,
    encoder: StandIn,
    decode: DecodeFile = decode,
    before_record: Callable[[int], None] | None = None,
) -> float:
    """Index the photos into an empty library; the seconds."""
    data_dir.mkdir()
    with ObservedStore.open(data_dir, writable=True) as store:
        store.before_record = before_record
        store.files.add_root(str(photos))
        stats = scan(str(photos), is_photo_name).files.values()
        files = sorted(stats, key=lambda stat: stat.path)
        job = Job(ingest(run_of(store, encoder, decode), files))
        started = time.perf_counter()
        report = job.run()
        taken_s = time.perf_counter() - started
        assert report == SyncReport(new=PHOTOS)
        assert store.reads.photos.count() == PHOTOS
    return taken_s


def photo_count(data_dir: Path) -> int:
    with Store.open(data_dir) as store:
        return store.reads.photos.count()


class Meetings:
    """Numbered points in time at which several stages must all be at work."""

    def __init__(self, stages: int, count: int) -> None:
        self._barriers = [threading.Barrier(stages) for _ in range(count)]

    def attend(self, number: int) -> None:
        """Wait for the other stages; fails if one never comes."""
        if 0 <= number < len(self._barriers):
            self._barriers[number].wait(PATIENCE_S)


class MeetingEncoder(StandIn):
    """An encoder whose n-th batch attends meeting n - `ahead`."""

    def __init__(self, meetings: Meetings, ahead: int) -> None:
        super().__init__()
        self._meetings, self._ahead = meetings, ahead
        self._numbers = count()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self._meetings.attend(next(self._numbers) - self._ahead)
        return super().encode_pixels(batch)


class MeetingDecoder:
    """A decoder that attends meeting n - `ahead` in the middle of the n-th batch of photos."""

    def __init__(self, meetings: Meetings, ahead: int) -> None:
        self._meetings, self._ahead = meetings, ahead

    def __call__(
        self, path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded:
        batch, place = divmod(int(path.stem), StandIn.batch_size)
        if place == StandIn.batch_size // 2:
            self._meetings.attend(batch - self._ahead)
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)


def test_decoder_model_and_disk_work_at_the_same_time(photos: Path, tmp_path: Path) -> None:
    """While a batch is recorded, the next is in the model, and the one after that is decoded."""
    meetings = Meetings(stages=3, count=BATCHES - 2)
    encoder, decoder = MeetingEncoder(meetings, ahead=1), MeetingDecoder(meetings, ahead=2)
    index(photos, tmp_path / "library", encoder, decoder, before_record=meetings.attend)


def test_decoder_and_model_work_at_the_same_time_when_photos_are_embedded_again(
    photos: Path, tmp_path: Path
) -> None:
    index(photos, tmp_path / "library", StandIn())
    meetings = Meetings(stages=2, count=BATCHES - 1)
    encoder = MeetingEncoder(meetings, ahead=0)
    encoder.id = "lite/another"
    with Store.open(tmp_path / "library", writable=True) as store:
        again = run_of(store, encoder, MeetingDecoder(meetings, ahead=1))
        unread = Job(embed_again(again, store.photos.unembedded(again.row.key))).run()
        assert (unread, encoder.embedded) == (0, PHOTOS)
        assert store.vectors.count(again.row.key) == PHOTOS


@pytest.mark.alone  # measures time
@pytest.mark.parametrize(
    ("up", "model", "disk"),
    [(1, 1, 0), (0.3, 1, 0.3), (1, 0.3, 0.3)],
    ids=["copying and model", "slow model", "slow copying"],
)
def test_copying_to_a_device_is_hidden(
    photos: Path, tmp_path: Path, up: float, model: float, disk: float
) -> None:
    one_after_the_other_s = (up + model + disk) * STAGE_S
    filling_s = one_after_the_other_s / BATCHES
    longest_s = max(up, model, disk) * STAGE_S

    def extra_s(attempt: int) -> float:
        """The time on the slow device beyond that on one that takes no time."""
        idle = DeviceEncoder(tmp_path, 0, 0)
        idle_s = index(photos, tmp_path / f"idle {attempt}", idle)
        encoder = DeviceEncoder(tmp_path, up * STAGE_S / BATCHES, model * STAGE_S / BATCHES)
        taken_s = index(
            photos,
            tmp_path / f"slow {attempt}",
            encoder,
            before_record=lambda number: time.sleep(disk * STAGE_S / BATCHES),
        )
        assert encoder.device.computed == [StandIn.batch_size] * BATCHES
        assert taken_s >= 0.9 * longest_s
        return taken_s - idle_s

    # Half-way between all hidden and nothing hidden; other work may spoil single measurements.
    limit_s = (longest_s + filling_s + one_after_the_other_s) / 2
    assert any(extra_s(attempt) <= limit_s for attempt in range(5))


def test_few_photos_are_held_however_slow_the_model_is(photos: Path, tmp_path: Path) -> None:
    device = TimedDevice(model_s=0.05)
    index(photos, tmp_path / "library", device)
    assert device.most_held <= 3 * StandIn.batch_size + THREADS < PHOTOS / 2


def test_what_was_embedded_is_kept_when_the_device_fails(photos: Path, tmp_path: Path) -> None:
    def slow_disk(number: int) -> None:
        time.sleep(0.1)

    with pytest.raises(MemoryError):
        index(photos, tmp_path / "library", TimedDevice(fails_at=3), before_record=slow_disk)
    assert photo_count(tmp_path / "library") == 3 * StandIn.batch_size


def test_a_full_disk_ends_the_run(photos: Path, tmp_path: Path) -> None:
    def full_disk(number: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        index(photos, tmp_path / "library", StandIn(), before_record=full_disk)
    assert photo_count(tmp_path / "library") == 0
