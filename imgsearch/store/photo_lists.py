"""Ordered lists of photos, in plain SQL, since a query may name one.

They are the user's own and do not follow from the disk. So they are written in short transactions
without the writer's lock, also while photos are indexed. A photo belongs to a list by its id, which
stays when the photo is moved or indexed again. A photo whose file is gone stays in its lists until
the library forgets it.

The lists are in the tables `albums` and `album_photos`, as in all libraries since 0.1.0. The tray
is the list with an empty key (`imgsearch.store.tray`); the others have names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from imgsearch.records.changes import Change
from imgsearch.store import changes
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, IS_LIVE, ids_parameter, now
from imgsearch.text import format_count

# Two replicas of an archive may give two photos one place: their order is the same in both.
ORDER = "place, photos.content_hash"


class ListedPhotos(Struct, frozen=True):
    """The photos of a list in their order: ids that can be found, and ids without a file."""

    name: str
    photo_ids: tuple[int, ...]
    missing_ids: tuple[int, ...]


class PhotoLists:
    """The part of a store that knows lists of photos, by their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def photos(self, key: str) -> ListedPhotos | None:
        """Return the photos of a list, in the order in which they were added; None if unknown."""
        with self._database.reading() as connection:
            found = find(connection, key)
            if found is None:
                return None
            list_id, name = found
            rows = connection.execute(
                f"SELECT photo_id, {IS_LIVE} FROM album_photos JOIN photos ON photos.id = photo_id "
                f"WHERE album_id = ? ORDER BY {ORDER}",
                (list_id,),
            ).fetchall()
        return ListedPhotos(
            name,
            tuple(photo_id for photo_id, is_live in rows if is_live),
            tuple(photo_id for photo_id, is_live in rows if not is_live),
        )

    def add(
        self, key: str, photo_ids: Sequence[int], where: str, made_as: str | None = None
    ) -> Change | None:
        """Add photos at the end of a list.

        Photos that it has stay where they are; photos that the library does not have are left out.
        `where` names the list in the title of the change: "to Book". A list that does not exist is
        made with the name `made_as`; without one, the result is None.
        """
        with self._database.brief_transaction() as connection:
            found = find(connection, key)
            if found is not None:
                list_id = found[0]
            elif made_as is not None:
                list_id = insert(connection, key, made_as)
            else:
                return None
            added = append(connection, list_id, photo_ids)
            if not added.keys:
                return changes.unchanged(f"No photo was added {where}")
            title = f"Added {format_count(len(added.keys), 'photo')} {where}"
            return changes.record(connection, title, len(added.keys), [added])

    def take_out(self, key: str, photo_ids: Sequence[int], where: str) -> Change | None:
        """Take photos out of a list; None if it is unknown.

        `where` names the list in the title of the change: "out of Book".
        """
        with self._database.brief_transaction() as connection:
            found = find(connection, key)
            if found is None:
                return None
            keys = [(found[0], photo_id) for photo_id in dict.fromkeys(photo_ids)]
            taken = changes.rows_before(connection, "album_photos", keys)
            if not taken.rows:
                return changes.unchanged(f"No photo was taken {where}")
            taken = changes.rows_before(connection, "album_photos", [row[:2] for row in taken.rows])
            connection.execute(
                f"DELETE FROM album_photos WHERE album_id = ? AND photo_id {IN_IDS}",
                (found[0], ids_parameter(photo_ids)),
            )
            title = f"Took {format_count(len(taken.keys), 'photo')} {where}"
            return changes.record(connection, title, len(taken.keys), [taken])


def find(connection: sqlite3.Connection, key: str) -> tuple[int, str] | None:
    """Return the id and the name of a list."""
    row: tuple[int, str] | None = connection.execute(
        "SELECT id, name FROM albums WHERE key = ?", (key,)
    ).fetchone()
    return row


def insert(connection: sqlite3.Connection, key: str, name: str) -> int:
    """Make a list; return its id."""
    cursor = connection.execute(
        "INSERT INTO albums (key, name, made_at) VALUES (?, ?, ?)", (key, name, now())
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def append(connection: sqlite3.Connection, list_id: int, photo_ids: Sequence[int]) -> changes.Step:
    """Add the photos that the library has, and the list has not, in this order.

    A photo that is given twice is added once. Returns the step that undoes it.
    """
    wanted = list(dict.fromkeys(photo_ids))
    rows = connection.execute(
        f"SELECT id FROM photos WHERE id {IN_IDS} "
        "AND id NOT IN (SELECT photo_id FROM album_photos WHERE album_id = ?)",
        (ids_parameter(wanted), list_id),
    )
    new = {photo_id for (photo_id,) in rows}
    query = "SELECT coalesce(max(place), 0) FROM album_photos WHERE album_id = ?"
    (last,) = connection.execute(query, (list_id,)).fetchone()
    added = [photo_id for photo_id in wanted if photo_id in new]
    connection.executemany(
        "INSERT INTO album_photos (album_id, photo_id, place) VALUES (?, ?, ?)",
        [(list_id, photo_id, place) for place, photo_id in enumerate(added, last + 1)],
    )
    return changes.Step("album_photos", [[list_id, photo_id] for photo_id in added], [])
