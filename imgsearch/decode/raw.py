"""Decodes camera RAW through LibRaw: the camera's own preview where it is large enough.

A preview is what the camera made of the shot, takes milliseconds, and is what people expect to
see. Where it is too small, the sensor's data is developed, at half size if that is enough.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO

import rawpy
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from imgsearch.decode.ciff import read_ciff
from imgsearch.decode.exif import Exif, read_canon_boxes, read_exif, read_minolta_blocks
from imgsearch.decode.formats import RAW
from imgsearch.decode.iptc import read_iptc
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import DecodeRequest
from imgsearch.decode.x3f import read_x3f
from imgsearch.decode.xmp import read_xmp
from imgsearch.records.files import Decoded

_CRW = b"II\x1a\0\0\0HEAPCCDR"
_ORIENTATION_OF_FLIP = {0: 1, 3: 3, 5: 8, 6: 6}  # LibRaw's flip -> EXIF's orientation


def decode_raw(file: BinaryIO, request: DecodeRequest) -> Decoded:
    """Decode a RAW file. Raises what LibRaw raises."""
    file.seek(0)
    with rawpy.imread(file) as raw:
        sizes = raw.sizes
        width_px, height_px = sizes.width, sizes.height
        request.check_size(width_px, height_px)
        orientation = _ORIENTATION_OF_FLIP.get(sizes.flip, 1)
        preview = _preview(raw, request)
        if preview is None:
            image, turn = _developed(raw, request), 1  # LibRaw turns what it develops
        else:
            image = preview
            same_shape = (image.width >= image.height) == (width_px >= height_px)
            turn = orientation if same_shape else 1  # otherwise the camera has turned it already
        exif = _exif(file, image)
        upright = upright_srgb(image, turn, request.min_side_px)
    size_px = (height_px, width_px) if orientation >= 5 else (width_px, height_px)
    others = [read_xmp(exif.xmp), read_iptc(exif.iptc)]
    facts = exif.facts(RAW.name, size_px, others)
    # Our reader of EXIF finds none in CRW and MRW, so the notes are asked for in any case.
    return Decoded(
        upright, facts, has_unread_notes=not exif.names_lens(others), orientation=orientation
    )


def _preview(raw: rawpy.RawPy, request: DecodeRequest) -> Image.Image | None:
    """Return the embedded JPEG, if it is whole and its short side is as large as requested."""
    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format is not rawpy.ThumbFormat.JPEG or not isinstance(thumbnail.data, bytes):
            return None
        image = JpegImageFile(BytesIO(thumbnail.data))
        if min(image.size) < request.min_side_px:
            return None
        request.check_size(*image.size)
        image.draft(None, (request.min_side_px, request.min_side_px))
        image.load()
    except Exception:  # noqa: BLE001  # on bad data a decoder may raise anything at all
        return None
    return image


def _developed(raw: rawpy.RawPy, request: DecodeRequest) -> Image.Image:
    """Return the sensor's data as an upright colour image, at half size where that is enough."""
    if min(raw.sizes.width, raw.sizes.height) // 2 >= request.min_side_px:
        with suppress(rawpy.LibRawError):
            return _postprocessed(raw, half_size=True)
    return _postprocessed(raw, half_size=False)


def _postprocessed(raw: rawpy.RawPy, half_size: bool) -> Image.Image:
    pixels = raw.postprocess(
        half_size=half_size,
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.sRGB,
        output_bps=8,
    )
    is_grey = pixels.shape[2] == 1  # the sensor has no colour filters
    return Image.fromarray(pixels[..., 0] if is_grey else pixels)


def _exif(file: BinaryIO, image: Image.Image) -> Exif:
    """Return the EXIF from where this maker keeps it: TIFF tags, boxes, blocks, or the preview."""
    file.seek(0)
    head = file.read(108)
    if head[4:12] == b"ftypcrx ":
        return read_canon_boxes(file)
    if head.startswith(_CRW):
        return Exif(shot=read_ciff(file))
    if head.startswith(b"FOVb"):
        exif = read_exif(image.info.get("exif"))  # the preview's, in newer ones
        return exif if "taken_at" in exif.shot.facts else Exif(shot=read_x3f(file))
    if head.startswith(b"\0MRM"):
        return read_minolta_blocks(file)
    if head.startswith(b"FUJIFILMCCD-RAW") and len(head) >= 92:
        (at,) = struct.unpack_from(">I", head, 84)
        file.seek(at)
        preview = BytesIO(file.read(1 << 18))
        try:
            return read_exif(JpegImageFile(preview).info.get("exif"))
        except Exception:  # noqa: BLE001  # on bad data a decoder may raise anything at all
            return read_exif(None)
    return read_exif(image.info.get("exif") if head[:2] not in (b"II", b"MM") else file)
