"""Backups: everything that people made comes back, and nothing that they made since is lost."""

from __future__ import annotations

import gzip
import json
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

pytest.importorskip("lance", reason="needs the extra scale")  # for the replicas of the tests

from imgsearch import BackupError, RestoreReport, Settings, UsageError
from imgsearch.errors import DiskError
from imgsearch.features.backup import file as backup_file
from imgsearch.features.backup.daily import (
    copies,
    findings,
    forget_people,
    keep_daily,
    make_copy,
)
from imgsearch.features.backup.making import items_of
from imgsearch.features.backup.restoring import restore
from tests.held_backup import killed_before_the_end
from tests.item_replicas import CONTENTS, Sharer, new_archive, settle
from tests.made_things import FIVE, FOUR, MAKING, ONE, THREE, TWO, mark, name_person

MADE_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNDONE = {"mark", "face", "person", "album photo", "correction", "event title"}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Sharer]]:
    """Makes libraries; the photos of each have other ids."""
    made: list[Sharer] = []

    def library(contents: Sequence[bytes] = CONTENTS) -> Sharer:
        turned = [*contents[len(made) :], *contents[: len(made)]]
        made.append(Sharer(tmp_path / f"library{len(made)}", "", turned))
        return made[-1]

    yield library
    for each in made:
        each.close()


@pytest.fixture
def old(make: Callable[..., Sharer]) -> Sharer:
    return make()


@pytest.fixture
def new(make: Callable[..., Sharer], old: Sharer) -> Sharer:
    return make()


def write(library: Sharer, name: str = "backup.jsonl") -> Path:
    file = library.folder.parent / name
    content = backup_file.content_of(items_of(library.store.database))
    backup_file.write(file, content, MADE_AT, ["/home/anna/Pictures"])
    return file


def restored(library: Sharer, file: Path, *, dry_run: bool = False) -> RestoreReport:
    return restore(library.store.database, *backup_file.read(file), dry_run=dry_run)


def changes_nothing(report: RestoreReport) -> bool:
    return not report.added and not report.changed and report.change_id is None


# ------------------------------------------------------------------------- everything comes back


@pytest.mark.parametrize("kind", MAKING)
def test_everything_that_was_made_comes_into_another_library(
    old: Sharer, new: Sharer, kind: str
) -> None:
    before = new.said()
    MAKING[kind](old)
    file = write(old)
    planned = restored(new, file, dry_run=True)
    assert new.said() == before, "a dry run changes nothing"
    report = restored(new, file)
    assert new.said() == old.said() != before
    assert (planned.added, planned.changed) == (report.added, report.changed)
    assert report.added == report.backup.counts
    assert changes_nothing(restored(new, file)), "to restore again changes nothing"
    assert changes_nothing(restored(old, file)), "where it was made nothing is missing"
    assert not new.rows("SELECT * FROM outbox"), "the library is no replica"
    assert not old.rows("SELECT * FROM item_identities"), "nothing was made there"
    if kind in UNDONE:
        assert report.change_id is not None
        new.changes.undo(report.change_id)
        assert new.said() == before
        new.changes.redo(report.change_id)
        assert new.said() == old.said()
    else:
        assert report.change_id is None


def test_everything_at_once_goes_through_a_third_library(
    old: Sharer, new: Sharer, make: Callable[..., Sharer]
) -> None:
    for do in MAKING.values():
        do(old)
    old.tray.add(old.ids(THREE, ONE))
    restored(new, write(old))
    third = make()
    restored(third, write(new, "second.jsonl.gz"))
    assert third.said() == old.said()
    assert third.tray.photos().photo_ids == tuple(third.ids(THREE, ONE))


def test_a_backup_is_text_without_vectors_and_known_by_content(old: Sharer) -> None:
    mark(old)
    file = write(old)
    first, *lines = map(json.loads, file.read_text().splitlines())
    assert (first["imgsearch_backup"], first["counts"]) == (1, {"mark": 5})
    assert first["folders"] == ["/home/anna/Pictures"]
    assert {"kind": "mark", "key": f"{ONE.hex()}/rating", "value": {"value": 4}} in lines
    packed = write(old, "backup.jsonl.gz")
    assert gzip.decompress(packed.read_bytes()) == file.read_bytes()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# ------------------------------------------------------------------------- merged, not overwritten


