"""Queries of a library's rows that several groups of items share."""

from __future__ import annotations

import sqlite3
from uuid import uuid4


def note(connection: sqlite3.Connection, group: str, subject: str) -> None:
    """Note a change of a subject in the outbox, as the triggers of its table do."""
    connection.execute(
        "INSERT INTO outbox (kind, subject, changed_us) VALUES "
        "(?, ?, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))",
        (group, subject),
    )


# ------------------------------------------------------------------------- photos


def photo_with(connection: sqlite3.Connection, content: str) -> int | None:
    """Return the id of the photo with a content."""
    row = connection.execute(
        "SELECT id FROM photos WHERE content_hash = ?", (bytes.fromhex(content),)
    ).fetchone()
    return None if row is None else int(row[0])


def content_of(connection: sqlite3.Connection, photo_id: int) -> str | None:
    """Return the content of a photo, in hexadecimal."""
    row = connection.execute(
        "SELECT lower(hex(content_hash)) FROM photos WHERE id = ?", (photo_id,)
    ).fetchone()
    return None if row is None else str(row[0])


# ------------------------------------------------------------------------- identities


def identity_of(connection: sqlite3.Connection, kind: str, number: int) -> str | None:
    """Return the identity of an album or a person by its id; None where it has none yet."""
    row = connection.execute(
        "SELECT identity FROM item_identities WHERE kind = ? AND number = ?", (kind, number)
    ).fetchone()
    return None if row is None else str(row[0])


def made_identity(connection: sqlite3.Connection, kind: str, number: int) -> str:
    """Return the identity of an album or a person, which gets one if it has none."""
    known = identity_of(connection, kind, number)
    if known is None:
        known = uuid4().hex
        keep_identity(connection, kind, number, known)
    return known


def number_of(connection: sqlite3.Connection, kind: str, identity: str) -> int | None:
    """Return the id that an album or a person has in this library, also after it was removed."""
    row = connection.execute(
        "SELECT number FROM item_identities WHERE kind = ? AND identity = ?", (kind, identity)
    ).fetchone()
    return None if row is None else int(row[0])


def keep_identity(connection: sqlite3.Connection, kind: str, number: int, identity: str) -> None:
    """Keep the identity of an album or a person that has none yet."""
    connection.execute(
        "INSERT INTO item_identities (kind, number, identity) VALUES (?, ?, ?)",
        (kind, number, identity),
    )
