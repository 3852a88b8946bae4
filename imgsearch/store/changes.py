"""The last changes of albums and marks, each with the steps that undo it.

A step is a table, some of its keys, and the rows that these had before: to undo it, the rows of the
keys are deleted and the old ones inserted. The rows that were there become the new step, so that a
change that was undone can be done again. A change is recorded in the transaction that makes it.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import UsageError
from imgsearch.records.albums import Change
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.sql import now

MOST_CHANGES = 1000
MOST_BYTES = 32_000_000  # of their steps, compressed; the newest change is always kept
_COLUMNS = "id, title, photos, changed_at, undone_at IS NOT NULL"
# The columns of each table, those of its key first, and how many these are.
_TABLES = {
    "albums": (("id", "key", "name", "made_at"), 1),
    "album_photos": (("album_id", "photo_id", "place"), 2),
    "marks": (("kind", "photo_id", "value"), 2),
    # Without what the files state, which may be read again before a change is undone.
    "corrections": (
        ("photo_id", "taken_at", "lat", "lon", "town", "region", "country", "near_town"),
        1,
    ),
}


class Step(Struct, frozen=True, array_like=True):
    """The rows that these keys of a table had; keys without a row are to be deleted."""

    table: str
    keys: list[list[Any]]
    rows: list[list[Any]]


class ChangeStore:
    """The part of a store that knows the last changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Change, ...]:
        """The last changes, the newest first."""
        rows = self._database.fetch_all(f"SELECT {_COLUMNS} FROM changes ORDER BY id DESC")
        return tuple(map(_change_of, rows))

    def undo(self, change_id: int | None = None) -> Change | None:
        """Undo this change, or the newest that was not undone; None where there is none.

        Rows of photos that the library has forgotten stay away. Raises UsageError where an album
        cannot have its name back, since it is taken.
        """
        return self._turn(change_id, undone=False)

    def redo(self, change_id: int | None = None) -> Change | None:
        """Do this undone change again, or the one that was undone last. Raises as `undo`."""
        return self._turn(change_id, undone=True)

    def _turn(self, change_id: int | None, undone: bool) -> Change | None:
        if change_id is not None and not 0 < change_id < 1 << 63:
            return None  # SQLite has no such number
        order = "undone_at DESC, id" if undone else "id DESC"
        query = (
            f"SELECT {_COLUMNS}, steps FROM changes WHERE undone_at IS {'NOT ' if undone else ''}"
            f"NULL AND (? IS NULL OR id = ?) ORDER BY {order} LIMIT 1"
        )
        with self._database.brief_transaction() as connection:
            row = connection.execute(query, (change_id, change_id)).fetchone()
            if row is None:
                return None
            *columns, packed = row
            steps = _with_all_photos(connection, _unpacked(packed))
            before = [rows_before(connection, step.table, step.keys) for step in steps]
            try:
                for step in steps:
                    _restore(connection, step)
            except sqlite3.IntegrityError as error:  # the only rule that rows of ours can break
                raise UsageError(
                    "This cannot be undone now: another album has the name. Rename that one first: "
                    "imgsearch album rename NAME NEW_NAME"
                ) from error
            names.refresh(connection)  # a place is a name as well
            connection.execute(
                "UPDATE changes SET undone_at = ?, steps = ? WHERE id = ?",
                (None if undone else _precise_now(), _packed(before), columns[0]),
            )
        return _change_of((*columns[:4], not undone))


def record(
    connection: sqlite3.Connection, title: str, photos: int, before: Sequence[Step]
) -> Change:
    """Record a change that this transaction makes, and forget the oldest beyond the bounds.

    `before` are the rows as `rows_before` gave them, in the order in which they were changed.
    """
    changed_at = now()
    cursor = connection.execute(
        "INSERT INTO changes (title, photos, changed_at, steps) VALUES (?, ?, ?, ?)",
        (title, photos, changed_at, _packed(before)),
    )
    connection.execute(
        "DELETE FROM changes WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER newest AS "
        "number, sum(length(steps)) OVER newest AS bytes FROM changes WINDOW newest AS (ORDER BY "
        "id DESC)) WHERE number > 1 AND (number > ? OR bytes > ?))",
        (MOST_CHANGES, MOST_BYTES),
    )
    return Change(cursor.lastrowid, title, photos, datetime.fromisoformat(changed_at))


def unchanged(title: str) -> Change:
    """The change that was none, with a sentence about it."""
    return Change(None, title, 0, datetime.fromisoformat(now()))


def rows_before(connection: sqlite3.Connection, table: str, keys: Iterable[Sequence[Any]]) -> Step:
    """The rows that these keys have now, for `record`."""
    columns, length = _TABLES[table]
    listed = [list(key) for key in keys]
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM {table} WHERE {_is_one_of(columns[:length])}",
        (json.dumps(listed),),
    )
    return Step(table, listed, [list(row) for row in rows])


def photos_of_album_before(connection: sqlite3.Connection, album_id: int) -> Step:
    """The rows that the photos of an album have now."""
    query = "SELECT album_id, photo_id FROM album_photos WHERE album_id = ?"
    return rows_before(connection, "album_photos", connection.execute(query, (album_id,)))


def _with_all_photos(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Step]:
    """The steps, and where an album will be deleted, the photos that it has got since."""
    more = [
        replace(photos_of_album_before(connection, key[0]), rows=[])
        for step in steps
        if step.table == "albums"
        for key in step.keys
        if key[0] not in (row[0] for row in step.rows)
    ]
    return [*steps, *more]


def _restore(connection: sqlite3.Connection, step: Step) -> None:
    """Give the keys of a step the rows of that step, and no others.

    A row that exists is updated: to delete that of an album would delete its photos as well.
    """
    columns, length = _TABLES[step.table]
    key, others = columns[:length], columns[length:]
    kept = {tuple(row[:length]) for row in step.rows}
    gone = [each for each in step.keys if tuple(each) not in kept]
    connection.execute(f"DELETE FROM {step.table} WHERE {_is_one_of(key)}", (json.dumps(gone),))
    values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(columns)))
    there = [
        f"json_extract(value, '$[{columns.index(column)}]') IN (SELECT id FROM {table})"
        for column, table in (("photo_id", "photos"), ("album_id", "albums"))
        if column in columns
    ]
    connection.execute(
        f"INSERT INTO {step.table} ({', '.join(columns)}) SELECT {values} FROM json_each(?) "
        f"WHERE {' AND '.join(there) or '1'} ON CONFLICT ({', '.join(key)}) DO UPDATE SET "
        + ", ".join(f"{each} = excluded.{each}" for each in others),
        (json.dumps(step.rows),),
    )


def _is_one_of(columns: Sequence[str]) -> str:
    values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(columns)))
    return f"({', '.join(columns)}) IN (SELECT {values} FROM json_each(?))"


def _packed(steps: Sequence[Step]) -> bytes:
    return zlib.compress(msgspec.json.encode(steps), 1)


def _unpacked(content: bytes) -> list[Step]:
    return msgspec.json.decode(zlib.decompress(content), type=list[Step])


def _precise_now() -> str:
    """The current moment: of two changes undone in a second, the later one is known."""
    return datetime.now(UTC).isoformat()


def _change_of(row: Sequence[Any]) -> Change:
    change_id, title, photos, changed_at, undone = row
    return Change(change_id, title, photos, datetime.fromisoformat(changed_at), bool(undone))
