"""Opens photo files: any format to an upright sRGB image, with the facts of its file.

    FORMATS           suffix -> Family: which files are looked at, and what reads them
    is_video_of_live_photo  whether a file is but the moving half of a photo beside it
    is_photo_name     whether a file of this name is worth opening
    is_sidecar_name   whether a file of this name may tell of a photo beside it
    sidecars_of       a photo's path -> where its XMP file may lie
    decode            a file -> Decoded
    decode_bytes      the bytes of a file -> Decoded
    read_facts        a file -> Facts, without decoding its pixels where that is possible
    parts_of          a Decoded -> the images of it that are to be embedded
    thumbnail         a file or a Decoded -> small WebP
    decoder_versions  what reads files here, to know when a failed one is worth another try

Safe in any thread; the decoding itself holds no interpreter lock. Files are only ever read. What
decodes is loaded when first used: a query asks for names of formats only.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from imgsearch.decode.files import opened, unreadable
from imgsearch.decode.formats import (
    HEAD_BYTES,
    PNG,
    RAW,
    TIFF,
    ImageFormat,
    format_of,
)
from imgsearch.decode.request import DecodeRequest
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

_MAX_BYTES_HERE = 64 << 20  # millions of tiny chunks take time, though they hold no pixel
_MAX_MEGAPIXELS_HERE = 60  # held in memory at once by one decoding thread of this process
_MAX_SCANNED_MEGAPIXELS_HERE = 2000  # half a minute of work at worst; real photos need 500
_DECODER_PACKAGES = (
    "imgsearch-photos",
    "pillow",
    "pillow-heif",
    "pillow-jxl-plugin",
    "rawpy",
    "av",
)
_SURPLUS = 2  # decode at least twice the side a model sees: scaling down from there is faithful


def decode(
    path: Path,
    min_side_px: int,
    max_megapixels: float = 200,
    *,
    all_frames: bool = False,
    at_s: float | None = None,
) -> Decoded:
    """The photo at `path`, upright, in sRGB, over white, ready to be scaled to `min_side_px`.

    Its short side is at least twice `min_side_px`, or the photo's own where that is less. The
    facts tell of the whole file, corrected by an XMP file beside it; a video beside it is noted.
    Embedded thumbnails are never used. Of a video it is the frame in the middle, or that at
    `at_s` (seconds); with `all_frames`, others as well.

    Raises PhotoError, with a reason: EMPTY, NOT_AN_IMAGE, UNSUPPORTED (names what to install),
    TRUNCATED, DAMAGED, TOO_LARGE (more than `max_megapixels`, seen before any pixel is decoded),
    UNREADABLE, CHANGED (while it was read).
    """
    with opened(path) as file:
        before = os.fstat(file.fileno())
        request = DecodeRequest(
            _SURPLUS * min_side_px, max_megapixels, all_frames=all_frames, at_s=at_s
        )
        decoded = _decode(file, path.name, request)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise PhotoError(Reason.CHANGED, "It changed while it was read; index again.")
    return replace(decoded, facts=_with_files_beside(decoded.facts, path))


def read_facts(path: Path, max_megapixels: float = 200) -> Facts:
    """The facts of the photo at `path`, as `decode` gives them, for a fraction of the work."""
    with opened(path) as file:
        decoded = _decode(file, path.name, DecodeRequest(1, max_megapixels, facts_only=True))
    return _with_files_beside(decoded.facts, path)


def is_video_of_live_photo(path: Path) -> bool:
    """Whether this is the moving half of an Apple Live Photo, whose still lies beside it."""
    if path.suffix.lower() != ".mov":
        return False
    from imgsearch.decode.motion import still_of

    return still_of(path) is not None


def _with_files_beside(facts: Facts, path: Path) -> Facts:
    from imgsearch.decode.motion import with_video_beside
    from imgsearch.decode.xmp import apply_sidecar

    return with_video_beside(apply_sidecar(facts, path), path)


def decode_bytes(data: bytes, min_side_px: int, max_megapixels: float = 200) -> Decoded:
    """As `decode`, for the bytes of a photo that lies in no file."""
    return _decode(BytesIO(data), "", DecodeRequest(_SURPLUS * min_side_px, max_megapixels))


def thumbnail(source: Path | Decoded, side_px: int) -> bytes:
    """A WebP of the photo whose long side is at most `side_px`. Raises PhotoError for a file."""
    from PIL import Image

    decoded = source if isinstance(source, Decoded) else decode(source, (side_px + 1) // 2)
    small = decoded.image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.BICUBIC)
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def decoder_fingerprint() -> str:
    """What decides how files are read here, as text: it changes when a decoder comes or goes.

    A file that failed is worth another try when this is no longer what it was.
    """
    return "; ".join(f"{name} {_version(name)}" for name in _DECODER_PACKAGES)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _decode(file: BinaryIO, name: str, request: DecodeRequest) -> Decoded:
    from imgsearch.decode.exif import is_raw

    try:
        head = file.read(HEAD_BYTES)
        if not head:
            raise PhotoError(Reason.EMPTY, "The file is empty; copy it again from its source.")
        family = format_of(head, name)
        if family is TIFF and is_raw(file):
            family = RAW
        if family is None:
            raise PhotoError(Reason.NOT_AN_IMAGE, "Its content is no image imgsearch knows.")
        if family.needs and find_spec(family.needs) is None:
            raise PhotoError(
                Reason.UNSUPPORTED,
                f"{family.title} files need one more package: "
                f"pip install 'imgsearch-photos[{family.extra}]'",
                family.extra,
            )
        if family.isolated or _is_heavy(file, head, family):
            from imgsearch.decode import isolate

            return isolate.read(file, family, request)
        from imgsearch.decode import reader

        return reader.read(file, family, request)
    except OSError as error:
        raise unreadable(error) from error


def _is_heavy(file: BinaryIO, head: bytes, family: ImageFormat) -> bool:
    """Whether a JPEG or PNG may take more memory or time than this process should give it."""
    from imgsearch.decode.jpeg import buffered_work

    if file.seek(0, os.SEEK_END) > _MAX_BYTES_HERE:
        return True
    if family is PNG:
        width_px, height_px = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        return width_px * height_px / 1e6 > _MAX_MEGAPIXELS_HERE
    held, gone_over = buffered_work(file)
    return held > _MAX_MEGAPIXELS_HERE or gone_over > _MAX_SCANNED_MEGAPIXELS_HERE
