"""Reads the dozen EXIF tags that imgsearch keeps.

A small reader of our own and not a library's, because anything may have written the metadata: here
no input raises, warns, loops or takes much memory, and a value that makes no sense is unknown.
Tags and types: CIPA DC-008 (Exif 2.32), sections 4.6.2 to 4.6.6.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct, field

from imgsearch.decode.canon_notes import CanonNotes, read_canon_notes
from imgsearch.decode.iptc import iptc_in_resources
from imgsearch.decode.metadata import (
    MetadataSource,
    camera_name,
    clean_text,
    merge_metadata,
)
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.photo import Facts

Value = str | bytes | tuple[float, ...]
Directory = Mapping[int, Value]

_MAKE, _MODEL, _ORIENTATION, _DATE_TIME = 0x010F, 0x0110, 0x0112, 0x0132
_SUBFILE, _SUB_IFDS, _DNG_VERSION = 0x00FE, 0x014A, 0xC612
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_ORIGINAL = (0x9003, 0x9011, 0x9291)  # date and time, offset from UTC, fraction of a second
_DIGITISED = (0x9004, 0x9012, 0x9292)
_CHANGED = (_DATE_TIME, 0x9010, 0x9290)
_LENS_MODEL, _LENS_RANGE, _MAKER_NOTES = 0xA434, 0xA432, 0x927C
_EXPOSURE_TIME, _F_NUMBER, _FOCAL_LENGTH = 0x829A, 0x829D, 0x920A
_ISO, _ISO_INDEX = 0x8827, 0x8832  # the second where the first cannot hold the value
_FLASH = 0x9209
_SHUTTER_SPEED_APEX, _APERTURE_APEX = 0x9201, 0x9202
APPLE_MAKER_NOTE = b"Apple iOS\0"  # an iPhone's maker note begins with this
_APPLE_IDENTIFIER, _APPLE_DIRECTORY_AT = 0x0011, 14
_RECONYX = b"\x01\xf1"  # begins the notes of a trail camera
_RATING, _KEYWORDS = 0x4746, 0x9C9E  # Microsoft's
_XMP, _IPTC, _PHOTOSHOP = 0x02BC, 0x83BB, 0x8649
_LATITUDE, _LONGITUDE = (2, 1, 90.0, "NS"), (4, 3, 180.0, "EW")  # value, reference, limit, signs
# The tags whose values are read; all others are skipped.
_READ_TAGS = frozenset(
    {
        *(_MAKE, _MODEL, _ORIENTATION, _EXIF_IFD, _GPS_IFD, _INTEROP_IFD, _LENS_MODEL, _LENS_RANGE),
        *(_RATING, _KEYWORDS, _XMP, _IPTC, _PHOTOSHOP, _SUBFILE, _SUB_IFDS, _DNG_VERSION),
        _APPLE_IDENTIFIER,
        *(*_ORIGINAL, *_DIGITISED, *_CHANGED),
        *(_EXPOSURE_TIME, _F_NUMBER, _FOCAL_LENGTH, _ISO, _ISO_INDEX),
        *(_SHUTTER_SPEED_APEX, _APERTURE_APEX, _FLASH),
        *(1, 2, 3, 4),  # in the GPS directory; 1 also in that of interoperability
        *(fact.exif_tag for fact in installed.facts().values()),
    }
)

# type -> bytes of one value, struct code; a rational is a pair
_TYPES = {1: (1, "B"), 2: (1, "s"), 3: (2, "H"), 4: (4, "I"), 5: (8, "II"), 9: (4, "i"),
          10: (8, "ii"), 13: (4, "I")}  # fmt: skip
_TIFF_HEADER = re.compile(rb"II\*\0|MM\0\*")
_MAX_HEADER_AT = 24  # "Exif" may stand before it, once or twice, or the length of a box
_CANON_HEAD_BYTES = 1 << 16
_MAX_BLOCK_BYTES = 16 << 20
_MAX_NOTES_BYTES = 1 << 17
_MAX_VALUE_BYTES = 1024  # a longer value is not a name, a date or a coordinate
_MAX_BYTES_OF = {_XMP: 4 << 20, _IPTC: 1 << 20, _PHOTOSHOP: 16 << 20, _KEYWORDS: 1 << 16}

_NOTHING = MetadataSource("exif", {})

# Some cameras write a blank for a leading zero, no seconds, or no time at all; some phones a
# fraction and an offset behind the time.
_EXIF_DATE = re.compile(
    r"\s*(\d{4})\D([ \d]\d)\D([ \d]\d)"
    r"(?:[ T]\s?(\d?\d):([ \d]\d)(?::([ \d]\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?|\s*$)"
)
_OFFSET = re.compile(r"\s*([+-])(\d\d):?(\d\d)\s*$")


class Exif(Struct, frozen=True):
    """The facts in one EXIF block.

    `orientation` is 1 to 8 (1 upright). `adobe_rgb` is set when the camera says so without
    embedding a profile (interoperability index R03). `xmp` and `iptc` are the blocks that a TIFF,
    and so a RAW file, keeps among its tags. `shot` is what the camera wrote when it took the photo.
    `fallback` is what counts only where no other source knows better: what Canon's notes say, a
    lens by its numbers, the rating, keywords, and the time of the file's last change, if a camera
    wrote that.
    `has_maker_notes` is set where the camera's maker has added data of its own.
    """

    orientation: int = 1
    adobe_rgb: bool = False
    has_maker_notes: bool = False
    xmp: bytes | None = None
    iptc: bytes | None = None
    shot: MetadataSource = _NOTHING
    fallback: MetadataSource = _NOTHING

    def facts(
        self, format_name: str, size_px: tuple[int, int], others: Sequence[MetadataSource] = ()
    ) -> Facts:
        """Return the facts of a photo whose upright size is `size_px` (width, height).

        The camera's own data counts first, then the other sources in their order.
        """
        return merge_metadata(Facts(format_name, *size_px), [self.shot, *others, self.fallback])

    def names_lens(self, others: Sequence[MetadataSource] = ()) -> bool:
        """Return whether the camera's data or another source has a name for the lens."""
        return any("lens" in source.facts for source in (self.shot, *others))


