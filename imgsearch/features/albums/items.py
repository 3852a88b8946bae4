"""Albums and the photos in them as items. The tray is no item: it is of one replica.

Two people may make an album of the same name at once. They stay two albums: the one that was made
later gets a number behind its name, in every replica the same one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import ClassVar

from msgspec import Struct

from imgsearch.items.base import ItemGroup, LiveItem, values_of
from imgsearch.items.item import IDENTITY, OF_PHOTO, ItemName, KindOfItem, Moment, Number
from imgsearch.items.rows import (
    identity_of,
    keep_identity,
    made_identity,
    note,
    number_of,
    photo_with,
)
from imgsearch.text import plain_text

_ALBUM = "album"


class AlbumItem(Struct, frozen=True):
    """The title of an album. Key: its identity."""

    name: str
    made_at: Moment

    def __post_init__(self) -> None:
        if not plain_text(self.name):  # the tray is the album without a name
            raise ValueError("An album has a name.")


class AlbumPhotoItem(Struct, frozen=True):
    """A photo in an album. Key: the album's identity, "/", the content."""

    place: Number


def _album_named(connection: sqlite3.Connection, album: AlbumItem) -> int | None:
    """Return the id of the album with the name of another library's album."""
    found = _named(connection, album.name)
    return None if found is None else found[0]


class AlbumItems:
    """The titles of albums; the subject is the identity."""

    name = _ALBUM
    kinds: ClassVar = {
        _ALBUM: KindOfItem(AlbumItem, IDENTITY, title=("album", "albums"), named=_album_named)
    }
    noted_columns: ClassVar = {"albums": "name"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        album_id = int(subject)
        if _name_of(connection, album_id) is None:
            return identity_of(connection, _ALBUM, album_id)
        return made_identity(connection, _ALBUM, album_id)

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT name, made_at FROM albums WHERE id = ?",
            (number_of(connection, _ALBUM, subject),),
        ).fetchone()
        if row is None:
            return {}
        return {(_ALBUM, subject): AlbumItem(row[0], datetime.fromisoformat(row[1]))}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        titles: dict[str, AlbumItem] = {}
        for identity, items in subjects.items():
            album_id = number_of(connection, _ALBUM, identity)
            title = next((item.value for item in items.values()), None)
            if isinstance(title, AlbumItem):
                if _name_of(connection, album_id) != title.name:
                    titles[identity] = title
            elif album_id is not None:
                connection.execute("DELETE FROM albums WHERE id = ?", (album_id,))
                waiting |= _photo_items(connection, identity)
        _set_titles(connection, titles)
        return waiting


def _set_titles(connection: sqlite3.Connection, titles: Mapping[str, AlbumItem]) -> None:
    """Give albums their titles. Two may have exchanged theirs, so all of them lose the old first.

    An album that is not there is made, with the id that it had before it was removed.
    """
    numbers = {identity: number_of(connection, _ALBUM, identity) for identity in titles}
    connection.executemany(
        "UPDATE albums SET key = char(10) || id WHERE id = ?",  # no name has a line break
        [(number,) for number in numbers.values()],
    )
    for identity, title in titles.items():
        name = _free_name(connection, identity, title)
        album_id = numbers[identity]
        if _name_of(connection, album_id) is not None:
            connection.execute(
                "UPDATE albums SET key = ?, name = ? WHERE id = ?",
                (plain_text(name), name, album_id),
            )
        else:
            made = connection.execute(
                "INSERT INTO albums (id, key, name, made_at) VALUES (?, ?, ?, ?)",
                (album_id, plain_text(name), name, title.made_at.isoformat()),
            )
            if album_id is None:
                assert made.lastrowid is not None
                album_id = made.lastrowid
                keep_identity(connection, _ALBUM, album_id, identity)
        if name != title.name:
            note(connection, _ALBUM, str(album_id))


def _free_name(connection: sqlite3.Connection, identity: str, title: AlbumItem) -> str:
    """Return the name that an album can have. Another that was made later makes room for it."""
    other = _named(connection, title.name)
    if other is None:
        return title.name
    other_id, made_at = other
    other_identity = made_identity(connection, _ALBUM, other_id)
    if (title.made_at, identity) > (made_at, other_identity):
        return _numbered(connection, title.name)
    name = _numbered(connection, title.name)
    connection.execute(
        "UPDATE albums SET key = ?, name = ? WHERE id = ?", (plain_text(name), name, other_id)
    )
    note(connection, _ALBUM, str(other_id))
    return title.name


def _numbered(connection: sqlite3.Connection, name: str) -> str:
    return next(
        numbered
        for number in count(2)
        if _named(connection, numbered := f"{name} ({number})") is None
    )


def _named(connection: sqlite3.Connection, name: str) -> tuple[int, datetime] | None:
    row = connection.execute(
        "SELECT id, made_at FROM albums WHERE key = ?", (plain_text(name),)
    ).fetchone()
    return None if row is None else (int(row[0]), datetime.fromisoformat(row[1]))


def _name_of(connection: sqlite3.Connection, album_id: int | None) -> str | None:
    row = connection.execute("SELECT name FROM albums WHERE id = ?", (album_id,)).fetchone()
    return None if row is None else str(row[0])


def _photo_items(connection: sqlite3.Connection, identity: str) -> set[ItemName]:
    """Return the photos of an album that were not taken out of it one by one."""
    rows = connection.execute(
        "SELECT kind, key FROM user_items WHERE kind = 'album photo' AND key > ? AND key < ? "
        "AND value IS NOT NULL",
        (f"{identity}/", f"{identity}0"),  # the character after "/"
    )
    return {(kind, key) for kind, key in rows}


class AlbumPhotoItems:
    """The photos in albums, each a subject of its own: the album's identity and the content."""

    name = "album photo"
    kinds: ClassVar = {
        "album photo": KindOfItem(
            AlbumPhotoItem,
            f"{IDENTITY}/{OF_PHOTO}",
            title=("photo in an album", "photos in albums"),
        )
    }
    noted_columns: ClassVar = {"album_photos": "place"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        number, _, content = subject.partition("/")
        identity = AlbumItems().noted(connection, number)
        return None if identity is None else f"{identity}/{content}"

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        album_id, photo_id = _ids(connection, subject)
        row = connection.execute(
            "SELECT place FROM album_photos WHERE album_id = ? AND photo_id = ?",
            (album_id, photo_id),
        ).fetchone()
        return {} if row is None else {(self.name, subject): AlbumPhotoItem(row[0])}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for subject, items in subjects.items():
            album_id, photo_id = _ids(connection, subject)
            if not items:
                connection.execute(
                    "DELETE FROM album_photos WHERE album_id = ? AND photo_id = ?",
                    (album_id, photo_id),
                )
            elif photo_id is None or _name_of(connection, album_id) is None:
                waiting |= items.keys()
                continue
            for photo in values_of(items, AlbumPhotoItem).values():
                connection.execute(
                    "INSERT INTO album_photos (album_id, photo_id, place) VALUES (?, ?, ?) "
                    "ON CONFLICT (album_id, photo_id) DO UPDATE SET place = excluded.place "
                    "WHERE place != excluded.place",
                    (album_id, photo_id, photo.place),
                )
        return waiting


def _ids(connection: sqlite3.Connection, subject: str) -> tuple[int | None, int | None]:
    identity, _, content = subject.partition("/")
    return number_of(connection, _ALBUM, identity), photo_with(connection, content)


GROUPS: tuple[ItemGroup, ...] = (AlbumItems(), AlbumPhotoItems())
