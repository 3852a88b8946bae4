"""An index run that is stopped, killed, or met by another one ends in the same library."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgsearch.store.store import Store
from tests.factories import many_photos, run_cli, start_cli
from tests.held_process import held

PHOTOS = 150  # enough for several batches


def snapshot_of(data: Path) -> tuple[set[str], set[str], int]:
    """Which contents and paths a library has, and how many vectors."""
    with Store.open(data, writable=False) as store:
        row = store.reads.encoders.current()
        ids = store.reads.photos.live_ids().tolist()
        hashes = {photo.content_hash for photo in store.reads.photos.records(ids).values()}
        paths = {
            str(path) for places in store.reads.photos.paths(ids).values() for _, path in places
        }
        assert store.database.check_integrity() == "ok"
        assert row is not None and store.photos.unembedded(row.key) == {}
        return hashes, paths, store.vectors.count(row.key)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, object]]:
    """A folder of photos, and the library of one run without disturbance."""
    folder = many_photos(tmp_path_factory.mktemp("many") / "photos", PHOTOS)
    data = tmp_path_factory.mktemp("undisturbed")
    assert run_cli("index", folder, data=data).returncode == 0
    yield folder, snapshot_of(data)
    shutil.rmtree(folder)


def test_ctrl_c_keeps_what_was_done(undisturbed: tuple[Path, object], tmp_path: Path) -> None:
    folder, whole = undisturbed
    with held("index", folder, data=tmp_path, at_batch=3) as process:
        process.wait_until_held()
        process.send_signal(signal.SIGINT)
        process.release()
        code, _, errors = process.finish()
    assert code == 130, errors
    assert "continue" in errors and "Traceback" not in errors
    with Store.open(tmp_path, writable=False) as store:
        kept = store.reads.photos.count()
    assert kept > 0
    report = json.loads(run_cli("index", "--json", data=tmp_path).stdout)
    assert report["new"] == PHOTOS - kept
    assert snapshot_of(tmp_path) == whole


def test_killed_at_ten_moments_ends_in_the_same_library(
    undisturbed: tuple[Path, object], tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    folder, whole = undisturbed
    moments = np.random.default_rng()
    for _ in range(5):  # between two batches, while others are decoded and recorded
        with held("index", folder, data=tmp_path, at_batch=int(moments.integers(1, 4))) as process:
            process.wait_until_held()
            time.sleep(moments.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
    for _ in range(5):  # at any moment from its start to after its end
        with start_cli("index", folder, data=tmp_path) as free:
            time.sleep(moments.uniform(0, 1.0))
            free.kill()
    assert run_cli("index", folder, data=tmp_path).returncode == 0
    assert snapshot_of(tmp_path) == whole
    assert not list(tmp_path.rglob("*.tmp*"))


def test_a_second_writer_is_refused_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    folder, data = many_photos(tmp_path / "photos", 100), tmp_path / "data"
    with held("index", folder, data=data, at_batch=3) as first:
        first.wait_until_held()
        second = run_cli("index", folder, data=data)
        assert second.returncode == 9
        assert "Another imgsearch is writing" in second.stderr
        assert run_cli("search", "noise", data=data).returncode == 0, "readers never wait"
        first.send_signal(signal.SIGKILL)
    assert run_cli("index", folder, data=data).returncode == 0
