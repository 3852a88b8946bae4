"""The photos of the tray as items of a backup. The tray is of one machine, so no archive has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from imgsearch.items.base import LiveItem, values_of
from imgsearch.items.item import OF_PHOTO, ItemName, KindOfItem, Number
from imgsearch.items.rows import photo_with
from imgsearch.store import photo_lists
from imgsearch.store.tray import TRAY_KEY, TRAY_NAME


class TrayPhotoItem(Struct, frozen=True):
    """A photo in the tray. Key: the content."""

    place: Number


class TrayItems:
    """The photos in the tray; the subject is the content."""

    name = "tray photo"
    kinds: ClassVar = {
        "tray photo": KindOfItem(
            TrayPhotoItem, OF_PHOTO, title=("photo in the tray", "photos in the tray")
        )
    }
    noted_columns: ClassVar[Mapping[str, str]] = {}  # no trigger notes the tray

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def subjects(self, connection: sqlite3.Connection) -> list[str]:
        """Return the contents of the photos in the tray."""
        rows = connection.execute(
            "SELECT lower(hex(content_hash)) FROM album_photos JOIN photos ON photos.id = photo_id "
            "WHERE album_id = (SELECT id FROM albums WHERE key = ?) ORDER BY place",
            (TRAY_KEY,),
        )
        return [content for (content,) in rows]

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT place FROM album_photos WHERE photo_id = ? AND album_id = "
            "(SELECT id FROM albums WHERE key = ?)",
            (photo_with(connection, subject), TRAY_KEY),
        ).fetchone()
        return {} if row is None else {(self.name, subject): TrayPhotoItem(row[0])}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for content, items in subjects.items():
            photo_id = photo_with(connection, content)
            if photo_id is None:
                waiting |= items.keys()
                continue
            tray = photo_lists.find(connection, TRAY_KEY)
            tray_id = tray[0] if tray else photo_lists.insert(connection, TRAY_KEY, TRAY_NAME)
            for photo in values_of(items, TrayPhotoItem).values():
                connection.execute(
                    "INSERT OR IGNORE INTO album_photos (album_id, photo_id, place) "
                    "VALUES (?, ?, ?)",
                    (tray_id, photo_id, photo.place),
                )
        return waiting