@pytest.mark.features("albums")
def test_an_album_of_the_same_name_gets_what_it_lacks(old: Sharer, new: Sharer) -> None:
    old.albums.make("Seaside", old.ids(ONE, TWO))
    new.albums.make("Seaside", new.ids(FIVE, TWO))
    report = restored(new, write(old))
    assert report.added == {"album photo": 1}
    assert sorted(new.said()["albums"]["Seaside"]) == ["01", "02", "05"]
    assert list(new.said()["albums"]) == ["Seaside"]


@pytest.mark.features("albums")
def test_an_album_that_was_renamed_since_is_the_same_one(old: Sharer, new: Sharer) -> None:
    old.albums.make("Seaside", old.ids(ONE))
    file = write(old)
    restored(new, file)
    for library in (old, new):
        library.albums.rename("Seaside", "Italy")
        report = restored(library, file)
        assert changes_nothing(report) and report.kept == {"album": 1}
        assert library.said()["albums"] == {"Italy": ["01"]}


@pytest.mark.features("albums")
def test_an_album_that_was_removed_comes_back_under_a_name_that_is_taken(
    old: Sharer, new: Sharer
) -> None:
    old.albums.make("Seaside", old.ids(ONE))
    file = write(old)
    restored(new, file)
    new.albums.remove("Seaside")
    new.albums.make("Seaside", new.ids(FOUR))
    restored(new, file)
    assert sorted(new.said()["albums"]["Seaside"]) == ["01", "04"]


def test_what_is_different_stays_and_is_listed(old: Sharer, new: Sharer) -> None:
    mark(old)
    new.store.marks.set(new.ids(ONE), {"rating": 2})
    report = restored(new, write(old))
    assert ("01", "rating", 2) in new.said()["marks"]
    assert ("02", "rating", 4) in new.said()["marks"]
    assert report.kept == {"mark": 1}
    (difference,) = report.differences
    assert (difference.about, difference.here) == ("1.jpg", '{"value":2}')


@pytest.mark.features("saved")
def test_of_two_saved_searches_the_later_one_counts(
    old: Sharer, new: Sharer, make: Callable[..., Sharer]
) -> None:
    old.save_search("Beaches", "beach")
    older, third = write(old, "older.jsonl"), make()
    for library, moment in ((new, "2001-01-01"), (third, "2999-01-01")):
        library.save_search("Beaches", "sea")
        with library.store.database.brief_transaction() as connection:
            connection.execute(f"UPDATE saved_searches SET saved_at = '{moment}T00:00:00+00:00'")
    assert restored(new, older).changed == {"saved search": 1}
    assert restored(third, older).kept == {"saved search": 1}
    assert [library.saved_searches.all()[0].line for library in (new, third)] == ["beach", "sea"]


def test_a_later_decision_about_a_face_counts(old: Sharer, new: Sharer) -> None:
    name_person(old)
    file = write(old)
    new.store.people.make([new.face(ONE)], "Berta")
    restored(new, file)
    assert ("01", 0.1, "Berta", 1) in new.said()["decided"]
    assert ("02", 0.1, "Anna", 1) in new.said()["decided"]
    with old.store.database.brief_transaction() as connection:
        connection.execute("UPDATE face_decisions SET decided_at = '2999-01-01T00:00:00+00:00'")
    restored(new, write(old))
    assert ("01", 0.1, "Anna", 1) in new.said()["decided"]


def test_a_person_who_was_renamed_since_is_known_by_confirmed_faces(
    old: Sharer, new: Sharer
) -> None:
    name_person(old)
    file = write(old)
    new.store.people.make([new.face(ONE), new.face(TWO)], "Anna Smith")
    report = restored(new, file)
    assert new.said()["persons"] == [("Anna Smith", 0)]
    assert report.kept == {"person": 1}
    assert ("03", 0.1, "Anna Smith", 0) in new.said()["decided"]
    assert new.said()["me"] == [("Anna Smith",)]


