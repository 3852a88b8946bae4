"""Reads albums, favourites, hidden photos and names of faces from the JSON of osxphotos.

`osxphotos query --json > photos.json` on a Mac writes what Apple Photos knows of all photos. The
place of a face is `mwg_rs_area`: its centre and its size, as shares of the upright photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from imgsearch.features.imports.records import SourceError, SourceFace, SourcePhoto

PROGRAM = "Apple Photos"
MOST_BYTES = 512_000_000
_NOBODY = "_UNKNOWN_"
_START_BYTES = 64


class _Area(Struct, frozen=True):
    """The place of a face: its centre and its size, from 0 to 1."""

    x: float
    y: float
    h: float
    w: float


class _Face(Struct, frozen=True):
    """A face of a photo."""

    name: str | None = None
    mwg_rs_area: _Area | None = None


class _Photo(Struct, frozen=True):
    """A photo, with the keys that are of interest here."""

    uuid: str
    original_filename: str
    original_filesize: int | None = None
    favorite: bool = False
    hidden: bool = False
    intrash: bool = False
    albums: tuple[str, ...] = ()
    face_info: tuple[_Face, ...] | None = None
    faces: tuple[_Face, ...] | None = None  # the key of earlier versions


def is_source(file: Path) -> bool:
    """Return whether a file begins as a list of objects in JSON does. Raises OSError."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        start = stream.read(_START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"[") and start[1:].lstrip()[:1] in (b"{", b"]")


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the photos of a file, in its order, which is the order in their albums.

    Raises SourceError for one that is too large, or is not of osxphotos.
    """
    if file.stat().st_size > MOST_BYTES:
        raise SourceError(
            f"{file} has more than {MOST_BYTES / 1e6:,.0f} MB. Let osxphotos write one file for "
            "each album or year: osxphotos query --album NAME --json"
        )
    try:
        photos = msgspec.json.decode(file.read_bytes(), type=list[_Photo])
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise SourceError(
            f"{file} is not what osxphotos writes ({error}). Nothing was changed. On the Mac: "
            "osxphotos query --json > photos.json"
        ) from error
    for place, photo in enumerate(photos, 1):
        if photo.intrash:
            continue
        yield SourcePhoto(
            photo.original_filename.replace("\\", "/"),
            photo.original_filesize or None,
            favourite=photo.favorite,
            hidden=photo.hidden,
            albums=tuple((name, place) for name in photo.albums if name.strip()),
            faces=tuple(_faces(photo)),
        )


def _faces(photo: _Photo) -> Iterator[SourceFace]:
    for face in photo.face_info or photo.faces or ():
        area = face.mwg_rs_area
        if area is not None and face.name and face.name != _NOBODY and min(area.w, area.h) > 0:
            yield SourceFace(
                face.name,
                area.x - area.w / 2,
                area.y - area.h / 2,
                area.w,
                area.h,
                in_shares=True,
            )
