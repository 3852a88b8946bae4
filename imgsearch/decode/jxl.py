"""The size of a JPEG XL image from its first bytes, which its decoder would only tell afterwards.

ISO/IEC 18181-1 section 4.2 (SizeHeader) and 18181-2 (boxes).
"""

from __future__ import annotations

from typing import BinaryIO

from imgsearch.errors import PhotoError, Reason

_MAX_BOXES = 64  # before the codestream; a real file has three or four
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def size_px(file: BinaryIO) -> tuple[int, int]:
    """Width and height as coded, before any turn. Raises PhotoError where there is no header."""
    head = _codestream_head(file)
    if not head.startswith(b"\xff\x0a") or len(head) < 12:
        raise PhotoError(Reason.DAMAGED, "The JXL has no image header.")
    bits = _Bits(int.from_bytes(head[2:12], "little"))
    small = bits.take(1) == 1
    height = _side(bits, small)
    ratio = _RATIOS.get(bits.take(3))
    width = height * ratio[0] // ratio[1] if ratio else _side(bits, small)
    return width, height


def _side(bits: _Bits, small: bool) -> int:
    if small:
        return 8 * (1 + bits.take(5))
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


class _Bits:
    """Reads a number's bits from its low end."""

    def __init__(self, number: int) -> None:
        self._number = number

    def take(self, count: int) -> int:
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        return value


def _codestream_head(file: BinaryIO) -> bytes:
    """The first bytes of the codestream, bare or in a box."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"\xff\x0a"):
        return head + file.read(12)
    at = 12
    for _ in range(_MAX_BOXES):
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
