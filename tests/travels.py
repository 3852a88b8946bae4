"""Photos of 2008, 2012 and 2015, in Italy, Australia and elsewhere, with files that state so."""

from __future__ import annotations

import os
import shutil
import zlib
from datetime import datetime
from pathlib import Path

from tests.factories import write_photo

AREZZO, FLORENCE, SYDNEY = (43.46446, 11.88148), (43.7793, 11.2463), (-33.8688, 151.2093)
FIJI = (-18.1416, 178.4419)
ATLANTIC = (45.0, -30.0)
FILE_DATE = datetime(2012, 3, 4, 12)


def write_taken(
    path: Path,
    taken_at: str | None = None,
    at: tuple[float, float] | None = None,
    **names: str,
) -> Path:
    """Write a photo of its own content, and an XMP file beside it, see `state_beside`.

    The file is of 2012.
    """
    write_photo(path, zlib.crc32(path.name.encode()) % 251**2)
    state_beside(path, taken_at, at, **names)
    os.utime(path, (FILE_DATE.timestamp(), FILE_DATE.timestamp()))
    return path


def state_beside(
    path: Path,
    taken_at: str | None = None,
    at: tuple[float, float] | None = None,
    **names: str,
) -> None:
    """Write an XMP file beside a photo that states when and where it was taken.

    `names` are properties of the namespace "photoshop", such as Country.
    """
    stated = {f"photoshop:{name}": value for name, value in names.items()}
    if taken_at is not None:
        stated["photoshop:DateCreated"] = taken_at
    if at is not None:
        lat, lon = at
        stated["exif:GPSLatitude"] = f"{int(abs(lat))},{abs(lat) % 1 * 60:.6f}{'NS'[lat < 0]}"
        stated["exif:GPSLongitude"] = f"{int(abs(lon))},{abs(lon) % 1 * 60:.6f}{'EW'[lon < 0]}"
    attributes = " ".join(f'{name}="{value}"' for name, value in stated.items())
    path.with_suffix(".xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF '
        'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        f'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {attributes}/></r:RDF></x:xmpmeta>'
    )


def write_travels(folder: Path) -> Path:
    """Write seven photos, one of them twice."""
    write_taken(folder / "a1.png", "2008-10-22T16:28:39", AREZZO)
    write_taken(folder / "a2.png", "2008-10-22T23:59:59+02:00", AREZZO)
    write_taken(folder / "a3.png", "2008-12-31", FLORENCE)
    write_taken(folder / "s1.png", "2015-02-01T10:00:00", SYDNEY)
    write_taken(folder / "o1.png", "2015-02-02T10:00:00", ATLANTIC)
    write_taken(folder / "n1.png", "2015-11-05T10:00:00", Country="Italy")
    write_taken(folder / "f1.png")
    for suffix in (".png", ".xmp"):
        shutil.copy(folder / f"a1{suffix}", folder / f"copy of a1{suffix}")
    return folder