def read_exif(block: bytes | BinaryIO | None) -> Exif:
    """Read an EXIF block, or a whole TIFF file.

    Never raises, whatever the bytes are; reading the file may raise OSError.
    """
    if not block:
        return Exif()
    if isinstance(block, bytes):
        header = _TIFF_HEADER.search(block[:_MAX_HEADER_AT])
        block = BytesIO(block[header.start() if header else 0 :])
    return _exif(_directories(block))


def read_canon_boxes(file: BinaryIO) -> Exif:
    """Read the EXIF of a Canon CR3, whose directories are separate TIFF files, each in a box."""
    file.seek(0)
    head = file.read(_CANON_HEAD_BYTES)
    directories = []
    for name in (b"CMT1", b"CMT2", b"CMT4"):
        at = head.find(name)
        size_bytes = int.from_bytes(head[at - 4 : at], "big") if at >= 4 else 0
        directories.append(_first_directory(BytesIO(head[at + 4 : at - 4 + size_bytes])))
    top, photo, gps = directories
    return _exif(_Directories(top, photo, gps))


def read_minolta_blocks(file: BinaryIO) -> Exif:
    """Read the EXIF of a Minolta MRW, which is in the block TTW.

    Each block has a name of four bytes, and its size in four bytes.
    """
    file.seek(4)
    end = 8 + int.from_bytes(file.read(4), "big")
    while file.tell() < end:
        name, size_bytes = file.read(4), int.from_bytes(file.read(4), "big")
        if name == b"\0TTW":
            return read_exif(file.read(min(size_bytes, _MAX_BLOCK_BYTES)))
        if len(name) < 4:
            break
        file.seek(size_bytes, os.SEEK_CUR)
    return Exif()


