"""Albums in packs.

A merge makes the albums whose names the library does not have.
"""

from __future__ import annotations

from imgsearch.errors import UsageError
from imgsearch.features.albums.store import AlbumStore
from imgsearch.records.pack import PackedAlbum
from imgsearch.search.saved_queries import read_name
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store


def is_to_pack(store: Store) -> bool:
    """Return whether the library has any album."""
    return bool(AlbumStore(store.database).all())


def merge(store: Store, reader: PackReader) -> int:
    """Make the albums whose names are free, with the photos in their order; return how many.

    Each is made as a whole, so an interrupted merge leaves none behind that lacks photos.
    """
    return sum(_merge_album(store, reader, each) for each in reader.info.albums)


def _merge_album(store: Store, reader: PackReader, album: PackedAlbum) -> bool:
    try:
        name = read_name(album.name, "album", without="")
    except UsageError:  # a pack may come from anybody
        return False
    albums = AlbumStore(store.database)
    if albums.photos(name) is not None:
        return False
    photo_ids = store.reads.photos.ids_of_contents(reader.album_photos(album))
    return bool(photo_ids) and albums.make(name, photo_ids) is not None
