"""The table of image formats: which suffixes and first bytes mean what, and who reads it.

A suffix only decides whether a file is looked at; what it is, its first bytes decide. So a PNG
named `.jpg` is read as the PNG it is, and a text named `.jpg` is refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePath

HEAD_BYTES = 64  # how much of a file `family_of` wants to see


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One image format: its names, its decoder, and what must be installed for it."""

    name: str  # what Facts.format says
    suffixes: tuple[str, ...]
    plugin: str  # "module:class" of a Pillow plugin; empty where there is a reader of our own
    needs: str | None = None  # module that may not be installed
    extra: str | None = None  # the extra of imgsearch-photos that brings it
    isolated: bool = True  # decoded in a process of its own, which may die
    known_as: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.known_as or self.name


_RAW = (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef",
        ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
        ".srf", ".srw", ".x3f")  # fmt: skip

JPEG = ImageFormat(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PIL.JpegImagePlugin:JpegImageFile",  # the first image of an MPO is an ordinary JPEG
    isolated=False,
)
PNG = ImageFormat("PNG", (".png", ".apng"), "PIL.PngImagePlugin:PngImageFile", isolated=False)
GIF = ImageFormat("GIF", (".gif",), "PIL.GifImagePlugin:GifImageFile")
WEBP = ImageFormat("WEBP", (".webp",), "PIL.WebPImagePlugin:WebPImageFile")
BMP = ImageFormat("BMP", (".bmp", ".dib"), "PIL.BmpImagePlugin:BmpImageFile")
TIFF = ImageFormat("TIFF", (".tif", ".tiff"), "PIL.TiffImagePlugin:TiffImageFile")
JPEG2000 = ImageFormat(
    "JPEG2000",
    (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
)
AVIF = ImageFormat("AVIF", (".avif",), "PIL.AvifImagePlugin:AvifImageFile")
HEIF = ImageFormat("HEIF", (".heic", ".heif", ".hif"), "pillow_heif:HeifImageFile")
JXL = ImageFormat(
    "JXL",
    (".jxl",),
    "pillow_jxl.JpegXLImagePlugin:JXLImageFile",
    needs="pillow_jxl",
    extra="jxl",
    known_as="JPEG XL",
)
RAW = ImageFormat("RAW", _RAW, "", needs="rawpy", extra="raw")
VIDEO = ImageFormat(
    "VIDEO",
    (".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mts", ".m2ts",
     ".mpg", ".mpeg", ".wmv"),
    "",
    needs="av",
    extra="video",
)  # fmt: skip

FAMILIES = {
    family.name: family
    for family in (JPEG, PNG, GIF, WEBP, BMP, TIFF, JPEG2000, AVIF, HEIF, JXL, RAW, VIDEO)
}
FORMATS: dict[str, ImageFormat] = {
    suffix: family for family in FAMILIES.values() for suffix in family.suffixes
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
# What a video begins with, and FFmpeg's name for that form.
_VIDEO_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1a\x45\xdf\xa3", "matroska"),  # WebM, too
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)
_SURE = ("avi", "matroska", "mpeg", "asf")  # as the others, a file may begin that is no video
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ANY_CODEC = (b"mif1", b"mif2", b"msf1", b"heif")
_BRANDS: dict[bytes, ImageFormat] = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"crx ": RAW,  # Canon CR3
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIF),
    **dict.fromkeys(_ANY_CODEC, HEIF),
}
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"qt  ",
                 b"M4V ", b"3gp4", b"3gp5", b"3gp6", b"3g2a", b"XAVC")  # fmt: skip


def is_photo_name(name: str) -> bool:
    """Whether a file of this name (no folders) is worth opening as a photo.

    False for hidden files: AppleDouble `._IMG.jpg`, Android's `.trashed-…-IMG.jpg`.
    """
    # Asked of every file of a library at every look: a PurePath would take ten times as long.
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in FORMATS and not name.startswith(".")


def format_of(head: bytes, name: str = "") -> ImageFormat | None:
    """The format that a file's first HEAD_BYTES bytes show, or None when they are no image.

    `name` only tells RAW from TIFF: NEF, ARW, DNG, CR2 and more begin like any TIFF. And it tells
    a video where the first bytes alone are too little to go by.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    suffix = PurePath(name).suffix.lower()
    if head[4:8] == b"ftyp" and (family := _family_of_brands(head)) is not None:
        return family
    family = next((family for magic, family in _MAGIC if head.startswith(magic)), None)
    if family is TIFF and (head[8:10] == b"CR" or suffix in _RAW):
        return RAW
    if family is None and (form := video_form(head)) is not None:
        return VIDEO if form in _SURE or suffix in VIDEO.suffixes else None
    return family


def video_form(head: bytes) -> str | None:
    """FFmpeg's name for the form of a video that begins so, or None when it does not."""
    if head[4:8] in _QUICKTIME:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:1] == b"G" or head[4:5] == b"G":  # packets of 188 bytes, or of 4 and 188
        return "mpegts"
    return next((form for magic, form in _VIDEO_MAGIC if head.startswith(magic)), None)


def _family_of_brands(head: bytes) -> ImageFormat | None:
    """ISO base media files say what they are in brands: the major one, then the compatible."""
    size_bytes = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size_bytes - 3, 4))]
    brands.sort(key=lambda brand: brand in _ANY_CODEC)  # what names a codec says more
    family = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return VIDEO if family is None and not set(brands).isdisjoint(_VIDEO_BRANDS) else family


_SIDECARS = ("{name}.xmp", "{name}.XMP", "{stem}.xmp", "{stem}.XMP")  # darktable's; Adobe's


def is_sidecar_name(name: str) -> bool:
    """Whether a file of this name (no folders) may be one that `apply_sidecar` looks for."""
    return name.endswith((".xmp", ".XMP"))


def sidecars_of(photo: str) -> tuple[str, ...]:
    """Where the XMP file of the photo at this path may lie, the first that counts first."""
    folder, slash, name = photo.rpartition(os.sep)
    stem = name[: name.rfind(".")] if name.rfind(".") > 0 else name
    return tuple(folder + slash + form.format(name=name, stem=stem) for form in _SIDECARS)