def read_apple_note(note: bytes) -> str | None:
    """Return the identifier that an iPhone gives a photo and its video, from its maker note."""
    order = ">" if note[12:14] == b"MM" else "<"
    return _text(_directory(BytesIO(note), order, _APPLE_DIRECTORY_AT).get(_APPLE_IDENTIFIER))


def is_raw(file: BinaryIO) -> bool:
    """Return whether a TIFF is a camera's RAW file: a DNG, or its first image is a small copy."""
    top = _first_directory(file)
    return _DNG_VERSION in top or (_number(top.get(_SUBFILE)) == 1 and _SUB_IFDS in top)


def _exif(found: _Directories) -> Exif:
    # Some programs and RAW files have the photo's tags in the main directory, as TIFF/EP does.
    top, photo, gps = found.top, {**found.top, **found.photo}, found.gps
    orientation, rating = _number(top.get(_ORIENTATION)), _number(top.get(_RATING))
    keywords = top.get(_KEYWORDS)
    shot = MetadataSource(
        "exif",
        {
            "taken_at": _date(photo, photo, *_ORIGINAL)
            or _date(photo, photo, *_DIGITISED)
            or _date_of_trail_camera(found.notes),
            "camera": camera_name(_text(top.get(_MAKE)), _text(top.get(_MODEL))),
            "lens": _text(photo.get(_LENS_MODEL)),
            "lat": _degrees(gps, *_LATITUDE),
            "lon": _degrees(gps, *_LONGITUDE),
            **_exposure(photo),
            "flash": _flash(_number(photo.get(_FLASH))),
            **_facts_of_features(photo),
        },
    )
    by_camera = "camera" in shot.facts  # else a program wrote the time of the last change
    canon = CanonNotes()
    if (_text(top.get(_MAKE)) or "").startswith("Canon"):
        canon = read_canon_notes(found.notes, found.notes_at, found.order)
    canon_range = (*canon.focal_range_mm, math.nan, math.nan) if canon.focal_range_mm else None
    fallback = MetadataSource(
        "exif",
        {
            "taken_at": _date(top, photo, *_CHANGED) if by_camera else None,
            "lens": clean_text(canon.lens)
            or lens_by_numbers(photo.get(_LENS_RANGE))
            or lens_by_numbers(canon_range),
            "iso": canon.iso,
            "rating": int(rating) if rating is not None and 0 < rating <= 5 else None,
            "keywords": _split_keywords(keywords) if isinstance(keywords, bytes) else (),
        },
    )
    return Exif(
        orientation=int(orientation) if orientation and 1 <= orientation <= 8 else 1,
        adobe_rgb=_text(found.interop.get(1)) == "R03",
        has_maker_notes=bool(found.notes),
        xmp=_block(top.get(_XMP)),
        iptc=_block(top.get(_IPTC)) or iptc_in_resources(_block(top.get(_PHOTOSHOP)) or b""),
        shot=shot,
        fallback=fallback,
    )


# ---------------------------------------------------------------------------- directories


class _Directories(Struct, frozen=True):
    """The main directory, and those for the photo, its GPS position and its interoperability."""

    top: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)
    notes: bytes = b""  # those of the camera's maker
    notes_at: int = 0
    order: str = "<"


def _directories(file: BinaryIO) -> _Directories:
    order = _byte_order(file)
    top = _first_directory(file)
    photo = _directory(file, order, _number(top.get(_EXIF_IFD)))
    gps = _directory(file, order, _number(top.get(_GPS_IFD)))
    interop = _directory(file, order, _number(photo.get(_INTEROP_IFD)))
    notes_at, notes_bytes = (int(number) for number in photo.get(_MAKER_NOTES, (0, 0)))
    file.seek(notes_at)
    notes = file.read(min(notes_bytes, _MAX_NOTES_BYTES))
    return _Directories(top, photo, gps, interop, notes, notes_at, order)


