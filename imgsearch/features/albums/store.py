"""Albums in the database of a library: lists of photos with names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imgsearch.features.albums.records import Album, AlbumPhotos
from imgsearch.records.changes import Change
from imgsearch.store import changes, photo_lists
from imgsearch.store.database import Database
from imgsearch.store.photo_lists import ORDER, PhotoLists
from imgsearch.store.sql import IS_LIVE
from imgsearch.store.tray import TRAY_KEY
from imgsearch.text import format_count, plain_text


class AlbumStore:
    """The albums of a library. Their names are compared without case and accents."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists = PhotoLists(database)

    # ------------------------------------------------------------------ reading

    def all(self) -> tuple[Album, ...]:
        """Return all albums, sorted by name."""
        query = (
            f"SELECT albums.name, sum(photos.id IS NOT NULL AND {IS_LIVE}), count(photos.id), "
            f"made_at, (SELECT photo_id FROM album_photos JOIN photos ON photos.id = photo_id "
            f"WHERE album_id = albums.id AND {IS_LIVE} ORDER BY {ORDER} LIMIT 1) "
            "FROM albums LEFT JOIN album_photos ON album_id = albums.id "
            "LEFT JOIN photos ON photos.id = photo_id WHERE key != ? GROUP BY albums.id ORDER BY "
            "key"
        )
        return tuple(
            Album(name, live or 0, count - (live or 0), datetime.fromisoformat(made_at), cover)
            for name, live, count, made_at, cover in self._database.fetch_all(query, TRAY_KEY)
        )

    def photos(self, name: str) -> AlbumPhotos | None:
        """Return the photos of an album, in the order in which they were added; None if unknown."""
        found = self._lists.photos(plain_text(name))
        if found is None:
            return None
        return AlbumPhotos(found.name, found.photo_ids, found.missing_ids)

    def of_photo(self, photo_id: int) -> tuple[str, ...]:
        """Return the names of the albums that have a photo, sorted."""
        rows = self._database.fetch_all(
            "SELECT name FROM albums JOIN album_photos ON album_id = id "
            "WHERE photo_id = ? AND key != ? ORDER BY key",
            photo_id,
            TRAY_KEY,
        )
        return tuple(name for (name,) in rows)

    # ------------------------------------------------------------------ changes

    def make(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Make an album of these photos; None where the name is taken."""
        key = plain_text(name)
        with self._database.brief_transaction() as connection:
            if photo_lists.find(connection, key) is not None:
                return None
            album_id = photo_lists.insert(connection, key, name)
            before = [changes.Step("albums", [[album_id]], [])]
            added = photo_lists.append(connection, album_id, photo_ids)
            title = f"Made the album {name} with {format_count(len(added.keys), 'photo')}"
            return changes.record(connection, title, len(added.keys), [*before, added])

    def add(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Add photos at the end of an album; None if it is unknown: see `PhotoLists.add`."""
        return self._lists.add(plain_text(name), photo_ids, f"to {name}")

    def take_out(self, name: str, photo_ids: Sequence[int]) -> Change | None:
        """Take photos out of an album; None if it is unknown."""
        return self._lists.take_out(plain_text(name), photo_ids, f"out of {name}")

    def rename(self, name: str, new_name: str) -> Change | None:
        """Rename an album; None where the new name is taken or there is no such album."""
        key, new_key = plain_text(name), plain_text(new_name)
        with self._database.brief_transaction() as connection:
            album = photo_lists.find(connection, key)
            if album is None:
                return None
            if new_key != key and photo_lists.find(connection, new_key) is not None:
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
            album = photo_lists.find(connection, plain_text(name))
            if album is None:
                return None
            photos = changes.photos_of_list_before(connection, album[0])
            before = [changes.rows_before(connection, "albums", [(album[0],)]), photos]
            connection.execute("DELETE FROM albums WHERE id = ?", (album[0],))
            title = f"Removed the album {album[1]}"
            return changes.record(connection, title, len(photos.keys), before)
