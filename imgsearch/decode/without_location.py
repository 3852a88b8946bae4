"""Copies of photos without location: for those who share a photo, but not where it was taken.

A list of what stays is the only sure way: positions are in EXIF, XMP, IPTC, text and the notes of
camera makers, in a preview or a video behind the photo, and names of places in any of them. So a
copy has the picture, its colour profile, and date and camera as the library has them, and nothing
else of the file's metadata. A JPEG keeps its coded picture, bit by bit; of any other photo a JPEG
is made from the pixels.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO, cast

from PIL import Image, ImageCms

from imgsearch.decode.formats import JPEG
from imgsearch.decode.original import OriginalFile, location_refusal, open_original
from imgsearch.decode.reader import decode_file
from imgsearch.decode.request import DecodeRequest
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.photo import Facts, IndexedFile, Photo

_QUALITY = 92  # of a JPEG that is made from pixels: losses cannot be seen
_ALL_PX = 1 << 20  # more than any side of a photo
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
# Tables, frames and restarts, without which there is no picture (ITU-T T.81, table B.1).
_PICTURE_MARKERS = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF})
# What decoders need besides: APP0 of JFIF, colour profiles in APP2, and the colours of APP14.
_KEPT_DATA = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_NEXT_MARKER = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # in a scan: no data byte, no restart
_ORIENTATION, _MODEL, _DATE_TIME, _EXIF_IFD, _DATE_TAKEN = 0x0112, 0x0110, 0x0132, 0x8769, 0x9003


def open_without_location(
    photo: Photo, files: Iterable[IndexedFile], max_megapixels: float
) -> OriginalFile:
    """Return a copy of the photo without its location, in a temporary file that ends with `file`.

    The time of the copy is that of the file. Raises PhotoError for a video or an animation, and
    where no file of the photo can be read.
    """
    refusal = location_refusal(photo.facts)
    if refusal:
        raise PhotoError(Reason.UNSUPPORTED, refusal)
    found = open_original(photo, files)
    with found.file as file:
        name, content = PurePath(found.name), _copy_of(photo.facts, file, found, max_megapixels)
        changed_at_ns = os.fstat(file.fileno()).st_mtime_ns
    if photo.facts.format != JPEG.name:
        name = name.with_suffix(".jpg")
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # the caller closes it
    copy.write(content)
    copy.flush()
    if os.utime in os.supports_fd:
        os.utime(copy.fileno(), ns=(changed_at_ns, changed_at_ns))
    copy.seek(0)
    return OriginalFile(copy, name.name, "image/jpeg", 0, len(content))


def _copy_of(facts: Facts, file: BinaryIO, found: OriginalFile, max_megapixels: float) -> bytes:
    """Return the bytes of a JPEG of the photo, with nothing of its metadata."""
    if facts.format == JPEG.name:
        request = DecodeRequest(1, max_megapixels, facts_only=True)
        orientation = decode_file(file, found.name, request).orientation
        file.seek(0)
        picture = picture_of_jpeg(file.read(found.size_bytes), _exif(facts, orientation))
        if picture is not None:
            return picture
        file.seek(0)
    decoded = decode_file(file, found.name, DecodeRequest(_ALL_PX, max_megapixels))
    buffer = BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = _exif(facts, orientation=1)  # the pixels are upright
    decoded.image.save(buffer, "JPEG", quality=_QUALITY, exif=exif, icc_profile=profile)
    return buffer.getvalue()


def picture_of_jpeg(jpeg: bytes, exif: bytes) -> bytes | None:
    """Return the picture of a JPEG with other EXIF, and nothing else; None if it is damaged.

    What follows the picture, such as a preview or a video, is left out. Never raises.
    """
    kept = [b"\xff\xd8", _segment(0xE1, exif)]
    has_picture = False
    for marker, part in _parts(jpeg):
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"]) if has_picture else None
        prefix = _KEPT_DATA.get(marker)
        if marker in _PICTURE_MARKERS or (prefix is not None and part[4:].startswith(prefix)):
            kept.append(part)
            has_picture |= marker == _SCAN
    return None


def _parts(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the segments of a JPEG, scans with their coded data, as far as they are sound."""
    at = 2 if jpeg.startswith(b"\xff\xd8") else len(jpeg)
    while at + 4 <= len(jpeg) or jpeg[at : at + 2] == b"\xff\xd9":
        if jpeg[at] != 0xFF:
            return
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _END:
            yield marker, b""
            return
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker < 0xC0 or marker == _START or end < at + 4 or end > len(jpeg):
            return
        if marker == _SCAN:
            following = _NEXT_MARKER.search(jpeg, end)
            if following is None:
                return
            end = following.start()
        yield marker, jpeg[at:end]
        at = end


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def _exif(facts: Facts, orientation: int) -> bytes:
    """Return EXIF that has the orientation, the camera and the local date, as far as known."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    if facts.camera is not None:
        exif[_MODEL] = facts.camera
    if isinstance(facts.taken_at, datetime):
        taken = facts.taken_at.strftime("%Y:%m:%d %H:%M:%S")
        exif[_DATE_TIME] = taken
        exif.get_ifd(_EXIF_IFD)[_DATE_TAKEN] = taken
    return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
