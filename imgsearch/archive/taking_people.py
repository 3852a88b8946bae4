"""Takes rows of persons and of decisions about faces from an archive into tables of a library."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from imgsearch.store.sql import IN_IDS, ids_parameter


def take_people_rows(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[str, int, dict[str, Any] | None]],
    tables: Sequence[str],
) -> set[bytes]:
    """Store rows of these tables in place of those of the same ids, and the persons of faces.

    A row is its table, its id and its columns, None for one that was deleted. `tables` are in the
    order in which their rows refer to each other; others are left out. On the connection, foreign
    keys are not enforced. Returns the contents of the photos that decisions are about.
    """
    by_table: dict[str, dict[int, dict[str, Any] | None]] = {}
    of_faces: list[tuple[int | None, int]] = []
    for table, number, columns in rows:
        if table == "faces":
            of_faces.append((None if columns is None else columns["person_id"], number))
        else:
            by_table.setdefault(table, {})[number] = columns
    connection.executemany("UPDATE faces SET person_id = ? WHERE id = ?", of_faces)
    for table in tables:
        own = by_table.get(table, {})
        connection.execute(f"DELETE FROM {table} WHERE id {IN_IDS}", (ids_parameter(own),))
        known = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(known)}) VALUES (?{', ?' * (len(known) - 1)})",
            [[each.get(name) for name in known] for each in own.values() if each is not None],
        )
    connection.execute(
        "UPDATE face_decisions SET face_id = NULL WHERE face_id NOT IN (SELECT id FROM faces)"
    )
    decided = by_table.get("face_decisions", {}).values()
    return {each["content_hash"] for each in decided if each is not None}
