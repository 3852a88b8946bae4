"""The files of photos as they are, for those who show or copy them: whole, and their videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from msgspec import Struct

from imgsearch.decode.formats import FORMATS_BY_NAME, HEAD_BYTES, format_of
from imgsearch.decode.motion import MOTION_BESIDE, MOTION_INSIDE, live_photo_video, video_inside
from imgsearch.decode.request import content_hash, open_regular_file
from imgsearch.errors import CommandLine, PhotoError, Reason, Sentence
from imgsearch.records.files import FileStat
from imgsearch.records.photo import Facts, IndexedFile, Photo

_MAX_HASHES = 4096  # of files that were read for it; some 200 bytes each
_hashes: dict[tuple[int, ...], str] = {}
_hashes_lock = Lock()
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

    The caller closes `file`. `media_type` follows from what the file was indexed as, and
    `name` is the one to save it under.
    """

    file: BinaryIO
    name: str
    media_type: str
    start: int
    size_bytes: int


def open_original(photo: Photo, files: Iterable[IndexedFile]) -> OriginalFile:
    """Return the photo's file: the first of `files` that is still the photo that was indexed.

    Raises PhotoError where none is.
    """
    for indexed, file in _unchanged(photo, files):
        path = indexed.path
        media_type = _MEDIA_TYPES.get(photo.facts.format, _UNKNOWN_TYPE)
        if photo.facts.duration_s is not None:
            media_type = _VIDEO_TYPES.get(path.suffix.lower(), _UNKNOWN_TYPE)
        return OriginalFile(file, path.name, media_type, 0, photo.size_bytes)
    raise no_unchanged_file()


def open_moving_part(photo: Photo, files: Iterable[IndexedFile]) -> OriginalFile:
    """Return the video of a motion photo or Live Photo, from inside its file or from beside it.

    Raises PhotoError where the photo has none, or it cannot be read.
    """
    image_format = FORMATS_BY_NAME.get(photo.facts.format)
    for indexed, file in _unchanged(photo, files):
        path = indexed.path
        if photo.facts.motion == MOTION_INSIDE and image_format is not None:
            place = video_inside(file, image_format)
            if place is not None:
                start, end = place
                return OriginalFile(file, f"{path.stem}.mp4", "video/mp4", start, end - start)
        file.close()
        video = live_photo_video(path) if photo.facts.motion == MOTION_BESIDE else None
        if video is not None and (moving := _open_beside(indexed, video)) is not None:
            size_bytes = os.fstat(moving.fileno()).st_size
            return OriginalFile(moving, video.name, "video/quicktime", 0, size_bytes)
    raise no_unchanged_file()


def location_refusal(facts: Facts) -> str:
    """Return why no copy without location can be made of a file; empty if one can."""
    if facts.duration_s is None and not facts.animated:
        return ""
    kind = "a video" if facts.duration_s is not None else "an animation"
    return f"Location cannot be left out of {kind}: leave it out, or copy it as it is."


# ------------------------------------------------------------------------- still the photo


def open_unchanged(photo: Photo, indexed: IndexedFile) -> BufferedReader | None:
    """Return the file, open for reading, if it is still the photo that was indexed; else None.

    It is a regular file of the photo's size. It has the time of change and the first bytes that it
    had, and no link leads from it out of the folder that was indexed; where one of these does not
    hold or is not known, it must have the photo's content, which takes reading it. So a file that
    was put in the place of a photo is not opened, nor one that a pack calls a photo, while photos
    behind links and on drives that give other times are.
    """
    try:
        file = open_regular_file(indexed.path)
    except PhotoError:
        return None
    try:
        status = os.fstat(file.fileno())
        if status.st_size == photo.size_bytes and (
            _looks_unchanged(photo, indexed, file, status)
            or _content_hash(file, status) == photo.content_hash
        ):
            file.seek(0)
            return file
    except OSError:  # the drive went away
        pass
    file.close()
    return None


def _looks_unchanged(
    photo: Photo, indexed: IndexedFile, file: BinaryIO, status: os.stat_result
) -> bool:
    """Return whether all that can be told without reading the whole file is as it was."""
    mtime_ns = FileStat.from_status("", status).mtime_ns
    if mtime_ns != indexed.mtime_ns or not _is_below(indexed.path, indexed.folder, status):
        return False
    image_format = format_of(file.read(HEAD_BYTES), indexed.path.name)
    return image_format is not None and image_format.name == photo.facts.format


def _is_below(path: Path, folder: str | None, status: os.stat_result) -> bool:
    """Return whether the file at `path` lies in a folder, at any depth, all links followed.

    `status` is that of the file which was opened. Without a folder, no link may lead to the file.
    """
    real = os.path.realpath(path)
    if folder is None:
        is_inside = real == os.path.abspath(path)  # noqa: PTH100  # links stay as they are
    else:
        is_inside = real.startswith(os.path.join(os.path.realpath(folder), ""))  # noqa: PTH118
    return is_inside and os.path.samestat(os.stat(real), status)  # noqa: PTH116


def _content_hash(file: BufferedReader, status: os.stat_result) -> str:
    """Return the hash of the content.

    A player requests a video in many parts: each file is read once.
    """
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    with _hashes_lock:
        known = _hashes.get(key)
    if known is None:
        file.seek(0)
        known = content_hash(file).hex()
        with _hashes_lock:
            if len(_hashes) >= _MAX_HASHES:
                _hashes.clear()
            _hashes[key] = known
    return known


def _open_beside(photo: IndexedFile, video: Path) -> BinaryIO | None:
    """Return the video, open for reading, if no link leads to it from beside the photo; else None.

    One that leads elsewhere into the folder that was indexed may be followed.
    """
    try:
        file = open_regular_file(video)
    except PhotoError:
        return None
    status = os.fstat(file.fileno())
    beside = os.path.dirname(os.path.realpath(photo.path))  # noqa: PTH120
    if _is_below(video, beside, status) or _is_below(video, photo.folder, status):
        return file
    file.close()
    return None


def _unchanged(
    photo: Photo, files: Iterable[IndexedFile]
) -> Iterator[tuple[IndexedFile, BinaryIO]]:
    """Yield the files that are still the photo. The caller closes each."""
    for indexed in files:
        file = open_unchanged(photo, indexed)
        if file is not None:
            yield indexed, file


def no_unchanged_file() -> PhotoError:
    """Return the error for a photo none of whose files still has its content."""
    return PhotoError(
        Reason.UNREADABLE,
        Sentence(
            "The file cannot be read now, or has changed since it was indexed. Connect "
            "its drive, or run: ",
            CommandLine("index"),
        ),
    )
