"""Reads the properties in Sigma's X3F files, which are pairs of texts (exiftool's `SigmaRaw`).

The last four bytes of the file say where its directory is. An entry of type PROP leads to a section
with a table of places, in characters, and the texts in UTF-16.
"""

from __future__ import annotations

import math
import os
import re
import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from imgsearch.decode.exif import lens_by_numbers
from imgsearch.decode.metadata import MetadataSource, camera_name, clean_text

_MAX_ENTRIES, _MAX_SECTION_BYTES = 100, 1 << 20
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read_x3f(file: BinaryIO) -> MetadataSource:
    """Return the facts in the properties of an X3F file.

    Never raises, whatever the bytes are; reading the file may raise OSError.
    """
    texts = _properties(_section(file, b"PROP"))

    def number(name: str) -> float | None:
        match = _NUMBER.fullmatch(texts.get(name, ""))
        return float(match[0]) if match else None

    taken_at = None
    with suppress(ValueError, OverflowError, OSError):  # seconds since 1970, in local time
        taken_at = datetime.fromtimestamp(int(texts.get("TIME", "")), UTC).replace(tzinfo=None)
    focal_mm = [float(text) for text in _NUMBER.findall(texts.get("LENSFRANGE", ""))]
    lens_range = (focal_mm[0], focal_mm[-1], math.nan, math.nan) if focal_mm else None
    return MetadataSource(
        "exif",
        {
            "taken_at": taken_at,
            "camera": camera_name(texts.get("CAMMANUF"), texts.get("CAMMODEL")),
            "lens": lens_by_numbers(lens_range),
            "exposure_s": number("SHUTTER"),
            "aperture": number("APERTURE"),
            "iso": number("ISO"),
            "focal_mm": number("FLENGTH"),
        },
    )


def _section(file: BinaryIO, kind: bytes) -> bytes:
    """Return the first section of this kind; b"" where there is none."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 4))
    file.seek(int.from_bytes(file.read(4), "little"))
    head = file.read(12)
    if len(head) < 12 or not head.startswith(b"SECd"):
        return b""
    table = file.read(12 * min(int.from_bytes(head[8:], "little"), _MAX_ENTRIES))
    for place in range(0, len(table) - 11, 12):
        offset, size_bytes, entry = struct.unpack_from("<II4s", table, place)
        if entry == kind:
            file.seek(offset)
            return file.read(min(size_bytes, _MAX_SECTION_BYTES))
    return b""


def _properties(section: bytes) -> dict[str, str]:
    if len(section) < 24 or not section.startswith(b"SECp"):
        return {}
    count = min(int.from_bytes(section[8:12], "little"), _MAX_ENTRIES)
    characters_at = 24 + 8 * int.from_bytes(section[8:12], "little")

    def text(place: int) -> str:
        start = characters_at + 2 * place
        return section[start : start + 256].decode("utf-16-le", "replace").split("\0")[0]

    places = [section[at : at + 8] for at in range(24, 24 + 8 * count, 8)]
    pairs = [struct.unpack("<II", place) for place in places if len(place) == 8]
    return {text(name): clean_text(text(value)) or "" for name, value in pairs}
