"""Albums in packs.

A pack has the albums that have some of its photos, and these photos of them. A merge makes the
albums whose names the library does not have.
"""

from __future__ import annotations

import sqlite3

from imgsearch.errors import UsageError
from imgsearch.features.albums.store import AlbumStore
from imgsearch.language.given_names import read_name
from imgsearch.store.pack_format import UTC_TEXT
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store
from imgsearch.store.tray import TRAY_KEY

# The library is attached to a pack as `library`, and all photos are there.
_COPY_ALBUMS = (
    f"INSERT INTO main.albums (id, key, name, made_at) SELECT id, key, name, "
    f"{UTC_TEXT.format('made_at')} FROM library.albums WHERE key != ? AND id IN (SELECT album_id "
    "FROM library.album_photos WHERE photo_id IN (SELECT id FROM main.photos)) ORDER BY id"
)
_COPY_PHOTOS = (
    "INSERT INTO main.album_photos (album_id, photo_id, place) SELECT album_id, photo_id, place "
    "FROM library.album_photos WHERE album_id IN (SELECT id FROM main.albums) "
    "AND photo_id IN (SELECT id FROM main.photos) ORDER BY album_id, photo_id"
)
_PHOTOS = (
    "SELECT content_hash FROM album_photos JOIN photos ON photos.id = photo_id "
    "WHERE album_id = ? ORDER BY place"
)


def is_to_pack(store: Store) -> bool:
    """Return whether the library has any album."""
    return bool(AlbumStore(store.database).all())


def copy(pack: sqlite3.Connection) -> None:
    """Copy the albums that have photos of the pack from the attached library."""
    pack.execute(_COPY_ALBUMS, (TRAY_KEY,))
    pack.execute(_COPY_PHOTOS)


def names(reader: PackReader) -> tuple[str, ...]:
    """Return the names of the albums in a pack."""
    return tuple(name for (name,) in reader.rows("SELECT name FROM albums ORDER BY key"))


def merge(store: Store, reader: PackReader) -> int:
    """Make the albums whose names are free, with the photos in their order; return how many.

    Each is made as a whole, so an interrupted merge leaves none behind that lacks photos.
    """
    packed = list(reader.rows("SELECT id, name FROM albums ORDER BY key"))
    return sum(_merge_album(store, reader, album_id, name) for album_id, name in packed)


def _merge_album(store: Store, reader: PackReader, album_id: int, packed_name: str) -> bool:
    try:
        name = read_name(packed_name, "album", without="")
    except UsageError:  # a pack may come from anybody
        return False
    albums = AlbumStore(store.database)
    if albums.photos(name) is not None:
        return False
    hashes = (content_hash for (content_hash,) in reader.rows(_PHOTOS, album_id))
    photo_ids = store.reads.photos.ids_of_contents(hashes)
    return bool(photo_ids) and albums.make(name, photo_ids) is not None
