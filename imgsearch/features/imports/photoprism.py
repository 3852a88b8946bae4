"""Reads favourites, private photos, albums and names of faces from PhotoPrism's `index.db`.

It is the database of an installation with SQLite, in the folder `storage`. A photo has one file or
more; those that PhotoPrism has made itself lie in another root. A face is a marker of a file, with
its left upper corner and size as shares; a name that somebody has given has the source "manual".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from imgsearch.features.imports.album_places import albums_by_photo
from imgsearch.features.imports.records import SourceFace, SourcePhoto
from imgsearch.features.imports.sqlite_sources import has_tables, opened

PROGRAM = "PhotoPrism"
_TABLES = {"photos", "files", "albums", "photos_albums", "markers", "subjects"}
_FILES = (
    "SELECT file_uid, photos.photo_uid, file_name, file_size, photo_favorite, photo_private "
    "FROM files JOIN photos ON photos.id = photo_id WHERE file_root = '/' AND NOT file_missing "
    "AND NOT file_sidecar AND files.deleted_at IS NULL AND photos.deleted_at IS NULL "
    "ORDER BY files.id"
)
# "album" is the kind that somebody makes; folders, months and moments are made by the program.
_ALBUMS = (
    "SELECT photo_uid, photos_albums.album_uid, album_title FROM photos_albums JOIN albums ON "
    "albums.album_uid = photos_albums.album_uid WHERE album_type = 'album' AND NOT hidden AND "
    'deleted_at IS NULL ORDER BY photos_albums.album_uid, "order", photos_albums.rowid'
)
_FACES = (
    "SELECT file_uid, subj_name, x, y, w, h FROM markers JOIN subjects ON subjects.subj_uid = "
    "markers.subj_uid WHERE marker_type = 'face' AND NOT marker_invalid AND markers.subj_src = "
    "'manual' AND w > 0 AND h > 0 ORDER BY file_uid"
)


def is_source(file: Path) -> bool:
    """Return whether a file is such a database. Raises OSError."""
    return has_tables(file, _TABLES)


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the files of a database that is not in use.

    Raises UsageError where PhotoPrism has it open, and SourceError for a damaged one.
    """
    cure = "Make a copy of it while PhotoPrism is stopped, and import the copy."
    with opened(file, PROGRAM, cure) as connection:
        faces: dict[str, list[SourceFace]] = defaultdict(list)
        for file_uid, name, *box in connection.execute(_FACES):
            if isinstance(name, str) and all(isinstance(each, int | float) for each in box):
                x, y, width, height = (float(each) for each in box)
                faces[file_uid].append(SourceFace(name, x, y, width, height, in_shares=True))
        albums = albums_by_photo(connection.execute(_ALBUMS))
        for file_uid, photo_uid, path, size_bytes, favourite, private in connection.execute(_FILES):
            yield SourcePhoto(
                _text(path),
                size_bytes if isinstance(size_bytes, int) and size_bytes > 0 else None,
                favourite=bool(favourite),
                hidden=bool(private),
                albums=albums.get(photo_uid, ()),
                faces=tuple(faces.get(file_uid, ())),
            )


def _text(path: object) -> str:
    """Return a name of a file, which the database keeps as text or as bytes."""
    return path.decode(errors="surrogateescape") if isinstance(path, bytes) else str(path)
