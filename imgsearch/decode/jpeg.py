"""What a JPEG or JPEG 2000 will cost, read from its markers before it is decoded.

ITU-T T.81, annex B; ITU-T T.800, annex A.
"""

from __future__ import annotations

import math
from typing import BinaryIO

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1)
_START_OF_SCAN = 0xDA
_JPEG2000_HEADER_BYTES = 1 << 16
_MAX_SEGMENTS = 2000  # before the first scan; a real file has a few dozen


def buffered_work(file: BinaryIO) -> tuple[float, float]:
    """Megapixels held in memory at once, and megapixels gone over in all scans together.

    An ordinary JPEG streams and needs neither: (0, 0). A progressive one holds all coefficients,
    and every scan, however short in the file, goes over the whole image.
    """
    frame, width_px, height_px, components, at = 0, 0, 0, 0, 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        head = file.read(11)
        if len(head) < 5 or head[0] != 0xFF:
            return 0.0, 0.0  # the decoder will say what is wrong
        marker = head[1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES and len(head) >= 10:
            frame, components = marker, head[9]
            height_px, width_px = (int.from_bytes(head[i : i + 2], "big") for i in (5, 7))
        if marker == _START_OF_SCAN:
            if frame in _SEQUENTIAL and head[4] >= components:
                return 0.0, 0.0
            megapixels = width_px * height_px / 1e6
            return megapixels, megapixels * _scans(file, at)
        at += 2 + int.from_bytes(head[2:4], "big")
    return math.inf, math.inf  # segments without end


def _scans(file: BinaryIO, at: int) -> int:
    """How many scans begin from `at` on. In coded data 0xFF is always followed by 0 or RSTn."""
    file.seek(at)
    count, last = 0, b""
    while block := file.read(1 << 20):
        count += (last + block).count(b"\xff\xda")
        last = block[-1:]
    return count


def halvings_of_jpeg2000(file: BinaryIO) -> int:
    """How often the sides of a JPEG 2000 can be halved while it is decoded, saving that work."""
    file.seek(0)
    head = file.read(_JPEG2000_HEADER_BYTES)
    at = head.find(b"\xff\x52\x00")  # COD: a length of 2 bytes, then 5 bytes, then the levels
    return min(head[at + 9], 32) if 0 <= at < len(head) - 9 else 0
