"""Reads the lens and the sensitivity from Canon's maker notes (exiftool's `Canon`).

Of all makers' notes only these are read here and not by exiv2: they are the most frequent ones, and
exiv2 misreads those that a program has moved within the file, as many have.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

_SETTINGS, _SHOT, _LENS_MODEL = 0x0001, 0x0004, 0x0095
_BYTES_OF_TYPE = {_SETTINGS: 2, _SHOT: 2, _LENS_MODEL: 1}
_MAX_ENTRIES, _MAX_VALUES = 200, 1000
# Places among the settings, and in the data of the shot.
_ISO, _LONGEST, _SHORTEST, _FOCAL_UNITS = 16, 23, 24, 25
_ADDED_ISO, _BASE_ISO = 1, 2
_ISO_BY_NUMBER = {16: 50.0, 17: 100.0, 18: 200.0, 19: 400.0, 20: 800.0}
_PLAIN_ISO, _NO_ISO = 0x4000, 0x7FFF


class CanonNotes(NamedTuple):
    """The content of Canon's notes: None where unknown. `focal_range_mm` is (shortest, longest)."""

    lens: str | None = None
    focal_range_mm: tuple[float, float] | None = None
    iso: float | None = None


def read_canon_notes(notes: bytes, at: int, order: str) -> CanonNotes:
    """Read the notes that lie `at` this offset of the EXIF block; `order` is a struct prefix.

    Never raises, whatever the bytes are.
    """
    # The last eight bytes are a TIFF header with the offset that the notes had in the camera.
    if notes[-8:-4] in (b"II*\0", b"MM\0*"):
        order = "<" if notes[-8:-6] == b"II" else ">"
        at = struct.unpack(order + "I", notes[-4:])[0]
    values = _values(notes, at, order)
    settings, shot = (_numbers(values.get(tag, b""), order) for tag in (_SETTINGS, _SHOT))
    lens = values.get(_LENS_MODEL, b"").split(b"\0")[0].decode("latin-1")
    return CanonNotes(lens or None, _focal_range_mm(settings), _iso(settings, shot))


def _values(notes: bytes, at: int, order: str) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    count = struct.unpack(order + "H", notes[:2])[0] if len(notes) >= 2 else 0
    for place in range(2, 2 + 12 * min(count, _MAX_ENTRIES), 12):
        entry = notes[place : place + 12]
        if len(entry) < 12:
            break
        tag, _, length, offset = struct.unpack(order + "HHII", entry)
        if tag in _BYTES_OF_TYPE and 4 < length <= _MAX_VALUES:
            start = offset - at
            if start >= 0:
                values[tag] = notes[start : start + length * _BYTES_OF_TYPE[tag]]
    return values


def _numbers(value: bytes, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{len(value) // 2}H", value[: len(value) // 2 * 2])


def _focal_range_mm(settings: tuple[int, ...]) -> tuple[float, float] | None:
    if len(settings) <= _FOCAL_UNITS or not settings[_FOCAL_UNITS]:
        return None
    units = settings[_FOCAL_UNITS]
    return round(settings[_SHORTEST] / units, 1), round(settings[_LONGEST] / units, 1)


def _iso(settings: tuple[int, ...], shot: tuple[int, ...]) -> float | None:
    """Return the chosen sensitivity; where that was automatic, what the camera made of it."""
    chosen = settings[_ISO] if len(settings) > _ISO else 0
    if chosen & _PLAIN_ISO and chosen != _NO_ISO:
        return float(chosen & ~_PLAIN_ISO)
    if chosen in _ISO_BY_NUMBER:
        return _ISO_BY_NUMBER[chosen]
    if len(shot) <= _BASE_ISO or not shot[_BASE_ISO]:
        return None
    stops = (shot[_BASE_ISO] + shot[_ADDED_ISO]) / 32 - 5  # both are logarithms, in 1/32
    return 100 * math.pow(2, stops) if stops < 20 else None
