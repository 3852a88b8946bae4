"""A new library whose model is not here yet: `lite` serves it until the model has taken over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.cli.watch import _described
from imgsearch.encoders.openclip import catalogue
from imgsearch.errors import DiskError, EncoderMismatch, Sentence
from imgsearch.indexer.getting import PART, Getting
from imgsearch.indexer.successor import EMBEDDING
from imgsearch.progress import Download, Progress, SyncReport
from tests.factories import SimulatedClock, run_cli, wait_until, write_photos
from tests.model_hub import ModelHub, cutting, empty_cache, reachable_hub, refusing
from tests.small_models import clip_vocabulary, safetensors_of, small_clip
from tests.stand_in import StandIn
from ui.tasks import Task, format_progress, progress_share

# Weights are random here, which the self-test of models says.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not find drawings:RuntimeWarning")

CLIP = catalogue.CPU_DEFAULT
PHOTOS = 6


@pytest.fixture(scope="module")
def clip_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small CLIP with random weights, under the name of the recommended one."""
    folder = tmp_path_factory.mktemp("small-clip")
    model = catalogue.find(CLIP)
    assert model is not None
    return {
        f"{model.repo}/open_clip_model.safetensors": safetensors_of(small_clip(folder / "configs")),
        f"{model.repo}/tokenizer.json": clip_vocabulary(folder),
    }


@pytest.fixture
def our_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip_files: dict[str, bytes]
) -> Iterator[ModelHub]:
    empty_cache(tmp_path / "hub", monkeypatch)
    with reachable_hub(monkeypatch) as served:
        served.files |= clip_files
        yield served


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", PHOTOS)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def open_again(tmp_path: Path, told: list[str]) -> Callable[[str], Library]:
    """Opens the library with an encoder in its settings, with a cache folder of its own."""

    def open_with(encoder: str) -> Library:
        settings = Settings.load(
            data_dir=tmp_path / "library", cache_dir=tmp_path / "cache", encoder=encoder
        )
        return Library.open(settings, told.append)

    return open_with


def found(library: Library) -> int:
    return len(library.search("a photo", k=PHOTOS))


def current_in(library: Library) -> str | None:
    stored = library.encoders.stored() if library.exists() else ()
    return next((each.name for each in stored if each.state == "current"), None)


def encoder_of(library: Library) -> str:
    return library.encoders.in_use().name


@pytest.mark.slow
def test_photos_are_found_with_lite_until_the_model_has_embedded_all(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library], told: list[str]
) -> None:
    parts: list[str] = []
    with open_again(CLIP) as library, open_again(CLIP) as reader:
        for step in library.index([photos]):
            if step.part and step.part not in parts:
                parts.append(step.part)
                assert (encoder_of(reader), found(reader)) == ("lite", PHOTOS)
                assert [job.job for job in reader.unfinished()] == ["encoder"]
                running = reader.running()
                assert running is not None and running.step == step.step
        assert parts == [PART, EMBEDDING]
        assert (encoder_of(reader), found(reader)) == (CLIP, PHOTOS)
        assert reader.unfinished() == ()
    assert told[1].startswith(f"{CLIP} is not on this machine yet")
    assert told[2].startswith(f"Getting {CLIP}: 605 MB to download, 1.4 GB of disk in all, about")
    assert told[-1].startswith(f"{CLIP} answers searches now")


@pytest.mark.slow
def test_the_next_run_goes_on_where_one_was_stopped(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library]
) -> None:
    """In the download, and after some photos were embedded: nothing is done twice."""
    (weights,) = (each for each in our_hub.files if each.endswith("safetensors"))
    our_hub.storage_fault = cutting(our_hub.files[weights], after=300_000, times=1)
    with open_again(CLIP) as library:
        job = library.index([photos])
        next(step for step in job if "downloading" in step.step and step.step[12] != "0")
        job.close()
        assert (encoder_of(library), found(library)) == ("lite", PHOTOS)
    our_hub.storage_requests.clear()
    our_hub.storage_headers.clear()
    with open_again("auto") as library:
        write_photos(photos, 1, first=PHOTOS)
        job = library.index()
        new = [step for step in job if step.part is None]
        assert len(new) == 1, "known photos were embedded with lite again"
        assert job.report.awaited == "" and encoder_of(library) == CLIP
        assert len(library.search("a photo", k=20)) == PHOTOS + 1
    ranges = [headers.get("range", "bytes=0-") for headers in our_hub.storage_headers]
    assert "bytes=0-" not in ranges[:1], "the download began anew"


