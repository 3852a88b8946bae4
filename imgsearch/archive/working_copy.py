"""The working copy of an archive's people on this machine: a database with the schema of a library.

The tables of the archive are the record. The copy has the photos in which faces were found, and it
is brought up to date from the rows that are new there before it is read. A decision is made in it
by what makes it in a library (`imgsearch.store`), in one transaction. Before that is committed, the
rows that it has changed are committed to the archive, unless somebody else has committed there
meanwhile: then the transaction is rolled back, and the decision is made again.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from imgsearch import private_files
from imgsearch.archive.lance.people_rows import ShownPeople, faces_in
from imgsearch.archive.lance.people_tables import (
    DUE,
    DuePhotos,
    PeopleHead,
    PeopleTables,
    found_contents,
    head_in,
    newest_fragment,
    readings_after,
    rows_since,
)
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.rows import id_of
from imgsearch.archive.taking_people import take_people_rows
from imgsearch.caches import unwritable_cache
from imgsearch.errors import StoreError
from imgsearch.store import names
from imgsearch.store.database import DATABASE_FILE, Database, connect, raise_translated
from imgsearch.store.faces import FACE_COLUMNS
from imgsearch.store.migrations import MIGRATIONS
from imgsearch.store.people_stores import PeopleStores
from imgsearch.store.sql import IN_IDS, ids_parameter

_LOOKED_AT_S = 1.0  # until changes by others are looked for again
# Tables of which rows are committed whole, in the order in which their rows refer to each other.
_WHOLE = ("persons", "own_person", "face_decisions", "changes")
_NUMBERED = ("persons", "face_decisions", "changes")  # their ids are never given again
_OF_A_LIBRARY = (*_WHOLE, "faces", "face_readings", "paths", "photos")
_STATE = (
    "CREATE TABLE IF NOT EXISTS archive_state (id INTEGER NOT NULL PRIMARY KEY, state TEXT)",
    "INSERT OR IGNORE INTO archive_state VALUES (1, '{}')",
    "INSERT OR IGNORE INTO roots (id, path, added_at) VALUES (1, x'2F', '')",
)
_LIVE_PATH = (
    "INSERT OR IGNORE INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT 1, content_hash, id, 0, 0, 0 FROM photos WHERE id IN (SELECT photo_id FROM "
    "face_readings) AND id NOT IN (SELECT photo_id FROM paths)"
)
_NEW_PHOTO = (
    "INSERT OR IGNORE INTO photos (id, content_hash, size_bytes, added_at, facts_at, format, "
    "width_px, height_px) VALUES (?, ?, 0, '', '', '', 0, 0)"
)
# What a transaction changes: rows by their table and id, and the photos of which columns follow.
# Without unique columns: a statement that replaces rows would have its triggers replace some, too.
_TOUCHED = (
    "CREATE TEMP TABLE touched_rows (kind TEXT NOT NULL, number INTEGER NOT NULL)",
    "CREATE TEMP TABLE touched_contents (content BLOB NOT NULL)",
    "CREATE TEMP TABLE taken_readings (content TEXT NOT NULL PRIMARY KEY, reading TEXT)",
)
_OF_PERSON = (
    "INSERT INTO touched_contents SELECT content_hash FROM faces JOIN photos ON "
    "photos.id = photo_id WHERE person_id = {0}.id UNION SELECT content_hash FROM face_decisions "
    "WHERE person_id = {0}.id AND is_person;"
)
_IS_NAMED = "EXISTS (SELECT 1 FROM persons WHERE id IN ({}) AND name IS NOT NULL)"
_OF_FACE = (
    "INSERT INTO touched_contents SELECT content_hash FROM photos WHERE id = {0}.photo_id AND {1};"
)
_TRIGGERS = (
    *(
        (
            f"AFTER {event} ON {table}",
            f"INSERT INTO touched_rows VALUES ('{table}', {id});",
        )
        for table in _WHOLE
        for event, id in (("INSERT", "new.id"), ("UPDATE", "new.id"), ("DELETE", "old.id"))
    ),
    (
        "AFTER UPDATE OF person_id ON faces WHEN new.person_id IS NOT old.person_id",
        "INSERT INTO touched_rows VALUES ('faces', new.id);"
        + _OF_FACE.format("new", _IS_NAMED.format("old.person_id, new.person_id")),
    ),
    (
        "BEFORE DELETE ON faces WHEN old.person_id IS NOT NULL",
        "INSERT INTO touched_rows VALUES ('faces', old.id);"
        + _OF_FACE.format("old", _IS_NAMED.format("old.person_id")),
    ),
    (
        "AFTER UPDATE OF name, is_hidden ON persons "
        "WHEN new.name IS NOT old.name OR new.is_hidden IS NOT old.is_hidden",
        _OF_PERSON.format("new"),
    ),
    ("BEFORE DELETE ON persons WHEN old.name IS NOT NULL", _OF_PERSON.format("old")),
    *(
        (
            f"AFTER {event} ON face_decisions",
            f"INSERT INTO touched_contents VALUES ({row}.content_hash);",
        )
        for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old"))
    ),
)


class _State(Struct, frozen=True):
    """Up to where the copy has what the archive has.

    `fragment` is the newest one of the table of faces, and `versions` are those of the tables.
    """

    head: PeopleHead = PeopleHead()
    fragment: int = -1
    versions: tuple[int, ...] = ()


class WorkingCopy:
    """A copy of the people of an archive. Safe in any thread and in any process."""

    def __init__(
        self, folder: Path, address: str, open_catalogue: Callable[[], LanceCatalogue]
    ) -> None:
        """`folder` has the copies of all archives. Nothing is read before it is needed."""
        digest = hashlib.blake2b(address.encode(), digest_size=16).hexdigest()
        # Another version of the schema makes another copy: it costs less than to migrate one.
        self._folder = folder / f"{digest}-{len(MIGRATIONS)}"
        self._others = f"{digest}-*"
        self.tables = PeopleTables(address)
        self._recent = PeopleTables(address, _LOOKED_AT_S)
        self._open_catalogue = open_catalogue
        self._lock = RLock()
        self._stores: PeopleStores | None = None
        self._seen: tuple[int, ...] = ()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._stores is not None:
                self._stores.database.close()
            self._stores, self._seen = None, ()

    def version(self) -> tuple[int, ...]:
        """Changes when the archive's people have changed; empty before the copy is opened."""
        return () if self._stores is None else self._versions(self._recent)[:2]

    def stores(self, *, at_once: bool = False) -> PeopleStores:
        """The copy with all that the archive had a second ago; with `at_once`, with all it has."""
        with self._lock:
            if not (self._folder / DATABASE_FILE).exists():
                self.close()  # somebody has cleared the cache
            try:
                return self._current(at_once)
            except StoreError as error:
                if not isinstance(error.__cause__, sqlite3.Error):
                    raise
            self._discard()  # it was damaged or deleted since it was opened
            return self._current(at_once)

    def _discard(self) -> None:
        """Delete the copy. Nothing is only there, so it is read from the archive again."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _current(self, at_once: bool) -> PeopleStores:
        stores = self._opened()
        recent = self._versions(self._recent)
        if at_once or recent != self._seen:
            self._refresh()
            self._seen = recent
        return stores

    def _opened(self) -> PeopleStores:
        if self._stores is None:
            try:
                private_files.make_folder(self._folder)
                for other in self._folder.parent.glob(self._others):
                    if other != self._folder:
                        shutil.rmtree(other, ignore_errors=True)
            except OSError as error:
                raise unwritable_cache(self._folder, error) from error
            try:
                database = Database.open(self._folder, True, self._committed)
            except StoreError:
                self._discard()
                private_files.make_folder(self._folder)
                database = Database.open(self._folder, True, self._committed)
            with closing(self._connected()) as connection, _translated(self._folder):
                connection.execute("BEGIN IMMEDIATE")
                for statement in _STATE:
                    connection.execute(statement)
                # Photos of an archive have their names there, so none are kept in step here.
                triggers = connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger' "
                    "AND sql LIKE '%INTO stale_names%'"
                ).fetchall()
                for (name,) in triggers:
                    connection.execute(f"DROP TRIGGER {name}")
                connection.execute("COMMIT")
            self._stores = PeopleStores(database)
        return self._stores

    def _connected(self) -> sqlite3.Connection:
        """A connection on which rows may be written in any order."""
        connection = connect(self._folder / DATABASE_FILE, writable=True)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    # ------------------------------------------------------------------ from the archive

    def _refresh(self) -> None:
        """Bring the copy up to date with the archive."""
        with closing(self._connected()) as connection, _translated(self._folder):
            # First people: what they refer to was put before.
            if _state_of(connection).versions == self._versions(self.tables):
                return
            connection.execute("BEGIN IMMEDIATE")  # another process may be faster
            versions = self._versions(self.tables)
            people, faces = self.tables.people(), self.tables.faces()
            state, head = _state_of(connection), head_in(people)
            is_other = state.head.epoch and state.head.epoch != head.epoch
            if is_other or head.revision < state.head.revision:
                for table in _OF_A_LIBRARY:
                    connection.execute(f"DELETE FROM {table}")
                state = _State()
            fragment = -1
            if faces is not None:
                fragment = newest_fragment(faces)
                _take_readings(
                    connection,
                    readings_after(faces, state.fragment if fragment >= state.fragment else -1),
                )
                (here,) = connection.execute("SELECT count(*) FROM face_readings").fetchone()
                if here != faces.count("state = 'found'"):
                    _leave_only(connection, found_contents(faces))
            if people is not None and head.revision > state.head.revision:
                _take_rows(connection, rows_since(people, state.head.revision))
                _set_numbers(connection, head)
            gone = self._open_catalogue().put_away()
            connection.execute(f"DELETE FROM paths WHERE photo_id {IN_IDS}", (ids_parameter(gone),))
            connection.execute(f"{_LIVE_PATH} AND id NOT {IN_IDS}", (ids_parameter(gone),))
            connection.execute("DELETE FROM stale_names")
            _set_state(connection, _State(head, fragment, versions))
            connection.execute("COMMIT")
            if is_other:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _versions(self, tables: PeopleTables) -> tuple[int, ...]:
        people, faces = tables.people(), tables.faces()
        return (
            -1 if people is None else people.version,
            -1 if faces is None else faces.version,
            *self._open_catalogue().versions_of_photos(),
        )

    # ------------------------------------------------------------------ to the archive

    @contextmanager
    def _committed(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Commit what a transaction has changed to the archive, before it is committed here.

        Raises ChangedMeanwhile where the archive has changed.
        """
        before = _state_of(connection)
        for statement in _TOUCHED:
            connection.execute(statement)
        for number, (event, statements) in enumerate(_TRIGGERS):
            connection.execute(
                f"CREATE TEMP TRIGGER touched_{number} {event} BEGIN {statements} END"
            )
        yield
        state = _state_of(connection)
        rows = _touched_rows(connection)
        due = _due_photos(connection, everything=state.head.epoch != before.head.epoch)
        if not rows and not due and state == before:
            return
        head = replace(
            state.head,
            epoch=state.head.epoch or uuid4().hex,
            revision=before.head.revision + 1,
            numbers=_numbers(connection),
        )
        self.tables.commit(head, rows, due)
        _set_state(connection, replace(state, head=head))

    def ungrouped(self) -> int:
        """The number of faces that were found since faces were grouped."""
        with self.stores(at_once=True).database.reading() as connection:
            return _state_of(connection).head.ungrouped

    def shown(
        self, contents: Sequence[str], taken: Mapping[str, str]
    ) -> tuple[dict[str, ShownPeople], int]:
        """What is to be recorded about people in photos, and the revision that it follows from.

        `taken` are readings that were taken in since it was recorded last.
        """
        with self.stores(at_once=True).database.reading() as connection:
            revision = _state_of(connection).head.revision
            parameter = ids_parameter(map(id_of, contents))
            named: dict[int, list[str]] = {}
            for photo_id, name in names.names_of_faces(connection, parameter):
                named.setdefault(photo_id, []).append(name)
            others = dict(
                connection.execute(
                    "SELECT photo_id, count(*) FROM faces LEFT JOIN persons ON persons.id = "
                    "person_id WHERE (name IS NULL OR is_hidden) "
                    f"AND photo_id {IN_IDS} GROUP BY photo_id",
                    (parameter,),
                ).fetchall()
            )
        known, readings = self.tables.shown(contents), self.tables.readings(contents)
        shown = {}
        for content in contents:
            number, row = id_of(content), readings.get(content)
            names_shown = tuple(named.get(number, ()))
            if row is None:
                shown[content] = ShownPeople(names_shown)
                continue
            was_taken = known.get(content, ShownPeople()).reading
            is_looked_at = row["state"] != "failed"
            shown[content] = ShownPeople(
                names_shown,
                row["people"] if is_looked_at else None,
                others.get(number, 0) if is_looked_at else None,
                taken.get(content, was_taken),
            )
        return shown, revision

    @contextmanager
    def snapshot(self) -> Iterator[Path]:
        """A database with all that the archive has now; deleted at the end of the block."""
        self.stores(at_once=True)
        private_files.delete_abandoned(self._folder)
        file = self._folder / f".{uuid4().hex}{private_files.PART}"
        private_files.create_file(file)
        try:
            with (
                closing(connect(self._folder / DATABASE_FILE, writable=False)) as source,
                closing(connect(file, writable=True, journal_mode="OFF")) as target,
                _translated(self._folder),
            ):
                source.backup(target)
            yield file
        finally:
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all that the copy has, also from the disk; it is read from the archive again."""
        with self._lock, closing(self._connected()) as connection, _translated(self._folder):
            self._opened()
            connection.execute("BEGIN IMMEDIATE")
            for table in _OF_A_LIBRARY:
                connection.execute(f"DELETE FROM {table}")
            _set_state(connection, _State())
            connection.execute("COMMIT")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


# ------------------------------------------------------------------------- the state


def _state_of(connection: sqlite3.Connection) -> _State:
    (text,) = connection.execute("SELECT state FROM archive_state").fetchone()
    return msgspec.json.decode(text, type=_State)


def _set_state(connection: sqlite3.Connection, state: _State) -> None:
    connection.execute("UPDATE archive_state SET state = ?", (msgspec.json.encode(state).decode(),))


def add_ungrouped(connection: sqlite3.Connection, faces: int | None) -> None:
    """Note that so many faces were found since faces were grouped; None: that they are grouped."""
    state = _state_of(connection)
    ungrouped = 0 if faces is None else state.head.ungrouped + faces
    _set_state(connection, replace(state, head=replace(state.head, ungrouped=ungrouped)))


def begin_epoch(connection: sqlite3.Connection) -> None:
    """Note that nothing from before is to be kept in any copy, and that all photos follow."""
    state = _state_of(connection)
    head = replace(state.head, epoch=uuid4().hex, ungrouped=0)
    _set_state(connection, replace(state, head=head, fragment=-1))


def add_photo(connection: sqlite3.Connection, photo_id: int, content_hash: bytes) -> None:
    """Add a photo, about a face of which something is decided, if it is not there yet."""
    connection.execute(_NEW_PHOTO, (photo_id, content_hash))


def take_in(connection: sqlite3.Connection, content: str, reading: str) -> None:
    """Note that a transaction takes in a reading of a photo."""
    connection.execute("INSERT OR REPLACE INTO taken_readings VALUES (?, ?)", (content, reading))


def _numbers(connection: sqlite3.Connection) -> dict[str, int]:
    numbers = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    return {table: numbers[table] for table in _NUMBERED if table in numbers}


def _set_numbers(connection: sqlite3.Connection, head: PeopleHead) -> None:
    for table, number in head.numbers.items():
        if table in _NUMBERED:
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))


# ------------------------------------------------------------------------- from the archive


def _take_readings(connection: sqlite3.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Store the faces of photos in place of those of earlier readings; persons stay."""
    columns = ", ".join(FACE_COLUMNS)
    for row in rows:
        photo_id = id_of(row["hash"])
        known = connection.execute(
            "SELECT model, read_at FROM face_readings WHERE photo_id = ?", (photo_id,)
        ).fetchone()
        if known == (row["model"], row["read_at"]) and row["state"] == "found":
            continue  # it was written anew with others
        if known is not None:
            _forget_readings(connection, [photo_id])
        if row["state"] != "found":
            continue
        connection.execute(_NEW_PHOTO, (photo_id, bytes.fromhex(row["hash"])))
        connection.execute(
            "INSERT INTO face_readings (photo_id, state, model, read_at, people) "
            "VALUES (?, ?, ?, ?, ?)",
            (photo_id, row["state"], row["model"], row["read_at"], row["people"]),
        )
        connection.executemany(
            f"INSERT OR IGNORE INTO faces (id, photo_id, {columns}) "
            f"VALUES (?, ?{', ?' * len(FACE_COLUMNS)})",
            [(number, photo_id, *values) for number, values in faces_in(row).items()],
        )


