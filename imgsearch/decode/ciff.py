"""Reads CIFF, in which Canon kept metadata before EXIF: in CRW files, and in the first PowerShots.

A heap of values is followed by the directory that describes it; its position is in the last four
bytes of the heap. Values of up to eight bytes are in the directory itself, and heaps nest (Canon,
CIFF specification 1.0).
"""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from typing import BinaryIO

from imgsearch.decode.metadata import MetadataSource, camera_name

_IN_DIRECTORY, _TAG, _KIND = 0x4000, 0x3FFF, 0x3800  # bits of an entry's first number
_HEAPS = (0x2800, 0x3000)
_MAKE_AND_MODEL, _CAPTURED, _EXPOSURE = 0x080A, 0x180E, 0x1818
_FOCAL_LENGTH, _BASE_ISO, _SETTINGS = 0x1029, 0x101C, 0x102D
_READ_TAGS = {_MAKE_AND_MODEL, _CAPTURED, _EXPOSURE, _FOCAL_LENGTH, _BASE_ISO, _SETTINGS}
_FOCAL_UNITS_AT = 25  # among the settings: how many units a millimetre has
_MAX_HEAPS, _MAX_ENTRIES, _MAX_VALUE_BYTES = 50, 500, 256


def read_ciff(file: BinaryIO) -> MetadataSource:
    """Return the facts in a CRW file, or in the segment of a JPEG.

    Never raises, whatever the bytes are; reading the file may raise OSError.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[6:] != b"HEAP" or head[:2] not in (b"II", b"MM"):
        return MetadataSource("exif", {})
    order = "<" if head[:2] == b"II" else ">"
    values = _values(file, order, struct.unpack_from(order + "I", head, 2)[0], end)

    def number(tag: int, code: str, at: int = 0) -> float | None:
        """Return a number of a value that consists of several of one kind."""
        place = at * struct.calcsize(code)
        part = values.get(tag, b"")[place : place + struct.calcsize(code)]
        return struct.unpack(order + code, part)[0] if len(part) == struct.calcsize(code) else None

    make, _, model = values.get(_MAKE_AND_MODEL, b"").partition(b"\0")
    seconds, focal = number(_CAPTURED, "I"), number(_FOCAL_LENGTH, "H", 1)
    tv, av = number(_EXPOSURE, "f", 1), number(_EXPOSURE, "f", 2)  # logarithms, as in EXIF's APEX
    # Since 1970, in local time.
    taken_at = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) if seconds else None
    return MetadataSource(
        "exif",
        {
            "taken_at": taken_at,
            "camera": camera_name(_text(make), _text(model)),
            "exposure_s": 2.0**-tv if tv is not None and abs(tv) < 32 else None,
            "aperture": round(2.0 ** (av / 2), 1) if av is not None and abs(av) < 32 else None,
            "focal_mm": (focal or 0) / (number(_SETTINGS, "H", _FOCAL_UNITS_AT) or 1),
            "iso": number(_BASE_ISO, "H"),
        },
    )


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode("latin-1")


def _values(file: BinaryIO, order: str, heap_start: int, heap_end: int) -> dict[int, bytes]:
    """Return the tags we read in a heap and in those inside it; the first value of each counts."""
    found: dict[int, bytes] = {}
    heaps = [(heap_start, heap_end)]
    for start, end in heaps:
        if end - start < 6:
            continue
        file.seek(end - 4)
        (offset,) = struct.unpack(order + "I", file.read(4).ljust(4, b"\0"))
        file.seek(start + offset)
        (count,) = struct.unpack(order + "H", file.read(2).ljust(2, b"\0"))
        table = file.read(10 * min(count, _MAX_ENTRIES))
        for place in range(0, len(table) - 9, 10):
            kind, size_bytes, offset = struct.unpack_from(order + "HII", table, place)
            tag, inside = kind & _TAG, start + offset
            if kind & _IN_DIRECTORY:
                value = table[place + 2 : place + 10]
            elif tag in _READ_TAGS and size_bytes <= _MAX_VALUE_BYTES:
                file.seek(inside)
                value = file.read(size_bytes)
            elif kind & _KIND in _HEAPS and len(heaps) < _MAX_HEAPS:
                heaps.append((inside, min(inside + size_bytes, end)))
                continue
            else:
                continue
            if tag in _READ_TAGS:
                found.setdefault(tag, value)
    return found
