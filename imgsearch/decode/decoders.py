"""Decodes an open file of a known format in this process: with Pillow, or as RAW or video.

The JPEGs and PNGs of ordinary size are decoded like this in the caller's process, everything else
in a decoder process (`pool`, `worker`).
"""

from __future__ import annotations

import errno
import re
import warnings
from importlib import import_module
from io import BytesIO
from typing import BinaryIO

from msgspec.structs import replace
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from imgsearch.decode import colour
from imgsearch.decode.bare import without_refused_parts
from imgsearch.decode.ciff import read_ciff
from imgsearch.decode.embedded import find_metadata
from imgsearch.decode.exif import Exif, read_exif
from imgsearch.decode.formats import AVIF, HEIF, JXL, PNG, RAW, TIFF, VIDEO, ImageFormat
from imgsearch.decode.headers import jpeg_xl_size, undecoded_kind
from imgsearch.decode.iptc import read_iptc
from imgsearch.decode.jpeg2000 import Jpeg2000File, possible_halvings
from imgsearch.decode.motion import MOTION_INSIDE, has_video_inside, is_animation
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import DecodeRequest, photo_error
from imgsearch.decode.texts import read_picture_info, read_texts
from imgsearch.decode.xmp import read_xmp
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded

# These come from the disk. Other numbers, as for a seek to nowhere, come from the file's content.
_DISK_ERRORS = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT,
                errno.ENOTCONN, errno.EHOSTDOWN}  # fmt: skip
_PILLOW_MODULES = re.compile(r"PIL\.")


def decode_in_process(file: BinaryIO, image_format: ImageFormat, request: DecodeRequest) -> Decoded:
    """Decode the first image of `file`, or frames of a video.

    Raises PhotoError for whatever is wrong with the photo, OSError when the disk fails.
    """
    try:
        _silence_pillow()
        # RAW and video need packages that may not be installed.
        if image_format is VIDEO:
            from imgsearch.decode.video import decode_video

            return decode_video(file, request)
        if image_format is RAW:
            from imgsearch.decode.raw import decode_raw

            return decode_raw(file, request)
        return _decode_with_pillow(file, image_format, request)
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        raise _failure(error, file, image_format) from error
    except Exception as error:  # on bad data a decoder may raise anything at all
        raise _failure(error, file, image_format) from error


def _failure(error: Exception, file: BinaryIO, image_format: ImageFormat) -> PhotoError:
    """Translate a decoder's exception to an error about the photo."""
    failure = photo_error(error, image_format.title)
    if failure.reason is Reason.TOO_LARGE or image_format not in (TIFF, HEIF, AVIF):
        return failure
    kind = undecoded_kind(file)
    if kind is None:
        return failure
    return PhotoError(
        Reason.UNSUPPORTED,
        f"This kind of {image_format.title} is not supported ({kind}); a copy of it as JPEG is.",
    )


def _decode_with_pillow(
    file: BinaryIO, image_format: ImageFormat, request: DecodeRequest
) -> Decoded:
    if image_format is JXL:  # its plugin decodes everything when it opens the file
        request.check_size(*jpeg_xl_size(file))
    image = _open(file, image_format)
    width_px, height_px = image.size
    request.check_size(width_px, height_px)
    if isinstance(image, TiffImageFile):
        _refuse_deep_planes(image)
    if image_format is PNG or not request.facts_only:  # a PNG may have metadata after its pixels
        image = _loaded(image, file, image_format, request)
    found = find_metadata(image, file, image_format)
    exif = read_exif(found.exif)
    others = [
        read_xmp(found.xmp or exif.xmp),
        read_iptc(found.iptc or exif.iptc),
        *([read_ciff(BytesIO(found.ciff))] if found.ciff else []),
        *([read_texts(found.texts)] if found.texts else []),
        *([read_picture_info(found.picture_info)] if found.picture_info else []),
    ]
    animated = is_animation(file, image_format, image)
    motion = MOTION_INSIDE if has_video_inside(file, image_format) else None
    orientation = 1 if _is_upright_already(image, image_format) else exif.orientation
    if orientation >= 5:
        width_px, height_px = height_px, width_px
    facts = exif.facts(image_format.name, (width_px, height_px), others)
    facts = replace(facts, animated=animated, motion=motion)
    has_unread_notes = exif.has_maker_notes and not exif.names_lens(others)
    if request.facts_only:
        nothing = Image.new("RGB", (1, 1))
        return Decoded(nothing, facts, has_unread_notes=has_unread_notes, orientation=orientation)
    _add_missing_profile(image, file, image_format, exif)
    pixels = _deep_grey(image) if isinstance(image, TiffImageFile) else image
    upright = upright_srgb(pixels, orientation, request.min_side_px)
    return Decoded(upright, facts, has_unread_notes=has_unread_notes, orientation=orientation)