def test_a_person_whose_faces_went_to_another_one_of_the_backup_stays_apart(
    old: Sharer, new: Sharer
) -> None:
    name_person(old)
    old.store.people.make([old.face(FOUR)], "Berta")
    file = write(old)
    restored(new, file)
    berta = new.person("Berta")
    new.store.people.decide(berta, [new.face(ONE), new.face(TWO)], [])
    new.store.people.merge(new.person("Anna"), berta, [])
    restored(new, file)
    assert [name for name, _ in new.said()["persons"]] == ["Anna", "Berta"]
    assert ("01", 0.1, "Berta", 1) in new.said()["decided"]


def test_a_person_without_a_name_here_gets_the_one_of_the_backup(old: Sharer, new: Sharer) -> None:
    name_person(old)
    person_id, _ = new.store.people.make([new.face(ONE), new.face(TWO)], "Somebody")
    new.store.people.unname(person_id)
    restored(new, write(old))
    assert new.said()["persons"] == [("Anna", 0)]


# ------------------------------------------------------------------------- photos that come later


def test_things_about_photos_that_are_missing_come_when_they_are_there(
    old: Sharer, make: Callable[..., Sharer]
) -> None:
    for do in MAKING.values():
        do(old)
    old.tray.add(old.ids(ONE))
    new = make(CONTENTS[1:])
    file = write(old)
    report = restored(new, file)
    assert report.missing_photos == 1
    assert report.waiting["mark"] == 2
    assert "face" not in report.waiting, "decisions about faces are kept until there is a face"
    assert changes_nothing(restored(new, file))
    new.add_photos([ONE])
    assert restored(new, file).missing_photos == 0
    assert new.said() == old.said()


def test_faces_that_are_found_later_get_their_names(
    old: Sharer, make: Callable[..., Sharer]
) -> None:
    name_person(old)
    new = make(())
    restored(new, write(old))
    assert new.said()["faces"] == []
    new.add_photos(CONTENTS)
    assert new.said()["faces"] == old.said()["faces"] != []


# ------------------------------------------------------------------------- other files


def lines_of(old: Sharer) -> list[bytes]:
    mark(old)
    return write(old).read_bytes().splitlines(keepends=True)


def with_items(*items: object) -> bytes:
    """A file that is whole, with these lines."""
    lines = [msgspec.json.encode(item) + b"\n" for item in items]
    digest = backup_file.content_of([])
    content = replace(digest, lines=lines, checksum=backup_file.checksum_of(lines))
    first = {
        "imgsearch_backup": 1,
        "made_at": "2026-01-01T00:00:00Z",
        "made_by": "imgsearch 9",
        "folders": [],
        "counts": {},
        "checksum": content.checksum,
    }
    return b"".join([msgspec.json.encode(first) + b"\n", *lines])


