"""Reads photo files: any format into an upright sRGB image and the facts of the file.

    decode               a file -> Decoded
    decode_bytes         the bytes of a file -> Decoded
    side_to_embed        how large to decode a photo for a model
    read_orientation     a file -> how its pixels are turned to be upright
    read_facts           a file -> Facts, without decoding its pixels where that is possible
    decoder_fingerprint  which decoders are installed, to know when a failed file deserves a retry

Safe in any thread; the decoding itself does not hold the interpreter lock. Files are only read.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.exif import is_raw
from imgsearch.decode.formats import HEAD_BYTES, PNG, RAW, TIFF, ImageFormat, format_of
from imgsearch.decode.headers import jpeg_work
from imgsearch.decode.motion import mark_live_photo
from imgsearch.decode.pool import DecoderPool, shared_pool
from imgsearch.decode.request import DecodeRequest, open_regular_file, unreadable_error
from imgsearch.decode.sidecars import apply_sidecars
from imgsearch.errors import PhotoError, Reason
from imgsearch.installation import install_command
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

_DECODER_PACKAGES = (
    "imgsearch-photos",
    "pillow",
    "pillow-heif",
    "pillow-jxl-plugin",
    "rawpy",
    "av",
)
_NOTES_PACKAGE = "exiv2"  # an extra: without it, lenses that only makers' notes name are unknown
# With less, photos differ more from themselves decoded whole: research/notes/decoding.md.
_OVERSAMPLING = 1.4


class InProcessLimits(Struct, frozen=True):
    """Up to where a JPEG or PNG is decoded in this process; beyond, a decoder process does it."""

    file_bytes: int = 64 << 20  # millions of tiny chunks take time, though they hold no pixel
    megapixels: float = 60  # held in memory at once, by each thread that decodes
    scanned_megapixels: float = 2000  # half a minute of work at worst; real photos need 500


def decode(
    path: Path,
    min_side_px: int,
    max_megapixels: float = 200,
    *,
    all_frames: bool = False,
    at_s: float | None = None,
    pool: DecoderPool | None = None,
) -> Decoded:
    """Return the photo at `path`, upright, in sRGB, over white, for scaling to `min_side_px`.

    Its short side is at least `min_side_px`, or the photo's own where that is less. The facts
    describe the whole file, corrected by the metadata files beside it, and note the video of a Live
    Photo. Embedded thumbnails are never used. A video gives the frame in the middle, or the one at
    `at_s` seconds; with `all_frames` also others. `pool` runs the decoders that may crash; by
    default it is the one that the whole process shares.

    Raises PhotoError with a reason: EMPTY, NOT_AN_IMAGE, UNSUPPORTED (names what to install),
    TRUNCATED, DAMAGED, TOO_LARGE (more than `max_megapixels`, found before any pixel is decoded),
    UNREADABLE, CHANGED (during the reading), CRASHED, TIMED_OUT.
    """
    request = DecodeRequest(min_side_px, max_megapixels, all_frames=all_frames, at_s=at_s)
    with open_regular_file(path) as file:
        before = os.fstat(file.fileno())
        decoded = decode_file(file, path.name, request, pool)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise PhotoError(Reason.CHANGED, "It changed while it was read; index again.")
    return replace(decoded, facts=_with_companion_files(decoded.facts, path))


def side_to_embed(side_px: int) -> int:
    """Return the `min_side_px` with which to decode a photo for a model that sees `side_px`."""
    return ceil(_OVERSAMPLING * side_px)


def decode_bytes(
    data: bytes,
    min_side_px: int,
    max_megapixels: float = 200,
    *,
    pool: DecoderPool | None = None,
    limits: InProcessLimits | None = None,
) -> Decoded:
    """Do as `decode`, for the bytes of a photo that is not in a file."""
    request = DecodeRequest(min_side_px, max_megapixels)
    return decode_file(BytesIO(data), "", request, pool, limits)


def read_facts(path: Path, max_megapixels: float = 200) -> Facts:
    """Return the facts of the photo at `path` as `decode` does, with a fraction of the work."""
    with open_regular_file(path) as file:
        decoded = decode_file(file, path.name, DecodeRequest(1, max_megapixels, facts_only=True))
    return _with_companion_files(decoded.facts, path)


def read_orientation(path: Path, max_megapixels: float = 200) -> int:
    """EXIF's orientation of the photo at `path`, 1 to 8. Raises PhotoError as `decode` does.

    It is 1 where the format keeps the orientation in the image itself.
    """
    with open_regular_file(path) as file:
        request = DecodeRequest(1, max_megapixels, facts_only=True)
        return decode_file(file, path.name, request).orientation


def decode_file(
    file: BinaryIO,
    name: str,
    request: DecodeRequest,
    pool: DecoderPool | None = None,
    limits: InProcessLimits | None = None,
) -> Decoded:
    """Decode an open file. `name` helps where the first bytes leave the format open.

    Raises PhotoError as `decode` does, but knows nothing of other files or of changes.
    """
    try:
        head = file.read(HEAD_BYTES)
        if not head:
            raise PhotoError(Reason.EMPTY, "The file is empty; copy it again from its source.")
        image_format = format_of(head, name)
        if image_format is TIFF and is_raw(file):
            image_format = RAW
        if image_format is None:
            raise PhotoError(
                Reason.NOT_AN_IMAGE, "Its content is not in an image format that imgsearch knows."
            )
        if image_format.package is not None and find_spec(image_format.package) is None:
            raise PhotoError(
                Reason.UNSUPPORTED,
                f"{image_format.title} files need one more package: "
                f"{install_command(image_format.extra)}",
                image_format.extra,
            )
        limits, pool = limits or InProcessLimits(), pool or shared_pool()
        if image_format.isolated or _exceeds(limits, file, head, image_format):
            decoded = pool.decode(file, image_format, request)
        else:
            decoded = decode_in_process(file, image_format, request)
        if decoded.has_unread_notes and find_spec(_NOTES_PACKAGE) is not None:
            facts = pool.with_maker_notes(decoded.facts, file)
            decoded = replace(decoded, facts=facts, has_unread_notes=False)
        return decoded
    except OSError as error:
        raise unreadable_error(error) from error


def _exceeds(
    limits: InProcessLimits, file: BinaryIO, head: bytes, image_format: ImageFormat
) -> bool:
    """Return whether decoding a JPEG or PNG may take more memory or time than the limits allow."""
    if file.seek(0, os.SEEK_END) > limits.file_bytes:
        return True
    if image_format is PNG:
        width_px, height_px = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        return width_px * height_px / 1e6 > limits.megapixels
    work = jpeg_work(file)
    return work.held > limits.megapixels or work.scanned > limits.scanned_megapixels


def _with_companion_files(facts: Facts, path: Path) -> Facts:
    """Return the facts with what the files beside it and the video of a Live Photo add."""
    return mark_live_photo(apply_sidecars(facts, path), path)


def decoder_fingerprint() -> str:
    """Return the installed decoders with their versions, as text.

    A file that failed deserves another try when this has changed.
    """
    return "; ".join(f"{package} {_version(package)}" for package in _DECODER_PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
