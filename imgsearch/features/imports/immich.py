"""Reads stars, favourites, albums and names of faces from the dumps that Immich makes each night.

They are `immich-db-backup-….sql.gz` in the folder `backups` of its uploads: dumps of PostgreSQL.
The names of tables and columns are those of versions 1.9 to 3: "assets" became "asset" in 1.136,
and a face has belonged to a person, then to a group of persons. A face is a box in pixels of a
preview whose size stands beside it. Photos in the locked folder come as hidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from imgsearch.features.imports.album_places import albums_by_photo
from imgsearch.features.imports.postgres_dumps import Row, is_dump, rows
from imgsearch.features.imports.records import SourceError, SourceFace, SourcePhoto, stars_from

PROGRAM = "Immich"
_ASSET = frozenset(
    {"id", "originalPath", "originalFileName", "isFavorite", "visibility", "status", "deletedAt"}
)
_EXIF = frozenset({"assetId", "fileSizeInByte", "rating"})
_ALBUM = frozenset({"id", "albumName", "deletedAt"})
_IN_ALBUM = frozenset({"albumsId", "assetsId", "albumId", "assetId"})
# What a face names whom it belongs to, with what a person is called by it.
_PERSON_KEYS = {
    "personId": "id",
    "personGroupId": "personGroupId",
    "faceClusterId": "faceClusterId",
}
_BOX = ("boundingBoxX1", "boundingBoxY1", "boundingBoxX2", "boundingBoxY2")
_FACE = frozenset(
    {"assetId", "imageWidth", "imageHeight", "deletedAt", "isVisible", *_PERSON_KEYS, *_BOX}
)
_PERSON = frozenset({"name", *_PERSON_KEYS.values()})
_TABLES = {
    **dict.fromkeys(("asset", "assets"), _ASSET),
    **dict.fromkeys(("asset_exif", "exif"), _EXIF),
    **dict.fromkeys(("album", "albums"), _ALBUM),
    **dict.fromkeys(("album_asset", "albums_assets_assets"), _IN_ALBUM),
    **dict.fromkeys(("asset_face", "asset_faces"), _FACE),
    "person": _PERSON,
}
_MOST_ROWS = 20_000_000  # of one kind


class _Dump(Struct):
    """The rows of a dump, by the ids of photos."""

    assets: dict[str, Row] = {}
    exif: dict[str, Row] = {}
    albums: dict[str, str] = {}
    in_albums: list[tuple[str, str]] = []  # a photo and its album
    faces: dict[str, list[Row]] = {}
    names: dict[tuple[str, str], str] = {}


def is_source(file: Path) -> bool:
    """Return whether a file is a dump of PostgreSQL. Raises OSError."""
    return is_dump(file)


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the photos of a dump that are not in the bin.

    Raises SourceError for a dump of another program, and one that is cut off or damaged.
    """
    dump = _collected(file)
    if not dump.assets:
        raise SourceError(
            f"{file} is a dump of PostgreSQL without photos of Immich. Nothing was changed. Take "
            "the newest immich-db-backup file in the folder backups of Immich."
        )
    albums = albums_by_photo(
        (asset_id, album_id, dump.albums[album_id])
        for asset_id, album_id in dump.in_albums
        if album_id in dump.albums
    )
    for asset_id, asset in dump.assets.items():
        exif = dump.exif.get(asset_id, {})
        path, name = asset.get("originalPath") or "", asset.get("originalFileName") or ""
        size = exif.get("fileSizeInByte") or ""
        yield SourcePhoto(
            path,
            int(size) if size.isdecimal() and len(size) < 16 and int(size) else None,
            stars=stars_from(exif.get("rating")),
            favourite=asset.get("isFavorite") == "t",
            hidden=asset.get("visibility") == "locked",
            albums=albums.get(asset_id, ()),
            faces=tuple(_faces(dump, asset_id)),
            other_path=f"{path.rpartition('/')[0]}/{name}" if name else None,
        )


def _collected(file: Path) -> _Dump:
    dump = _Dump()
    counts: Counter[str] = Counter()
    for table, row in rows(file, _TABLES):
        counts[table] += 1
        if counts[table] > _MOST_ROWS:
            raise SourceError(
                f"{file} has more than {_MOST_ROWS:,} rows of {table}. Nothing was changed."
            )
        if table in ("asset", "assets"):
            if _is_kept(row):
                dump.assets[row.get("id") or ""] = row
        elif table in ("asset_exif", "exif"):
            dump.exif[row.get("assetId") or ""] = row
        elif table in ("album", "albums"):
            if row.get("deletedAt") is None:
                dump.albums[row.get("id") or ""] = row.get("albumName") or ""
        elif table == "person":
            _keep_name(dump, row)
        elif table in ("asset_face", "asset_faces"):
            if row.get("deletedAt") is None and row.get("isVisible") != "f":
                dump.faces.setdefault(row.get("assetId") or "", []).append(row)
        else:
            asset_id = row.get("assetsId") or row.get("assetId") or ""
            dump.in_albums.append((asset_id, row.get("albumsId") or row.get("albumId") or ""))
    return dump


def _is_kept(asset: Row) -> bool:
    """Return whether a photo is one that somebody sees: not in the bin, not half of a video."""
    return (
        asset.get("deletedAt") is None
        and asset.get("status") in (None, "active")
        and asset.get("visibility") != "hidden"
    )


def _keep_name(dump: _Dump, person: Row) -> None:
    name = person.get("name")
    if name:
        for key, own in _PERSON_KEYS.items():
            identity = person.get(own)
            if identity is not None:
                dump.names[(key, identity)] = name


def _faces(dump: _Dump, asset_id: str) -> Iterator[SourceFace]:
    """Yield the faces of a photo that have a name, as shares of the photo."""
    for face in dump.faces.get(asset_id, ()):
        named = (dump.names.get((key, face.get(key) or "")) for key in _PERSON_KEYS)
        name = next((each for each in named if each is not None), None)
        numbers = [face.get(key) or "" for key in ("imageWidth", "imageHeight", *_BOX)]
        if name is None or not all(each.removeprefix("-").isdecimal() for each in numbers):
            continue
        width, height, x1, y1, x2, y2 = (int(each) for each in numbers)
        if min(width, height) > 0 and x2 > x1 and y2 > y1:
            yield SourceFace(
                name,
                x1 / width,
                y1 / height,
                (x2 - x1) / width,
                (y2 - y1) / height,
                in_shares=True,
            )
