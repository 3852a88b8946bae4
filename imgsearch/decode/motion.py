"""Finds photos that come with a video of their moment, and images that are animations.

A motion photo has the video in its file: after the image of a JPEG, in a box of a HEIC or AVIF
(Google's Motion Photo format 1.0, and Samsung's, which begins the same way). The video itself is
looked for, since XMP still announces one that a messenger has cut off. Apple's Live Photo has the
video beside it: a .MOV of the same name with the same identifier (QuickTime File Format, metadata
keys).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from imgsearch.decode.boxes import MAX_BOXES, box_content, boxes, child_content
from imgsearch.decode.exif import APPLE_MAKER_NOTE, read_apple_note
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
from imgsearch.decode.request import open_regular_file
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts

MOTION_INSIDE, MOTION_BESIDE = "inside", "beside"  # values of Facts.motion

# How a video begins: an ISO base media file with one of the brands that phones write.
_VIDEO_START = re.compile(rb"ftyp(?:mp4[12]|isom|iso[2-6]|avc1|qt  |MSNV|3gp[4-7])")
_VIDEO_START_BYTES = 8
_TOP_LEVEL_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"mpvd")
_FIRST_BOXES_OF_MOV = (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip")
_BOXES_OF_MP4 = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta", b"udta")
_BLOCK_BYTES = 1 << 20
_MAX_NOTE_OFFSET = 16 << 20  # how far into a photo its maker note is looked for
_NOTE_BYTES = 1 << 16
_IDENTIFIER_KEY = b"com.apple.quicktime.content.identifier"
_LIVE_PHOTO_FORMATS = (JPEG.name, HEIF.name)
_LIVE_VIDEO_SUFFIXES = (".MOV", ".mov")
_LIVE_STILL_SUFFIXES = (".HEIC", ".JPG", ".heic", ".jpg", ".JPEG", ".jpeg")


def has_video_inside(file: BinaryIO, image_format: ImageFormat) -> bool:
    """Return whether the photo's file contains a whole video."""
    if image_format is JPEG:
        return _has_data_after_jpeg(file) and _contains_video(file, 0)
    if image_format not in (HEIF, AVIF):
        return False
    end_of_boxes = 0
    for kind, start, end in boxes(file, 0, file.seek(0, os.SEEK_END)):
        if kind not in _TOP_LEVEL_BOXES:
            break
        end_of_boxes = end
        file.seek(start)
        if kind == b"mpvd" and _VIDEO_START.search(file.read(min(end - start, 32))):
            return True
    # Samsung's older ones have the video in a trailer that is not a box.
    return _contains_video(file, end_of_boxes)


def video_inside(file: BinaryIO, image_format: ImageFormat) -> tuple[int, int] | None:
    """Start and end of the video in a motion photo, in bytes; None without one.

    What follows it, such as Samsung's trailer, is left out.
    """
    end_bytes = file.seek(0, os.SEEK_END)
    search_from = 0
    if image_format in (HEIF, AVIF):
        for kind, start, end in boxes(file, 0, end_bytes):
            if kind not in _TOP_LEVEL_BOXES:
                break
            search_from = start if kind == b"mpvd" else end
            if kind == b"mpvd":
                end_bytes = end
                break
    for start in _video_starts(file, search_from):
        kinds, end = set(), start
        for kind, _, box_end in boxes(file, start, end_bytes):
            if kind not in _BOXES_OF_MP4:
                break
            kinds.add(kind)
            end = box_end
        if kinds >= {b"ftyp", b"moov", b"mdat"}:
            return start, end
    return None


def is_animation(file: BinaryIO, image_format: ImageFormat, image: object) -> bool:
    """Return whether the image, opened by Pillow, has several frames.

    Unknown, so False, for JPEG XL.
    """
    if image_format is GIF:  # only reading the second frame shows it, and that may be damaged
        from PIL.GifImagePlugin import GifImageFile

        file.seek(0)
        try:
            return bool(GifImageFile(file).is_animated)
        except Exception:  # noqa: BLE001  # on bad data a decoder may raise anything at all
            return False
    return image_format in (PNG, WEBP, AVIF) and bool(getattr(image, "is_animated", False))


def mark_live_photo(facts: Facts, photo: Path) -> Facts:
    """Return `facts` with `motion` set if this path is the still of a Live Photo."""
    if facts.motion is not None or facts.format not in _LIVE_PHOTO_FORMATS:
        return facts
    return facts if live_photo_video(photo) is None else replace(facts, motion=MOTION_BESIDE)