def _open(file: BinaryIO, image_format: ImageFormat) -> ImageFile.ImageFile:
    """Open with the format's own plugin; without the parts that it refuses, if it does.

    Image.open would try every format, and apply a size limit that is global to the process.
    """
    module_name, _, class_name = image_format.plugin.partition(":")
    plugin: type[ImageFile.ImageFile] = getattr(import_module(module_name), class_name)
    file.seek(0)
    try:
        return plugin(file)
    except Exception:  # on bad data a decoder may raise anything at all
        bare = without_refused_parts(file, image_format)
        if bare is None:
            raise
        return plugin(bare)


def _loaded(
    image: ImageFile.ImageFile, file: BinaryIO, image_format: ImageFormat, request: DecodeRequest
) -> ImageFile.ImageFile:
    """Return the image with its pixels, at a reduced size where the format's decoder can do that.

    What fails at a reduced size, or at metadata after the pixels, is opened again and decoded
    whole and without what is refused: neither is a reason to refuse a photo.
    """
    is_reduced = _reduce(image, file, request)
    try:
        image.load()
    except Exception:  # on bad data a decoder may raise anything at all
        bare = without_refused_parts(file, PNG) if image_format is PNG else None
        if bare is None and not is_reduced:
            raise
        image = _open(bare or file, image_format)
        image.load()
    if isinstance(image.info.get("transparency"), str):  # a text of a PNG with that name
        del image.info["transparency"]
    return image


def _reduce(image: ImageFile.ImageFile, file: BinaryIO, request: DecodeRequest) -> bool:
    """Have the pixels decoded at the smallest size that will do. False where that is the whole."""
    whole_px = image.size
    if isinstance(image, JpegImageFile):  # 1/2, 1/4 or 1/8
        image.draft(None, (request.min_side_px, request.min_side_px))
    elif isinstance(image, Jpeg2000File):
        halvings = (min(image.size) // request.min_side_px).bit_length() - 1
        image.halve(max(0, min(halvings, possible_halvings(file))))
    return image.size != whole_px


def _is_upright_already(image: ImageFile.ImageFile, image_format: ImageFormat) -> bool:
    """Return whether the plugin has applied the orientation, so that EXIF's no longer counts.

    HEIF and JPEG XL keep their orientation in the image itself, and Pillow turns a TIFF. A JPEG
    inside a JPEG XL comes out as the JPEG it was.
    """
    if image_format is JXL:
        return not getattr(image, "jpeg", False)
    return image_format in (TIFF, HEIF)


def _add_missing_profile(
    image: ImageFile.ImageFile, file: BinaryIO, image_format: ImageFormat, exif: Exif
) -> None:
    """Add the ICC profile to an image that names its colour space in another way."""
    if image.info.get("icc_profile") or image.mode not in ("RGB", "RGBA"):
        return
    if image_format in (HEIF, AVIF, PNG):
        profile = colour.profile_of_code_points(colour.code_points(file, image_format))
    else:
        profile = colour.adobe_rgb() if exif.adobe_rgb else None
    if profile is not None:
        image.info["icc_profile"] = profile


def _silence_pillow() -> None:
    """Ignore Pillow's warnings about bad files: PhotoError says what matters of them.

    `warnings.catch_warnings` replaces lists that all threads share. One permanent filter is safe;
    it is put in front again because a test's own filters may precede it.
    """
    first = warnings.filters[0] if warnings.filters else None
    if first is None or first[0] != "ignore" or first[3] != _PILLOW_MODULES:
        warnings.filterwarnings("ignore", module=_PILLOW_MODULES.pattern)


# ---------------------------------------------------------------------------- deep TIFFs

# Tags and values of TIFF 6.0.
_BITS, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 258, 262, 284, 339
_WHITE_IS_ZERO, _SEPARATE, _UNSIGNED = 0, 2, 1


def _refuse_deep_planes(image: TiffImageFile) -> None:
    """Refuse colour of more than 8 bits stored plane by plane: Pillow decodes it into noise."""
    bits = image.tag_v2.get(_BITS, (1,))
    if len(bits) > 1 and max(bits) > 8 and image.tag_v2.get(_PLANES) == _SEPARATE:
        raise PhotoError(
            Reason.UNSUPPORTED,
            f"This kind of TIFF is not supported ({max(bits)} bits, plane by plane).",
        )


def _deep_grey(image: TiffImageFile) -> Image.Image:
    """Return grey of 9 to 32 bits as floats, 0 (black) to 1 (white); other images unchanged.

    Pillow leaves such samples as they are in the file, inverted or not.
    """
    import numpy as np  # lazy: a decoder process starts faster without it

    bits = max(image.tag_v2.get(_BITS, (1,)))
    unsigned = image.tag_v2.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    if not image.mode.startswith("I") or not unsigned or not 8 < bits <= 32:
        return image
    samples = np.asarray(image)
    if samples.dtype == np.int32:  # Pillow's only mode of 32-bit integers is signed
        samples = samples.view(np.uint32)
    light = samples.astype(np.float32) / np.float32(2**bits - 1)
    if image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        light = 1 - light
    grey = Image.fromarray(light)
    grey.info = image.info.copy()
    return grey
