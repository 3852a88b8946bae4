"""SIGKILL at every step of a build, and at random moments: nothing committed is ever lost.

The short form runs with all tests; `IMGSEARCH_CRASHES=200` (`make crash`) is the long one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from imgsearch.errors import SnapshotError
from imgsearch.index import live, snapshot
from imgsearch.records.index import SnapshotInfo
from imgsearch.store.store import Store
from tests import crash_writer
from tests.factories import CHECKOUT

pytestmark = pytest.mark.slow

STEPS = (
    "counting",
    "sampling",
    "training",
    "adding",
    "calibrating",
    "writing",
    "synced",
    "renamed",
    "published",
    "cleaned",
)
CRASHES = int(os.environ.get("IMGSEARCH_CRASHES", "6"))


def start(data_dir: Path, deadly_step: str = "never") -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "tests.crash_writer", str(data_dir), deadly_step]
    # One thread each: the writer is there to be killed, not to be fast.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, cwd=CHECKOUT)


def committed(process: subprocess.Popen[bytes]) -> int:
    """How many photos a dead writer has committed, as far as its output was not read before."""
    assert process.stdout is not None
    lines = process.stdout.read().split()
    process.stdout.close()
    return int(lines[-1]) if lines else 0


def check_library(data_dir: Path, at_least: int, found_before: int = 0) -> int:
    """What must hold after any crash. Returns how many photos there are."""
    with closing(sqlite3.connect(data_dir / "library.db")) as database, database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    reader = Store.open(data_dir, writable=False)
    row = reader.reads.encoders.current()
    if row is None:
        assert at_least == 0
        reader.close()
        return 0
    index = live.LiveIndex(reader.reads, row.key, crash_writer.POLICY)  # the snapshot is whole
    photos = reader.reads.photos.count()
    assert photos % crash_writer.BATCH == 0
    assert photos >= max(at_least, found_before)
    assert len(index) == photos
    numbers = range(photos)
    if photos:
        vectors = np.stack([crash_writer.vector_of(number) for number in numbers])
        answers = index.search(vectors, 1, kind="image")
        hashes = {
            i: photo.content_hash
            for i, photo in reader.reads.photos.records(range(photos + 1)).items()
        }
        for number, near in zip(numbers, answers, strict=True):
            assert bytes.fromhex(hashes[int(near.ids[0])]) == b"%032d" % number
            assert near.scores[0] == pytest.approx(1, abs=1e-3)
    reader.close()
    return photos


def check_nothing_is_left(data_dir: Path) -> None:
    """After the next writer has cleaned up, only the current snapshot's file is there."""
    store = Store.open(data_dir, writable=True)
    snapshot.clean(store)
    files = {path.name for path in store.snapshots_dir.glob("*")}
    assert files == store.vectors.snapshot_file_names()
    store.close()


def current_snapshot(data_dir: Path) -> SnapshotInfo | None:
    store = Store.open(data_dir, writable=False)
    info = store.reads.encoders.current_snapshot(1)
    store.close()
    return info


@pytest.fixture(scope="module")
def used_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose writer was killed after several snapshots."""
    data_dir = tmp_path_factory.mktemp("used")
    process = start(data_dir)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 520:
        pass
    process.kill()
    process.wait()
    check_library(data_dir, committed(process))
    return data_dir


@pytest.mark.parametrize("deadly_step", STEPS)
def test_killed_at_a_step(deadly_step: str, used_library: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data_dir = shutil.copytree(used_library, tmp_path / "data")
    before, snapshot = check_library(data_dir, 480), current_snapshot(data_dir)
    process = start(data_dir, deadly_step)
    assert process.wait() == -signal.SIGKILL
    photos = check_library(data_dir, committed(process), before)
    # What was current stays so until the row in the database changes.
    assert (current_snapshot(data_dir) != snapshot) == (deadly_step in ("published", "cleaned"))
    check_nothing_is_left(data_dir)
    assert check_library(data_dir, photos) == photos


def test_killed_at_random_moments(tmp_path: Path) -> None:
    moments = random.Random(8)
    photos = 0
    builds = set()
    for _ in range(CRASHES):
        process = start(tmp_path)
        assert process.stdout is not None
        # A few commits and builds later, in the middle of the next. Of three lines in a row, one
        # or more says that a build has ended.
        for _ in range(moments.randint(3, 6)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.wait()
        photos = check_library(tmp_path, committed(process), photos)
        if (info := current_snapshot(tmp_path)) is not None:
            builds.add(info.file_name)
        check_nothing_is_left(tmp_path)
    assert photos > 0
    assert len(builds) > 1


def test_a_reader_never_meets_half_a_snapshot(tmp_path: Path) -> None:
    """While a writer adds and builds without pause, opening and searching always works."""
    process = start(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    reader = Store.open(tmp_path, writable=False)
    key = 1
    following = live.LiveIndex(reader.reads, key, crash_writer.POLICY)
    files: set[str] = set()
    try:
        while len(files) < 6:  # pytest's limit ends it where no new snapshot comes
            for index in (live.LiveIndex(reader.reads, key, crash_writer.POLICY), following):
                index.refresh()
                (near,) = index.search(crash_writer.vector_of(0)[None], 1, kind="image")
                assert near.ids.tolist() == [1]
            if following.snapshot is not None:
                files.add(following.snapshot.file_name)
    except SnapshotError as error:
        pytest.fail(str(error))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        reader.close()
