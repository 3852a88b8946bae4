"""The table of image formats: which suffixes and first bytes mean what, and who reads it.

A suffix only decides whether a file is looked at; what it is, its first bytes decide. So a PNG
named `.jpg` is read as the PNG it is, and a text named `.jpg` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

HEAD_BYTES = 64  # how much of a file `family_of` wants to see


@dataclass(frozen=True, slots=True)
class Family:
    """One image format: its names, its decoder, and what must be installed for it."""

    name: str  # what Facts.format says
    suffixes: tuple[str, ...]
    plugin: str  # "module:class" of a Pillow plugin; empty for RAW, which has its own reader
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

JPEG = Family(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PIL.JpegImagePlugin:JpegImageFile",  # the first image of an MPO is an ordinary JPEG
    isolated=False,
)
PNG = Family("PNG", (".png", ".apng"), "PIL.PngImagePlugin:PngImageFile", isolated=False)
GIF = Family("GIF", (".gif",), "PIL.GifImagePlugin:GifImageFile")
WEBP = Family("WEBP", (".webp",), "PIL.WebPImagePlugin:WebPImageFile")
BMP = Family("BMP", (".bmp", ".dib"), "PIL.BmpImagePlugin:BmpImageFile")
TIFF = Family("TIFF", (".tif", ".tiff"), "PIL.TiffImagePlugin:TiffImageFile")
JPEG2000 = Family(
    "JPEG2000",
    (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
)
AVIF = Family("AVIF", (".avif",), "PIL.AvifImagePlugin:AvifImageFile")
HEIF = Family("HEIF", (".heic", ".heif", ".hif"), "pillow_heif:HeifImageFile")
JXL = Family(
    "JXL",
    (".jxl",),
    "pillow_jxl.JpegXLImagePlugin:JXLImageFile",
    needs="pillow_jxl",
    extra="jxl",
    known_as="JPEG XL",
)
RAW = Family("RAW", _RAW, "", needs="rawpy", extra="raw")

FAMILIES = {
    family.name: family
    for family in (JPEG, PNG, GIF, WEBP, BMP, TIFF, JPEG2000, AVIF, HEIF, JXL, RAW)
}
FORMATS: dict[str, Family] = {
    suffix: family for family in FAMILIES.values() for suffix in family.suffixes
}

_MAGIC: tuple[tuple[bytes, Family], ...] = (
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
_ANY_CODEC = (b"mif1", b"mif2", b"msf1", b"heif")
_BRANDS: dict[bytes, Family] = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"crx ": RAW,  # Canon CR3
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIF),
    **dict.fromkeys(_ANY_CODEC, HEIF),
}


def is_photo_name(name: str) -> bool:
    """Whether a file of this name (no folders) is worth opening as a photo.

    False for hidden files: AppleDouble `._IMG.jpg`, Android's `.trashed-…-IMG.jpg`.
    """
    # Asked of every file of a library at every look: a PurePath would take ten times as long.
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in FORMATS and not name.startswith(".")


def family_of(head: bytes, name: str = "") -> Family | None:
    """The format that a file's first HEAD_BYTES bytes show, or None when they are no image.

    `name` only tells RAW from TIFF: NEF, ARW, DNG, CR2 and more begin like any TIFF.
    """
    if head[4:8] == b"ftyp":
        return _family_of_brands(head)
    if head[:4] == b"RIFF":
        return WEBP if head[8:12] == b"WEBP" else None
    family = next((family for magic, family in _MAGIC if head.startswith(magic)), None)
    if family is TIFF and (head[8:10] == b"CR" or PurePath(name).suffix.lower() in _RAW):
        return RAW
    return family


def _family_of_brands(head: bytes) -> Family | None:
    """ISO base media files say what they are in brands: the major one, then the compatible."""
    size_bytes = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size_bytes - 3, 4))]
    brands.sort(key=lambda brand: brand in _ANY_CODEC)  # what names a codec says more
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
