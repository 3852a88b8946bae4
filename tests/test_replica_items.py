"""What people make in a replica of an archive is sent at once, and reaches the other replicas."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch import Library
from imgsearch.archive.items.carrying import CARRIED_OVER, carry_over
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.tables import Table
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.replica import Replica
from imgsearch.errors import SchemaTooNew, UsageError
from imgsearch.records.marks import PhotoMarks
from imgsearch.store.database import DATABASE_FILE, connect
from tests.catalogue_writer import content_of, photo
from tests.counted_storage import counted_storage
from tests.factories import CHECKOUT, wait_until
from tests.object_storage import s3_server
from tests.old_archives import write_marks
from tests.replicas import new_archive, opened, said


@pytest.fixture
def writer(tmp_path: Path) -> LanceWriter:
    writer = new_archive(tmp_path / "archive")
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(6)])
    return writer


@contextmanager
def replica_in(folder: Path, address: str) -> Iterator[tuple[Library, Replica]]:
    """Open a replica in a folder, which looks for changes whenever it is asked."""
    engine, replica = opened(address, folder)
    replica.checked_s = 0.0
    with Library(engine) as library:
        yield library, replica


def ids(library: Library, *numbers: int) -> list[int]:
    """The ids of photos in a replica."""
    found = {hit.path.stem: hit.photo.id for hit in library.find("width:>0", 100).hits}
    return [found[str(number)] for number in numbers]


def told() -> list[str]:
    """What a person was told about changes that wait."""
    return [each for each in said if "what was made here" in each]


def favourites(library: Library) -> set[str]:
    return {hit.path.stem for hit in library.find("is:favourite", 100).hits}


def test_what_is_made_is_sent_at_once_and_arrives(writer: LanceWriter, tmp_path: Path) -> None:
    with (
        replica_in(tmp_path / "anna", writer.address) as (anna, sending),
        replica_in(tmp_path / "ben", writer.address) as (ben, _),
    ):
        assert favourites(ben) == set()
        anna.marks.set(ids(anna, 1, 2), favourite=True)
        wait_until(lambda: not sending.waiting_changes())  # nobody asks Anna's replica meanwhile
        assert favourites(ben) == {"1", "2"}
        anna.changes.undo()
        wait_until(lambda: not sending.waiting_changes())
        assert favourites(ben) == set() == favourites(anna)
        (three,) = ids(anna, 3)
        database = tmp_path / "anna" / "replica" / DATABASE_FILE
        with closing(connect(database, writable=True)) as connection:  # another process
            connection.execute("INSERT INTO marks VALUES ('favourite', ?, 1)", (three,))
        assert sending.waiting_changes() == 1
        anna.photo_count()
        wait_until(lambda: not sending.waiting_changes())
        assert favourites(ben) == {"3"}


def test_a_short_lived_process_ends_when_its_changes_are_sent(
    writer: LanceWriter, tmp_path: Path
) -> None:
    with replica_in(tmp_path / "anna", writer.address) as (anna, _):
        anna.marks.set(ids(anna, 3), favourite=True)
    items = [item for part in ArchiveItems(writer.address).since(0).parts for item in part]
    assert [item.key for item in items] == [f"{content_of(3).hex()}/favourite"]


def test_what_is_made_while_the_storage_is_away_waits_and_is_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3_server() as server:
        server.put({"other": b""}, "index")
        writer = LanceWriter.open("s3://index/archive", new_archive(tmp_path / "other").encoder)
        writer.put([photo(number, f"/photos/{number}.jpg") for number in range(6)])
        with replica_in(tmp_path / "anna", writer.address) as (anna, sending):
            one, two = ids(anna, 1, 2)
            server.stop()
            said.clear()
            anna.marks.set([one], favourite=True)
            wait_until(lambda: bool(told()))
            assert "cannot be reached" in told()[0]
            assert "(1 change) is stored on this machine" in told()[0]
            anna.marks.set([two], favourite=True)
            copy = anna.status().copy
            assert copy is not None and copy.waiting == sending.waiting_changes() == 2
            assert favourites(anna) == {"1", "2"}
        assert len(told()) == 1
        server.start()
        with replica_in(tmp_path / "anna", writer.address) as (anna, sending):
            assert sending.waiting_changes() == 2
            anna.photo_count()
            wait_until(lambda: not sending.waiting_changes())
        with replica_in(tmp_path / "ben", writer.address) as (ben, _):
            assert favourites(ben) == {"1", "2"}


def test_a_photo_that_is_marked_and_pruned_keeps_its_mark_elsewhere(
    writer: LanceWriter, tmp_path: Path
) -> None:
    with replica_in(tmp_path / "anna", writer.address) as (anna, sending):
        (one,) = ids(anna, 1)
        writer.forget(["/photos/1.jpg"])
        assert anna.photo_count() == 5
        folder = tmp_path / "anna" / "replica"
        with closing(connect(folder / DATABASE_FILE, writable=True)) as connection:
            # Nothing was sent yet, and the photo has been gone for long.
            connection.execute("INSERT INTO marks VALUES ('favourite', ?, 1)", (one,))
            connection.execute(
                "UPDATE photos SET gone_at = '2020-01-01T00:00:00Z' WHERE id = ?", (one,)
            )
        writer.put([photo(7, "/photos/7.jpg")])
        assert anna.photo_count() == 6
        wait_until(lambda: not sending.waiting_changes())
        with pytest.raises(UsageError, match="no photo with the id"):
            anna.photo(one)
    writer.put([photo(1, "/photos/1.jpg")])
    with replica_in(tmp_path / "ben", writer.address) as (ben, _):
        assert favourites(ben) == {"1"}


def test_few_requests_tell_that_something_was_made(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "index" / "archive")
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(6)])
    with (
        replica_in(tmp_path / "anna", writer.address) as (anna, sending),
        counted_storage(tmp_path) as storage,
        replica_in(tmp_path / "ben", "s3://index/archive") as (ben, replica),
    ):
        (four,) = ids(anna, 4)
        assert favourites(ben) == set()
        storage.take()
        replica.checked_s = 0.0
        assert ben.photo_count() == 6
        assert 0 < storage.take().count() <= 5, "nothing is new"
        anna.marks.set([four], favourite=True)
        wait_until(lambda: not sending.waiting_changes())
        storage.take()
        replica.checked_s = 3600.0  # it looks once
        assert favourites(ben) == {"4"}
        taken = storage.take()
        assert taken.count() <= 9, taken.requests
        assert taken.count("LIST") == 5
        assert favourites(ben) == {"4"} and storage.take().count() == 0


# ------------------------------------------------------------------------- carried over


def test_marks_are_carried_over_once_by_any_number_of_machines(
    writer: LanceWriter, tmp_path: Path
) -> None:
    marks = {content_of(n): PhotoMarks(n % 2 == 0, n, n == 3) for n in range(1, 6)}
    write_marks(writer.address, marks)
    code = (
        "import sys; from imgsearch.archive.items.carrying import carry_over; "
        "from imgsearch.archive.items.table import ArchiveItems; "
        "carry_over(ArchiveItems(sys.argv[1]))"
    )
    machines = [
        subprocess.Popen([sys.executable, "-c", code, writer.address], cwd=CHECKOUT)
        for _ in range(3)
    ]
    assert [each.wait() for each in machines] == [0, 0, 0]
    items = [item for part in ArchiveItems(writer.address).since(0).parts for item in part]
    assert len(items) == len({item.name for item in items}) == 5 + 2 + 1
    assert {item.writer for item in items} == {CARRIED_OVER}
    with replica_in(tmp_path / "anna", writer.address) as (anna, _):
        assert favourites(anna) == {"2", "4"}
        assert {hit.path.stem for hit in anna.find("rating:3..5", 9).hits} == {"4", "5"}
        assert {hit.path.stem for hit in anna.find("is:hidden", 9).hits} == {"3"}


def test_a_change_by_somebody_is_later_than_what_is_carried_over(
    writer: LanceWriter, tmp_path: Path
) -> None:
    write_marks(writer.address, {content_of(1): PhotoMarks(True)})
    shared = ArchiveItems(writer.address)
    with replica_in(tmp_path / "anna", writer.address) as (anna, _):
        assert favourites(anna) == {"1"}
        anna.marks.set(ids(anna, 1), favourite=False)
    Table(writer.address, "items", writable=True).configure("imgsearch.carried-over", "again")
    before = Table(writer.address, "items").newest().version
    with Table(writer.address, "items").changing() as dataset:
        dataset.delete_config_keys(["imgsearch.carried-over"])  # as one that was killed leaves it
    carry_over(shared)
    assert Table(writer.address, "items").newest().version == before + 2, "only the note is new"
    with replica_in(tmp_path / "ben", writer.address) as (ben, _):
        assert favourites(ben) == set()


def test_who_may_only_read_has_what_was_made_before(tmp_path: Path) -> None:
    writer = new_archive(tmp_path / "index" / "archive")
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(6)])
    write_marks(writer.address, {content_of(2): PhotoMarks(True)})
    with (
        counted_storage(tmp_path),
        replica_in(tmp_path / "ben", "s3://index/archive") as (ben, replica),
    ):
        assert favourites(ben) == {"2"}
        said.clear()
        ben.marks.set(ids(ben, 1), favourite=True)
        wait_until(lambda: bool(told()))
        assert "refuses access" in told()[0] and "1 change" in told()[0]
        assert favourites(ben) == {"1", "2"} and replica.waiting_changes() == 1
    assert not ArchiveItems(writer.address).has_carried_over()


def test_an_older_program_is_told_that_it_cannot_write_persons(
    writer: LanceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_over(ArchiveItems(writer.address))
    monkeypatch.setattr("imgsearch.archive.lance.tables._WRITTEN", {})  # as 0.1.0 has it
    assert Table(writer.address, "people").newest().count() == 0
    with pytest.raises(SchemaTooNew, match="can search it, but not write to it"):
        Table(writer.address, "people", writable=True)
    Table(writer.address, "files", writable=True)
