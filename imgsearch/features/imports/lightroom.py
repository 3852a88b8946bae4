"""Reads stars and collections from a catalogue of Lightroom Classic, `NAME.lrcat`.

It is a database of SQLite. A photo (`Adobe_images`) is a file, or a virtual copy of one, whose
stars and collections count for the file as well. A catalogue does not state the sizes of files.
Names of faces are in it in coordinates of the file before it was turned; Lightroom writes them into
XMP, where an index reads them. Smart collections are rules, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgsearch.features.imports.album_places import albums_by_photo
from imgsearch.features.imports.records import SourcePhoto, stars_from
from imgsearch.features.imports.sqlite_sources import has_tables, opened

PROGRAM = "Lightroom"
_TABLES = {
    "AgLibraryRootFolder",
    "AgLibraryFolder",
    "AgLibraryFile",
    "Adobe_images",
    "AgLibraryCollection",
    "AgLibraryCollectionImage",
}
# The kind of collection that somebody fills by hand.
_COLLECTION = "com.adobe.ag.library.collection"
_FILES = (
    "SELECT AgLibraryFile.id_local, absolutePath || '/' || pathFromRoot || '/' || baseName || "
    "CASE extension WHEN '' THEN '' ELSE '.' || extension END, max(rating) FROM AgLibraryFile "
    "JOIN AgLibraryFolder ON AgLibraryFolder.id_local = folder JOIN AgLibraryRootFolder ON "
    "AgLibraryRootFolder.id_local = rootFolder JOIN Adobe_images ON rootFile = "
    "AgLibraryFile.id_local GROUP BY AgLibraryFile.id_local ORDER BY AgLibraryFile.id_local"
)
_ALBUMS = (
    "SELECT rootFile, AgLibraryCollection.id_local, name FROM AgLibraryCollectionImage "
    "JOIN AgLibraryCollection ON AgLibraryCollection.id_local = collection JOIN Adobe_images "
    "ON Adobe_images.id_local = image WHERE creationId = ? ORDER BY AgLibraryCollection.id_local, "
    "{position}, AgLibraryCollectionImage.rowid"
)


def is_source(file: Path) -> bool:
    """Return whether a file is such a catalogue. Raises OSError."""
    return has_tables(file, _TABLES)


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the files of a catalogue that is not in use.

    Raises UsageError where Lightroom has it open, and SourceError for a damaged one.
    """
    cure = "Open it in Lightroom, which checks and repairs it, and close Lightroom."
    with opened(file, PROGRAM, cure) as connection:
        columns = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM pragma_table_info('AgLibraryCollectionImage')"
            )
        }
        # Order by hand, which catalogues of old versions do not have.
        position = "positionInCollection" if "positionInCollection" in columns else "NULL"
        albums = albums_by_photo(
            connection.execute(_ALBUMS.format(position=position), (_COLLECTION,))
        )
        for file_id, path, rating in connection.execute(_FILES):
            yield SourcePhoto(
                str(path),
                None,
                stars=stars_from(rating),
                albums=albums.get(file_id, ()),
            )
