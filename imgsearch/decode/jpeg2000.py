"""JPEG 2000 at a half, a quarter, an eighth … of its size (ITU-T T.800, annexes A and B)."""

from __future__ import annotations

from typing import BinaryIO, cast

from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

_HEADER_BYTES = 1 << 16


class Jpeg2000File(Jpeg2KImageFile):
    """Pillow's plug-in, with a reduced size that its decoder accepts.

    A side is rounded up each time it is halved (equation B-15). Pillow's own `reduce` rounds to
    the nearest number, and its decoder then refuses the image.
    """

    def halve(self, times: int) -> None:
        """Have the pixels decoded at 1 / 2^times of the size. Call it before `load`."""
        width_px, height_px = (-(-side_px >> times) for side_px in self.size)
        tile = self.tile[0]
        codec, _, layers, descriptor, length = cast("tuple[str, int, int, int, int]", tile.args)
        arguments = (codec, times, layers, descriptor, length)
        self._size = (width_px, height_px)
        self.tile = [tile._replace(extents=(0, 0, width_px, height_px), args=arguments)]


def possible_halvings(file: BinaryIO) -> int:
    """Return the number of times that a JPEG 2000 can be halved during decoding: 0 to 32."""
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    at = head.find(b"\xff\x52\x00")  # COD: a length of 2 bytes, then 5 bytes, then the levels
    return min(head[at + 9], 32) if 0 <= at < len(head) - 9 else 0
