"""Marks, persons and decisions from before an archive had items, carried over into items.

They were rows of the tables `marks` and `people`. The items follow from these rows alone, with the
same keys and times on every machine: so to carry over twice, or on two machines at once, changes
nothing, and any change that somebody makes in a replica is later.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from msgspec import Struct

from imgsearch.archive.items.synchronising import in_parts
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.people_rows import READING_COLUMNS, faces_in
from imgsearch.archive.lance.people_tables import head_in, rows_since
from imgsearch.archive.lance.rows import marks_of
from imgsearch.archive.lance.tables import (
    MARK_COLUMNS,
    Table,
    TableName,
    View,
    lance_errors,
)
from imgsearch.items.item import MarkItem, UserItem, encoded
from imgsearch.items.of_people import FaceItems, OwnPersonItems, PersonItems
from imgsearch.items.rows import keep_identity
from imgsearch.store.faces import FACE_COLUMNS
from imgsearch.store.migrations import migrate

CARRIED_OVER = "carried over"  # the writer of these items
_CHANGED_US = 1  # since 1970: any other change is later
_TABLES: tuple[TableName, ...] = ("marks", "people")
_PEOPLE = ("persons", "own_person", "face_decisions")  # tables of a library
_ROWS_AT_ONCE = 4_096


def carry_over(shared: ArchiveItems) -> None:
    """Carry the marks, persons and decisions of an archive over into items, once.

    From then on, no program writes persons as rows of the older table: an older imgsearch says that
    it must be updated. Nothing is lost or doubled where it is interrupted at any moment. Raises
    ObjectStorageError and StoreError where this user may not write to the archive.
    """
    address = shared.address
    while not shared.has_carried_over():
        tables = _tables(address)
        if "people" in tables:
            tables["people"].close_to_older_writers()
        views = {name: table.newest() for name, table in tables.items()}
        for part in in_parts(_items(address, views)):
            shared.put(part)
        # A program that had begun to commit before the table was closed may have done so since.
        if all(tables[name].newest().version == view.version for name, view in views.items()):
            shared.note_carried_over()


def items_before(address: str) -> Iterator[Sequence[UserItem]]:
    """Yield the items that `carry_over` writes, in parts."""
    views = {name: table.newest() for name, table in _tables(address).items()}
    yield from in_parts(_items(address, views))


def _tables(address: str) -> dict[TableName, Table]:
    opened = {name: Table.if_there(address, name) for name in _TABLES}
    return {name: table for name, table in opened.items() if table is not None}


def _items(address: str, views: Mapping[TableName, View]) -> Iterator[UserItem]:
    with lance_errors(address):
        if "marks" in views:
            yield from _marks(views["marks"])
        if "people" in views:
            yield from _people(address, views["people"])


def _item(kind: str, key: str, value: Struct) -> UserItem:
    return UserItem(kind, key, encoded(value), _CHANGED_US, CARRIED_OVER)


def _marks(view: View) -> Iterator[UserItem]:
    for rows in view.batches(["hash", *MARK_COLUMNS], None, _ROWS_AT_ONCE):
        for row in rows.to_pylist():
            marks = marks_of(row)
            values = {
                "favourite": 1 if marks.favourite else None,
                "rating": marks.rating,
                "hidden": 1 if marks.hidden else None,
            }
            for kind, value in values.items():
                if value is not None:
                    yield _item("mark", f"{row['hash']}/{kind}", MarkItem(value))


# ------------------------------------------------------------------------- people


def _people(address: str, view: View) -> Iterator[UserItem]:
    """Yield the items of persons and decisions, which the groups of items make of their rows."""
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in _PEOPLE}
    of_faces: dict[int, int] = {}
    for table, number, columns in rows_since(view, 0):  # millions of faces
        if columns is None:
            continue  # the row was deleted
        if table in rows:
            rows[table].append(columns)
        elif table == "faces" and columns["person_id"] is not None:
            of_faces[number] = columns["person_id"]
    made_in = f"{Table(address, 'photos').newest().identity}/{head_in(view).epoch}"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        for table, own in rows.items():
            _insert(connection, table, own)
        for (number,) in connection.execute("SELECT id FROM persons").fetchall():
            name = f"{made_in}/{number}".encode()
            identity = hashlib.blake2b(name, digest_size=16).hexdigest()
            keep_identity(connection, PersonItems.name, number, identity)
        _confirm_faces(connection, address, of_faces)
        for group, subjects in (
            (PersonItems(), "SELECT identity FROM item_identities WHERE kind = 'person'"),
            (OwnPersonItems(), "SELECT 'me' FROM own_person"),
            (FaceItems(), "SELECT DISTINCT lower(hex(content_hash)) FROM face_decisions"),
        ):
            for (subject,) in connection.execute(f"{subjects} ORDER BY 1").fetchall():
                for (kind, key), value in group.present(connection, subject).items():
                    yield _item(kind, key, value)


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that any version of imgsearch has written, without the faces that they link."""
    names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    names = [name for name in names if name != "face_id"]
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES (?{', ?' * (len(names) - 1)})",
        [[row.get(name) for name in names] for row in rows],
    )


def _confirm_faces(
    connection: sqlite3.Connection, address: str, of_faces: Mapping[int, int]
) -> None:
    """Confirm the faces of persons with a name, or hidden, about whose faces nobody has decided.

    Which faces these persons are would not be known otherwise: a replica groups faces itself.
    """
    undecided = dict(
        connection.execute(
            "SELECT id, made_at FROM persons WHERE (name IS NOT NULL OR is_hidden) AND NOT EXISTS "
            "(SELECT 1 FROM face_decisions WHERE is_person AND person_id = persons.id)"
        ).fetchall()
    )
    wanted = {face: person for face, person in of_faces.items() if person in undecided}
    table = Table.if_there(address, "faces") if wanted else None
    if table is None:
        return
    for content, face in _faces_among(table.newest(), wanted):
        number, columns = face
        connection.execute(
            "INSERT INTO face_decisions (content_hash, at_s, x, y, width, height, person_id, "
            "is_person, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)",
            (
                bytes.fromhex(content),
                *(columns[name] for name in ("at_s", "x", "y", "width", "height")),
                *(wanted[number], undecided[wanted[number]]),
            ),
        )


def _faces_among(
    view: View, numbers: Iterable[int]
) -> Iterator[tuple[str, tuple[int, dict[str, Any]]]]:
    """Yield the faces with these numbers, each with the content of its photo."""
    wanted = set(numbers)
    for rows in view.batches(list(READING_COLUMNS), "state = 'found'", _ROWS_AT_ONCE):
        for row in rows.to_pylist():
            for number, values in faces_in(row).items():
                if number in wanted:
                    yield row["hash"], (number, dict(zip(FACE_COLUMNS, values, strict=True)))
