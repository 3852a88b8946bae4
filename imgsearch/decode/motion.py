"""Which photos have a video of their own moment, and which images move themselves.

A motion photo has it inside its file: behind the image of a JPEG, in a box of a HEIC or AVIF
(Google's Motion Photo format 1.0, and Samsung's, which begins alike). It is looked for itself:
XMP goes on telling of a video that a messenger has cut off. Apple's Live Photo has it beside: a
.MOV of the same name, and both carry one identifier (QuickTime File Format, metadata keys).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from imgsearch.decode.exif import APPLE_NOTE, read_apple_note
from imgsearch.decode.files import opened
from imgsearch.decode.formats import (
    AVIF,
    GIF,
    HEAD_BYTES,
    HEIF,
    JPEG,
    PNG,
    WEBP,
    ImageFormat,
    format_of,
)
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts

INSIDE, BESIDE = "inside", "beside"

# How a video begins: an ISO base media file of one of the brands that phones write.
_VIDEO = re.compile(rb"ftyp(?:mp4[12]|isom|iso[2-6]|avc1|qt  |MSNV|3gp[4-7])")
_TOP_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"mpvd")
_BLOCK_BYTES = 1 << 20
_LONGEST_MATCH_BYTES = 8
_MAX_BOXES = 1000
_MAX_MOOV_BYTES = 16 << 20
_MAX_NOTE_AT_BYTES = 16 << 20  # how far into a photo its maker's note is looked for
_NOTE_BYTES = 1 << 16
_IDENTIFIER = b"com.apple.quicktime.content.identifier"
_LIVE = (JPEG.name, HEIF.name)


def has_video_inside(file: BinaryIO, family: ImageFormat) -> bool:
    """Whether a whole video lies in the file of this photo."""
    if family is JPEG:
        return _goes_on(file) and _has_video(file, 0)
    if family not in (HEIF, AVIF):
        return False
    behind = 0
    for kind, start, end in _boxes(file, 0, file.seek(0, os.SEEK_END)):
        if kind not in _TOP_BOXES:
            break
        behind = end
        file.seek(start)
        if kind == b"mpvd" and _VIDEO.search(file.read(min(end - start, 32))):
            return True
    return _has_video(file, behind)  # Samsung's older ones have it in a trailer that is no box


def has_frames(file: BinaryIO, family: ImageFormat, image: object) -> bool:
    """Whether this is an animation. Of a JPEG XL it is not known."""
    if family is GIF:  # to know, its second frame is read, which may be damaged
        from PIL.GifImagePlugin import GifImageFile

        file.seek(0)
        try:
            return bool(GifImageFile(file).is_animated)
        except Exception:  # noqa: BLE001  # on bad data a decoder may raise anything at all
            return False
    return family in (PNG, WEBP, AVIF) and bool(getattr(image, "is_animated", False))


def with_video_beside(facts: Facts, photo: Path) -> Facts:
    """The facts of the photo, which say so if it is one half of a Live Photo."""
    if facts.motion is not None or facts.format not in _LIVE:
        return facts
    return facts if live_video(photo) is None else replace(facts, motion=BESIDE)


def live_video(photo: Path) -> Path | None:
    """The video of a Live Photo: the .MOV of the same name beside it, unless it is another's.

    Where both tell an identifier, it decides; else the name does.
    """
    for suffix in (".MOV", ".mov"):
        video = photo.with_suffix(suffix)
        with suppress(PhotoError, OSError), opened(video) as file:
            file.seek(4)
            if file.read(4) not in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip"):
                continue
            with opened(photo) as still:
                identifiers = {_identifier_of_photo(still), _identifier_of_video(file)} - {None}
            return video if len(identifiers) < 2 else None
    return None


def still_of(video: Path) -> Path | None:
    """The still of a Live Photo whose moving half this video is; None where it stands alone."""
    for suffix in (".HEIC", ".JPG", ".heic", ".jpg", ".JPEG", ".jpeg"):
        still = video.with_suffix(suffix)
        with suppress(PhotoError, OSError):
            with opened(still) as file:
                family = format_of(file.read(HEAD_BYTES))
            beside = live_video(still) if family in (JPEG, HEIF) else None
            if beside is not None and beside.samefile(video):
                return still
    return None


def _goes_on(file: BinaryIO) -> bool:
    """Whether something follows a JPEG's end, whose last two bytes are always the same."""
    file.seek(-min(64, file.seek(0, os.SEEK_END)), os.SEEK_END)
    return not file.read().rstrip(b"\0").endswith(b"\xff\xd9")


def _has_video(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    last = b""
    while block := file.read(_BLOCK_BYTES):
        if _VIDEO.search(last + block):
            return True
        last = block[-_LONGEST_MATCH_BYTES:]
    return False


# ---------------------------------------------------------------------------- identifiers


def _identifier_of_photo(file: BinaryIO) -> str | None:
    """What Apple's note in the EXIF of a photo says; a HEIC keeps its EXIF somewhere."""
    data = file.read(_MAX_NOTE_AT_BYTES)
    at = data.find(APPLE_NOTE)
    return None if at < 0 else read_apple_note(data[at : at + _NOTE_BYTES])


def _identifier_of_video(file: BinaryIO) -> str | None:
    moov = _content(file, 0, file.seek(0, os.SEEK_END), b"moov")
    meta = _content(*_whole(moov), b"meta")
    if meta[4:8] != b"hdlr":  # as in MP4, where a version comes first
        meta = meta[4:]
    keys, values = _content(*_whole(meta), b"keys"), _content(*_whole(meta), b"ilst")
    at = 8
    for number in range(1, min(int.from_bytes(keys[4:8], "big"), _MAX_BOXES) + 1):
        size_bytes = int.from_bytes(keys[at : at + 4], "big")
        if keys[at + 8 : at + size_bytes] == _IDENTIFIER:
            value = _content(*_whole(values), number.to_bytes(4, "big"))
            data = _content(*_whole(value), b"data")
            return data[8:].decode("ascii", "replace").strip("\0 ") or None
        if size_bytes < 8:
            break
        at += size_bytes
    return None


def _whole(data: bytes) -> tuple[BinaryIO, int, int]:
    return BytesIO(data), 0, len(data)


def _content(file: BinaryIO, at: int, end: int, wanted: bytes) -> bytes:
    """What is in the first box of this kind; nothing where there is none."""
    for kind, start, stop in _boxes(file, at, end):
        if kind == wanted:
            file.seek(start)
            return file.read(min(stop - start, _MAX_MOOV_BYTES))
    return b""


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes from `at` on: kind, and where the content starts and ends (ISO 14496-12, 4.2)."""
    for _ in range(_MAX_BOXES):
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
