"""The last changes that people have made, each with the steps that undo it.

A step is a table, some of its keys, and the rows that these had before: to undo it, the rows of the
keys are deleted and the old ones inserted. The rows that were there become the new step, so that a
change that was undone can be done again. A change is recorded in the transaction that makes it.

Swapping rows is right only in one order: what was made last is undone first. So a change is not
undone while a later one of the same rows counts, and not done again while an earlier one is undone.
Changes of other rows may be undone in any order. A new change ends the list of undone ones. In a
replica of an archive, others may change the same rows: what they made later stays, and the change
before cannot be undone any more.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.records.changes import Change
from imgsearch.records.ids import is_row_id
from imgsearch.store import face_decisions, names
from imgsearch.store.database import Database
from imgsearch.store.sql import now

MOST_CHANGES = 1000
MOST_BYTES = 32_000_000  # of their steps, compressed; the newest change is always kept
_COLUMNS = "id, title, photos, changed_at, undone_at IS NOT NULL"
_WAS = "was_"  # before the name of a table with the rows of before
_BYTES_OF_A_NAME = 512  # of steps, compressed: they begin with the name of a table
_TAKEN = {
    "persons": Sentence(
        "another person has the name. Rename that one first: ",
        CommandLine("people NAME --name NEW_NAME"),
    ),
}


class _Table(Struct, frozen=True):
    """A table that takes part: its columns, of which the first `key_length` are the key.

    A row is left out where a row of `needs` is gone, and a column of `links` is null where its row
    is. The other rows of `unique` columns are empty while rows are restored. `hex_column` holds
    bytes. Rows of a table that is `only_updated` are made and deleted by others.
    """

    columns: tuple[str, ...]
    key_length: int = 1
    needs: dict[str, str] = {}
    links: dict[str, str] = {}
    unique: tuple[str, ...] = ()
    hex_column: str | None = None
    only_updated: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        return self.columns[: self.key_length]


_TABLES = {
    "albums": _Table(("id", "key", "name", "made_at")),
    "album_photos": _Table(
        ("album_id", "photo_id", "place"), 2, {"photo_id": "photos", "album_id": "albums"}
    ),
    "marks": _Table(("kind", "photo_id", "value"), 2, {"photo_id": "photos"}),
    # Without what the files state, which may be read again before a change is undone.
    "corrections": _Table(
        (
            *("photo_id", "taken_at", "lat", "lon", "town", "region", "country", "near_town"),
            "date_precision",
        ),
        needs={"photo_id": "photos"},
    ),
    "event_titles": _Table(("id", "title", "start", "end_at")),
    "persons": _Table(
        ("id", "name", "plain_name", "is_hidden", "made_at"), unique=("name", "plain_name")
    ),
    "own_person": _Table(("id", "person_id"), needs={"person_id": "persons"}),
    "face_decisions": _Table(
        (
            *("id", "content_hash", "at_s", "x", "y", "width", "height"),
            *("person_id", "is_person", "face_id", "decided_at"),
        ),
        needs={"person_id": "persons"},
        links={"face_id": "faces"},
        hex_column="content_hash",
    ),
    "faces": _Table(("id", "person_id"), links={"person_id": "persons"}, only_updated=True),
}
# The tables of which rows are deleted, or changed, with a row of another one: (table, column).
_CHILDREN = {
    "albums": (("album_photos", "album_id"),),
    "persons": tuple((table, "person_id") for table in ("own_person", "face_decisions", "faces")),
}
_OF_PEOPLE = frozenset(("persons", "own_person", "face_decisions", "faces"))
# What somebody else has changed in the rows of these tables.
OF_OTHERS = {
    "albums": "that album",
    "album_photos": "whether those photos are in that album",
    "marks": "the same marks of those photos",
    "corrections": "the date or the place of those photos",
    "event_titles": "the title of that event",
    "persons": "that person",
    "own_person": "which person you are",
    "face_decisions": "who those faces are",
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
        """Return the last changes, the newest first."""
        rows = self._database.fetch_all(f"SELECT {_COLUMNS} FROM changes ORDER BY id DESC")
        return tuple(map(_change_of, rows))

    def undo(self, change_id: int | None = None) -> Change | None:
        """Undo this change, or the newest that was not undone; None where there is none.

        Rows of photos that the library has forgotten stay away. A change that has nothing but such
        rows is forgotten as well: the one before it is undone in its place.

        Raises UsageError where a later change of the same rows was not undone, where somebody else
        has changed them in another replica of the archive since, where a name cannot be given back,
        since it is taken, and where nothing is left to undo of the change that was asked for.
        """
        return self._turn(change_id, undone=False)

    def redo(self, change_id: int | None = None) -> Change | None:
        """Do this undone change again, or the one that was undone last. Raises as `undo`."""
        return self._turn(change_id, undone=True)

    def last_of_people(self) -> Change | None:
        """Return the newest change of persons that was not undone; None where there is none."""
        query = (
            f"SELECT {_COLUMNS}, substr(steps, 1, {_BYTES_OF_A_NAME}) FROM changes "
            "WHERE undone_at IS NULL ORDER BY id DESC"
        )
        for *columns, start in self._database.fetch_all(query):
            if _first_table(start) in _OF_PEOPLE:
                return _change_of(columns)
        return None

    def _turn(self, change_id: int | None, undone: bool) -> Change | None:
        if change_id is not None and not is_row_id(change_id):
            return None  # SQLite has no such number
        order = "undone_at DESC, id" if undone else "id DESC"
        query = (
            f"SELECT {_COLUMNS}, steps FROM changes WHERE undone_at IS {'NOT ' if undone else ''}"
            f"NULL AND (? IS NULL OR id = ?) ORDER BY {order} LIMIT 1"
        )
        with self._database.brief_transaction() as connection:
            while True:
                row = connection.execute(query, (change_id, change_id)).fetchone()
                if row is None:
                    return None
                *columns, packed = row
                change = _change_of((*columns[:4], not undone))
                if _swap(connection, change, _unpacked(packed)):
                    return change
                connection.execute("DELETE FROM changes WHERE id = ?", (change.id,))
                if change_id is not None:
                    break
        raise UsageError(
            f'Nothing is left of "{change.title}" to {"do again" if undone else "undo"}: its '
            "photos have left the library, or it is so already."
        )


def record(
    connection: sqlite3.Connection, title: str, photos: int, before: Sequence[Step]
) -> Change:
    """Record a change that this transaction makes, and forget the oldest beyond the bounds.

    Changes that were undone are forgotten: to do one again would overwrite the new one, or be
    overwritten when the new one is undone. `before` are the rows as `rows_before` gave them, in the
    order in which they were changed.
    """
    changed_at = now()
    connection.execute("DELETE FROM changes WHERE undone_at IS NOT NULL")
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
    """Return the change that was none, with a sentence about it."""
    return Change(None, title, 0, datetime.fromisoformat(now()))


def rows_before(
    connection: sqlite3.Connection,
    table: str,
    keys: Iterable[Sequence[Any]],
    of_table: str | None = None,
) -> Step:
    """Return the rows that these keys have now, for `record`; `of_table` has those of before."""
    of = _TABLES[table]
    listed = [list(key) for key in keys]
    columns = (f"hex({each})" if each == of.hex_column else each for each in of.columns)
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM {of_table or table} WHERE {_is_one_of(of.key)}",
        (json.dumps(listed),),
    )
    return Step(table, listed, [list(row) for row in rows])


def remember_all(connection: sqlite3.Connection) -> None:
    """Remember the rows of all tables, for `changed_since` on the same connection.

    For a change of which nobody knows the keys before. They are copied to temporary tables.
    """
    for table, of in _TABLES.items():
        connection.execute(
            f"CREATE TEMP TABLE {_WAS}{table} AS SELECT {', '.join(of.columns)} FROM main.{table}"
        )


def changed_since(connection: sqlite3.Connection) -> list[Step]:
    """Return the rows, as `remember_all` found them, that are others now, or came, or went."""
    steps: list[Step] = []
    for table, of in _TABLES.items():
        key, columns = ", ".join(of.key), ", ".join(of.columns)
        was, there = f"SELECT {columns} FROM {_WAS}{table}", f"SELECT {columns} FROM main.{table}"
        changed = f"SELECT {key} FROM (SELECT * FROM ({was}) EXCEPT {there})"
        came = f"SELECT {key} FROM (SELECT * FROM ({there}) EXCEPT {was})"
        keys = [list(each) for each in connection.execute(f"{changed} UNION {came}").fetchall()]
        if keys:
            steps.append(rows_before(connection, table, keys, of_table=f"{_WAS}{table}"))
    return steps


def joined(before: Sequence[Step]) -> list[Step]:
    """Return one step for each table, in the order in which rows refer to each other.

    Of several rows of one key, the first is the one that was there before.
    """
    steps: dict[str, Step] = {table: Step(table, [], []) for table in _TABLES}
    known: dict[str, set[tuple[Any, ...]]] = {table: set() for table in _TABLES}
    for step in before:
        rows = _by_key(step)
        for key in step.keys:
            if (of_table := tuple(key)) not in known[step.table]:
                known[step.table].add(of_table)
                steps[step.table].keys.append(key)
                steps[step.table].rows.extend([rows[of_table]] if of_table in rows else [])
    return [step for step in steps.values() if step.keys]


def only_changed(connection: sqlite3.Connection, before: Sequence[Step]) -> list[Step]:
    """Return the steps with the keys of which the row is another one now, or came, or went."""
    steps = []
    for step in before:
        was = _by_key(step)
        is_now = _by_key(rows_before(connection, step.table, step.keys))
        keys = [key for key in step.keys if was.get(tuple(key)) != is_now.get(tuple(key))]
        if keys:
            rows = [was[tuple(key)] for key in keys if tuple(key) in was]
            steps.append(Step(step.table, keys, rows))
    return steps


def photos_of_list_before(connection: sqlite3.Connection, list_id: int) -> Step:
    """Return the rows that the photos of a list have now."""
    return _children_before(connection, "album_photos", "album_id", list_id)


def forget_people(connection: sqlite3.Connection) -> None:
    """Forget the changes of persons, which cannot be undone any more."""
    packed = connection.execute("SELECT id, steps FROM changes")
    gone = [(change_id,) for change_id, steps in packed if _is_of_people(_unpacked(steps))]
    connection.executemany("DELETE FROM changes WHERE id = ?", gone)


def _children_before(connection: sqlite3.Connection, table: str, column: str, parent: int) -> Step:
    """Return the rows of a table that belong to a row of another one now."""
    key = ", ".join(_TABLES[table].key)
    keys = connection.execute(f"SELECT {key} FROM {table} WHERE {column} = ?", (parent,))
    return rows_before(connection, table, keys.fetchall())


def _with_children(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Step]:
    """Return the steps, and where an album or a person will be deleted, what it has got since."""
    listed: dict[str, set[tuple[Any, ...]]] = {}
    for step in steps:
        listed.setdefault(step.table, set()).update(map(tuple, step.keys))
    more = []
    for step in steps:
        kept = {row[0] for row in step.rows}
        for table, column in _CHILDREN.get(step.table, ()):
            for parent in (key[0] for key in step.keys if key[0] not in kept):
                children = _children_before(connection, table, column, parent)
                known = listed.get(table, ())
                keys = [each for each in children.keys if tuple(each) not in known]
                more.append(replace(children, keys=keys, rows=[]))
    return [*steps, *more]


def _swap(connection: sqlite3.Connection, change: Change, steps: Sequence[Step]) -> bool:
    """Give the rows of a change the values that it has, and keep theirs as the way back.

    `change` is as it will be, undone or not. Returns whether any row has changed. Raises UsageError
    as `ChangeStore.undo` does.
    """
    assert change.id is not None
    steps = _with_children(connection, steps)
    _refuse_rows_of_others(connection, change, steps)
    _refuse_wrong_order(connection, change, steps)
    before = [rows_before(connection, step.table, step.keys) for step in steps]
    for step in steps:
        try:
            _restore(connection, step)
        except sqlite3.IntegrityError as error:
            taken = {**_TAKEN, **installed.taken()}
            if step.table not in taken:  # names are the only rule that ours can break
                raise
            raise UsageError(Sentence("This cannot be undone now: ", taken[step.table])) from error
    _follow(connection, steps)
    if not only_changed(connection, before):
        return False
    connection.execute(
        "UPDATE changes SET undone_at = ?, steps = ? WHERE id = ?",
        (_precise_now() if change.undone else None, _packed(before), change.id),
    )
    return True


def _refuse_wrong_order(
    connection: sqlite3.Connection, change: Change, steps: Sequence[Step]
) -> None:
    """Raise UsageError where another change of the same rows has to be undone or done first."""
    if change.undone:
        rows = "id > ? AND undone_at IS NULL ORDER BY id DESC"
    else:
        rows = "id < ? AND undone_at IS NOT NULL ORDER BY id"
    others = connection.execute(
        f"SELECT id, title, steps FROM changes WHERE {rows}", (change.id,)
    ).fetchall()
    if not others:
        return
    touched = set(_keys_of(steps)) | set(_missing_parents(connection, steps))
    for other_id, title, packed in others:
        if touched.isdisjoint(_keys_of(_unpacked(packed))):
            continue
        if change.undone:
            raise UsageError(
                Sentence(
                    f'"{change.title}" cannot be undone yet: "{title}" came later and changed '
                    "the same. Undo that first: ",
                    CommandLine(f"undo {other_id}"),
                )
            )
        raise UsageError(
            Sentence(
                f'"{change.title}" cannot be done again yet: "{title}" came before it and '
                "changed the same. Do that again first: ",
                CommandLine(f"undo --redo {other_id}"),
            )
        )


def _refuse_rows_of_others(
    connection: sqlite3.Connection, change: Change, steps: Sequence[Step]
) -> None:
    """Raise UsageError where somebody else has changed the same rows after this change."""
    rows = connection.execute(
        "SELECT of_table, row_key FROM rows_of_others WHERE after_change >= ?", (change.id,)
    )
    theirs = {(table, *json.loads(key)) for table, key in rows}
    for table, *_ in theirs.intersection(_keys_of(steps)):
        raise UsageError(
            Sentence(
                f'"{change.title}" cannot be {"undone" if change.undone else "done again"}: '
                f"somebody else has changed {OF_OTHERS[table]} since. Change it anew, or "
                "choose another change: ",
                CommandLine("undo --list"),
            )
        )


def _keys_of(steps: Iterable[Step]) -> Iterator[tuple[Any, ...]]:
    """Yield the keys of all rows of steps, each behind the name of its table."""
    for step in steps:
        for key in step.keys:
            yield step.table, *key


def _missing_parents(
    connection: sqlite3.Connection, steps: Sequence[Step]
) -> Iterator[tuple[Any, ...]]:
    """Yield the albums and persons to which rows of these steps refer and nobody would bring back.

    Each behind the name of its table, as in `_keys_of`.
    """
    restored = {
        (step.table, row[0]) for step in steps for row in step.rows if step.table in _CHILDREN
    }
    for step in steps:
        of = _TABLES[step.table]
        for column, table in {**of.needs, **of.links}.items():
            if table in _CHILDREN:
                at = of.columns.index(column)
                wanted = {row[at] for row in step.rows if row[at] is not None}
                there = rows_before(connection, table, [[each] for each in wanted]).rows
                for parent in wanted - {row[0] for row in there}:
                    if (table, parent) not in restored:
                        yield table, parent


def _restore(connection: sqlite3.Connection, step: Step) -> None:
    """Give the keys of a step the rows of that step, and no others.

    A row that exists is updated: to delete that of an album would delete its photos as well.
    """
    of = _TABLES[step.table]
    others = of.columns[of.key_length :]
    if of.only_updated:
        values = ", ".join(f"{each} = {_value(of, each)}" for each in others)
        connection.executemany(
            f"UPDATE {step.table} SET {values} "
            f"WHERE {' AND '.join(f'{each} = ?' for each in of.key)}",
            [(*row[of.key_length :], *row[: of.key_length]) for row in step.rows],
        )
        return
    kept = {tuple(row[: of.key_length]) for row in step.rows}
    gone = [each for each in step.keys if tuple(each) not in kept]
    connection.execute(f"DELETE FROM {step.table} WHERE {_is_one_of(of.key)}", (json.dumps(gone),))
    if of.unique:
        connection.execute(
            f"UPDATE {step.table} SET {', '.join(f'{each} = NULL' for each in of.unique)} "
            f"WHERE {_is_one_of(of.key)}",
            (json.dumps(step.keys),),
        )
    there = [
        f"?{of.columns.index(column) + 1} IN (SELECT id FROM {table})"
        for column, table in of.needs.items()
    ]
    parameters = (_value(of, each, number) for number, each in enumerate(of.columns, 1))
    at = None if of.hex_column is None else of.columns.index(of.hex_column)
    connection.executemany(
        f"INSERT INTO {step.table} ({', '.join(of.columns)}) SELECT {', '.join(parameters)} "
        f"WHERE {' AND '.join(there) or '1'} ON CONFLICT ({', '.join(of.key)}) DO UPDATE SET "
        + ", ".join(f"{each} = excluded.{each}" for each in others),
        step.rows if at is None else [_with_bytes(row, at) for row in step.rows],
    )


def _value(of: _Table, column: str, number: int | None = None) -> str:
    """Return the parameter of a column: null where the row that it refers to is gone."""
    parameter = f"?{number or ''}"
    if column not in of.links:
        return parameter
    return f"(SELECT id FROM {of.links[column]} WHERE id = {parameter})"


def _with_bytes(row: Sequence[Any], at: int) -> list[Any]:
    return [*row[:at], bytes.fromhex(row[at]), *row[at + 1 :]]


def _follow(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Bring what depends on the rows of these steps in line with them."""
    if _is_of_people(steps):
        decided = [row[0] for step in steps if step.table == "face_decisions" for row in step.rows]
        face_decisions.link_again(connection, decided)
        face_decisions.delete_empty_groups(connection)
    names.refresh(connection)


