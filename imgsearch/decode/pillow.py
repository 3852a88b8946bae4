"""Reads what Pillow itself decodes: JPEG, PNG, GIF, WebP, BMP, TIFF, JPEG 2000, AVIF."""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from typing import BinaryIO

from PIL import ImageFile

from imgsearch.decode.exif import Exif, read_exif
from imgsearch.decode.formats import AVIF, BMP, GIF, JPEG, JPEG2000, PNG, TIFF, WEBP, Family
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import Request
from imgsearch.records import Decoded, Facts

# Plugins are called by name, never through Image.open: it would try every format there is, and
# measure them by a limit that is global to the process.
_PLUGINS = {
    JPEG.name: "JpegImagePlugin:JpegImageFile",  # the first image of an MPO is an ordinary JPEG
    PNG.name: "PngImagePlugin:PngImageFile",
    GIF.name: "GifImagePlugin:GifImageFile",
    WEBP.name: "WebPImagePlugin:WebPImageFile",
    BMP.name: "BmpImagePlugin:BmpImageFile",
    TIFF.name: "TiffImagePlugin:TiffImageFile",
    JPEG2000.name: "Jpeg2KImagePlugin:Jpeg2KImageFile",
    AVIF.name: "AvifImagePlugin:AvifImageFile",
}
_FROM_PILLOW = re.compile(r"PIL\.")


def read(file: BinaryIO, family: Family, request: Request) -> Decoded:
    """Decode the first image of `file`. Raises PhotoError, or whatever Pillow raises."""
    _hush_pillow()
    image = _open(file, family)
    width_px, height_px = image.size
    request.check(width_px, height_px)
    if family is JPEG:  # decodes at 1/2, 1/4 or 1/8 of the size for a fraction of the work
        image.draft(None, (request.side_px, request.side_px))
    image.load()
    exif = _exif(image, file, family)
    upright = upright_srgb(image, 1 if family is TIFF else exif.orientation, request)
    if exif.orientation >= 5 and family is not TIFF:  # Pillow turns a TIFF by itself
        width_px, height_px = height_px, width_px
    return Decoded(upright, facts_of(exif, family, (width_px, height_px)))


def facts_of(exif: Exif, family: Family, size_px: tuple[int, int]) -> Facts:
    """The facts of a photo whose upright image is `size_px` (width, height)."""
    return Facts(
        format=family.name,
        width_px=size_px[0],
        height_px=size_px[1],
        taken_at=exif.taken_at,
        camera=exif.camera,
        lens=exif.lens,
        lat=exif.lat,
        lon=exif.lon,
    )


def _open(file: BinaryIO, family: Family) -> ImageFile.ImageFile:
    module_name, _, class_name = _PLUGINS[family.name].partition(":")
    plugin: type[ImageFile.ImageFile] = getattr(import_module(f"PIL.{module_name}"), class_name)
    file.seek(0)
    return plugin(file)


def _exif(image: ImageFile.ImageFile, file: BinaryIO, family: Family) -> Exif:
    xmp = image.info.get("xmp")
    block = file if family is TIFF else image.info.get("exif")
    return read_exif(block, xmp if isinstance(xmp, bytes) else None)


def _hush_pillow() -> None:
    """Let out none of Pillow's warnings about bad files: what matters of them is in PhotoError.

    `warnings.catch_warnings` swaps lists that all threads share. One rule that stays is safe,
    and putting it first again and again keeps it in force below a test's own rules.
    """
    rule = warnings.filters[0] if warnings.filters else None
    if rule is None or rule[0] != "ignore" or rule[3] != _FROM_PILLOW:
        warnings.filterwarnings("ignore", module=_FROM_PILLOW.pattern)
