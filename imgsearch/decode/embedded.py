"""Finds the blocks of metadata in a photo, wherever its format keeps them.

EXIF, XMP and IPTC are the same in every format; only the place differs. The readers of the blocks
(`exif`, `xmp`, `iptc`) know nothing of formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

from msgspec import Struct, field
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from imgsearch.decode.boxes import nested_content, uuid_content
from imgsearch.decode.formats import GIF, JPEG2000, JXL, TIFF, ImageFormat
from imgsearch.decode.iptc import iptc_in_resources

# The identifiers of boxes in JPEG 2000 and MP4 (XMP specification, part 3; exiftool's `Jpeg2000`).
_XMP_IDENTIFIER = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_IDENTIFIERS = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_IPTC_IDENTIFIER = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

_PHOTOSHOP = re.compile(rb"Photoshop 3\.0\0|Adobe_Photoshop2\.5:")  # before image resources
_CIFF = b"HEAPJPGM"  # at byte 6
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_GIF_SEARCHED_BYTES = 16 << 20
_GIF_XMP, _GIF_TRAILER = b"\x21\xff\x0bXMP DataXMP", b"\x01\xff\xfe"
_PNG_XMP = "XML:com.adobe.xmp"
_NOT_HEXADECIMAL = re.compile(r"[^0-9A-Fa-f]")


class EmbeddedMetadata(Struct, frozen=True):
    """The blocks of metadata in one photo, None where it has none.

    `exif` is a TIFF structure, or a whole TIFF file; `texts` are those of a PNG by their names.
    `ciff` and `picture_info` are what Canon and others wrote before EXIF existed.
    """

    exif: bytes | BinaryIO | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    ciff: bytes | None = None
    picture_info: bytes | None = None


def find_metadata(image: ImageFile, file: BinaryIO, image_format: ImageFormat) -> EmbeddedMetadata:
    """Return the blocks of metadata in an image that Pillow has opened.

    Those behind the pixels of a PNG are found only once the pixels are decoded.
    """
    exif, xmp = _bytes(image.info.get("exif")), _bytes(image.info.get("xmp"))
    if isinstance(image, JpegImageFile):
        return _in_jpeg(image, exif, xmp)
    if isinstance(image, PngImageFile):
        return _in_png(image, exif, xmp)
    if image_format is TIFF:
        return EmbeddedMetadata(file, xmp)
    if image_format is GIF:
        return EmbeddedMetadata(xmp=_xmp_in_gif(file))
    if image_format is JPEG2000:
        exif_boxes = (uuid_content(file, identifier) for identifier in _EXIF_IDENTIFIERS)
        return EmbeddedMetadata(
            next(filter(None, exif_boxes), None),
            uuid_content(file, _XMP_IDENTIFIER) or nested_content(file, b"xml "),
            uuid_content(file, _IPTC_IDENTIFIER) or None,
        )
    if image_format is JXL:
        return EmbeddedMetadata(exif, xmp or nested_content(file, b"xml "))
    return EmbeddedMetadata(exif, xmp)


def xmp_in_video(file: BinaryIO) -> bytes | None:
    """Return the XMP packet of an MP4 or MOV (XMP specification, part 3).

    None in other containers.
    """
    packet = nested_content(file, b"moov", b"udta", b"XMP_")
    return packet or uuid_content(file, _XMP_IDENTIFIER) or None


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _in_jpeg(image: JpegImageFile, exif: bytes | None, xmp: bytes | None) -> EmbeddedMetadata:
    resources = [
        content[start.end() :]
        for name, content in image.applist
        if name == "APP13" and (start := _PHOTOSHOP.match(content)) is not None
    ]
    iptc = iptc_in_resources(b"".join(resources)) if resources else None
    picture_info = next((content for name, content in image.applist if name == "APP12"), None)
    ciff = next((content for name, content in image.applist if content[6:14] == _CIFF), None)
    return EmbeddedMetadata(exif, xmp, iptc, ciff=ciff, picture_info=picture_info)


def _in_png(image: PngImageFile, exif: bytes | None, xmp: bytes | None) -> EmbeddedMetadata:
    texts = {name: str(text) for name, text in image.text.items()}

    def profile(*kinds: str) -> bytes | None:
        """Return the first block of these kinds that ImageMagick wrote as hexadecimal text."""
        names = (f"Raw profile type {kind}" for kind in kinds)
        return next((_unhexed(texts[name]) for name in names if name in texts), None)

    if _PNG_XMP in texts and xmp is None:
        xmp = texts[_PNG_XMP].encode()
    segment = profile("APP1")  # EXIF or XMP, as in a JPEG
    if segment is not None and segment.startswith(_JPEG_XMP):
        xmp, segment = xmp or segment.removeprefix(_JPEG_XMP), None
    iptc = profile("iptc", "8bim", "APP13")
    if iptc is not None:
        iptc = iptc_in_resources(_PHOTOSHOP.sub(b"", iptc, count=1)) or iptc
    return EmbeddedMetadata(exif or profile("exif") or segment, xmp or profile("xmp"), iptc, texts)


def _unhexed(text: str) -> bytes:
    """Return the bytes in a raw profile, up to what is not a digit.

    Before the digits are the profile's name and the number of bytes.
    """
    digits = "".join(text.split()[2:])
    if (wrong := _NOT_HEXADECIMAL.search(digits)) is not None:
        digits = digits[: wrong.start()]
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _xmp_in_gif(file: BinaryIO) -> bytes | None:
    """Return the packet between the application's name and the trailer by which readers skip it."""
    file.seek(0)
    _, found, behind = file.read(_GIF_SEARCHED_BYTES).partition(_GIF_XMP)
    packet, found, _ = behind.partition(_GIF_TRAILER)
    return packet if found else None
