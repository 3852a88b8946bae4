"""The items of a replica, in the database of its library.

Triggers (`imgsearch.store.migrations`) note in the outbox which rows somebody has changed, in the
transaction of the change itself. `take_in` makes items of them, with the time of the change, and
`apply` makes rows follow from items of others. So the table `user_items` has what was sent or
received last, and what is still to be sent.

The time of a change of a known item is after that of the value it replaces, whatever the clocks of
the machines say: who has seen a value and changes it comes later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping, Sequence
from uuid import uuid4

from msgspec import Struct

from imgsearch.items.base import ItemGroup, LiveItem
from imgsearch.items.groups import GROUPS, decoded, group_of
from imgsearch.items.item import ItemName, UserItem, encoded
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.face_decisions import delete_empty_groups

_ORDER = {name: place for place, name in enumerate(GROUPS)}
# What the outbox notes of a feature that this installation lacks stays there until it is back.
_IS_OURS = f"kind IN ({', '.join(map(repr, GROUPS))})"
_LAST_PHOTO = "(SELECT coalesce(max(id), 0) FROM photos)"
_LATEST_US = 1 << 62  # of a change that can be true: no later one could replace it
_ITEM = "kind, key, value, changed_us, writer"


class _KnownItem(Struct, frozen=True):
    """An item as it was sent or received last, or is to be sent."""

    value: str | None
    order: tuple[int, str]
    is_waiting: bool


def prepare(database: Database) -> None:
    """Make a library a replica, from which what people make goes to others; once is enough.

    Existing items are sent, too.
    """
    if database.fetch_one("SELECT 1 FROM item_state") is not None:
        return
    with database.brief_transaction() as connection:
        if connection.execute("SELECT 1 FROM item_state").fetchone() is None:
            connection.execute("INSERT INTO item_state (id, writer) VALUES (1, ?)", (uuid4().hex,))
            for group in GROUPS.values():
                for table, column in group.noted_columns.items():
                    connection.execute(f"UPDATE {table} SET {column} = {column}")
            names.refresh(connection)


def position_of(database: Database) -> int:
    """Return the version of the archive's items up to which they are here."""
    return int(database.fetch_one("SELECT position FROM item_state")[0])


def has_changes(database: Database) -> bool:
    """Return whether somebody has changed something that is to be taken in."""
    return bool(database.fetch_one(f"SELECT EXISTS (SELECT 1 FROM outbox WHERE {_IS_OURS})")[0])


def has_items_of(database: Database, writer: str) -> bool:
    """Return whether an item of a writer is here."""
    query = "SELECT EXISTS (SELECT 1 FROM user_items WHERE writer = ?)"
    return bool(database.fetch_one(query, writer)[0])


def has_new_photos(database: Database) -> bool:
    """Return whether photos have come for which an item may have waited."""
    query = (
        f"SELECT EXISTS (SELECT 1 FROM user_items WHERE is_waiting) AND {_LAST_PHOTO} != "
        "(SELECT last_photo FROM item_state)"
    )
    return bool(database.fetch_one(query)[0])


# ------------------------------------------------------------------------- changes made here


def take_in(connection: sqlite3.Connection) -> None:
    """Make items of what the outbox notes, in the transaction that is open.

    A photo takes its rows with it, so this comes before photos are deleted.
    """
    noted = connection.execute(
        f"SELECT kind, subject, max(changed_us) FROM outbox WHERE {_IS_OURS} GROUP BY kind, subject"
    ).fetchall()
    if not noted:
        return
    (writer,) = connection.execute("SELECT writer FROM item_state").fetchone()
    # Rows that refer to others first: what has become of these may have them follow again.
    noted.sort(key=lambda row: _ORDER[row[0]], reverse=True)
    for name, noted_subject, changed_us in noted:
        subject = GROUPS[name].noted(connection, noted_subject)
        if subject is not None:
            _take_in_subject(connection, GROUPS[name], subject, changed_us, writer)
    connection.execute(f"DELETE FROM outbox WHERE {_IS_OURS}")


def _take_in_subject(
    connection: sqlite3.Connection, group: ItemGroup, subject: str, changed_us: int, writer: str
) -> None:
    known = _known(connection, group, subject)
    present = group.present(connection, subject)
    values: dict[ItemName, str | None] = {}
    for name, value in present.items():
        before = known.get(name)
        # Compared as values: a newer imgsearch may have written more than this one knows.
        if before is None or before.value is None or decoded(*name, before.value) != value:
            values[name] = encoded(value)
        elif before.is_waiting:
            _set_waiting(connection, [name], False)
    for name, before in known.items():
        if name not in present and before.value is not None and not before.is_waiting:
            values[name] = None
    for name, value_text in values.items():
        before = known.get(name)
        later_us = changed_us if before is None else max(changed_us, before.order[0] + 1)
        item = UserItem(*name, value_text, later_us, writer)
        _write(connection, item, group, is_sent=False, is_waiting=False)


def _known(
    connection: sqlite3.Connection, group: ItemGroup, subject: str
) -> dict[ItemName, _KnownItem]:
    kinds = ", ".join("?" * len(group.kinds))
    rows = connection.execute(
        "SELECT kind, key, value, changed_us, writer, is_waiting FROM user_items "
        f"INDEXED BY user_items_by_subject WHERE subject = ? AND kind IN ({kinds})",
        (subject, *group.kinds),
    )
    return {
        (kind, key): _KnownItem(value, (changed_us, writer), bool(is_waiting))
        for kind, key, value, changed_us, writer, is_waiting in rows
    }


