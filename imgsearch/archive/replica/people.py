"""Takes the persons of an archive, and the decisions about faces, into its replica."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from imgsearch.archive.lance.people_tables import PeopleHead
from imgsearch.archive.replica.applying import transaction
from imgsearch.archive.replica.changes import ArchiveVersion
from imgsearch.archive.taking_people import take_people_rows
from imgsearch.store.sql import IN_IDS, ids_parameter

# The last changes stay in the archive: their ids are those of another list here.
_TABLES = ("persons", "own_person", "face_decisions")
_STALE = (
    "INSERT INTO stale_names SELECT photo_id FROM faces WHERE person_id {0} UNION SELECT photos.id "
    "FROM face_decisions JOIN photos USING (content_hash) WHERE is_person AND person_id {0}"
)


def take_people(connection: sqlite3.Connection, version: ArchiveVersion, since: PeopleHead) -> None:
    """Take all that was decided since a revision, in one transaction.

    On the connection, foreign keys are not enforced.
    """
    rows = list(version.people_since(since.revision))
    if rows or not since.revision:
        with transaction(connection):
            if not since.revision:
                _forget_decisions(connection)  # of a first copy that was stopped
            persons = [number for table, number, _ in rows if table == "persons"]
            _note_stale(connection, persons)
            take_people_rows(connection, rows, _TABLES)
            _note_stale(connection, persons)


def forget_people(connection: sqlite3.Connection) -> None:
    """Delete all faces, persons and decisions, which were forgotten in the archive."""
    with transaction(connection):
        _forget_decisions(connection)
        # Their photos are taken again, even if they are as they were.
        connection.execute(
            "UPDATE replicated_photos SET digest = 0 "
            "WHERE photo_id IN (SELECT photo_id FROM face_readings)"
        )
        for table in ("faces", "face_readings"):
            connection.execute(f"DELETE FROM {table}")


def _forget_decisions(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE faces SET person_id = NULL WHERE person_id IS NOT NULL")
    for table in reversed(_TABLES):
        connection.execute(f"DELETE FROM {table}")


def _note_stale(connection: sqlite3.Connection, persons: Iterable[Any]) -> None:
    """Have the names of the photos of these persons written anew."""
    parameter = ids_parameter(persons)
    connection.execute(_STALE.format(IN_IDS), (parameter, parameter))
