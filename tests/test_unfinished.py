"""Jobs that were interrupted: the library knows it, says it, and goes on."""

from __future__ import annotations

import json
import signal
import sys
import textwrap
import threading
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.indexer.watcher import WatchTiming
from imgsearch.progress import FeatureReport, Progress, SyncReport
from imgsearch.records.status import UnfinishedJob
from imgsearch.store.store import Store
from imgsearch.store.unfinished import noted
from tests.factories import run_cli, run_python, write_photos
from tests.held_process import held
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Vectors

PHOTOS = 40


class SmallBatches(StandIn):
    """A stand-in that embeds four photos at a time."""

    batch_size = 4


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", PHOTOS)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=SmallBatches()) as opened:
        yield opened


def interrupt(library: Library, *folders: Path, after: int = 20) -> None:
    """Stop indexing after so many steps."""
    job = library.index(folders)
    for step in job:
        if step.done == after:
            job.close()
            return
    raise AssertionError("it ended before")


def index_of(library: Library) -> UnfinishedJob:
    (job,) = library.unfinished()
    assert job.job == "index"
    return job


# ------------------------------------------------------------------------- the library


def test_an_interrupted_index_says_exactly_how_many_files_are_left(
    library: Library, photos: Path
) -> None:
    interrupt(library, photos)
    done = library.photo_count()
    assert 0 < done < PHOTOS
    job = index_of(library)
    assert (job.left, job.folders) == (PHOTOS - done, (photos,))
    assert library.status().unfinished == (job,)
    library.index([photos]).run()
    assert library.unfinished() == library.status().unfinished == ()
    assert library.photo_count() == PHOTOS


def test_an_index_stopped_before_its_first_photo_is_unfinished(
    library: Library, photos: Path
) -> None:
    job = library.index([photos])
    next(job)
    job.close()
    assert index_of(library).left == PHOTOS - library.photo_count()


def test_a_failed_index_is_unfinished(tmp_path: Path, photos: Path) -> None:
    class Failing(SmallBatches):
        def encode_pixels(self, batch: PixelBatch) -> Vectors:
            raise MemoryError

    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=Failing()) as library:
        with pytest.raises(MemoryError):
            library.index([photos]).run()
        assert index_of(library).left == PHOTOS


def test_a_folder_that_cannot_be_read_is_not_unfinished(library: Library, tmp_path: Path) -> None:
    from imgsearch.errors import FolderError

    with pytest.raises(FolderError):
        library.index([tmp_path / "absent"]).run()
    library.index([write_photos(tmp_path / "other", 1)]).run()
    assert library.unfinished() == ()


def test_a_part_of_a_folder_does_not_finish_the_rest(library: Library, photos: Path) -> None:
    write_photos(photos / "part", 3, first=100)
    interrupt(library, photos)
    left = index_of(library).left
    assert left is not None and left > 3
    before = library.photo_count()
    library.index([photos / "part"]).run()
    assert index_of(library).left == left - (library.photo_count() - before)
    library.index().run()
    assert library.unfinished() == ()


def test_a_part_of_a_finished_folder_is_unfinished_only_until_it_is_done(
    library: Library, photos: Path
) -> None:
    library.index([photos]).run()
    write_photos(photos / "part", 30, first=100)
    interrupt(library, photos / "part", after=10)
    assert index_of(library).left == PHOTOS + 30 - library.photo_count()
    library.index([photos]).run()
    assert library.unfinished() == ()
    write_photos(photos / "next", 3, first=200)
    library.index([photos / "next"]).run()
    assert library.unfinished() == ()


