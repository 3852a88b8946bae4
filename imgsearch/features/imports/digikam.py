"""Reads stars and names of faces from the database of digiKam, `digikam4.db`.

The tables are those of digiKam 2 to 8 (versions 5 to 16 of its schema). A face that somebody has
confirmed is a region of a photo under the tag of a person, in pixels of the upright photo; one that
the program proposes has another property. Albums of digiKam are folders, and captions and tags are
mostly in the files as well, where an index reads them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from imgsearch.features.imports.records import SourceFace, SourcePhoto, stars_from
from imgsearch.features.imports.sqlite_sources import has_tables, opened

PROGRAM = "digiKam"
_TABLES = {"AlbumRoots", "Albums", "Images", "ImageInformation", "Tags", "ImageTagProperties"}
_VISIBLE = 1
_PHOTOS = (
    "SELECT Images.id, specificPath || relativePath || '/' || Images.name, fileSize, rating "
    "FROM Images JOIN Albums ON Albums.id = Images.album JOIN AlbumRoots ON AlbumRoots.id = "
    "albumRoot LEFT JOIN ImageInformation ON imageid = Images.id WHERE Images.status = ? "
    "ORDER BY Images.id"
)
# A person goes by the tag's property, or else by its name. Tags for faces that nobody has named, or
# that are of no interest, have properties of their own.
_FACES = (
    "SELECT imageid, coalesce((SELECT nullif(value, '') FROM TagProperties WHERE tagid = Tags.id "
    "AND property = 'person'), name), value FROM ImageTagProperties JOIN Tags ON Tags.id = tagid "
    "WHERE property = 'tagRegion' AND EXISTS (SELECT 1 FROM TagProperties WHERE tagid = Tags.id "
    "AND property = 'person') AND NOT EXISTS (SELECT 1 FROM TagProperties WHERE tagid = Tags.id "
    "AND property IN ('unknownPerson', 'unconfirmedPerson', 'ignoredPerson')) ORDER BY imageid"
)
_NUMBER = re.compile(r'\b(x|y|width|height)="(-?\d{1,9})"')


def is_source(file: Path) -> bool:
    """Return whether a file is such a database. Raises OSError."""
    return has_tables(file, _TABLES)


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the photos of a database that is not in use.

    Raises UsageError where digiKam has it open, and SourceError for a damaged one.
    """
    with opened(file, PROGRAM, "Let digiKam check it: Tools, Maintenance.") as connection:
        faces: dict[int, list[SourceFace]] = defaultdict(list)
        for photo_id, name, region in connection.execute(_FACES):
            face = _face(name, region)
            if face is not None:
                faces[photo_id].append(face)
        for photo_id, path, size_bytes, rating in connection.execute(_PHOTOS, (_VISIBLE,)):
            yield SourcePhoto(
                re.sub("/+", "/", str(path)),
                size_bytes if isinstance(size_bytes, int) and size_bytes > 0 else None,
                stars=stars_from(rating),
                faces=tuple(faces.get(photo_id, ())),
            )


def _face(name: object, region: object) -> SourceFace | None:
    """Return a face from a region such as `<rect x="1" y="2" width="3" height="4"/>`."""
    numbers = {side: int(number) for side, number in _NUMBER.findall(str(region))}
    if (
        not isinstance(name, str)
        or len(numbers) < 4
        or min(numbers["width"], numbers["height"]) < 1
    ):
        return None
    return SourceFace(name, **numbers, in_shares=False)
