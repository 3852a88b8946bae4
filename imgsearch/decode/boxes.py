"""Reads the boxes of ISO base media files: MP4, MOV, HEIF, AVIF, JPEG 2000, JPEG XL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

MAX_BOXES = 1000  # read in one box or file; a real one has a few dozen
_MAX_CONTENT_BYTES = 16 << 20


def boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield boxes from `at` to `end`: kind, start and end of the content (ISO 14496-12, 4.2)."""
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        size_bytes, start = int.from_bytes(head[:4], "big"), at + 8
        if size_bytes == 1:
            size_bytes, start = int.from_bytes(head[8:16], "big"), at + 16
        elif size_bytes == 0:
            size_bytes = end - at
        if len(head) < 8 or at + size_bytes < start or at + size_bytes > end:
            return
        yield head[4:8], start, at + size_bytes
        at += size_bytes


def box_content(file: BinaryIO, at: int, end: int, kind: bytes) -> bytes:
    """Return the content of the first box of this kind from `at` to `end`.

    B"" where there is none.
    """
    for box_kind, start, stop in boxes(file, at, end):
        if box_kind == kind:
            file.seek(start)
            return file.read(min(stop - start, _MAX_CONTENT_BYTES))
    return b""


def child_content(parent: bytes, kind: bytes) -> bytes:
    """Return the content of the first box of this kind in the content of another box."""
    return box_content(BytesIO(parent), 0, len(parent), kind)


def nested_content(file: BinaryIO, *kinds: bytes) -> bytes:
    """Return the content of the first box of the last kind, inside boxes of the kinds before it."""
    start, stop = 0, file.seek(0, os.SEEK_END)
    for kind in kinds[:-1]:
        inside = (box[1:] for box in boxes(file, start, stop) if box[0] == kind)
        start, stop = next(inside, (0, 0))
    return box_content(file, start, stop, kinds[-1])


def uuid_content(file: BinaryIO, identifier: bytes) -> bytes:
    """Return the content of the first box at the top of the file with this 16-byte identifier."""
    for kind, start, stop in boxes(file, 0, file.seek(0, os.SEEK_END)):
        if kind == b"uuid":
            file.seek(start)
            if file.read(16) == identifier:
                return file.read(min(stop - start - 16, _MAX_CONTENT_BYTES))
    return b""
