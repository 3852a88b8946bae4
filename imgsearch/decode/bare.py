"""Copies a photo without its metadata, for decoders that fail at metadata the pixels do not need.

Pillow refuses a JPEG, PNG or AVIF for some damage in its metadata. Only then are these copies made.
"""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from typing import BinaryIO

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from imgsearch.decode.formats import AVIF, JPEG, PNG, ImageFormat


def without_metadata(file: BinaryIO, image_format: ImageFormat) -> BinaryIO | None:
    """A copy of the file that gives the same pixels and has no metadata.

    None where that would make no difference. A valid colour profile stays.
    """
    copiers = {JPEG: _bare_jpeg, PNG: _bare_png, AVIF: _bare_avif}
    copy = copiers.get(image_format)
    if copy is None:
        return None
    file.seek(0)
    whole = file.read()
    bare = copy(whole)
    return None if bare == whole else BytesIO(bare)


_APPLICATION_SEGMENTS, _COMMENT, _START_OF_SCAN = range(0xE0, 0xF0), 0xFE, 0xDA
# What an application segment begins with if the pixels need it, and its least size in bytes.
_JPEG_KEPT = ((b"ICC_PROFILE\0", 14), (b"Adobe", 12))


def _bare_jpeg(data: bytes) -> bytes:
    """The JPEG without application segments and comments (ITU-T T.81, annex B)."""
    parts, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data) and data[at + 1] != _START_OF_SCAN:
        marker, size_bytes = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # the first 0xFF was a fill byte
            at += 1
            continue
        content = data[at + 4 : at + 2 + size_bytes]
        is_kept = any(
            content.startswith(start) and len(content) >= least for start, least in _JPEG_KEPT
        )
        if is_kept or (marker not in _APPLICATION_SEGMENTS and marker != _COMMENT):
            parts.append(data[at : at + 2 + size_bytes])
        at += 2 + size_bytes
    return b"".join([*parts, data[at:]])


_PNG_SIGNATURE_BYTES = 8
_PNG_KEPT = (b"tRNS", b"iCCP", b"cICP")


def _bare_png(data: bytes) -> bytes:
    """The PNG with its critical chunks, and those for colours that Pillow accepts."""
    parts, at = [data[:_PNG_SIGNATURE_BYTES]], _PNG_SIGNATURE_BYTES
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        is_critical = kind[:1].isupper()
        if is_critical or (kind in _PNG_KEPT and _is_accepted(data[at:end])):
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def _is_accepted(chunk: bytes) -> bool:
    """Whether the checksum is right and a colour profile is not too large."""
    kind, content = chunk[4:8], chunk[8:-4]
    if zlib.crc32(kind + content) != int.from_bytes(chunk[-4:], "big"):
        return False
    if kind != b"iCCP":
        return True
    _, _, compressed = content.partition(b"\0")
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(compressed[1:], MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return compressed[:1] == b"\0" and not unpacking.unconsumed_tail


# An entry in the list of items: version, flags, id, protection; then the type.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)


def _bare_avif(data: bytes) -> bytes:
    """The AVIF with its EXIF marked as an item of unknown type, so that no offset changes."""
    return _EXIF_ITEM.sub(rb"\1none", data)