def _first_directory(file: BinaryIO) -> Directory:
    order = _byte_order(file)
    file.seek(4)
    offset = file.read(4)
    if len(offset) < 4:
        return {}
    return _directory(file, order, struct.unpack(order + "I", offset)[0])


def _byte_order(file: BinaryIO) -> str:
    """Return the struct prefix for the file's byte order.

    "<" where the file has no valid header.
    """
    file.seek(0)
    return ">" if file.read(2) == b"MM" else "<"


def _directory(file: BinaryIO, order: str, offset: float | None) -> Directory:
    """Return the tags we read in the directory at `offset`.

    Links to further directories are ignored.
    """
    if offset is None or not offset > 0 or offset != int(offset):  # it may be NaN
        return {}
    file.seek(int(offset))
    head = file.read(2)
    count = struct.unpack(order + "H", head)[0] if len(head) == 2 else 0
    table = file.read(12 * count)
    found: dict[int, Value] = {}
    for at in range(0, len(table) - 11, 12):
        tag, kind, length, inline = struct.unpack_from(order + "HHI4s", table, at)
        if tag == _MAKER_NOTES and length > len(inline):
            found[tag] = (struct.unpack(order + "I", inline)[0], length)  # where they are
        elif tag in _READ_TAGS and tag not in found:
            value = _value(file, order, tag, kind, length, inline)
            if value is not None:
                found[tag] = value
    return found


def _value(
    file: BinaryIO, order: str, tag: int, kind: int, length: int, data: bytes
) -> Value | None:
    """Return the value of one entry.

    `data` is its last 4 bytes: the value itself, or its offset.
    """
    if kind not in _TYPES and not (kind == 7 and tag in _MAX_BYTES_OF):
        return None
    width, code = _TYPES.get(kind, (1, "B"))
    size_bytes = width * length
    if not 0 < size_bytes <= _MAX_BYTES_OF.get(tag, _MAX_VALUE_BYTES):
        return None
    if size_bytes > 4:
        file.seek(struct.unpack(order + "I", data)[0])
        data = file.read(size_bytes)
    if tag in _MAX_BYTES_OF:
        return data[:size_bytes]
    if kind == 2:
        return data[:size_bytes].split(b"\x00")[0].decode("utf-8", "replace")
    if len(data) < size_bytes:
        return None
    numbers = struct.unpack(order + code * length, data[:size_bytes])
    if len(code) == 1:
        return numbers
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(over / under if under else math.nan for over, under in pairs)


# ---------------------------------------------------------------------------- values


def _number(value: Value | None) -> float | None:
    return value[0] if isinstance(value, tuple) else None


def _exposure(photo: Directory) -> dict[str, object]:
    """Return exposure time, aperture, ISO and focal length.

    The APEX values (EXIF 3.0, annex C) count where the plain ones are missing or invalid: the
    exposure time is 2^-Tv seconds, the f-number is 2^(Av/2).
    """
    tv, av = _number(photo.get(_SHUTTER_SPEED_APEX)), _number(photo.get(_APERTURE_APEX))
    iso = _number(photo.get(_ISO))
    fallback = MetadataSource(
        "exif",
        {
            "exposure_s": 2.0**-tv if tv is not None and abs(tv) < 32 else None,
            "aperture": round(2.0 ** (av / 2), 1) if av is not None and abs(av) < 32 else None,
            "iso": _number(photo.get(_ISO_INDEX)),
        },
    )
    plain = MetadataSource(
        "exif",
        {
            "exposure_s": _number(photo.get(_EXPOSURE_TIME)),
            "aperture": _number(photo.get(_F_NUMBER)),
            "iso": None if iso == 0xFFFF else iso,  # all ones: too large for this tag
            "focal_mm": _number(photo.get(_FOCAL_LENGTH)),
        },
    )
    return {**fallback.facts, **plain.facts}


def _flash(bits: float | None) -> bool | None:
    """Return whether the flash fired: the lowest of seven bits.

    Of a larger number nothing is known.
    """
    return bool(int(bits) & 1) if bits is not None and 0 <= bits < 128 else None


