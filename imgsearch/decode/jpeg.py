"""What a JPEG will cost, read from its markers (ITU-T T.81, annex B) before it is decoded."""

from __future__ import annotations

from typing import BinaryIO

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1)
_START_OF_SCAN = 0xDA
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
    return 0.0, 0.0


def _scans(file: BinaryIO, at: int) -> int:
    """How many scans begin from `at` on. In coded data 0xFF is always followed by 0 or RSTn."""
    file.seek(at)
    count, last = 0, b""
    while block := file.read(1 << 20):
        count += (last + block).count(b"\xff\xda")
        last = block[-1:]
    return count
