"""Faces and persons in replicas of an archive: what one decides is the same in all of them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

pytest.importorskip("lance", reason="needs the extra scale")

import lance

from imgsearch import Library, Settings
from imgsearch.archive.items.carrying import CARRIED_OVER
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.people_rows import people_rows
from imgsearch.archive.lance.people_tables import HEAD, PeopleHead, PeopleTables
from imgsearch.archive.lance.tables import Table
from imgsearch.archive.replica.replica import Replica
from imgsearch.opened.replicas import open_replica
from imgsearch.store.database import DATABASE_FILE, connect
from tests.factories import wait_until
from tests.features.test_people_archives import decisions, found, of_colour, open_archive, told
from tests.people import library_with_faces, set_face_models, write_three_persons
from tests.stand_in import StandIn

LINES = ("person:zoe", "only:zoe", "person:cleo", "only:cleo,zoe", "person:me")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three persons in some photos."""
    return write_three_persons(tmp_path / "photos")


@pytest.fixture
def found_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the model that finds faces from here on."""
    return set_face_models(monkeypatch)


@pytest.fixture
def archive(tmp_path: Path, photos: Path, found_by: Callable[[str], None]) -> Iterator[Library]:
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        archive.people.find_faces().run()
        yield archive


@contextmanager
def replica_of(archive: Library, folder: Path) -> Iterator[tuple[Library, Replica]]:
    """Open a copy of the archive in a folder, which looks for changes whenever it is asked."""
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    opened, replica = open_replica(
        archive.address, settings, print, encoder=StandIn(), folder=folder / "replica"
    )
    replica.checked_s = 0.0
    with Library(opened) as library:
        yield library, replica


def write_older_rows(address: str, library: Library) -> None:
    """Write the persons and decisions of a library into an archive, as was done before items."""
    rows: dict[str, dict[str, Any] | None] = {HEAD: asdict(PeopleHead("1", 1))}
    with closing(connect(library.settings.data_dir / DATABASE_FILE, writable=False)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("persons", "own_person", "face_decisions"):
            for row in connection.execute(f"SELECT * FROM {table}"):
                # The numbers of faces are those of the archive there.
                rows[f"{table}/{row['id']}"] = {
                    name: row[name] for name in list(row.keys()) if name != "face_id"
                }
    people = lance.dataset(f"{address}/people.lance")
    people.insert(people_rows(rows, 1, people.schema))


def shown(library: Library) -> list[Any]:
    """What the operations of people say, without the last changes, which are a replica's own."""
    return told(library)[::2]


def test_every_decision_reaches_another_replica(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    with (
        library_with_faces(tmp_path / "own", photos) as library,
        replica_of(archive, tmp_path / "anna") as (anna, sending),
        replica_of(archive, tmp_path / "ben") as (ben, _),
    ):
        for done, _ in zip(decisions(library), decisions(anna), strict=True):
            wait_until(lambda: not sending.waiting_changes())
            assert shown(anna) == shown(library), done
            assert shown(ben) == shown(library), done
            for line in LINES:
                assert found(ben, line) == found(library, line), (done, line)


def test_what_was_decided_before_there_were_items_is_carried_over(
    archive: Library, photos: Path, tmp_path: Path
) -> None:
    with library_with_faces(tmp_path / "own", photos) as library:
        for _ in decisions(library):
            pass
        address = tmp_path / "older"
        shutil.copytree(archive.address, address)
        shutil.rmtree(address / "items.lance")
        write_older_rows(str(address), library)
        older = Library.open_archive(address, archive.settings)
        with replica_of(older, tmp_path / "anna") as (anna, _):
            assert shown(anna) == shown(library)
            for line in LINES:
                assert found(anna, line) == found(library, line), line
            items = [item for part in ArchiveItems(older.address).since(0).parts for item in part]
            assert {item.writer for item in items} == {CARRIED_OVER}
            version = Table(older.address, "items").newest().version
            with replica_of(older, tmp_path / "ben") as (ben, _):
                assert shown(ben) == shown(library)
            assert Table(older.address, "items").newest().version == version


def test_faces_that_are_forgotten_and_found_again_arrive(
    archive: Library, photos: Path, tmp_path: Path, found_by: Callable[[str], None]
) -> None:
    archive.people.name(of_colour(archive, "red0").id, "Zoë Adler")
    with replica_of(archive, tmp_path / "anna") as (anna, _):
        everywhere = {"red0", "red1", "both", "three"}
        assert found(anna, "person:zoe") == everywhere
        assert found(anna, "Zoe Adler") == everywhere
        # A photo that goes, and comes back, has its faces and their persons again.
        (photos / "both.png").rename(photos.parent / "both.png")
        archive.index([photos], accept_removals=True).run()
        assert found(anna, "person:zoe") == everywhere - {"both"}
        (photos.parent / "both.png").rename(photos / "both.png")
        archive.index([photos]).run()
        assert found(anna, "person:zoe") == everywhere
        found_by("colours/2")
        archive.people.find_faces(again=True).run()
        assert found(anna, "person:zoe") == everywhere
        PeopleTables(archive.address).delete_faces()
        assert anna.people.counts().faces == 0
        assert [each.name for each in anna.people.all()] == ["Zoë Adler"], "decisions stay"
        archive.people.find_faces(again=True).run()
        assert found(anna, "person:zoe") == everywhere
