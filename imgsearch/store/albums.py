"""Albums and the tray, in plain SQL, since a query may name an album.

They are the user's own and do not follow from the disk. So they are written in short transactions
without the writer's lock, also while photos are indexed. A photo belongs to an album by its id,
which stays when the photo is moved or indexed again. A photo whose file is gone stays in its albums
until the library forgets it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from imgsearch.records.albums import Album, AlbumPhotos, Change
from imgsearch.store import changes
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, IS_LIVE, ids_parameter, now
from imgsearch.text import format_count, plain_text

TRAY_KEY = ""  # no album has this one, since its name is not empty
_TRAY_NAME = ""
# Two replicas of an archive may give two photos one place: their order is the same in both.
_ORDER = "place, photos.content_hash"


class AlbumStore:
    """The part of a store that knows albums. Their names are compared without case and accents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ reading

    def all(self) -> tuple[Album, ...]:
        """All albums, sorted by name, without the tray."""
        query = (
            f"SELECT albums.name, sum(photos.id IS NOT NULL AND {IS_LIVE}), count(photos.id), "
            f"made_at, (SELECT photo_id FROM album_photos JOIN photos ON photos.id = photo_id "
            f"WHERE album_id = albums.id AND {IS_LIVE} ORDER BY {_ORDER} LIMIT 1) "
            "FROM albums LEFT JOIN album_photos ON album_id = albums.id "
            "LEFT JOIN photos ON photos.id = photo_id WHERE key != ? GROUP BY albums.id ORDER BY "
            "key"
        )
        return tuple(
            Album(name, live or 0, count - (live or 0), datetime.fromisoformat(made_at), cover)
            for name, live, count, made_at, cover in self._database.fetch_all(query, TRAY_KEY)
        )

    def photos(self, name: str) -> AlbumPhotos | None:
        """The photos of an album, in the order in which they were added; None if unknown."""
        return self._photos(plain_text(name))

    def tray(self) -> AlbumPhotos:
        """The photos of the tray, in the order in which they were added."""
        return self._photos(TRAY_KEY) or AlbumPhotos(_TRAY_NAME, ())

    def _photos(self, key: str) -> AlbumPhotos | None:
        with self._database.reading() as connection:
            album = _find(connection, key)
            if album is None:
                return None
            album_id, name = album
            rows = connection.execute(
                f"SELECT photo_id, {IS_LIVE} FROM album_photos JOIN photos ON photos.id = photo_id "
                f"WHERE album_id = ? ORDER BY {_ORDER}",
                (album_id,),
            ).fetchall()
        return AlbumPhotos(
            name,
            tuple(photo_id for photo_id, is_live in rows if is_live),
            tuple(photo_id for photo_id, is_live in rows if not is_live),
        )

    def of_photo(self, photo_id: int) -> tuple[str, ...]:
        """The names of the albums that have a photo, sorted."""
        rows = self._database.fetch_all(
            "SELECT name FROM albums JOIN album_photos ON album_id = id "
            "WHERE photo_id = ? AND key != ? ORDER BY key",
            photo_id,
            TRAY_KEY,
        )
        return tuple(name for (name,) in rows)

    # ------------------------------------------------------------------ changes of albums

    def make(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Make an album of these photos; None where the name is taken."""
        key = plain_text(name)
        with self._database.brief_transaction() as connection:
            if _find(connection, key) is not None:
                return None
            album_id = _insert(connection, key, name)
            before = [changes.Step("albums", [[album_id]], [])]
            added = _add(connection, album_id, photo_ids)
            title = f"Made the album {name} with {format_count(len(added.keys), 'photo')}"
            return changes.record(connection, title, len(added.keys), [*before, added])

    def add(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Add photos at the end of an album; None if it is unknown.

        Photos that it has stay where they are; photos that the library does not have are left out.
        """
        return self._add(plain_text(name), photo_ids, f"to {name}")

    def take_out(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Take photos out of an album; None if it is unknown."""
        return self._take_out(plain_text(name), photo_ids, f"out of {name}")

    def rename(self, name: str, new_name: str) -> Change | None:
        """Rename an album; None where the new name is taken or there is no such album."""
        key, new_key = plain_text(name), plain_text(new_name)
        with self._database.brief_transaction() as connection:
            album = _find(connection, key)
            if album is None or (new_key != key and _find(connection, new_key) is not None):
                return None
            before = changes.rows_before(connection, "albums", [(album[0],)])
            connection.execute(
                "UPDATE albums SET key = ?, name = ? WHERE id = ?", (new_key, new_name, album[0])
            )
            title = f"Renamed the album {album[1]} to {new_name}"
            return changes.record(connection, title, 0, [before])

    def remove(self, name: str) -> Change | None:
        """Delete an album; no photo is touched. None if it is unknown."""
        with self._database.brief_transaction() as connection:
            album = _find(connection, plain_text(name))
            if album is None:
                return None
            photos = changes.photos_of_album_before(connection, album[0])
            before = [changes.rows_before(connection, "albums", [(album[0],)]), photos]
            connection.execute("DELETE FROM albums WHERE id = ?", (album[0],))
            title = f"Removed the album {album[1]}"
            return changes.record(connection, title, len(photos.keys), before)

    # ------------------------------------------------------------------ changes of the tray

    def add_to_tray(self, photo_ids: Sequence[int]) -> Change:
        """Add photos at the end of the tray."""
        change = self._add(TRAY_KEY, photo_ids, "to the tray")
        assert change is not None  # the tray is made if there is none
        return change

    def take_out_of_tray(self, photo_ids: Sequence[int]) -> Change:
        """Take photos out of the tray."""
        nothing = changes.unchanged("The tray had none of these photos")
        return self._take_out(TRAY_KEY, photo_ids, "out of the tray") or nothing

    def clear_tray(self) -> Change:
        """Take all photos out of the tray."""
        tray = self.tray()
        return self.take_out_of_tray((*tray.photo_ids, *tray.missing_ids))

    # ------------------------------------------------------------------

    def _add(self, key: str, photo_ids: Sequence[int], where: str) -> Change | None:
        with self._database.brief_transaction() as connection:
            album = _find(connection, key)
            if album is not None:
                album_id = album[0]
            elif key == TRAY_KEY:
                album_id = _insert(connection, TRAY_KEY, _TRAY_NAME)
            else:
                return None
            added = _add(connection, album_id, photo_ids)
            if not added.keys:
                return changes.unchanged(f"No photo was added {where}")
            title = f"Added {format_count(len(added.keys), 'photo')} {where}"
            return changes.record(connection, title, len(added.keys), [added])

    def _take_out(self, key: str, photo_ids: Sequence[int], where: str) -> Change | None:
        with self._database.brief_transaction() as connection:
            album = _find(connection, key)
            if album is None:
                return None
            keys = [(album[0], photo_id) for photo_id in dict.fromkeys(photo_ids)]
            taken = changes.rows_before(connection, "album_photos", keys)
            if not taken.rows:
                return changes.unchanged(f"No photo was taken {where}")
            taken = changes.rows_before(connection, "album_photos", [row[:2] for row in taken.rows])
            connection.execute(
                f"DELETE FROM album_photos WHERE album_id = ? AND photo_id {IN_IDS}",
                (album[0], ids_parameter(photo_ids)),
            )
            title = f"Took {format_count(len(taken.keys), 'photo')} {where}"
            return changes.record(connection, title, len(taken.keys), [taken])


def _find(connection: sqlite3.Connection, key: str) -> tuple[int, str] | None:
    """The id and the name of an album."""
    row: tuple[int, str] | None = connection.execute(
        "SELECT id, name FROM albums WHERE key = ?", (key,)
    ).fetchone()
    return row


def _insert(connection: sqlite3.Connection, key: str, name: str) -> int:
    cursor = connection.execute(
        "INSERT INTO albums (key, name, made_at) VALUES (?, ?, ?)", (key, name, now())
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _add(connection: sqlite3.Connection, album_id: int, photo_ids: Sequence[int]) -> changes.Step:
    """Add the photos that the library has, and the album has not, in this order; the undoing step.

    A photo that is given twice is added once.
    """
    wanted = list(dict.fromkeys(photo_ids))
    rows = connection.execute(
        f"SELECT id FROM photos WHERE id {IN_IDS} "
        "AND id NOT IN (SELECT photo_id FROM album_photos WHERE album_id = ?)",
        (ids_parameter(wanted), album_id),
    )
    new = {photo_id for (photo_id,) in rows}
    query = "SELECT coalesce(max(place), 0) FROM album_photos WHERE album_id = ?"
    (last,) = connection.execute(query, (album_id,)).fetchone()
    added = [photo_id for photo_id in wanted if photo_id in new]
    connection.executemany(
        "INSERT INTO album_photos (album_id, photo_id, place) VALUES (?, ?, ?)",
        [(album_id, photo_id, place) for place, photo_id in enumerate(added, last + 1)],
    )
    return changes.Step("album_photos", [[album_id, photo_id] for photo_id in added], [])
