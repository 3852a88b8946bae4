"""The items that the rows of a library stand for, without writing to the library.

An album or a person gets its identity when it is first sent to an archive. One that has none yet
gets one here, in a temporary table, which SQLite finds before the table of the library.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime

from msgspec import Struct

from imgsearch.items.base import ItemGroup
from imgsearch.items.item import IDENTITY, ItemName
from imgsearch.items.rows import identity_of, keep_identity
from imgsearch.store.database import DATABASE_FILE, Database, connect
from imgsearch.store.migrations import item_subjects

_MICROSECONDS = 1_000_000
_IDENTITIES = (
    "CREATE TEMP TABLE item_identities (kind TEXT NOT NULL, number INTEGER NOT NULL, "
    "identity TEXT NOT NULL UNIQUE, joined INTEGER, PRIMARY KEY (kind, number))",
    "INSERT INTO temp.item_identities SELECT * FROM main.item_identities",
)


@contextmanager
def reading(database: Database) -> Iterator[sqlite3.Connection]:
    """Provide a connection that reads a library at one moment, with identities of its own."""
    with closing(connect(database.data_dir / DATABASE_FILE, writable=False)) as connection:
        keep_identities_apart(connection)
        connection.execute("BEGIN")
        yield connection


def keep_identities_apart(connection: sqlite3.Connection) -> None:
    """Have a connection keep the identities that it gives in a temporary table."""
    for statement in _IDENTITIES:
        connection.execute(statement)


def identify(connection: sqlite3.Connection, groups: Iterable[ItemGroup], library: str) -> None:
    """Give the things of these groups that have none identities that follow from the library's."""
    for group in groups:
        if _has_identities(group):
            for number in map(int, _noted(connection, group)):
                if identity_of(connection, group.name, number) is None:
                    identity = identity_from(f"{library}/{group.name}/{number}")
                    keep_identity(connection, group.name, number, identity)


def identity_from(about: str) -> str:
    """Return the identity that follows from a text."""
    return hashlib.blake2b(about.encode(), digest_size=16).hexdigest()


def subjects_of(connection: sqlite3.Connection, group: ItemGroup) -> Iterator[str]:
    """Yield what the items of a group are about, after `identify`."""
    has_identities = _has_identities(group)
    for noted in _noted(connection, group):
        if has_identities:
            subject = identity_of(connection, group.name, int(noted))
        else:
            subject = group.noted(connection, noted)
        if subject is not None:
            yield subject


def values_of_rows(
    connection: sqlite3.Connection, group: ItemGroup, subjects: Iterable[str]
) -> Iterator[tuple[ItemName, Struct]]:
    """Yield the items that the rows of these subjects stand for."""
    for subject in subjects:
        present: Mapping[ItemName, Struct] = group.present(connection, subject)
        yield from present.items()


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970."""
    return int(moment.timestamp() * _MICROSECONDS)


def _has_identities(group: ItemGroup) -> bool:
    """Return whether the things of a group have identities; the ids of their rows are noted."""
    return any(kind.key == IDENTITY for kind in group.kinds.values())


def _noted(connection: sqlite3.Connection, group: ItemGroup) -> list[str]:
    return [each for (each,) in connection.execute(item_subjects()[group.name])]