def _facts_of_features(photo: Directory) -> dict[str, object]:
    """Return the facts that features read. A value that is none of them is no fact."""
    found: dict[str, object] = {}
    for name, fact in installed.facts().items():
        value = photo.get(fact.exif_tag)
        if value is not None:
            try:
                read = load(fact.read)(value)
            except (ValueError, TypeError, ArithmeticError, LookupError):
                continue  # of a damaged file, which may have any value
            if isinstance(read, fact.type):
                found[name] = clean_text(read) if isinstance(read, str) else read
    return found


def _text(value: Value | None) -> str | None:
    return clean_text(value) if isinstance(value, str) else None


def _block(value: Value | None) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _split_keywords(value: bytes) -> tuple[str, ...]:
    """Microsoft's keywords: UTF-16, with semicolons between them."""
    return tuple(value.decode("utf-16-le", "replace").rstrip("\0").split(";"))


def lens_by_numbers(value: Value | None) -> str | None:
    """Return a name for a lens without one: focal lengths and apertures, "18-70mm f/3.5-4.5".

    `value` is the shortest and longest focal length in mm, then the widest aperture at each.
    """
    if not isinstance(value, tuple) or len(value) != 4 or not 0 < value[0] <= value[1] < 10_000:
        return None
    lens = f"{_span(value[0], value[1])}mm"
    wide, long = value[2:]  # written as 0/0, and so not a number, where unknown
    return f"{lens} f/{_span(wide, long)}" if 0 < wide <= long < 100 else lens


def _span(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.3g}-{high:.3g}"


def _date(
    dates: Directory, offsets: Directory, date_tag: int, offset_tag: int, fraction_tag: int
) -> datetime | None:
    date, offset, fraction = dates.get(date_tag), offsets.get(offset_tag), offsets.get(fraction_tag)
    match = _EXIF_DATE.match(date) if isinstance(date, str) else None
    if match is None:
        return None
    *numbers, written_offset = match.groups()
    offset, zone = offset or written_offset, None
    if isinstance(offset, str) and offset.strip().upper() == "Z":
        zone = UTC
    elif isinstance(offset, str) and (sign := _OFFSET.match(offset)):
        minutes = int(sign[2]) * 60 + int(sign[3])
        if minutes <= 14 * 60:  # no place on Earth is further from UTC
            zone = timezone(timedelta(minutes=-minutes if sign[1] == "-" else minutes))
    digits = fraction.strip() if isinstance(fraction, str) else ""
    microseconds = int(digits[:6].ljust(6, "0")) if digits.isascii() and digits.isdigit() else 0
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    try:
        return datetime(year, month, day, hour, minute, second, microseconds, zone)
    except ValueError:
        return None


def _date_of_trail_camera(notes: bytes) -> datetime | None:
    """Return the date in the notes of a Reconyx HyperFire, its only one (exiftool's `Reconyx`)."""
    if not notes.startswith(_RECONYX) or len(notes) < 34:
        return None
    second, minute, hour, month, day, year = struct.unpack_from("<6H", notes, 22)
    with suppress(ValueError):
        return datetime(year, month, day, hour, minute, second)
    return None


def _degrees(
    gps: Directory, tag: int, reference_tag: int, limit: float, signs: str
) -> float | None:
    """Return signed degrees from degrees, minutes, seconds and a reference letter, up to `limit`.

    Without a reference the hemisphere is unknown, and so is the coordinate.
    """
    parts, reference = gps.get(tag), _text(gps.get(reference_tag))
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 3 or reference is None:
        return None
    letter = reference[0].upper()
    whole, *rest = parts
    parts = (whole, *(0.0 if math.isnan(part) else part for part in rest))  # 0/0: not given
    degrees = sum(part / 60.0**power for power, part in enumerate(parts))
    if letter not in signs or any(not part >= 0 for part in parts) or degrees > limit:
        return None
    return -degrees if letter == signs[1] else degrees