@pytest.mark.slow
def test_a_line_that_is_lost_in_the_download_leaves_a_library_that_goes_on(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library], told: list[str]
) -> None:
    (weights,) = (each for each in our_hub.files if each.endswith("safetensors"))
    begin = cutting(our_hub.files[weights], after=300_000, times=1)
    lose = cutting(our_hub.files[weights], after=0)
    our_hub.storage_fault = lambda request: begin(request) or lose(request)
    with open_again(CLIP) as library:
        assert library.index([photos]).run().awaited == CLIP
        assert "broke off after 0 MB" in told[-1] and "it goes on from there" in told[-1]
        assert (encoder_of(library), found(library)) == ("lite", PHOTOS)
        our_hub.storage_fault = lambda request: False
        our_hub.storage_headers.clear()
        assert library.index().run().awaited == ""
    assert our_hub.storage_headers[0].get("range") == "bytes=300000-"


@pytest.mark.slow
def test_photos_that_have_vectors_of_the_model_are_not_embedded_again(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library]
) -> None:
    with open_again(CLIP) as library:
        job = library.index([photos])
        next(step for step in job if step.part == EMBEDDING)
        job.close()
        done = {each.name: each.photos for each in library.encoders.stored()}.get(CLIP, 0)
        assert encoder_of(library) == "lite"
    with open_again(CLIP) as library:
        job = library.index()
        totals = {step.total for step in job if step.part == EMBEDDING}
        assert totals == ({PHOTOS - done} if done < PHOTOS else set())
        assert encoder_of(library) == CLIP


@pytest.mark.slow
def test_without_the_hub_lite_stays_in_use_and_the_way_on_is_told(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library], told: list[str]
) -> None:
    our_hub.fault = refusing(503)
    with open_again(CLIP) as library:
        report: SyncReport = library.index([photos]).run()
        assert report.new == PHOTOS and report.awaited == CLIP
        assert (encoder_of(library), found(library)) == ("lite", PHOTOS)
        assert "503" in told[-1]
        assert isinstance(told[-1], Sentence)
        assert told[-1].lines == ("imgsearch index", "imgsearch encoders --use lite")
    other = open_again("openclip:ViT-L-14/datacomp_xl_s13b_b90k")
    with other, pytest.raises(EncoderMismatch):
        found(other)
    with open_again("auto") as library:
        assert library.index().run().awaited == CLIP
        our_hub.fault = lambda request: False
        assert library.index().run().awaited == ""
        assert encoder_of(library) == CLIP


def test_a_person_may_stay_with_lite(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library]
) -> None:
    our_hub.fault = refusing(503)
    with open_again(CLIP) as library:
        library.index([photos]).run()
    with open_again("auto") as library:
        library.encoders.use("lite")
        assert library.unfinished() == ()
        asked = len(our_hub.requests)
        assert library.index().run().awaited == ""
        assert len(our_hub.requests) == asked and encoder_of(library) == "lite"


@pytest.mark.slow
def test_a_watcher_gets_the_model_too(
    our_hub: ModelHub, photos: Path, open_again: Callable[[str], Library]
) -> None:
    stop = threading.Event()
    with open_again(CLIP) as library:
        watching = threading.Thread(target=lambda: list(library.watch([photos], stop=stop)))
        watching.start()
        try:
            wait_until(lambda: current_in(library) == CLIP)
        finally:
            stop.set()
            watching.join()
        assert found(library) == PHOTOS and library.unfinished() == ()


def test_a_model_that_is_here_or_given_needs_no_other(
    tmp_path: Path, photos: Path, stand_in: StandIn
) -> None:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="auto")
    with Library.open(settings, encoder=stand_in) as library:
        steps = list(library.index([photos]))
        assert {step.part for step in steps} == {None}
        assert [each.encoder_id for each in library.encoders.stored()] == [stand_in.id]