NO_PLACE = (
    b'{"person":"' + b"0" * 32 + b'","x":1e999,"y":0,"width":1,"height":1,"at_s":null,'
    b'"decided_at":"2026-01-01T00:00:00Z"}'
)
DAMAGED: dict[str, tuple[Callable[[list[bytes]], bytes], str]] = {
    "empty": (lambda lines: b"", "not a backup"),
    "another file": (lambda lines: b"\xff\xd8\xff\xe0 a photo", "not a backup"),
    "another JSON": (lambda lines: b'{"a": 1}\n', "not a backup"),
    "without its last line": (lambda lines: b"".join(lines[:-1]), "it has 4 of 5 items"),
    "cut off in a line": (lambda lines: b"".join(lines)[:-9], "line 6 is no item"),
    "a line twice": (lambda lines: b"".join([*lines, lines[-1]]), "it has 6 of 5 items"),
    "a changed value": (
        lambda lines: b"".join(lines).replace(b'"value":4', b'"value":5'),
        "some of them changed",
    ),
    "gzip that is cut off": (lambda lines: gzip.compress(b"".join(lines))[:-20], "cut off"),
    "a newer format": (
        lambda lines: b'{"imgsearch_backup":2,"more":[]}\n' + b"".join(lines[1:]),
        "newer imgsearch",
    ),
    "deep JSON": (
        lambda lines: lines[0] + b'{"kind":"mark","key":"a","value":' + b"[" * 200_000 + b"\n",
        "line 2 is no item",
    ),
    "a key that is none": (
        lambda lines: with_items({"kind": "mark", "key": "../etc", "value": {"value": 1}}),
        "no imgsearch has written",
    ),
    "a value that is none": (
        lambda lines: with_items(
            {"kind": "mark", "key": f"{ONE.hex()}/rating", "value": {"value": 77}}
        ),
        "no imgsearch has written",
    ),
    "a face at no place": (
        lambda lines: with_items(
            {"kind": "face", "key": f"{ONE.hex()}/a", "value": msgspec.Raw(NO_PLACE)}
        ),
        "no imgsearch has written",
    ),
    "a name of a megabyte": (
        lambda lines: with_items(
            {
                "kind": "person",
                "key": "0" * 32,
                "value": {"name": "a" * 1_000_000, "made_at": "2026-01-01T00:00:00Z"},
            }
        ),
        "no imgsearch has written",
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_that_is_no_whole_backup_changes_nothing(
    old: Sharer, new: Sharer, tmp_path: Path, kind: str
) -> None:
    damaged, sentence = DAMAGED[kind]
    before = new.said()
    file = tmp_path / "damaged.jsonl"
    file.write_bytes(damaged(lines_of(old)))
    with pytest.raises(BackupError, match=sentence) as raised:
        restored(new, file)
    assert raised.value.exit_code == 12 and str(file) in str(raised.value)
    assert new.said() == before


def test_a_file_that_grows_without_end_is_not_read_to_its_end(tmp_path: Path, old: Sharer) -> None:
    """Gigabytes of zeros in a small file: at most a line of 16 MB is in memory."""
    first = lines_of(old)[0]
    zeros = tmp_path / "zeros.jsonl.gz"
    with gzip.open(zeros, "wb", compresslevel=1) as file:
        file.write(first)
        for _ in range(20):
            file.write(bytes(1_000_000))
    with pytest.raises(BackupError, match="larger than any backup"):
        backup_file.read(zeros)


def test_too_many_lines_are_refused(tmp_path: Path, old: Sharer) -> None:
    first = lines_of(old)[0]
    many = tmp_path / "many.jsonl.gz"
    line = b'{"kind":"a","key":"b","value":1}\n'
    with gzip.open(many, "wb", compresslevel=1) as file:
        file.write(first)
        file.write(line * (backup_file.MOST_ITEMS + 1))
    with pytest.raises(BackupError, match="1,000,000 items"):
        backup_file.read(many)


def test_kinds_of_another_installation_are_counted_and_left_out(
    new: Sharer, tmp_path: Path
) -> None:
    file = tmp_path / "other.jsonl"
    file.write_bytes(with_items({"kind": "recipe", "key": "cake", "value": {"eggs": 3}}))
    report = restored(new, file)
    assert changes_nothing(report) and report.unknown == {"recipe": 1}


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        backup_file.read(tmp_path / "none.jsonl")
    with pytest.raises(DiskError, match="Choose another file"):
        backup_file.read(tmp_path)


# ------------------------------------------------------------------------- killed


def test_a_restore_that_is_killed_changes_nothing_and_is_done_again(
    old: Sharer, new: Sharer
) -> None:
    for do in MAKING.values():
        do(old)
    file, before = write(old), new.said()
    with killed_before_the_end("restore", new.folder, file):
        assert new.said() == before
    assert new.said() == before
    restored(new, file)
    assert new.said() == old.said()


def test_a_backup_whose_writer_is_killed_stays_as_it_was(old: Sharer, new: Sharer) -> None:
    mark(old)
    file = write(old)
    before = file.read_bytes()
    name_person(old)
    with killed_before_the_end("write", old.folder, file):
        assert file.read_bytes() == before
    assert backup_file.read(file)[0].counts == {"mark": 5}
    restored(new, write(old))
    assert new.said() == old.said()


# ------------------------------------------------------------------------- each day


def settings_of(library: Sharer, most: int = 10) -> Settings:
    return Settings.load(data_dir=library.folder, backups=most)


def days(library: Sharer, count: int, most: int = 10) -> list[str]:
    """Use a library on so many days, and mark a photo on each; the names of the copies."""
    for day in range(count):
        library.store.marks.set(library.ids(ONE), {"rating": 1 + day % 5})
        keep_daily(settings_of(library, most), fail, MADE_AT + timedelta(days=day))
    return [file.name for file in copies(library.folder)]


def day(date: str) -> str:
    """The name of the copy of a day."""
    return f"{date}-{MADE_AT.astimezone():%H%M%S}.jsonl.gz"


def fail(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_copy_is_made_once_a_day(old: Sharer) -> None:
    assert days(old, 1) == [day("2026-03-01")]
    (file,) = copies(old.folder)
    before = file.read_bytes()
    name_person(old)
    keep_daily(settings_of(old), fail, MADE_AT + timedelta(minutes=5))
    assert file.read_bytes() == before
    keep_daily(settings_of(old), fail, MADE_AT + timedelta(days=1))
    assert [backup_file.read(each)[0].counts.get("face") for each in copies(old.folder)] == [
        2,
        None,
    ]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_no_copy_is_made_where_nothing_has_changed(old: Sharer) -> None:
    keep_daily(settings_of(old), fail, MADE_AT)
    assert not (old.folder / "backups").exists(), "nothing was made yet"
    days(old, 1)
    (file,) = copies(old.folder)
    keep_daily(settings_of(old), fail, MADE_AT + timedelta(days=3))
    assert copies(old.folder) == [file]
    looked_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    assert looked_at == MADE_AT + timedelta(days=3)


def test_ten_copies_are_kept_and_no_other_file_is_deleted(old: Sharer) -> None:
    days(old, 1)
    own = old.folder / "backups" / "mine.jsonl.gz"
    own.write_bytes(b"")
    names = days(old, 12)
    assert (names[0], names[-1], len(names)) == (day("2026-03-12"), day("2026-03-03"), 10)
    assert own.exists()


def test_copies_can_be_switched_off(old: Sharer) -> None:
    assert days(old, 3, most=0) == []


def test_a_copy_that_cannot_be_made_is_told_and_is_no_error(old: Sharer) -> None:
    mark(old)
    (old.folder / "backups").write_text("a file in place of the folder")
    said: list[str] = []
    keep_daily(settings_of(old), said.append, MADE_AT)
    assert "The backup of today was not made" in said[0] and "backups = 0" in said[0]
    with pytest.raises(DiskError, match="Cannot write to"):
        make_copy(settings_of(old), old.store.database)
    old.store.close()
    (old.folder / "library.db").write_bytes(b"damaged" * 1000)
    keep_daily(settings_of(old), said.append, MADE_AT)
    assert "is damaged" in said[1]


def test_names_that_are_forgotten_leave_the_copies(old: Sharer) -> None:
    name_person(old)
    days(old, 2)
    newest, older = copies(old.folder)
    times = [file.stat().st_mtime_ns for file in (newest, older)]
    older.write_bytes(b"Anna, in a copy that cannot be read")
    forget_people(old.folder)
    assert copies(old.folder) == [newest] and newest.stat().st_mtime_ns == times[0]
    assert backup_file.read(newest)[0].counts == {"mark": 1}
    assert b"Anna" not in gzip.decompress(newest.read_bytes())


def test_a_damaged_copy_is_passed_over(old: Sharer) -> None:
    days(old, 2)
    newest, older = copies(old.folder)
    newest.write_bytes(b"nothing")
    (finding,) = findings(settings_of(old), "damaged")
    assert finding.cure is not None and str(older) in finding.cure
    make_copy(settings_of(old), old.store.database, MADE_AT + timedelta(days=1))
    assert backup_file.read(newest)[0].counts == {"mark": 1}


# ------------------------------------------------------------------------- in an archive


def test_what_is_restored_into_a_replica_reaches_the_others(old: Sharer, tmp_path: Path) -> None:
    for do in MAKING.values():
        do(old)
    file = write(old)
    address = new_archive(tmp_path / "archive")
    with (
        closing(Sharer(tmp_path / "anna", address)) as anna,
        closing(Sharer(tmp_path / "ben", address, CONTENTS[::-1])) as ben,
    ):
        settle(anna, ben)
        before = anna.said()
        report = restored(anna, file)
        assert settle(anna, ben) == old.said()
        assert changes_nothing(restored(ben, file))
        assert backup_file.content_of(items_of(ben.store.database)).counts == report.added
        anna.changes.undo(report.change_id)
        assert {**settle(anna, ben), **only_of(before, UNDOABLE)} == settle(anna, ben)


UNDOABLE = ("albums", "marks", "persons", "decided", "events", "corrections")


def only_of(said: dict[str, object], subjects: Sequence[str]) -> dict[str, object]:
    return {subject: said[subject] for subject in subjects}
