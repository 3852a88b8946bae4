"""Copies a photo without what a decoder refuses, though the pixels do not need it.

Pillow refuses a JPEG, PNG or AVIF for some damage in its metadata. Only then are these copies made.
"""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from typing import BinaryIO

from PIL.PngImagePlugin import MAX_TEXT_CHUNK, MAX_TEXT_MEMORY

from imgsearch.decode.formats import AVIF, JPEG, PNG, ImageFormat


def without_refused_parts(file: BinaryIO, image_format: ImageFormat) -> BinaryIO | None:
    """Return a copy of the file that gives the same pixels and has nothing that Pillow refuses.

    A JPEG and an AVIF lose their metadata, but for a valid colour profile; a PNG keeps its own.
    None where a copy would make no difference.
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
    """Return the JPEG without application segments and comments (ITU-T T.81, annex B)."""
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
_PNG_COLOURS = (b"tRNS", b"iCCP", b"cICP")
_PNG_METADATA = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_MAX_METADATA_BYTES = MAX_TEXT_MEMORY // 2  # of a PNG, unpacked: Pillow refuses more


def _bare_png(data: bytes) -> bytes:
    """Return the PNG with its critical chunks, and the ones for colours that Pillow accepts.

    Metadata is read in spite of a wrong checksum: its readers take anything.
    """
    parts, at, metadata_bytes = [data[:_PNG_SIGNATURE_BYTES]], _PNG_SIGNATURE_BYTES, 0
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, chunk = data[at + 4 : at + 8], data[at:end]
        at = end
        if kind in _PNG_METADATA:
            metadata_bytes += MAX_TEXT_CHUNK if kind in _COMPRESSED else len(chunk)
            if metadata_bytes > _MAX_METADATA_BYTES or end > len(data):
                continue
            chunk = chunk[:-4] + zlib.crc32(chunk[4:-4]).to_bytes(4, "big")
        is_needed = kind[:1].isupper() or kind in (*_PNG_COLOURS, *_PNG_METADATA)
        if is_needed and (kind[:1].isupper() or _is_accepted(chunk)):
            parts.append(chunk)
    return b"".join(parts)


_COMPRESSED = {  # what is before the method and the data of a chunk that is compressed
    b"iCCP": re.compile(rb"[^\0]*\0", re.DOTALL),
    b"zTXt": re.compile(rb"[^\0]*\0", re.DOTALL),
    b"iTXt": re.compile(rb"[^\0]*\0[^\0]", re.DOTALL),
}


def _is_accepted(chunk: bytes) -> bool:
    """Return whether the checksum is right, and compressed data unpack to a fair size."""
    kind, content = chunk[4:8], chunk[8:-4]
    if zlib.crc32(kind + content) != int.from_bytes(chunk[-4:], "big"):
        return False
    before = _COMPRESSED[kind].match(content) if kind in _COMPRESSED else None
    if before is None:  # a text in iTXt need not be compressed
        return kind not in (b"iCCP", b"zTXt")
    method, compressed = content[before.end() : before.end() + 1], content[before.end() + 1 :]
    if kind == b"iTXt":  # a language and a translated name come first
        compressed = compressed.split(b"\0", 2)[-1]
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(compressed, MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return method == b"\0" and not unpacking.unconsumed_tail


# An entry in the list of items: version, flags, id, protection; then the type.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)


def _bare_avif(data: bytes) -> bytes:
    """Return the AVIF with its EXIF marked as an item of unknown type; no offset changes."""
    return _EXIF_ITEM.sub(rb"\1none", data)
