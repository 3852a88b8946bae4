"""A model of a disk to which anything may happen, and of events that may be lost.

Whatever happened, and whichever events arrived: after a scan of everything the library matches the
disk, and no content was embedded twice.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.indexer.diff import compare
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.sync import apply_changes
from imgsearch.indexer.watch_loop import scopes_of_hints
from imgsearch.indexer.watcher import Hint, PendingFolders, WatchTiming
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from tests.factories import context_of
from tests.stand_in import StandIn

# The speed of a disk is not what is tested here.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
NAMES = ("a.png", "A.png", "b.jpg.png", "café.png", unicodedata.normalize("NFD", "café.png"))
FOLDERS = ("", "x", "X", "x/y", "a.png")  # a folder may have the name of a photo
name = st.sampled_from(NAMES)
folder = st.sampled_from(FOLDERS)
root = st.sampled_from(("one", "two"))
number = st.integers(0, 400)  # of a content, or of an item of a list, modulo its length


class Disk(RuleBasedStateMachine):
    """Two roots, their library, and a watcher that is told most of what happens."""

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp(dir=IN_MEMORY))
        self.encoder = StandIn()
        self.written: set[bytes] = set()
        self.clock = itertools.count(1_600_000_000)
        self.pending = PendingFolders(WatchTiming(quiet_ms=0), is_photo_name, is_ignored)
        for each in ("one", "two"):
            (self.place / each).mkdir()
            (self.place / each / "here.txt").touch()  # an empty root would be offline
        config = Settings.load(data_dir=self.place / "library", encoder="lite")
        self.library = Library.open(config, encoder=self.encoder)
        self.context = context_of(config, self.encoder)
        self.library.index([self.place / "one", self.place / "two"]).run()

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self.library.close()
            shutil.rmtree(self.place)

    # ------------------------------------------------------------------ what happens on the disk

    @rule(root=root, folder=folder, name=name, number=number)
    def write(self, root: str, folder: str, name: str, number: int) -> None:
        path = self.place / root / folder / name
        if path.is_dir() or not self._make_folder(path.parent):
            return
        colour = (number % 20, number // 20, 0)
        with open(path, "wb") as file:  # in place: a hard link elsewhere changes with it
            Image.new("RGB", (8, 8), colour).save(file, "PNG")
        self._set_time(path)
        self.written.add(path.read_bytes())
        self._add_event(path)

    @precondition(lambda self: self._files())
    @rule(pick=number, root=root, folder=folder, name=name, copy=st.sampled_from("mcl"))
    def move_or_copy(self, pick: int, root: str, folder: str, name: str, copy: str) -> None:
        source = self._pick(self._files(), pick)
        target = self.place / root / folder / name
        if target.is_dir() or not self._make_folder(target.parent) or source == target:
            return
        if copy == "m":
            source.replace(target)
            self._add_event(source)
        else:
            target.unlink(missing_ok=True)
            if copy == "l":
                os.link(source, target)
            else:
                shutil.copy(source, target)
                self._set_time(target)
        self._add_event(target)

    @precondition(lambda self: self._files())
    @rule(pick=number)
    def delete(self, pick: int) -> None:
        path = self._pick(self._files(), pick)
        path.unlink()
        self._add_event(path)

    @precondition(lambda self: self._folders())
    @rule(pick=number, root=root, folder=folder)
    def move_folder(self, pick: int, root: str, folder: str) -> None:
        source = self._pick(self._folders(), pick)
        target = self.place / root / folder
        if target.exists() or target.is_relative_to(source):
            return
        if self._make_folder(target.parent):
            source.rename(target)
            self._add_event(source, folder=True)
            self._add_event(target, folder=True)

    @precondition(lambda self: self._folders())
    @rule(pick=number)
    def delete_folder(self, pick: int) -> None:
        path = self._pick(self._folders(), pick)
        shutil.rmtree(path)
        self._add_event(path, folder=True)

    @precondition(lambda self: self._folders())
    @rule(pick=number, number=number)
    def folder_becomes_file(self, pick: int, number: int) -> None:
        path = self._pick(self._folders(), pick)
        shutil.rmtree(path)
        self._add_event(path, folder=True)
        inside = path.relative_to(self.place)
        self.write(inside.parts[0], str(inside.parent.relative_to(inside.parts[0])), path.name, 1)

    # ------------------------------------------------------------------ what the library does

    @rule(data=st.data())
    def events_arrive(self, data: st.DataObject) -> None:
        """Some are lost, some come twice, in any order."""
        hints = sorted(self.pending.take_due(float("inf")), key=str)
        received = data.draw(st.lists(st.sampled_from(hints), max_size=6)) if hints else []
        for hint in received:
            self._scan(hint)

    @rule()
    def scan_everything(self) -> None:
        self.library.index().run()
        with Store.open(self.library.settings.data_dir, writable=False) as store:
            ids = store.reads.photos.live_ids().tolist()
            known = {
                str(path) for places in store.reads.photos.paths(ids).values() for _, path in places
            }
            assert known == {str(path) for path in self._files()}
            assert store.failures.of_files() == ()
            assert store.failures.to_retry(self.context.fingerprint) == set()
            hashes = {photo.content_hash for photo in store.reads.photos.records(ids).values()}
            assert len(hashes) == len({path.read_bytes() for path in self._files()})
        report = self.library.index().run()
        assert (report.new, report.moved, report.gone, report.missing) == (0, 0, 0, 0)

    @invariant()
    def no_content_is_embedded_twice(self) -> None:
        if hasattr(self, "library"):
            with Store.open(self.library.settings.data_dir, writable=False) as store:
                row = store.reads.encoders.current()
                known = store.vectors.count(row.key) if row else 0
            assert self.encoder.embedded == known <= len(self.written)

    # ------------------------------------------------------------------ parts

    def _scan(self, hint: Hint) -> None:
        with writing(self.library.settings.data_dir) as store:
            scopes = scopes_of_hints(store.reads, [hint])
            changes = compare(self.context, store, scopes)
            for _ in apply_changes(self.context, store, changes):
                pass

    def _add_event(self, path: Path, folder: bool = False) -> None:
        root = self.place / path.relative_to(self.place).parts[0]
        self.pending.add_event(str(root), str(path), folder)

    def _make_folder(self, path: Path) -> bool:
        """Make a folder and its parents; returns False if a file has one of their names."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        self._add_event(path, folder=True)
        return True

    def _set_time(self, path: Path) -> None:
        """Give each file another time, as on a disk that is slower than this test."""
        second = next(self.clock)
        os.utime(path, (second, second))

    def _files(self) -> list[Path]:
        return sorted(path for path in self.place.glob("[ot]*/**/*.png") if path.is_file())

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.place.glob("[ot]*/**/*") if path.is_dir())

    @staticmethod
    def _pick(paths: list[Path], pick: int) -> Path:
        return paths[pick % len(paths)]


@pytest.mark.slow
def test_a_scan_of_everything_makes_the_library_match_the_disk() -> None:
    run_state_machine_as_test(
        Disk,
        settings=settings(
            max_examples=int(os.environ.get("IMGSEARCH_MODEL_EXAMPLES", "25")),
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
