"""Counts the changes in a copy of an archive that are not in the archive yet."""

from __future__ import annotations

from imgsearch.store.database import Database


def unsent_count(database: Database) -> int:
    """Return the number of changes that were made here and are not in the archive yet.

    Several changes of one thing since it was last sent are one.
    """
    query = (
        "SELECT (SELECT count(*) FROM user_items WHERE NOT is_sent) + "
        "(SELECT count(*) FROM (SELECT DISTINCT kind, subject FROM outbox))"
    )
    return int(database.fetch_one(query)[0])
