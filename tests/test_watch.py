"""`Library.watch` on a real file system: what happens there is in the library a moment later."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from imgsearch import Library, Settings
from imgsearch.encoders import registry
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable
from imgsearch.indexer.watch_loop import WatchSchedule, watch
from imgsearch.indexer.watcher import CANARY_FOLDER, WatchTiming
from imgsearch.progress import SyncReport, WatchEvent, Watching
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from tests.factories import (
    CHECKOUT,
    PATIENCE_S,
    context_of,
    machine_is_busy,
    paths_in,
    pngs_below,
    wait_until,
    write_photo,
    write_photos,
)
from tests.held_process import held
from tests.stand_in import KIND, StandIn

LINUX = sys.platform.startswith("linux")
QUICK = WatchTiming(quiet_ms=200, patience_ms=3_000, tick_s=0.2)


class Watched:
    """A library that is watched in a thread, and the events of the watcher."""

    def __init__(
        self,
        library: Library,
        *folders: Path,
        schedule: WatchSchedule | None = None,
        context: IndexingContext | None = None,
        create_observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        self.library = library
        self.folders = folders
        self.events: list[WatchEvent] = []
        self.error: BaseException | None = None
        self._stop = threading.Event()
        schedule = schedule or WatchSchedule(QUICK)
        if context is None:
            events = library.watch(folders, stop=self._stop, schedule=schedule)
        else:
            paths = [str(folder) for folder in folders]
            events = watch(context, paths, self._stop, schedule, create_observer)
        self._thread = threading.Thread(target=self._run, args=(events,))
        self._thread.start()

    def _run(self, events: Iterator[WatchEvent]) -> None:
        try:
            for event in events:
                self.events.append(event)
        except BaseException as error:  # noqa: BLE001  # it fails the test, in the main thread
            self.error = error

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.error is None:
            if condition():
                return
            time.sleep(0.02)
        raise AssertionError(f"it never happened ({self.error}); last events: {self.events[-5:]}")

    def wait_for_first_report(self) -> None:
        self.wait_for(lambda: bool(self.reports))

    def wait_for_disk(self) -> None:
        """Return once the library has exactly the photos on the disk."""
        self.wait_for(lambda: self.paths == self.on_disk)

    @property
    def reports(self) -> list[SyncReport]:
        return [event for event in self.events if isinstance(event, SyncReport)]

    @property
    def paths(self) -> set[str]:
        return paths_in(self.library.settings.data_dir)

    @property
    def on_disk(self) -> set[str]:
        return pngs_below(*self.folders)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self.error is None, self.error


@pytest.fixture
def watched(library: Library, stand_in: StandIn) -> Iterator[Callable[..., Watched]]:
    """Starts watching folders. A watcher that fails makes the test fail at its end."""
    started: list[Watched] = []

    def start(
        *folders: Path,
        schedule: WatchSchedule | None = None,
        mounts: MountTable = SYSTEM_MOUNTS,
        create_observer: Callable[[], BaseObserver] = Observer,
    ) -> Watched:
        context = None
        if mounts is not SYSTEM_MOUNTS or create_observer is not Observer:
            context = context_of(library.settings, stand_in, mounts=mounts)
        started.append(
            Watched(
                library,
                *folders,
                schedule=schedule,
                context=context,
                create_observer=create_observer,
            )
        )
        started[-1].wait_for_first_report()
        return started[-1]

    yield start
    for each in started:
        each.stop()


Start = Callable[..., Watched]

# ------------------------------------------------------------------------- operations


@dataclass(frozen=True)
class OperationPaths:
    """Where an operation takes place: a folder of one root, one of another, one of none."""

    here: Path
    two: Path
    outside: Path
    first: int  # photos of this number and above are its own

    def photo(self, path: Path, number: int) -> Path:
        return write_photo(path, self.first + number)


def file_becomes_folder(path: Path, number: int) -> None:
    """In place of a photo there is a folder of its name, with another photo in it."""
    path.unlink()
    write_photo(path / "a.png", number)


OPERATIONS: dict[str, tuple[Callable[[OperationPaths], object], int]] = {  # and how many it embeds
    "a new photo": (lambda at: at.photo(at.here / "new.png", 100), 1),
    "a new folder": (lambda at: write_photos(at.here / "x" / "y", 3, first=at.first + 100), 3),
    "a folder moved in": (lambda at: (at.outside / "outside").rename(at.here / "inside"), 2),
    "renamed": (lambda at: (at.here / "0001.png").rename(at.here / "new name.png"), 0),
    "only its case": (lambda at: (at.here / "0001.png").rename(at.here / "0001.PNG.png"), 0),
    "decomposed": (
        lambda at: (at.here / "café.png").rename(
            at.here / unicodedata.normalize("NFD", "café.png")
        ),
        0,
    ),
    "moved to another root": (lambda at: (at.here / "0001.png").rename(at.two / "0001.png"), 0),
    "a folder renamed": (lambda at: (at.here / "album").rename(at.here / "ALBUM"), 0),
    "a folder to another root": (lambda at: (at.here / "album").rename(at.two / "album"), 0),
    "copied": (lambda at: shutil.copy(at.here / "0001.png", at.here / "album" / "copy.png"), 0),
    "hard link": (lambda at: os.link(at.here / "0001.png", at.here / "album" / "link.png"), 0),
    "edited in place": (lambda at: at.photo(at.here / "0001.png", 300), 1),
    "saved by rename": (
        lambda at: at.photo(at.here / ".0001.swp.png", 301).replace(at.here / "0001.png"),
        1,
    ),
    "deleted": (lambda at: (at.here / "0001.png").unlink(), 0),
    "a folder deleted": (lambda at: shutil.rmtree(at.here / "album"), 0),
    "a folder moved out": (lambda at: (at.here / "album").rename(at.outside / "gone"), 0),
    "a file becomes a folder": (
        lambda at: file_becomes_folder(at.here / "0001.png", at.first + 302),
        1,
    ),
    "downloaded": (lambda at: at.photo(at.here / ".x.part.png", 303).rename(at.here / "x.png"), 1),
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, StandIn]]:
    """Two roots that are watched from the first operation to the last."""
    place = tmp_path_factory.mktemp("operations")
    encoder = StandIn()
    settings = Settings.load(data_dir=place / "library", encoder="lite")
    with Library.open(settings, encoder=encoder) as library:
        one, two = write_photos(place / "one", 1), write_photos(place / "two", 1)
        watching = Watched(library, one, two, schedule=WatchSchedule(QUICK))
        watching.wait_for_first_report()
        yield watching, encoder
        watching.stop()


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_ends_in_the_right_library(
    session: tuple[Watched, StandIn], name: str
) -> None:
    watching, encoder = session
    change, embedded = OPERATIONS[name]
    one, two = (folder / name for folder in watching.folders)
    (two / "here").mkdir(parents=True)
    first = 1_000 * (1 + list(OPERATIONS).index(name))
    here = write_photos(one / "here", 3, first=first)
    for number in range(3):
        (here / f"{first + number:04}.png").rename(here / f"{number:04}.png")
    write_photo(here / "café.png", first + 60)
    write_photos(here / "album", 2, first=first + 70)
    write_photos(watching.folders[0].parent / name / "outside", 2, first=first + 90)
    watching.wait_for_disk()
    before, content = encoder.embedded, contents(watching)
    change(OperationPaths(here, two / "here", watching.folders[0].parent / name, first))
    watching.wait_for(lambda: encoder.embedded == before + embedded)
    watching.wait_for_disk()
    assert contents(watching) != content, "the test has changed something"
    with Store.open(watching.library.settings.data_dir, writable=False) as store:
        assert store.reads.photos.count() == len(set(contents(watching).values()))
    assert encoder.embedded == before + embedded


def contents(watching: Watched) -> dict[str, bytes]:
    return {path: Path(path).read_bytes() for path in watching.on_disk}


def test_a_photo_restored_from_the_trash_is_not_embedded_again(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    watching = watched(here)
    (here / "0001.png").rename(tmp_path / "trash.png")
    watching.wait_for_disk()
    (tmp_path / "trash.png").rename(here / "0001.png")
    watching.wait_for_disk()
    assert stand_in.embedded == 3


def test_a_new_xmp_file_is_noticed_and_nothing_is_embedded(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    watching = watched(here)
    beside = here / "0001.png.xmp"

    def rated() -> list[str]:
        return [hit.path.name for hit in watching.library.find("rating:4").hits]

    beside.write_text(
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></r:RDF>'
    )
    watching.wait_for(lambda: rated() == ["0001.png"])
    beside.unlink()
    watching.wait_for(lambda: rated() == [])
    assert stand_in.embedded == 3


def test_a_growing_file_is_read_when_it_is_complete(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    # Its folder is scanned while the file grows, but the file is not quiet for two seconds.
    timing = WatchTiming(quiet_ms=2_000, patience_ms=200, tick_s=0.2)
    watching = watched(here, schedule=WatchSchedule(timing))
    Image.effect_noise((64, 64), 50).save(tmp_path / "big.png")
    content = (tmp_path / "big.png").read_bytes()
    for end in range(len(content) // 8, len(content), len(content) // 8):
        (here / "big.png").write_bytes(content[:end])  # closed after each block, as rsync may do
        time.sleep(0.1)
    (here / "big.png").write_bytes(content)
    watching.wait_for_disk()
    assert stand_in.embedded == 2
    assert all(report.failed == 0 for report in watching.reports)


@pytest.mark.alone  # measures time
def test_a_photo_is_found_within_five_seconds_of_its_last_write(
    watched: Start, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    watching = watched(here, schedule=WatchSchedule())
    started = time.monotonic()
    write_photo(here / "new.png", 100)
    watching.wait_for_disk()
    seconds = time.monotonic() - started
    assert seconds >= 2, "not before two seconds without a change"
    assert seconds <= 5 or machine_is_busy()


# ------------------------------------------------------------------------- lost events


def test_a_burst_of_events_leads_to_one_scan_of_the_root(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    outside = tmp_path / "outside"
    for album in range(30):
        write_photos(outside / str(album), 25, first=1_000 + 25 * album)
    # Copying may pause on a busy machine, but hardly for two seconds.
    watching = watched(here, schedule=WatchSchedule(WatchTiming(quiet_ms=2_000, tick_s=0.2)))
    before = len(watching.reports)
    for album in range(30):
        shutil.copytree(outside / str(album), here / str(album))
    watching.wait_for_disk()
    assert len(watching.reports) - before <= 4, "not one scan for each folder"
    assert stand_in.embedded == 751


class UnreliableEvents:
    """Makes observers whose events can be lost, and counts the events of the canary.

    With `are_refused`, the system makes no more observers.
    """

    def __init__(self) -> None:
        self.are_lost = False
        self.are_refused = False
        self.canary_events = 0

    def create_observer(self) -> BaseObserver:
        if self.are_refused:
            raise OSError(24, "inotify instance limit reached")
        return cast("BaseObserver", UnreliableObserver(self))


class UnreliableObserver:
    """The observer of the operating system, with `UnreliableEvents`."""

    def __init__(self, events: UnreliableEvents) -> None:
        self._events = events
        self._observer = Observer()
        self.start, self.stop = self._observer.start, self._observer.stop
        self.join, self.unschedule = self._observer.join, self._observer.unschedule

    def schedule(
        self,
        handler: FileSystemEventHandler,
        path: str,
        *,
        recursive: bool = False,
        event_filter: list[type[FileSystemEvent]] | None = None,
    ) -> ObservedWatch:
        unreliable = UnreliableHandler(self._events, handler)
        return self._observer.schedule(
            unreliable, path, recursive=recursive, event_filter=event_filter
        )


class UnreliableHandler(FileSystemEventHandler):
    """Passes events on, unless they are lost."""

    def __init__(self, events: UnreliableEvents, handler: FileSystemEventHandler) -> None:
        self._events = events
        self._handler = handler

    def dispatch(self, event: FileSystemEvent) -> None:
        if self._events.are_lost:
            return
        self._events.canary_events += CANARY_FOLDER in os.fsdecode(event.src_path)
        self._handler.dispatch(event)


def test_events_go_on_after_a_folder_and_its_replacement_were_deleted(
    watched: Start, tmp_path: Path
) -> None:
    """As when a folder is moved to the trash, made anew and deleted, and the trash is emptied."""
    here = write_photos(tmp_path / "photos", 1)
    write_photos(here / "album", 2, first=10)
    watching = watched(here)
    (here / "album").rename(tmp_path / "trash")
    watching.wait_for_disk()
    write_photos(here / "album", 2, first=20)
    watching.wait_for_disk()
    shutil.rmtree(here / "album")
    watching.wait_for_disk()
    shutil.rmtree(tmp_path / "trash")
    write_photo(here / "new.png", 30)
    watching.wait_for_disk()


def test_a_watcher_stops_after_a_folder_took_the_place_of_another(
    watched: Start, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    write_photos(here / "first", 2, first=10)
    watching = watched(here)
    write_photos(here / "second", 2, first=20)
    watching.wait_for_disk()
    (here / "second").rename(tmp_path / "outside")
    watching.wait_for_disk()
    (here / "first").rename(here / "second")
    watching.wait_for_disk()
    watching.stop()


@pytest.fixture
def unreliable() -> UnreliableEvents:
    return UnreliableEvents()


def test_a_warning_of_watchdog_leads_to_a_full_scan(
    watched: Start, unreliable: UnreliableEvents, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    watching = watched(here, create_observer=unreliable.create_observer)
    unreliable.are_lost = True
    write_photo(here / "deep" / "new.png", 10)
    time.sleep(1)
    assert watching.paths != watching.on_disk
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
    watching.wait_for_disk()


def test_missing_events_are_noticed(
    watched: Start, unreliable: UnreliableEvents, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    timing = WatchTiming(quiet_ms=300, tick_s=0.3, canary_s=2)
    watching = watched(
        here, schedule=WatchSchedule(timing), create_observer=unreliable.create_observer
    )
    at_start = unreliable.canary_events
    watching.wait_for(lambda: unreliable.canary_events >= at_start + 6)  # of three checks
    assert len(watching.reports) == 1, "an event that arrives leads to no scan"
    unreliable.are_lost = True
    write_photo(here / "new.png", 10)
    watching.wait_for_disk()


def test_roots_are_polled_if_events_stop_and_cannot_be_had_again(
    watched: Start, unreliable: UnreliableEvents, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    timing = WatchTiming(quiet_ms=300, tick_s=0.3, canary_s=0.6, poll_s=0.7)
    watching = watched(
        here, schedule=WatchSchedule(timing), create_observer=unreliable.create_observer
    )
    unreliable.are_lost = unreliable.are_refused = True
    for number in (10, 11):  # the first is found by the scan that follows the silence
        write_photo(here / f"{number}.png", number)
        watching.wait_for_disk()


def test_a_full_scan_comes_regularly_without_any_events(
    watched: Start, unreliable: UnreliableEvents, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    watching = watched(
        here,
        schedule=WatchSchedule(QUICK, reconcile_s=1),
        create_observer=unreliable.create_observer,
    )
    unreliable.are_lost = True
    (here / "0001.png").rename(here / "moved.png")
    watching.wait_for_disk()


# ------------------------------------------------------------------------- no events at all


def test_network_drives_are_polled_and_the_user_is_told(watched: Start, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "nas", 1)
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / {here} rw - nfs4 nas:/photos rw\n"
    )
    timing = WatchTiming(quiet_ms=300, tick_s=0.3, poll_s=0.7)
    watching = watched(here, schedule=WatchSchedule(timing), mounts=MountTable(mountinfo=table))
    (started,) = [event for event in watching.events if isinstance(event, Watching)]
    assert started.polled == ((here, "changes by other machines give no event"),)
    write_photo(here / "new.png", 10)
    watching.wait_for_disk()


FEW_WATCHES = """
import sys, threading
sys.path.insert(0, {tests!r})
from tests.stand_in import StandIn
from imgsearch import Library, Settings
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.indexer.watcher import CANARY_FOLDER, WatchTiming
from PIL import Image