def live_photo_video(photo: Path) -> Path | None:
    """Return the video of a Live Photo: the .MOV of its name, unless it is another photo's.

    Where both files have an identifier, it decides; otherwise the name does.
    """
    for suffix in _LIVE_VIDEO_SUFFIXES:
        video = photo.with_suffix(suffix)
        if not video.exists():  # cheaper than an error, and most photos have no such file
            continue
        with suppress(PhotoError, OSError), open_regular_file(video) as file:
            file.seek(4)
            if file.read(4) not in _FIRST_BOXES_OF_MOV:
                continue
            with open_regular_file(photo) as still:
                identifiers = {_identifier_of_photo(still), _identifier_of_video(file)} - {None}
            return video if len(identifiers) < 2 else None
    return None


def live_photo_paths(path: str) -> tuple[str, ...]:
    """Return the paths where the other half of a Live Photo may be, for its still or its video."""
    stem, dot, suffix = path.rpartition(".")
    if dot + suffix in _LIVE_STILL_SUFFIXES:
        return tuple(stem + each for each in _LIVE_VIDEO_SUFFIXES)
    if dot + suffix in _LIVE_VIDEO_SUFFIXES:
        return tuple(stem + each for each in _LIVE_STILL_SUFFIXES)
    return ()


def is_live_photo_video(path: Path) -> bool:
    """Return whether this is the video of an Apple Live Photo whose still is beside it."""
    if path.suffix.lower() != ".mov":
        return False
    for suffix in _LIVE_STILL_SUFFIXES:
        still = path.with_suffix(suffix)
        with suppress(PhotoError, OSError):
            with open_regular_file(still) as file:
                image_format = format_of(file.read(HEAD_BYTES))
            video = live_photo_video(still) if image_format in (JPEG, HEIF) else None
            if video is not None and video.samefile(path):
                return True
    return False


def _has_data_after_jpeg(file: BinaryIO) -> bool:
    """Return whether the file goes on after the JPEG, whose last two bytes are always the same."""
    file.seek(-min(64, file.seek(0, os.SEEK_END)), os.SEEK_END)
    return not file.read().rstrip(b"\0").endswith(b"\xff\xd9")


def _contains_video(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    tail = b""
    while block := file.read(_BLOCK_BYTES):
        if _VIDEO_START.search(tail + block):
            return True
        tail = block[-_VIDEO_START_BYTES:]
    return False


def _video_starts(file: BinaryIO, at: int) -> list[int]:
    """Return possible starts of a video: the size of its first box comes before the kind."""
    starts = []
    file.seek(at)
    tail = b""
    while block := file.read(_BLOCK_BYTES):
        data = tail + block
        starts += [at + match.start() - 4 for match in _VIDEO_START.finditer(data)]
        keep = min(len(data), _VIDEO_START_BYTES - 1)  # too short for a whole match
        at += len(data) - keep
        tail = data[len(data) - keep :]
    return [start for start in starts if start >= 0]


# ---------------------------------------------------------------------------- identifiers


def _identifier_of_photo(file: BinaryIO) -> str | None:
    """Return the identifier in Apple's maker note, which may be anywhere in a HEIC."""
    data = file.read(_MAX_NOTE_OFFSET)
    at = data.find(APPLE_MAKER_NOTE)
    return None if at < 0 else read_apple_note(data[at : at + _NOTE_BYTES])


def _identifier_of_video(file: BinaryIO) -> str | None:
    moov = box_content(file, 0, file.seek(0, os.SEEK_END), b"moov")
    meta = child_content(moov, b"meta")
    if meta[4:8] != b"hdlr":  # an MP4 has a version number first
        meta = meta[4:]
    keys, values = child_content(meta, b"keys"), child_content(meta, b"ilst")
    at = 8
    for number in range(1, min(int.from_bytes(keys[4:8], "big"), MAX_BOXES) + 1):
        size_bytes = int.from_bytes(keys[at : at + 4], "big")
        if keys[at + 8 : at + size_bytes] == _IDENTIFIER_KEY:
            data = child_content(child_content(values, number.to_bytes(4, "big")), b"data")
            return data[8:].decode("ascii", "replace").strip("\0 ") or None
        if size_bytes < 8:
            break
        at += size_bytes
    return None