def _write(
    connection: sqlite3.Connection,
    item: UserItem,
    group: ItemGroup | None,
    *,
    is_sent: bool,
    is_waiting: bool,
) -> None:
    """Write an item in place of its value before. Without a `group`, this version has no rows."""
    connection.execute(
        "INSERT OR REPLACE INTO user_items (kind, key, subject, content, value, changed_us, "
        "writer, is_sent, is_waiting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *item.name,
            item.key if group is None else group.kinds[item.kind].subject_in(item.key),
            None if group is None else group.kinds[item.kind].content_in(item.key),
            *(item.value, item.changed_us, item.writer),
            *(is_sent, is_waiting),
        ),
    )


def unsent(database: Database, most: int) -> list[UserItem]:
    """Return items that are to be sent, at most so many."""
    rows = database.fetch_all(f"SELECT {_ITEM} FROM user_items WHERE NOT is_sent LIMIT ?", most)
    return [UserItem(*row) for row in rows]


def note_sent(connection: sqlite3.Connection, items: Iterable[UserItem]) -> None:
    """Note that items were sent; one that has changed since then is still to be sent."""
    connection.executemany(
        "UPDATE user_items SET is_sent = 1 "
        "WHERE kind = ? AND key = ? AND changed_us = ? AND writer = ?",
        [(*item.name, *item.order) for item in items],
    )


def send_all_again(connection: sqlite3.Connection) -> None:
    """Note that all items are to be sent: the archive has lost some."""
    connection.execute("UPDATE user_items SET is_sent = 0")


# ------------------------------------------------------------------------- items of others


def apply(connection: sqlite3.Connection, items: Sequence[UserItem]) -> int:
    """Make rows follow from items of others, as far as these are later than what is known here.

    Returns how many are.
    """
    take_in(connection)
    applied = 0
    touched: dict[str, set[str]] = {}
    for item in items:
        known = connection.execute(
            "SELECT changed_us, writer FROM user_items WHERE kind = ? AND key = ?", item.name
        ).fetchone()
        if (known is not None and known >= item.order) or item.changed_us > _LATEST_US:
            continue
        applied += 1
        group = group_of(*item.name)
        _write(connection, item, group, is_sent=True, is_waiting=group is None)
        if group is not None:
            subject = group.kinds[item.kind].subject_in(item.key)
            touched.setdefault(group.name, set()).add(subject)
    _follow(connection, touched)
    return applied


def removals_unless(database: Database, there: Container[ItemName]) -> list[UserItem]:
    """Return the removals of items that were sent or received, unless they are still there."""
    rows = database.fetch_all(
        "SELECT kind, key, changed_us, writer FROM user_items WHERE is_sent AND value IS NOT NULL"
    )
    return [
        UserItem(kind, key, None, changed_us + 1, writer)
        for kind, key, changed_us, writer in rows
        if (kind, key) not in there
    ]


def finish(connection: sqlite3.Connection, position: int) -> int:
    """Give items that waited their rows where they can have them, and note the position.

    Returns the number of the things that waited and may have rows now.
    """
    take_in(connection)
    rows = connection.execute(
        f"SELECT {_ITEM}, subject FROM user_items WHERE is_waiting AND (content IS NULL OR "
        "EXISTS (SELECT 1 FROM photos WHERE content_hash = content))"
    )
    touched: dict[str, set[str]] = {}
    for *columns, noted_subject in rows.fetchall():
        item = UserItem(*columns)
        group = group_of(*item.name)
        if group is not None:
            subject = group.kinds[item.kind].subject_in(item.key)
            if subject != noted_subject:  # it is from before this version knew the kind
                _write(connection, item, group, is_sent=True, is_waiting=True)
            touched.setdefault(group.name, set()).add(subject)
    _follow(connection, touched)
    take_in(connection)  # names that two albums or two persons had
    connection.execute(
        "DELETE FROM rows_of_others WHERE after_change < (SELECT min(id) FROM changes) "
        "OR NOT EXISTS (SELECT 1 FROM changes)"
    )
    connection.execute(
        f"UPDATE item_state SET position = ?, last_photo = {_LAST_PHOTO}", (position,)
    )
    return sum(map(len, touched.values()))


def _follow(connection: sqlite3.Connection, touched: Mapping[str, Iterable[str]]) -> None:
    """Make the rows of subjects follow from their items, and no trigger notes it as a change."""
    if not touched:
        return
    connection.execute("UPDATE item_state SET is_applying = 1")
    for group in GROUPS.values():
        live: dict[str, dict[ItemName, LiveItem]] = {}
        unreadable: set[ItemName] = set()
        waited: set[ItemName] = set()
        for subject in touched.get(group.name, ()):
            live[subject] = {}
            for name, known in _known(connection, group, subject).items():
                value = None if known.value is None else decoded(*name, known.value)
                if value is not None:
                    live[subject][name] = LiveItem(value, known.order)
                elif known.value is not None:
                    unreadable.add(name)
                if known.is_waiting:
                    waited.add(name)
        if live:
            waiting = group.follow(connection, live) | unreadable
            _set_waiting(connection, waited - waiting, False)
            _set_waiting(connection, waiting - waited, True)
    delete_empty_groups(connection)
    names.refresh(connection)
    connection.execute("UPDATE item_state SET is_applying = 0")


def _set_waiting(
    connection: sqlite3.Connection, items: Iterable[ItemName], is_waiting: bool
) -> None:
    connection.executemany(
        "UPDATE user_items SET is_waiting = ? WHERE kind = ? AND key = ?",
        [(is_waiting, *name) for name in items],
    )
