"""The table of image formats: their file names, their first bytes and their decoders.

A suffix decides only whether a file is opened; the first bytes decide what it is. So a PNG named
`.jpg` is read as a PNG, and a text file named `.jpg` is refused.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from msgspec import Struct

HEAD_BYTES = 64  # how much of a file `format_of` needs


class ImageFormat(Struct, frozen=True):
    """One image format: its names, its decoder, and the package that the decoder needs."""

    name: str  # the value of Facts.format
    suffixes: tuple[str, ...]
    plugin: str = ""  # "module:class" of a Pillow plugin; empty for RAW and VIDEO
    package: str | None = None  # import name of an optional package that the decoder needs
    extra: str | None = None  # the extra of imgsearch-photos that installs it
    isolated: bool = True  # decoded in a separate process, which may crash
    common_name: str | None = None

    @property
    def title(self) -> str:
        """The name that people know."""
        return self.common_name or self.name


_RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
    *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2"),
    *(".srf", ".srw", ".x3f"),
)

JPEG = ImageFormat(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PIL.JpegImagePlugin:JpegImageFile",  # the first image of an MPO is an ordinary JPEG
    isolated=False,
)
PNG = ImageFormat("PNG", (".png", ".apng"), "PIL.PngImagePlugin:PngImageFile", isolated=False)
GIF = ImageFormat("GIF", (".gif",), "PIL.GifImagePlugin:GifImageFile")
WEBP = ImageFormat("WEBP", (".webp",), "PIL.WebPImagePlugin:WebPImageFile")
BMP = ImageFormat("BMP", (".bmp",), "PIL.BmpImagePlugin:BmpImageFile")
DIB = ImageFormat("DIB", (".dib",), "PIL.BmpImagePlugin:DibImageFile")  # without a file header
PPM = ImageFormat("PPM", (".ppm", ".pgm", ".pbm", ".pnm"), "imgsearch.decode.netpbm:NetpbmFile")
TIFF = ImageFormat("TIFF", (".tif", ".tiff"), "PIL.TiffImagePlugin:TiffImageFile")
JPEG2000 = ImageFormat(
    "JPEG2000",
    (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "imgsearch.decode.jpeg2000:Jpeg2000File",
)
AVIF = ImageFormat("AVIF", (".avif",), "PIL.AvifImagePlugin:AvifImageFile")
HEIF = ImageFormat("HEIF", (".heic", ".heif", ".hif"), "pillow_heif:HeifImageFile")
JXL = ImageFormat(
    "JXL",
    (".jxl",),
    "pillow_jxl.JpegXLImagePlugin:JXLImageFile",
    package="pillow_jxl",
    extra="jxl",
    common_name="JPEG XL",
)
RAW = ImageFormat("RAW", _RAW_SUFFIXES, package="rawpy", extra="raw")
VIDEO = ImageFormat(
    "VIDEO",
    (".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mts", ".m2ts",
     ".mpg", ".mpeg", ".wmv"),
    package="av",
    extra="video",
    common_name="Video",
)  # fmt: skip

FORMATS_BY_NAME = {
    image_format.name: image_format
    for image_format in (
        *(JPEG, PNG, GIF, WEBP, BMP, DIB, PPM, TIFF, JPEG2000, AVIF, HEIF, JXL, RAW, VIDEO),
    )
}
FORMATS_BY_SUFFIX: dict[str, ImageFormat] = {
    suffix: image_format
    for image_format in FORMATS_BY_NAME.values()
    for suffix in image_format.suffixes
}

_MAGIC: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),  # BigTIFF
    (b"MM\x00+", TIFF),
    (b"\xff\x4f\xff\x51", JPEG2000),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", JPEG2000),
    (b"\xff\x0a", JXL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", JXL),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\x00", RAW),  # Panasonic
    (b"IIRO", RAW),  # Olympus
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"FOVb", RAW),  # Sigma
    (b"\x00MRM", RAW),  # Minolta
    (b"II\x1a\x00\x00\x00HEAPCCDR", RAW),  # Canon CRW
)
_PPM_START = re.compile(rb"P[1-6]\s*(?:\s\d|#)")
# Size of the header, width, height, one plane, and bits of a pixel; or, first, OS/2's form of it.
_DIB_START = re.compile(
    rb"(?:\x0c\0\0\0.{4}|[\x28\x34\x38\x40\x6c\x7c]\0\0\0.{8})\x01\0[\x01\x04\x08\x10\x18\x20]\0",
    re.DOTALL,
)
# The first bytes of a video, and FFmpeg's name for its container.
_VIDEO_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1a\x45\xdf\xa3", "matroska"),  # WebM, too
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)
# Their first bytes are proof; those of the other containers also begin files that are not videos.
_UNAMBIGUOUS_CONTAINERS = ("avi", "matroska", "mpeg", "asf")
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ANY_CODEC = (b"mif1", b"mif2", b"msf1", b"heif", b"miaf")
_MINI = b"mif3"  # the low-overhead form, which names the codec's brand in its next four bytes
_RARE_CODECS = (b"avci", b"avcs", b"vvic", b"vvis", b"evbi", b"evbs", b"j2ki", b"j2is", b"jpeg",
                b"jpgs")  # fmt: skip
_BRANDS: dict[bytes, ImageFormat] = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"crx ": RAW,  # Canon CR3
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIF),
    **dict.fromkeys((*_RARE_CODECS, *_ANY_CODEC), HEIF),
}
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"qt  ",
                 b"M4V ", b"3gp4", b"3gp5", b"3gp6", b"3g2a", b"XAVC")  # fmt: skip


def is_photo_name(name: str) -> bool:
    """Return whether a file of this name (no folders) is worth opening as a photo.

    False for hidden files: AppleDouble `._IMG.jpg`, Android's `.trashed-…-IMG.jpg`.
    """
    # Called for every file at every scan: a PurePath would take ten times as long.
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in FORMATS_BY_SUFFIX and not name.startswith(".")


def format_of(head: bytes, name: str = "") -> ImageFormat | None:
    """Return the format of a file that begins with `head` (HEAD_BYTES bytes); None for no image.

    `name` only decides what the first bytes leave open: RAW or TIFF, since NEF, ARW, DNG, CR2 and
    more begin like any TIFF, and whether a file with an ambiguous beginning is a video.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    suffix = PurePath(name).suffix.lower()
    if head[4:8] == b"ftyp" and (by_brand := _format_of_brands(head)) is not None:
        return by_brand
    by_magic = next((known for magic, known in _MAGIC if head.startswith(magic)), None)
    if by_magic is TIFF and (head[8:10] == b"CR" or suffix in _RAW_SUFFIXES):
        return RAW
    if by_magic is None and _PPM_START.match(head):
        return PPM
    if by_magic is None and _DIB_START.match(head):
        return DIB
    if by_magic is None and (container := video_container(head)) is not None:
        is_video = container in _UNAMBIGUOUS_CONTAINERS or suffix in VIDEO.suffixes
        return VIDEO if is_video else None
    return by_magic


def video_container(head: bytes) -> str | None:
    """FFmpeg's name for the container of a video that begins with `head`; None for other files."""
    if head[4:8] in _QUICKTIME:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:1] == b"G" or head[4:5] == b"G":  # packets of 188 bytes, or of 4 and 188
        return "mpegts"
    return next((container for magic, container in _VIDEO_MAGIC if head.startswith(magic)), None)


def _format_of_brands(head: bytes) -> ImageFormat | None:
    """Return the format that an ISO base media file names by its major and compatible brands."""
    size_bytes = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size_bytes - 3, 4))]
    if brands[0] == _MINI:
        brands.append(head[12:16])
    brands.sort(key=lambda brand: brand in _ANY_CODEC)  # brands that name a codec are more precise
    known = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return VIDEO if known is None and not set(brands).isdisjoint(_VIDEO_BRANDS) else known
