"""A model of a disk that anything may happen to, and of events that may get lost on the way.

Whatever was done, and whatever was heard of it: after one look at everything the library is what
the disk is, and no content was ever embedded twice.
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
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.indexer.diff import compare
from imgsearch.indexer.indexer import Indexer
from imgsearch.indexer.scan import is_ignored
from imgsearch.indexer.watch_loop import _scopes_at
from imgsearch.indexer.watcher import Hint, PendingFolders, WatchTiming
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from tests.stand_in import StandIn

# The speed of a disk is not what is tested here.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
NAMES = ("a.png", "A.png", "b.jpg.png", "café.png", unicodedata.normalize("NFD", "café.png"))
FOLDERS = ("", "x", "X", "x/y", "a.png")  # a folder may have the name of a photo
name = st.sampled_from(NAMES)
folder = st.sampled_from(FOLDERS)
root = st.sampled_from(("one", "two"))
number = st.integers(0, 400)  # each a content of its own; a pick from a list, modulo its length


class Disk(RuleBasedStateMachine):
    """Two roots, a library of them, and a watcher that hears most of what happens."""

    encoder: StandIn

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp(dir=IN_MEMORY))
        self.encoder.embedded = 0
        self.written: set[bytes] = set()
        self.clock = itertools.count(1_600_000_000)
        self.dirty = PendingFolders(WatchTiming(quiet_ms=0), is_photo_name, is_ignored)
        for each in ("one", "two"):
            (self.place / each).mkdir()
            (self.place / each / "here.txt").touch()  # else an empty root is an unplugged drive
        config = Settings.load(data_dir=self.place / "library", encoder="lite")
        self.library = Library.open(config, encoder=self.encoder)
        self.indexer = Indexer(
            config, EncoderLoader(config, print, None, self.encoder), lambda sentence: None
        )
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
        self._date(path)
        self.written.add(path.read_bytes())
        self._hear(path)

    @precondition(lambda self: self._files())
    @rule(pick=number, root=root, folder=folder, name=name, copy=st.sampled_from("mcl"))
    def move_or_copy(self, pick: int, root: str, folder: str, name: str, copy: str) -> None:
        source = self._pick(self._files(), pick)
        target = self.place / root / folder / name
        if target.is_dir() or not self._make_folder(target.parent) or source == target:
            return
        if copy == "m":
            source.replace(target)
            self._hear(source)
        else:
            target.unlink(missing_ok=True)
            if copy == "l":
                os.link(source, target)
            else:
                shutil.copy(source, target)
                self._date(target)
        self._hear(target)

    @precondition(lambda self: self._files())
    @rule(pick=number)
    def delete(self, pick: int) -> None:
        path = self._pick(self._files(), pick)
        path.unlink()
        self._hear(path)

    @precondition(lambda self: self._folders())
    @rule(pick=number, root=root, folder=folder)
    def move_folder(self, pick: int, root: str, folder: str) -> None:
        source = self._pick(self._folders(), pick)
        target = self.place / root / folder
        if target.exists() or target.is_relative_to(source):
            return
        if self._make_folder(target.parent):
            source.rename(target)
            self._hear(source, folder=True)
            self._hear(target, folder=True)

    @precondition(lambda self: self._folders())
    @rule(pick=number)
    def delete_folder(self, pick: int) -> None:
        path = self._pick(self._folders(), pick)
        shutil.rmtree(path)
        self._hear(path, folder=True)

    @precondition(lambda self: self._folders())
    @rule(pick=number, number=number)
    def folder_becomes_file(self, pick: int, number: int) -> None:
        path = self._pick(self._folders(), pick)
        shutil.rmtree(path)
        self._hear(path, folder=True)
        inside = path.relative_to(self.place)
        self.write(inside.parts[0], str(inside.parent.relative_to(inside.parts[0])), path.name, 1)

    # ------------------------------------------------------------------ what the library does

    @rule(data=st.data())
    def events_arrive(self, data: st.DataObject) -> None:
        """Some are lost, some come twice, in any order."""
        hints = sorted(self.dirty.due(float("inf")), key=str)
        heard = data.draw(st.lists(st.sampled_from(hints), max_size=6)) if hints else []
        for hint in heard:
            self._look(hint)

    @rule()
    def look_at_everything(self) -> None:
        self.library.index().run()
        with Store.open(self.library.settings.data_dir, writable=False) as store:
            ids = store.reads.live_ids().tolist()
            known = {str(path) for places in store.reads.paths(ids).values() for _, path in places}
            assert known == {str(path) for path in self._files()}
            assert store.failures.of_files() == ()
            assert store.failures.to_retry(self.indexer.fingerprint) == set()
            hashes = {photo.content_hash for photo in store.reads.photos(ids).values()}
            assert len(hashes) == len({path.read_bytes() for path in self._files()})
        report = self.library.index().run()
        assert (report.new, report.moved, report.gone, report.missing) == (0, 0, 0, 0)

    @invariant()
    def no_content_is_embedded_twice(self) -> None:
        if hasattr(self, "library"):
            with Store.open(self.library.settings.data_dir, writable=False) as store:
                row = store.reads.current_encoder()
                known = store.vectors.count(row.key) if row else 0
            assert self.encoder.embedded == known <= len(self.written)

    # ------------------------------------------------------------------ parts

    def _look(self, hint: Hint) -> None:
        with writing(self.library.settings.data_dir) as store:
            reading = self.indexer.fingerprint
            seen = compare(store, _scopes_at(store, [hint]), lambda sentence: None, reading)
            for _ in self.indexer.sync(store, seen):
                pass

    def _hear(self, path: Path, folder: bool = False) -> None:
        root = self.place / path.relative_to(self.place).parts[0]
        self.dirty.heard(str(root), str(path), folder)

    def _make_folder(self, path: Path) -> bool:
        """Make a folder with those above it; false where a file is in the way."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        self._hear(path, folder=True)
        return True

    def _date(self, path: Path) -> None:
        """Each write at a second of its own, as on a disk that is slower than this test."""
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
def test_one_look_makes_the_library_what_the_disk_is(stand_in: StandIn) -> None:
    Disk.encoder = stand_in
    run_state_machine_as_test(
        Disk,
        settings=settings(
            max_examples=int(os.environ.get("IMGSEARCH_MODEL_EXAMPLES", "25")),
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