stop = threading.Event()
schedule = WatchSchedule(WatchTiming(quiet_ms=300, tick_s=0.3, poll_s=0.7))
with Library.open(Settings.load(data_dir={data!r}), encoder=StandIn()) as library:
    for event in library.watch([{here!r}], stop=stop, schedule=schedule):
        print(event, flush=True)
        if getattr(event, "photos", None) == 1:
            Image.new("RGB", (8, 8), (1, 2, 3)).save({here!r} + "/d39/new.png")
        if getattr(event, "photos", None) == 2:
            stop.set()
"""


def test_folders_beyond_the_limit_of_watches_are_polled_and_the_user_is_told(
    tmp_path: Path,
) -> None:
    here = write_photos(tmp_path / "photos", 1)
    for number in range(40):
        (here / f"d{number}").mkdir()
    script = tmp_path / "few.py"
    values = {
        "tests": str(Path(__file__).parent.parent),
        "data": str(tmp_path / "l"),
        "here": str(here),
    }
    script.write_text(FEW_WATCHES.format(**values))
    limit = "/proc/sys/user/max_inotify_watches"
    shell = f"echo 20 > {limit} && exec {sys.executable} -W error {script}"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    try:
        subprocess.run([*command, f"echo 20 > {limit}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs user namespaces, to lower the number of watches for one process")
    done = subprocess.run([*command, shell], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "max_user_watches" in done.stdout
    assert "photos=2" in done.stdout


# ------------------------------------------------------------------------- drives, removals


def test_a_drive_that_is_unplugged_and_plugged_in_again_needs_no_command(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    drive, here = (
        write_photos(tmp_path / "drive", 60),
        write_photos(tmp_path / "here", 1, first=100),
    )
    watching = watched(drive, here)
    drive.rename(tmp_path / "unplugged")
    watching.wait_for(lambda: watching.reports[-1].offline == 60)
    assert watching.reports[-1].photos == 61
    write_photo(tmp_path / "unplugged" / "taken elsewhere.png", 200)
    (tmp_path / "unplugged").rename(drive)
    watching.wait_for_disk()
    write_photo(drive / "watched again.png", 201)
    watching.wait_for_disk()
    assert stand_in.embedded == 63


def test_a_slow_mass_removal_is_held_and_can_be_undone(watched: Start, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 100)
    (tmp_path / "trash").mkdir()
    watching = watched(here)
    for number in range(80):
        (here / f"{number:04}.png").rename(tmp_path / "trash" / f"{number:04}.png")
        time.sleep(0.02)
    # What was removed before the fiftieth photo has left the library; all others are held.
    watching.wait_for(lambda: 0 < watching.reports[-1].missing == watching.reports[-1].photos - 20)
    assert watching.reports[-1].missing > 30
    for file in (tmp_path / "trash").iterdir():
        file.rename(here / file.name)
    watching.wait_for(lambda: watching.reports[-1].missing == 0)
    watching.wait_for_disk()


# ------------------------------------------------------------------------- neighbours


def test_other_processes_search_and_write_meanwhile(
    watched: Start, stand_in: StandIn, tmp_path: Path
) -> None:
    here, new = (
        write_photos(tmp_path / "photos", 3),
        write_photos(tmp_path / "new root", 3, first=10),
    )
    watching = watched(here)
    with Library.open(watching.library.settings, encoder=stand_in) as other:
        assert len(other.search("anything", k=9)) == 3
        other.index([new]).run()
        watching.folders = (here, new)
        watching.wait_for(lambda: (here, new) in [roots_of(event) for event in watching.events])
        write_photo(new / "x.png", 30)
        watching.wait_for_disk()
        assert len(other.search("anything", k=9)) == 7


def roots_of(event: WatchEvent) -> tuple[Path, ...]:
    """The watched roots that an event reports, if any."""
    return event.roots if isinstance(event, Watching) else ()


def test_a_change_waits_for_another_writer(watched: Start, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 1)
    watching = watched(here, schedule=WatchSchedule(QUICK, retry_s=0.3))
    with writing(watching.library.settings.data_dir):
        write_photo(here / "new.png", 10)
        time.sleep(1.5)
        assert watching.paths != watching.on_disk
    watching.wait_for_disk()


def test_the_model_is_released_while_it_is_not_needed(tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 1)
    registry.register(KIND)
    try:
        settings = Settings.load(data_dir=tmp_path / "library", encoder=KIND.prefix)
        with Library.open(settings) as library:
            watching = Watched(library, here, schedule=WatchSchedule(QUICK, idle_s=1))
            watching.wait_for(lambda: library.memory.has_encoder)
            watching.wait_for(lambda: not library.memory.has_encoder)
            write_photo(here / "new.png", 10)
            watching.wait_for_disk()
            watching.stop()
    finally:
        registry.unregister(KIND.prefix)


def test_a_stopped_watcher_leaves_no_thread_and_no_open_file(
    library: Library,
    stand_in: StandIn,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    here = write_photos(tmp_path / "photos", 3)

    def watch_a_new_photo(number: int) -> None:
        with Library.open(library.settings, encoder=stand_in) as opened:
            watching = Watched(opened, here)
            watching.wait_for_first_report()
            write_photo(here / f"{number} new.png", 100 + number)
            watching.wait_for_disk()
            watching.stop()

    def open_files() -> Counter[str]:
        """What is held open, but for files of the library that this module watches meanwhile."""
        elsewhere, held = str(tmp_path_factory.getbasetemp()), Counter[str]()
        for number in os.listdir("/proc/self/fd") if LINUX else ():
            with suppress(FileNotFoundError):  # it is closed again
                name = os.readlink(f"/proc/self/fd/{number}")
                if not name.startswith(elsewhere) or name.startswith(str(tmp_path)):
                    held[name.partition(":")[0]] += 1
        return held

    watch_a_new_photo(0)  # what is opened once and kept
    threads, files = set(threading.enumerate()), open_files()
    for number in range(1, 4):
        watch_a_new_photo(number)
    assert set(threading.enumerate()) == threads
    wait_until(lambda: not open_files() - files)  # another watcher opens files for a moment


# ------------------------------------------------------------------------- the command


def start_command(data: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    program = textwrap.dedent("""
        import sys
        from imgsearch.cli import main
        from tests.stand_in import StandIn
        sys.argv[0] = "imgsearch"
        main(StandIn())
    """)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, "watch", *map(str, arguments)],
        env={**os.environ, "IMGSEARCH_DATA": str(data), "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_event(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    assert process.stdout is not None
    for line in process.stdout:
        record = json.loads(line)
        if record["event"] == event:
            assert isinstance(record, dict)
            return record
    raise AssertionError(f"no {event}; {process.communicate()}")


@pytest.fixture
def short_queue() -> Iterator[None]:
    """Watchers that start meanwhile have a queue of 16 events."""
    limit = Path("/proc/sys/fs/inotify/max_queued_events")
    if not os.access(limit, os.W_OK):
        pytest.skip("needs the right to shorten the kernel's queue of events")
    before = limit.read_text()
    limit.write_text("16")
    yield
    limit.write_text(before)


@pytest.mark.alone  # shortens the queue of every watcher on this machine, and measures time
@pytest.mark.usefixtures("short_queue")
def test_no_photo_is_lost_when_the_event_queue_overflows(tmp_path: Path) -> None:
    """The watcher is stopped while folders are made: it can read none of their events.

    There are more folders than its queue holds, so it must not cause an event for each of them: it
    would be quiet never again, and scan when its patience ends.
    """
    if sys.platform == "win32":
        pytest.skip("no process can be stopped")
    here, data = write_photos(tmp_path / "photos", 1), tmp_path / "library"
    watching = start_command(data, here, "--log-json")
    wait_for_event(watching, "report")
    watching.send_signal(signal.SIGSTOP)
    for number in range(100):
        (here / f"d{number}").mkdir()
    write_photos(here / "d99", 3, first=10)
    watching.send_signal(signal.SIGCONT)
    started_s = time.monotonic()
    report = wait_for_event(watching, "report")
    assert paths_in(data) == pngs_below(here), report
    assert time.monotonic() - started_s < 0.9 * WatchTiming().patience_ms / 1000
    watching.send_signal(signal.SIGTERM)
    watching.communicate()


@pytest.mark.alone  # measures time
@pytest.mark.parametrize("is_blocked", [True, False], ids=["model is blocked", "model goes on"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_within_two_seconds_and_loses_nothing(
    tmp_path: Path, number: signal.Signals, is_blocked: bool
) -> None:
    here, data = write_photos(tmp_path / "photos", 400), tmp_path / "library"
    with held("watch", here, "--log-json", data=data, at_batch=4, stand_in=True) as process:
        process.wait_until_held()
        started = time.monotonic()
        process.send_signal(number)
        if not is_blocked:
            process.release()
        code, _, errors = process.finish()
        seconds = time.monotonic() - started
    assert (code, errors) == (0, "")
    assert seconds <= 2 or machine_is_busy()
    with Store.open(data, writable=False) as store:
        assert store.database.check_integrity() == "ok"
        kept = store.reads.photos.count()
    assert kept >= 2 * StandIn.batch_size, "all but the batches in work"
    again = start_command(data, "--log-json")
    report = wait_for_event(again, "report")
    assert report["new"] == 400 - kept and report["photos"] == 400
    again.terminate()
    again.communicate(timeout=PATIENCE_S)


def test_the_log_has_lines_of_names_and_values(tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 2)
    process = start_command(tmp_path / "library", here)
    assert process.stdout is not None
    lines = iter(process.stdout)
    seen = [
        next(line for line in lines if f" {event} " in line) for event in ("watching", "report")
    ]
    assert f'folders=["{here}"]' in seen[0]
    assert "new=2 moved=0 copied=0 gone=0" in seen[1]
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "stopped" in out
    assert (process.returncode, err) == (0, "")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    process = start_command(tmp_path / "library", tmp_path / "nowhere")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4
    assert "does not exist" in err
    process = start_command(tmp_path / "library")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "imgsearch index FOLDER" in err
