"""Copies of archives on a machine: where they lie, what commands say about them, and their use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import UsageError
from imgsearch.store.database import connect
from tests.factories import run_cli, write_photos
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")

from tests.catalogue_writer import photo
from tests.replicas import new_archive

ALL = "sort:path width:>0"


def filled(tmp_path: Path, photos: int = 3) -> Path:
    """An archive that another machine has filled."""
    settings = Settings.load(data_dir=tmp_path / "other", cache_dir=tmp_path / "other-cache")
    address = tmp_path / "archive"
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.index([write_photos(tmp_path / "photos", photos)]).run()
    return address


def opened(tmp_path: Path, **settings: Any) -> Library:
    own = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", **settings)
    return Library.open_archive(tmp_path / "archive", own, encoder=StandIn())


def test_filling_an_archive_makes_no_copy(tmp_path: Path) -> None:
    filled(tmp_path)
    assert not (tmp_path / "other-cache" / "archives" / "replicas").exists()


def test_status_says_where_the_copy_is_and_which_version_it_has(tmp_path: Path) -> None:
    address = filled(tmp_path)
    status = run_cli(
        *("status", "--library", address, "--replica", tmp_path / "copies"), data=tmp_path / "data"
    )
    assert status.returncode == 0, status.stderr
    lines = dict(line.split(maxsplit=1) for line in status.stdout.splitlines())
    assert lines["Archive"].startswith(f"{address}, version ")
    assert lines["Copy"].startswith(str(tmp_path / "copies")) and "complete)" in lines["Copy"]
    assert lines["Photos"] == "3"
    report = run_cli("status", "--json", "--library", address, data=tmp_path / "data")
    copy = json.loads(report.stdout)["copy"]
    assert copy["is_complete"] and copy["version"] > 0
    assert (Path(copy["folder"]) / "library.db").exists()


def test_the_environment_says_where_copies_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    monkeypatch.setenv("IMGSEARCH_REPLICA_DIR", str(tmp_path / "copies"))
    with opened(tmp_path) as archive:
        assert len(archive.find(ALL).hits) == 3
    assert len(list((tmp_path / "copies").glob("*/library.db"))) == 1
    assert archive.settings.data_dir == tmp_path / "data"


def test_doctor_names_a_copy_that_is_used_no_more(tmp_path: Path) -> None:
    filled(tmp_path)
    with opened(tmp_path) as archive:
        archive.photo_count()
    own = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    (database,) = (tmp_path / "cache").rglob("library.db")

    def named() -> list[str]:
        with Library.open(own) as library:
            return [
                f"{each.message} {each.cure}"
                for each in library.upkeep.doctor()
                if each.area == "archives"
            ]

    assert named() == []
    old_s = time.time() - 40 * 86_400
    os.utime(database.parent, (old_s, old_s))
    (finding,) = named()
    assert f"of the archive {tmp_path / 'archive'} in {database.parent}" in finding
    assert finding.endswith(f"rm -r {database.parent}")
    with opened(tmp_path) as archive:
        archive.photo_count()
    assert named() == [], "it was used again"


def test_a_copy_with_changes_that_the_archive_lacks_is_not_to_be_deleted(tmp_path: Path) -> None:
    address = filled(tmp_path)
    with opened(tmp_path) as archive:
        archive.marks.set([archive.find(ALL).hits[0].photo.id], favourite=True)
    own = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    (database,) = (tmp_path / "cache").rglob("library.db")
    with closing(connect(database, writable=True)) as connection:
        connection.execute("UPDATE user_items SET is_sent = 0")
        connection.commit()
    old_s = time.time() - 40 * 86_400
    os.utime(database.parent, (old_s, old_s))
    with Library.open(own) as library:
        (finding,) = (each for each in library.upkeep.doctor() if each.area == "archives")
    assert finding.message.endswith("It has 1 change that the archive lacks.")
    assert finding.cure == f"To send them: imgsearch status --library {address}"
    with opened(tmp_path) as archive:
        archive.status()
    with opened(tmp_path) as archive:
        copy = archive.status().copy
    assert copy is not None and copy.waiting == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_the_first_copy_of_a_command_can_be_interrupted_and_goes_on(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "archive")
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(4500)])
    environment = os.environ | {
        "IMGSEARCH_DATA": str(tmp_path / "data"),
        "IMGSEARCH_REPLICA_DIR": str(tmp_path / "copies"),
    }
    command = (sys.executable, "-m", "tests.held_copy", "status", "--library", writer.address)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        held.send_signal(signal.SIGINT)
        _, said = held.communicate()
    assert held.returncode == 130
    assert "run the same command again to continue" in said and "Traceback" not in said
    report = run_cli(
        *("status", "--json", "--library", writer.address, "--replica", tmp_path / "copies"),
        data=tmp_path / "data",
    )
    assert json.loads(report.stdout)["photos"] == 4500


@pytest.mark.parametrize(
    "change",
    [
        lambda archive: archive.folders.pause("/photos"),
        lambda archive: archive.rebuild("lite"),
        lambda archive: next(iter(archive.watch())),
        lambda archive: archive.packs.make("/", inside=True).run(),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    tmp_path: Path, change: Callable[[Library], object]
) -> None:
    filled(tmp_path)
    with opened(tmp_path) as archive:
        before = archive.version()
        with pytest.raises(UsageError, match="archive"):
            change(archive)
        assert archive.version() == before


def test_the_copy_is_rebuilt_from_its_vectors(tmp_path: Path) -> None:
    filled(tmp_path)
    with opened(tmp_path) as archive:
        assert archive.rebuild().run().vectors == 3
        assert len(archive.find("a boat").hits) == 3


def test_a_setting_without_effect_is_accepted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = filled(tmp_path)
    monkeypatch.setenv("IMGSEARCH_INDEX_CACHE_MB", "100")
    said: list[str] = []
    own = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    with Library.open_archive(address, own, said.append, encoder=StandIn()) as archive:
        assert archive.photo_count() == 3
    assert [each for each in said if "index_cache_mb has no effect" in each]
    monkeypatch.delenv("IMGSEARCH_INDEX_CACHE_MB")
    said.clear()
    with Library.open_archive(address, Settings.load(), said.append, encoder=StandIn()):
        assert said == []
