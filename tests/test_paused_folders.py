"""A paused folder is left as it is until it is resumed, and nothing of it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.errors import UsageError
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.indexer.watcher import WatchTiming
from imgsearch.progress import SyncReport, Watching
from tests.factories import wait_until
from tests.stand_in import StandIn

MakePhoto = Callable[..., Path]
RED, GREEN, BLUE, GREY = (200, 0, 0), (0, 200, 0), (0, 0, 200), (90, 90, 90)


@pytest.fixture
def folders(stand_in: StandIn, library: Library, make_photo: MakePhoto) -> tuple[Path, Path]:
    """Two indexed folders of the library: the first is paused."""
    paused = make_photo("one/red.png", RED).parent
    active = make_photo("two/green.png", GREEN).parent
    library.index([paused, active]).run()
    library.folders.pause(paused)
    return paused, active


def names_in(library: Library) -> set[str]:
    return {hit.path.name for hit in library.search("sort:path", k=50)}


def test_indexing_leaves_a_paused_folder_alone_and_a_resumed_one_not(
    library: Library, folders: tuple[Path, Path], make_photo: MakePhoto
) -> None:
    paused, active = folders
    (paused / "red.png").unlink()
    make_photo("one/blue.png", BLUE)
    make_photo("two/grey.png", GREY)
    report = library.index().run()
    assert (report.new, report.gone, report.unchanged) == (1, 0, 1)
    assert names_in(library) == {"red.png", "green.png", "grey.png"}, "it is found as before"
    assert {root.path: root.paused for root in library.folders.all()} == {
        paused: True,
        active: False,
    }
    library.folders.resume(paused)
    report = library.index().run()
    assert (report.new, report.gone) == (1, 1)
    assert names_in(library) == {"blue.png", "green.png", "grey.png"}


def test_a_pause_holds_in_the_database_and_embeds_nothing_again(
    library: Library, folders: tuple[Path, Path]
) -> None:
    with Library.open(library.settings) as another:
        assert [root.paused for root in another.status().roots] == [True, False]
        another.folders.resume(folders[0])
    report = library.index().run()
    assert (report.new, report.moved, report.unchanged) == (0, 0, 2)


def test_all_folders_may_be_paused(library: Library, folders: tuple[Path, Path]) -> None:
    library.folders.pause(folders[1])
    report = library.index().run()
    assert (report.new, report.unchanged, report.gone, report.photos) == (0, 0, 0, 2)


@pytest.mark.parametrize("inside", [".", "sub", ".."], ids=["itself", "a part", "around it"])
def test_a_paused_folder_cannot_be_indexed_by_name(
    library: Library, folders: tuple[Path, Path], inside: str
) -> None:
    (folders[0] / "sub").mkdir()
    with pytest.raises(UsageError, match=r"one is paused\. Resume it first"):
        library.index([folders[0] / inside]).run()
    assert [root.paused for root in library.folders.all()] == [True, False]


def test_failed_files_of_a_paused_folder_are_not_tried_again(
    library: Library, folders: tuple[Path, Path], make_photo: MakePhoto
) -> None:
    library.folders.resume(folders[0])
    (folders[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    library.index().run()
    library.folders.pause(folders[0])
    make_photo("one/good.png", BLUE).replace(folders[0] / "broken.jpg")
    assert library.folders.retry().run().new == 0
    library.folders.resume(folders[0])
    assert library.folders.retry().run().new == 1


def test_the_metadata_of_a_paused_folder_is_not_read(
    library: Library, folders: tuple[Path, Path]
) -> None:
    assert library.upkeep.read_metadata().run().read == 1


def test_explain_says_that_the_folder_is_paused(
    library: Library, folders: tuple[Path, Path], make_photo: MakePhoto
) -> None:
    reason = library.explain(make_photo("one/new.png", BLUE), "a cat").reason
    assert reason is not None and f"imgsearch folders --resume {folders[0]}" in reason
    (folders[0] / "notes.txt").write_text("no photo")
    assert "not treated as photos" in (library.explain(folders[0] / "notes.txt", "a").reason or "")


def test_only_a_folder_of_the_library_can_be_paused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        library.folders.pause(tmp_path)


# ------------------------------------------------------------------------- watching


class Watch:
    """A watcher in a thread, and what it has told so far."""

    def __init__(self, library: Library) -> None:
        self.stop = threading.Event()
        self.watched: list[tuple[Path, ...]] = []
        self.reports: list[SyncReport] = []
        schedule = WatchSchedule(WatchTiming(quiet_ms=100, patience_ms=1000, tick_s=0.2))
        self._events = library.watch(stop=self.stop, schedule=schedule)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for event in self._events:
            if isinstance(event, Watching):
                self.watched.append(event.roots)
            elif isinstance(event, SyncReport):
                self.reports.append(event)

    def end(self) -> None:
        self.stop.set()
        self._thread.join()


@pytest.fixture
def watch(library: Library, folders: tuple[Path, Path]) -> Iterator[Watch]:
    watch = Watch(library)
    yield watch
    watch.end()


def test_a_watcher_follows_pauses_of_other_processes(
    library: Library, folders: tuple[Path, Path], watch: Watch, make_photo: MakePhoto
) -> None:
    paused, active = folders
    wait_until(lambda: bool(watch.reports))
    assert watch.watched == [(active,)]
    make_photo("one/blue.png", BLUE)
    make_photo("two/grey.png", GREY)
    with Library.open(library.settings) as another:
        wait_until(lambda: "grey.png" in names_in(another))
        assert "blue.png" not in names_in(another)
        pause_when_idle(another.folders.resume, paused)
        wait_until(lambda: "blue.png" in names_in(another))
        assert watch.watched[-1] == (paused, active)
        pause_when_idle(another.folders.pause, active)
        wait_until(lambda: watch.watched[-1] == (paused,))


def pause_when_idle(change: Callable[[Path], None], folder: Path) -> None:
    """Pause or resume a folder as soon as the watcher is not writing."""
    from imgsearch.errors import LibraryLocked

    def changed() -> bool:
        try:
            change(folder)
        except LibraryLocked:
            return False
        return True

    wait_until(changed)
