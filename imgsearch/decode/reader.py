"""Turns an opened file of a known format into pixels and facts, in whatever process it runs."""

from __future__ import annotations

import errno
import re
import warnings
from dataclasses import replace
from importlib import import_module
from typing import BinaryIO

from PIL import Image, ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.TiffImagePlugin import TiffImageFile

from imgsearch.decode import colour, tiff
from imgsearch.decode.exif import Exif, read_exif
from imgsearch.decode.formats import AVIF, HEIF, JPEG, JXL, PNG, RAW, TIFF, VIDEO, ImageFormat
from imgsearch.decode.jpeg import halvings_of_jpeg2000
from imgsearch.decode.motion import INSIDE, has_frames, has_video_inside
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import DecodeRequest, photo_error
from imgsearch.decode.xmp import read_iptc, read_xmp
from imgsearch.records.files import Decoded

# The disk's; any other number, as that of a seek to nowhere, comes from what the file says.
_DISK_ERRORS = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT,
                errno.ENOTCONN, errno.EHOSTDOWN}  # fmt: skip
_FROM_PILLOW = re.compile(r"PIL\.")


def read(file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
    """Decode the first image of `file`, in this process.

    Raises PhotoError for whatever is wrong with the photo, OSError when the disk fails.
    """
    try:
        _hush_pillow()
        if family is VIDEO:
            from imgsearch.decode import video

            return video.read(file, request)
        if family is RAW:
            from imgsearch.decode import raw

            return raw.read(file, request)
        return _read(file, family, request)
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        raise photo_error(error, family.name) from error
    except Exception as error:  # on bad data a decoder may raise anything at all
        raise photo_error(error, family.name) from error


def _read(file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
    if family is JXL:  # its plugin decodes all when it opens
        from imgsearch.decode.jxl import size_px

        request.check(*size_px(file))
    image = _open(file, family)
    width_px, height_px = image.size
    request.check(width_px, height_px)
    if isinstance(image, TiffImageFile):
        tiff.check(image)
    if family is PNG or not request.facts_only:  # a PNG may have metadata behind its pixels
        _load(image, file, family, request)
    exif = _exif(image, file, family)
    animated, inside = has_frames(file, family, image), has_video_inside(file, family)
    orientation = 1 if _turned_by_plugin(image, family) else exif.orientation
    if orientation >= 5:
        width_px, height_px = height_px, width_px
    others = (read_xmp(_xmp(image)), read_iptc(image))
    facts = exif.facts(family.name, (width_px, height_px), others)
    facts = replace(facts, animated=animated, motion=INSIDE if inside else None)
    if request.facts_only:
        return Decoded(Image.new("RGB", (1, 1)), facts)
    _settle_profile(image, file, family, exif)
    settled = tiff.settled(image) if isinstance(image, TiffImageFile) else image
    return Decoded(upright_srgb(settled, orientation, request), facts)


def _open(file: BinaryIO, family: ImageFormat) -> ImageFile.ImageFile:
    """The plugin, called by name and not through Image.open: that would try every format there
    is, and measure them by a limit that is global to the process."""
    module_name, _, class_name = family.plugin.partition(":")
    plugin: type[ImageFile.ImageFile] = getattr(import_module(module_name), class_name)
    file.seek(0)
    return plugin(file)


def _load(
    image: ImageFile.ImageFile, file: BinaryIO, family: ImageFormat, request: DecodeRequest
) -> None:
    """Decode the pixels, at a fraction of size and work where the format has a way to."""
    if family is JPEG:  # 1/2, 1/4 or 1/8
        image.draft(None, (request.side_px, request.side_px))
    if isinstance(image, Jpeg2KImageFile):
        fewer = (min(image.size) // request.side_px).bit_length() - 1
        image.reduce = max(0, min(fewer, halvings_of_jpeg2000(file)))
        image.load()
        image.reduce = 0  # what was a number is Pillow's method again
    image.load()


def _exif(image: ImageFile.ImageFile, file: BinaryIO, family: ImageFormat) -> Exif:
    return read_exif(file if family is TIFF else image.info.get("exif"))


def _xmp(image: ImageFile.ImageFile) -> bytes | None:
    xmp = image.info.get("xmp")
    return xmp if isinstance(xmp, bytes) else None


def _turned_by_plugin(image: ImageFile.ImageFile, family: ImageFormat) -> bool:
    """Whether the pixels are upright already, whatever EXIF says.

    JPEG XL and HEIF keep the turn in the image itself; Pillow turns a TIFF. A JPEG inside a
    JPEG XL comes out as the JPEG it was.
    """
    return family in (TIFF, HEIF) or (family is JXL and not getattr(image, "jpeg", False))


def _settle_profile(
    image: ImageFile.ImageFile, file: BinaryIO, family: ImageFormat, exif: Exif
) -> None:
    """Give an image that names its colours without an ICC profile the profile it means."""
    if image.info.get("icc_profile") or image.mode not in ("RGB", "RGBA"):
        return
    if family in (HEIF, AVIF, PNG):
        profile = colour.profile_of_code_points(colour.code_points(file, family))
    else:
        profile = colour.adobe_rgb() if exif.adobe_rgb else None
    if profile is not None:
        image.info["icc_profile"] = profile


def _hush_pillow() -> None:
    """Let out none of Pillow's warnings about bad files: what matters of them is in PhotoError.

    `warnings.catch_warnings` swaps lists that all threads share. One rule that stays is safe,
    and putting it first again and again keeps it in force below a test's own rules.
    """
    rule = warnings.filters[0] if warnings.filters else None
    if rule is None or rule[0] != "ignore" or rule[3] != _FROM_PILLOW:
        warnings.filterwarnings("ignore", module=_FROM_PILLOW.pattern)