def _is_of_people(steps: Iterable[Step]) -> bool:
    return not _OF_PEOPLE.isdisjoint(step.table for step in steps)


def _by_key(step: Step) -> dict[tuple[Any, ...], list[Any]]:
    length = _TABLES[step.table].key_length
    return {tuple(row[:length]): row for row in step.rows}


def _is_one_of(columns: Collection[str]) -> str:
    values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(columns)))
    return f"({', '.join(columns)}) IN (SELECT {values} FROM json_each(?))"


def _packed(steps: Sequence[Step]) -> bytes:
    return zlib.compress(msgspec.json.encode(steps), 1)


def _unpacked(content: bytes) -> list[Step]:
    """Return the steps of a change.

    Rows from before a table got its last columns are null there.
    """
    steps = msgspec.json.decode(zlib.decompress(content), type=list[Step])
    for step in steps:
        columns = len(_TABLES[step.table].columns)
        for row in step.rows:
            row += [None] * (columns - len(row))
    return steps


def _first_table(start: bytes) -> str:
    """Return the table of the first step. A change is of persons, or of no table of theirs."""
    text = zlib.decompressobj().decompress(start)  # [["persons",[[1]],…
    return text.split(b'"', 2)[1].decode()


def _precise_now() -> str:
    """Return the current moment: of two changes undone in a second, the later one is known."""
    return datetime.now(UTC).isoformat()


def _change_of(row: Sequence[Any]) -> Change:
    change_id, title, photos, changed_at, undone = row
    return Change(change_id, title, photos, datetime.fromisoformat(changed_at), bool(undone))
