"""Collects what people have made in a library, as items of a backup.

An archive's items know photos by their content, so they fit any library that has these photos.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from imgsearch.features.backup.tray import TrayItems
from imgsearch.items.base import ItemGroup
from imgsearch.items.groups import GROUPS
from imgsearch.items.item import UserItem, encoded
from imgsearch.items.of_rows import identify, reading, subjects_of, values_of_rows
from imgsearch.store.database import DATABASE_FILE, Database, raise_translated

# In the order in which their rows refer to each other.
ALL_GROUPS: tuple[ItemGroup, ...] = (*GROUPS.values(), TrayItems())


def items_of(database: Database) -> list[UserItem]:
    """Return all that people have made in a library. Raises StoreError for a damaged one."""
    try:
        return _items_of(database)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise_translated(error, database.data_dir / DATABASE_FILE)


def _items_of(database: Database) -> list[UserItem]:
    with reading(database) as connection:
        identify(connection, GROUPS.values(), identity_of_library(connection))
        return [
            UserItem(*name, encoded(value), 0, "")
            for group in ALL_GROUPS
            for name, value in values_of_rows(
                connection, group, sorted(_subjects_of(connection, group))
            )
        ]


def identity_of_library(connection: sqlite3.Connection) -> str:
    """Return the identity of a library, which its copies have as well."""
    (identity,) = connection.execute("SELECT identity FROM library_identity").fetchone()
    return str(identity)


def _subjects_of(connection: sqlite3.Connection, group: ItemGroup) -> Iterable[str]:
    if isinstance(group, TrayItems):
        return group.subjects(connection)
    return subjects_of(connection, group)