def _leave_only(connection: sqlite3.Connection, contents: set[str]) -> None:
    """Delete the faces of all photos but these."""
    ids = {photo_id for (photo_id,) in connection.execute("SELECT photo_id FROM face_readings")}
    _forget_readings(connection, sorted(ids - set(map(id_of, contents))))


def _forget_readings(connection: sqlite3.Connection, photo_ids: Sequence[int]) -> None:
    parameter = ids_parameter(photo_ids)
    connection.execute(
        "UPDATE face_decisions SET face_id = NULL WHERE face_id IN "
        f"(SELECT id FROM faces WHERE photo_id {IN_IDS})",
        (parameter,),
    )
    for table in ("faces", "face_readings", "paths"):
        connection.execute(f"DELETE FROM {table} WHERE photo_id {IN_IDS}", (parameter,))


def _take_rows(
    connection: sqlite3.Connection, rows: Iterable[tuple[str, int, dict[str, Any] | None]]
) -> None:
    """Store rows of persons, decisions and changes, and the persons of faces."""
    contents = take_people_rows(connection, rows, _WHOLE)
    connection.executemany(_NEW_PHOTO, [(id_of(each.hex()), each) for each in contents])


# ------------------------------------------------------------------------- to the archive


def _touched_rows(connection: sqlite3.Connection) -> dict[str, dict[str, Any] | None]:
    """The rows that the transaction has changed, by their keys, as they are now."""
    touched: dict[str, list[int]] = {}
    for table, number in connection.execute("SELECT DISTINCT kind, number FROM touched_rows"):
        touched.setdefault(table, []).append(number)
    rows: dict[str, dict[str, Any] | None] = {}
    for table, numbers in touched.items():
        columns = "id, person_id" if table == "faces" else "*"
        found = connection.execute(
            f"SELECT {columns} FROM {table} WHERE id {IN_IDS}", (ids_parameter(numbers),)
        )
        known = [name for name, *_ in found.description]
        rows |= dict.fromkeys(f"{table}/{number}" for number in numbers)
        for values in found:
            row = dict(zip(known, values, strict=True))
            if table != "faces" or row["person_id"] is not None:
                rows[f"{table}/{row['id']}"] = row
    return rows


def _due_photos(connection: sqlite3.Connection, everything: bool) -> dict[str, DuePhotos]:
    """The photos of which columns follow from what the transaction has changed."""
    if everything:
        return {f"{DUE}/{uuid4().hex}": DuePhotos(everything=True)}
    readings = dict(connection.execute("SELECT content, reading FROM taken_readings"))
    touched = connection.execute("SELECT DISTINCT content FROM touched_contents").fetchall()
    contents = dict.fromkeys([*(content.hex() for (content,) in touched), *readings])
    if not contents:
        return {}
    return {f"{DUE}/{uuid4().hex}": DuePhotos(tuple(contents), readings)}


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Raise errors of SQLite as errors of imgsearch."""
    try:
        yield
    except sqlite3.Error as error:
        raise_translated(error, folder / DATABASE_FILE)