def test_each_folder_is_unfinished_by_itself(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    interrupt(library, photos)
    other = write_photos(tmp_path / "other", 5, first=200)
    library.index([other]).run()
    assert index_of(library).folders == (photos,)
    library.folders.forget(photos)
    assert library.unfinished() == ()


def test_a_paused_folder_is_not_said_to_be_unfinished(library: Library, photos: Path) -> None:
    interrupt(library, photos)
    library.folders.pause(photos)
    assert library.unfinished() == ()
    library.folders.resume(photos)
    assert index_of(library).folders == (photos,)


def test_failed_files_tried_again_do_not_finish_an_index(library: Library, photos: Path) -> None:
    (photos / "0000.jpg").write_bytes(b"no photo")
    interrupt(library, photos)
    library.folders.retry().run()
    assert index_of(library).folders == (photos,)


def test_a_process_that_was_killed_leaves_an_unfinished_index(tmp_path: Path, photos: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data = tmp_path / "library"
    with held("index", photos, data=data, at_batch=3, stand_in=True) as process:
        process.wait_until_held()
        process.send_signal(signal.SIGKILL)
    with Library.open(data) as library:
        assert index_of(library).left == PHOTOS - library.photo_count() > 0


# ------------------------------------------------------------------------- other jobs


def steps(total: int) -> Generator[Progress, None, None]:
    for done in range(total + 1):
        yield Progress(done, total)


@pytest.mark.features("people")
def test_a_job_is_noted_until_its_end_with_its_options(library: Library, photos: Path) -> None:
    library.index([photos]).run()
    with Store.open(library.settings.data_dir, writable=True) as store:
        job = noted(store.unfinished, "faces", steps(10), folders=[str(photos)], again=True)
        for step in job:
            if step.done == 4:
                break
        job.close()
        (unfinished,) = library.unfinished()
        assert (unfinished.job, unfinished.left) == ("faces", 6)
        assert (unfinished.folders, unfinished.again) == ((photos,), True)
        assert unfinished.command == f"imgsearch faces --again {photos}"
        # One for another folder does not finish it, and one for all does.
        list(noted(store.unfinished, "faces", steps(3), folders=["/elsewhere"]))
        (still,) = library.unfinished()
        assert (still.folders, still.again) == ((photos,), True)
        list(noted(store.unfinished, "faces", steps(3), again=True))
        assert library.unfinished() == ()


@pytest.mark.features("meaning")
def test_an_interrupted_map_of_meaning_is_unfinished(library: Library, photos: Path) -> None:
    pytest.importorskip("openTSNE")
    library.index([photos]).run()
    job = library.meaning.lay_out()
    next(job)
    job.close()
    (unfinished,) = library.unfinished()
    assert unfinished.job == "meaning"
    assert unfinished.command == "imgsearch meaning --lay-out"
    library.meaning.lay_out().run()
    assert library.unfinished() == ()


@pytest.mark.features("meaning")
def test_a_watcher_goes_on_with_a_map_of_meaning(library: Library, photos: Path) -> None:
    pytest.importorskip("openTSNE")
    library.index([photos]).run()
    job = library.meaning.lay_out()
    next(job)
    job.close()
    stop = threading.Event()
    seen: list[object] = []
    for event in library.watch([], stop=stop, schedule=WatchSchedule(WatchTiming(quiet_ms=200))):
        seen.append(event)
        if isinstance(event, FeatureReport):
            stop.set()
    (report,) = (event for event in seen if isinstance(event, FeatureReport))
    assert report.values["photos"] == library.status().photos
    kinds = [type(event) for event in seen]
    assert kinds.index(SyncReport) < kinds.index(FeatureReport), "changes on the disk come first"
    assert library.unfinished() == () and library.meaning.exists()


@pytest.mark.parametrize(
    ("name", "left", "said"),
    [
        pytest.param(
            "faces",
            3,
            "Finding faces was not finished: 3 photos left.",
            marks=pytest.mark.features("people"),
        ),
        pytest.param(
            "text", None, "Reading text was not finished.", marks=pytest.mark.features("text")
        ),
        pytest.param(
            "meaning",
            3,
            "Laying out the map of meaning was not finished, so the map is the earlier one.",
            marks=pytest.mark.features("meaning"),
        ),
    ],
)
def test_a_job_of_a_feature_says_what_is_not_finished(
    name: str, left: int | None, said: str
) -> None:
    assert UnfinishedJob(name, left, datetime.now(UTC)).sentence == said


# ------------------------------------------------------------------------- commands


@pytest.mark.features("people")
def test_the_command_that_shows_what_a_job_finds_says_that_it_is_not_finished(
    library: Library, photos: Path
) -> None:
    library.index([photos]).run()
    data = library.settings.data_dir
    with Store.open(data, writable=True) as store:
        job = noted(store.unfinished, "faces", steps(10))
        for step in job:
            if step.done == 4:
                break
        job.close()
    said = "Finding faces was not finished: 6 photos left. To go on: imgsearch faces"
    assert said in run_cli("people", data=data).stderr
    assert "not finished" not in run_cli("timeline", data=data).stderr


def test_commands_say_what_is_missing_and_how_to_go_on(library: Library, photos: Path) -> None:
    interrupt(library, photos)
    left, data = index_of(library).left, library.settings.data_dir
    said = f"Indexing was not finished: {left} files left. To go on: imgsearch index"
    for command in (
        ("search", "type:jpeg"),
        ("search", "type:raw"),  # without a result, exit code 1
        ("timeline",),
        ("cameras",),
        ("status",),
        ("folders",),
    ):
        done = run_cli(*command, data=data)
        assert said in (done.stdout if command == ("status",) else done.stderr), command
    named = run_cli("timeline", "--data", data, data=data / "none")
    assert f"To go on: imgsearch index --data {data}" in named.stderr
    status = json.loads(run_cli("status", "--json", data=data).stdout)
    assert [job["left"] for job in status["unfinished"]] == [left]
    # The cure, as it is typed.
    with Library.open(library.settings, encoder=SmallBatches()) as opened:
        opened.index().run()
    assert "not finished" not in run_cli("search", "type:jpeg", data=data).stderr
    assert "Not done" not in run_cli("status", data=data).stdout


def test_during_an_index_a_search_says_that_more_comes(tmp_path: Path, photos: Path) -> None:
    data = tmp_path / "library"
    with held("index", photos, data=data, at_batch=3, stand_in=True) as process:
        process.wait_until_held()
        done = run_cli("search", "type:jpeg", data=data)
        assert "Photos are being indexed now" in done.stderr
        assert "not finished" not in done.stderr
        assert "Not done" not in run_cli("status", data=data).stdout
        process.release()
        assert process.finish()[0] == 0


def test_watch_goes_on_by_itself(library: Library, photos: Path) -> None:
    interrupt(library, photos)
    stop = threading.Event()
    for event in library.watch(stop=stop):
        if getattr(event, "photos", None) == PHOTOS:
            stop.set()
    assert library.unfinished() == ()


# ------------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_does_not_wait_for_the_batch_in_work(tmp_path: Path, photos: Path) -> None:
    """The batch is never let go on, and the command ends all the same."""
    data = tmp_path / "library"
    with held("index", photos, data=data, at_batch=3, stand_in=True) as process:
        process.wait_until_held()
        process.send_signal(signal.SIGINT)
        code, _, errors = process.finish()
    assert code == 130
    assert errors.count("Stopped. Finished work is saved") == 1
    assert "Traceback" not in errors
    with Library.open(data) as library:
        assert index_of(library).left == PHOTOS - library.photo_count()


JOB = """
    import os, signal, sys, threading
    from concurrent.futures import ThreadPoolExecutor
    from imgsearch.cli.progress import run_with_progress
    from imgsearch.progress import Job, Progress

    signal.signal(signal.SIGINT, signal.default_int_handler)
    blocked = threading.Event()

    def steps():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(blocked.wait)
            yield Progress(0, 2)
            os.kill(os.getpid(), signal.SIGINT)
            yield Progress(1, 2)

    run_with_progress(Job(steps()), "Finding faces", ends_soon=True)
"""


def test_ctrl_c_does_not_wait_for_a_thread(tmp_path: Path) -> None:
    done = run_python(textwrap.dedent(JOB))
    assert done.returncode == 130
    assert "Stopped. Finished work is saved" in done.stderr


def test_a_job_that_ends_leaves_no_handler_behind() -> None:
    done = run_python(
        textwrap.dedent("""
        import signal, threading
        from imgsearch.cli.progress import run_with_progress
        from imgsearch.progress import Job, Progress

        def steps():
            yield Progress(1, 1)
            return "report"

        for _ in range(3):
            assert run_with_progress(Job(steps()), "Indexing", ends_soon=True) == "report"
        assert signal.set_wakeup_fd(-1) == -1
        assert threading.active_count() == 1
        """)
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_in_a_function_that_python_ignores_is_not_lost() -> None:
    done = run_python(
        textwrap.dedent("""
        import signal, time, weakref
        from imgsearch.cli.stopping import keep_interrupts

        class Dropped: pass

        signal.signal(signal.SIGINT, signal.default_int_handler)
        keep_interrupts()
        dropped = Dropped()
        reference = weakref.ref(dropped, lambda _: signal.raise_signal(signal.SIGINT))
        try:
            del dropped
            time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted")
        """)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
