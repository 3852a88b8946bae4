"""The files of photos as they are, for those who show or copy them: whole, and their videos."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from imgsearch.decode.formats import FORMATS_BY_NAME
from imgsearch.decode.motion import MOTION_BESIDE, MOTION_INSIDE, live_photo_video, video_inside
from imgsearch.decode.request import open_regular_file
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.photo import Photo

_UNKNOWN_TYPE = "application/octet-stream"
_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "JPEG2000": "image/jp2",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "JXL": "image/jxl",
}
_VIDEO_TYPES = {
    **dict.fromkeys((".mp4", ".m4v"), "video/mp4"),
    **dict.fromkeys((".mov", ".qt"), "video/quicktime"),
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    **dict.fromkeys((".3gp", ".3g2"), "video/3gpp"),
    ".avi": "video/x-msvideo",
    **dict.fromkeys((".mts", ".m2ts"), "video/mp2t"),
    **dict.fromkeys((".mpg", ".mpeg"), "video/mpeg"),
    ".wmv": "video/x-ms-wmv",
}


class OriginalFile(Struct, frozen=True):
    """A file of the library, open for reading: `size_bytes` of it, from `start` on.

    Whoever has it closes `file`. `media_type` follows from what the file was indexed as, and
    `name` is the one to save it under.
    """

    file: BinaryIO
    name: str
    media_type: str
    start: int
    size_bytes: int


def open_original(photo: Photo, paths: Iterable[Path]) -> OriginalFile:
    """The photo's file: the first of `paths` that is there and as large as when it was indexed.

    Raises PhotoError where none is.
    """
    for path, file in _unchanged(photo, paths):
        media_type = _MEDIA_TYPES.get(photo.facts.format, _UNKNOWN_TYPE)
        if photo.facts.duration_s is not None:
            media_type = _VIDEO_TYPES.get(path.suffix.lower(), _UNKNOWN_TYPE)
        return OriginalFile(file, path.name, media_type, 0, photo.size_bytes)
    raise _gone()


def open_moving_part(photo: Photo, paths: Iterable[Path]) -> OriginalFile:
    """The video of a motion photo or Live Photo, from inside its file or from beside it.

    Raises PhotoError where the photo has none, or it cannot be read.
    """
    for path, file in _unchanged(photo, paths):
        if photo.facts.motion == MOTION_INSIDE:
            place = video_inside(file, FORMATS_BY_NAME[photo.facts.format])
            if place is not None:
                start, end = place
                return OriginalFile(file, f"{path.stem}.mp4", "video/mp4", start, end - start)
        file.close()
        video = live_photo_video(path) if photo.facts.motion == MOTION_BESIDE else None
        if video is not None:
            moving = open_regular_file(video)
            size_bytes = os.fstat(moving.fileno()).st_size
            return OriginalFile(moving, video.name, "video/quicktime", 0, size_bytes)
    raise _gone()


def _unchanged(photo: Photo, paths: Iterable[Path]) -> Iterable[tuple[Path, BinaryIO]]:
    """The files that can be opened and have the photo's size. Whoever gets one closes it."""
    for path in paths:
        try:
            file = open_regular_file(path)
        except PhotoError:
            continue
        if os.fstat(file.fileno()).st_size == photo.size_bytes:
            yield path, file
        else:
            file.close()


def _gone() -> PhotoError:
    return PhotoError(
        Reason.UNREADABLE,
        "The file cannot be read now, or has changed since it was indexed. Connect its drive, or "
        "run: imgsearch index",
    )
