"""Reads from a file's header what its decoder reveals too late or not at all: size, work, kind.

JPEG: ITU-T T.81, annex B. JPEG XL: ISO/IEC 18181-1, section 4.2 (SizeHeader), and 18181-2 (boxes).
"""

from __future__ import annotations

import math
import re
from typing import BinaryIO, NamedTuple

from imgsearch.errors import PhotoError, Reason

# ---------------------------------------------------------------------------- JPEG

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SEQUENTIAL_FRAMES = (0xC0, 0xC1)
_JPEG_START_OF_SCAN = 0xDA
_JPEG_MAX_SEGMENTS = 2000  # before the first scan; a real file has a few dozen


class JpegWork(NamedTuple):
    """The cost of decoding a JPEG beyond an ordinary one, in megapixels."""

    held: float  # kept in memory at once
    scanned: float  # decoded in all scans together


def jpeg_work(file: BinaryIO) -> JpegWork:
    """Return the work of decoding a JPEG. (0, 0) for an ordinary one, which is decoded as a stream.

    A progressive one keeps all coefficients in memory, and each of its scans, however short in the
    file, goes over the whole image.
    """
    frame, width_px, height_px, components, at = 0, 0, 0, 0, 2
    for _ in range(_JPEG_MAX_SEGMENTS):
        file.seek(at)
        head = file.read(11)
        if len(head) < 5 or head[0] != 0xFF:
            return JpegWork(0.0, 0.0)  # damaged: its decoder will report how
        marker = head[1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_FRAMES and len(head) >= 10:
            frame, components = marker, head[9]
            height_px, width_px = (int.from_bytes(head[i : i + 2], "big") for i in (5, 7))
        if marker == _JPEG_START_OF_SCAN:
            if frame in _JPEG_SEQUENTIAL_FRAMES and head[4] >= components:
                return JpegWork(0.0, 0.0)
            megapixels = width_px * height_px / 1e6
            return JpegWork(megapixels, megapixels * _count_scans(file, at))
        at += 2 + int.from_bytes(head[2:4], "big")
    return JpegWork(math.inf, math.inf)  # far too many segments


def _count_scans(file: BinaryIO, at: int) -> int:
    """Count the scans that begin at `at` or later. Coded data has 0xFF only before 0 or RSTn."""
    file.seek(at)
    count, last_byte = 0, b""
    while block := file.read(1 << 20):
        count += (last_byte + block).count(b"\xff\xda")
        last_byte = block[-1:]
    return count


# ---------------------------------------------------------------------------- kinds not decoded

_ITEMS_BYTES = 1 << 20  # the list of items comes before the pixels
# An item's entry: version, flags, id, protection, type (ISO 14496-12, 8.11.6.2).
_ITEM_TYPE = re.compile(rb"infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2}(.{4})", re.DOTALL)
_DECODED_TYPES = {b"hvc1", b"av01"}
_OTHER_TYPES = {
    b"unci": "uncompressed",
    b"avc1": "AVC",
    b"vvc1": "VVC",
    b"evc1": "EVC",
    b"j2k1": "JPEG 2000",
    b"jpeg": "JPEG",
}


def undecoded_kind(file: BinaryIO) -> str | None:
    """Return the kind of a TIFF, HEIF or AVIF that no decoder reads; None for the other kinds.

    The decoders take such files for damaged ones.
    """
    file.seek(0)
    head = file.read(_ITEMS_BYTES)
    if head.startswith(b"MM\0+"):
        return "big-endian BigTIFF"
    if head[4:12] == b"ftypmif3":
        return "low-overhead form"
    types = set(_ITEM_TYPE.findall(head))
    if types & _DECODED_TYPES:
        return None
    return next((name for kind, name in _OTHER_TYPES.items() if kind in types), None)


# ---------------------------------------------------------------------------- JPEG XL

_JXL_MAX_BOXES = 64  # before the codestream; a real file has three or four
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def jpeg_xl_size(file: BinaryIO) -> tuple[int, int]:
    """Coded width and height in pixels, before orientation. Raises PhotoError without a header."""
    head = _jxl_codestream_head(file)
    if not head.startswith(b"\xff\x0a") or len(head) < 12:
        raise PhotoError(
            Reason.DAMAGED, "The JPEG XL has no image header; copy it again from its source."
        )
    bits = _BitReader(int.from_bytes(head[2:12], "little"))
    small = bits.take(1) == 1
    height = _jxl_side(bits, small)
    ratio = _JXL_RATIOS.get(bits.take(3))
    width = height * ratio[0] // ratio[1] if ratio else _jxl_side(bits, small)
    return width, height


def _jxl_side(bits: _BitReader, small: bool) -> int:
    if small:
        return 8 * (1 + bits.take(5))
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


class _BitReader:
    """Reads the bits of a number from its low end."""

    def __init__(self, number: int) -> None:
        self._number = number

    def take(self, count: int) -> int:
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        return value


def _jxl_codestream_head(file: BinaryIO) -> bytes:
    """Return the first 24 bytes of the codestream, bare or in a box; b"" where there is none."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"\xff\x0a"):
        return head + file.read(12)
    at = 12
    for _ in range(_JXL_MAX_BOXES):
        file.seek(at)
        box = file.read(16)
        size, kind = int.from_bytes(box[:4], "big"), box[4:8]
        start = 16 if size == 1 else 8
        if size == 1:
            size = int.from_bytes(box[8:16], "big")
        if kind in (b"jxlc", b"jxlp"):
            file.seek(at + start + (4 if kind == b"jxlp" else 0))
            return file.read(24)
        if size < start:
            break
        at += size
    return b""