def test_a_model_that_was_named_and_cannot_be_had_is_an_exit_code(
    our_hub: ModelHub, photos: Path, tmp_path: Path
) -> None:
    our_hub.fault = refusing(503)
    network = {
        "HF_ENDPOINT": our_hub.address,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
        "no_proxy": "127.0.0.1",
    }
    data = tmp_path / "library"
    named = run_cli("index", photos, "--encoder", CLIP, data=data, **network)
    assert named.returncode == 6 and f"{PHOTOS} new" in named.stdout, named.stderr
    later = run_cli("index", data=data, **network, IMGSEARCH_ENCODER="auto")
    assert later.returncode == 0 and "503" in later.stderr, later.stderr
    assert f"{CLIP} is not ready yet" in run_cli("status", data=data).stdout


# ---------------------------------------------------------------------------- the bar


class OpenedByReports:
    """Opens an encoder by making reports, each after a time of a simulated clock."""

    def __init__(self, clock: SimulatedClock, reports: list[tuple[float, Download]]) -> None:
        self._clock, self._reports = clock, reports

    def __call__(self, on_download: Callable[[Download], None]) -> StandIn:
        for seconds, report in self._reports:
            self._clock.sleep(seconds)
            on_download(report)
        return StandIn()


def test_one_bar_goes_on_over_download_preparation_and_trial() -> None:
    clock = SimulatedClock()
    getting = Getting(clock)
    steps: list[Progress] = []

    def follow(download: Download) -> None:
        steps.append(getting._step(download, 0.0))

    for second in range(31):
        follow(Download("weights", second * 10_000_000, 300_000_000, later_s=10.0))
        clock.sleep(1)
    follow(Download("model", 0, 0, "reading its weights", 10.0))
    clock.sleep(2)
    follow(Download("model", 0, 0, "converting its towers", 8.0))
    late = getting._step(Download("model", 0, 0, "converting its towers", 8.0), 9.0)
    assert late.left_s is None, "an estimate that was exceeded is none"
    assert steps[20].step == "downloading 200 of 300 MB, 10.0 MB/s"
    assert steps[20].left_s == pytest.approx(20.0)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {(step.part, step.total) for step in steps} == {(PART, steps[0].total)}
    share = steps[-1].done / steps[-1].total
    assert share == pytest.approx(33 / 41, abs=0.01)

    def trial() -> Iterator[Progress]:
        for done in range(1, 65):
            clock.sleep(0.5)
            yield Progress(done, 512, None, "Trying int8")

    tried = list(getting.tried(trial()))  # type: ignore[arg-type]
    assert tried[31].step == "comparing int8 with float32 on photos, 32 of 64"
    assert tried[31].left_s == pytest.approx(16.0)
    assert tried[-1].done >= tried[0].done >= steps[-1].done


def test_page_and_watcher_say_what_is_done_for_the_model() -> None:
    step = Progress(240, 1000, None, PART, "downloading 254 of 605 MB, 38.8 MB/s", 22.0)
    task = Task()
    task.advance(step)
    said = "downloading 254 of 605 MB, 38.8 MB/s, about 22 s left"
    assert format_progress(task, "photos") == said
    assert progress_share(task) == 0.24
    values = {"done": 240, "total": 1000, "part": PART, "step": step.step}
    assert _described(step) == ("progress", values)
    assert _described(Progress(2, 9)) == ("progress", {"done": 2, "total": 9})


def test_nothing_is_shown_of_an_encoder_that_opens_at_once() -> None:
    getting = Getting().opened(OpenedByReports(SimulatedClock(), []))
    with pytest.raises(StopIteration) as ended:
        next(getting)
    assert isinstance(ended.value.value, StandIn)


def test_a_job_that_is_closed_stops_the_download() -> None:
    was_asked, has_ended = threading.Event(), threading.Event()

    def download(on_download: Callable[[Download], None]) -> StandIn:
        try:
            while True:
                on_download(Download("weights", 1, 2))
                was_asked.set()
        finally:
            has_ended.set()

    steps = Getting().opened(download)
    next(steps)
    assert was_asked.wait(60)
    steps.close()
    assert has_ended.wait(60)


def test_a_disk_without_room_for_the_prepared_model_is_told_before_the_download(
    our_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsearch.encoders.registry import open_encoder

    class Usage:
        free = 1_000_000_000

    monkeypatch.setattr("imgsearch.encoders.openclip.runtime.shutil.disk_usage", lambda _: Usage)
    with pytest.raises(DiskError, match=r"needs 1\.4 GB of disk .* 1\.0 GB are free"):
        open_encoder(CLIP, tmp_path / "cache", "cpu")
    assert our_hub.requests == []
