"""Metadata blocks (EXIF, XMP, IPTC), and photos of every format that carry them.

The container around a block is valid whatever the block holds, so a photo with a damaged block is
still a photo.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tests.factories import heic, scene

Container = Callable[[bytes], bytes]  # a block -> the bytes of a photo that carries it

MAX_SEGMENT_BYTES = 65_000  # of a JPEG
WIDTH_PX, HEIGHT_PX = 96, 64  # of the photo in every container

XMP_AS_ELEMENTS = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:digiKam="http://www.digikam.org/ns/1.0/"
 xmlns:exifEX="http://cipa.jp/exif/1.0/">
<xmp:Rating>4</xmp:Rating><xmp:CreateDate>2021-07-04T12:34:56.5+02:00</xmp:CreateDate>
<exif:DateTimeOriginal>2021-07-04T12:34:56+02:00</exif:DateTimeOriginal>
<exif:GPSLatitude>48,51.4923N</exif:GPSLatitude><exif:GPSLongitude>2,17,40W</exif:GPSLongitude>
<exif:ExposureTime>1/250</exif:ExposureTime><exif:FNumber>28/10</exif:FNumber>
<exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
<exif:FocalLength>50/1</exif:FocalLength><exifEX:LensModel>RF50mm F1.8</exifEX:LensModel>
<tiff:Make>Canon</tiff:Make><tiff:Model>Canon EOS R5</tiff:Model>
<dc:subject><rdf:Bag><rdf:li>dog</rdf:li><rdf:li>sn\u00f8</rdf:li></rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag><rdf:li>A|B|C</rdf:li></rdf:Bag></lr:hierarchicalSubject>
<digiKam:TagsList><rdf:Seq><rdf:li>A/B/C</rdf:li></rdf:Seq></digiKam:TagsList>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()

XMP_AS_ATTRIBUTES = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmp:Rating="-1" photoshop:DateCreated="2020-02-29" aux:Lens="18.0-55.0 mm f/3.5-5.6"
 exif:GPSLatitude="48.858222" exif:GPSLatitudeRef="S" exif:GPSLongitude="2.2945"
 exif:GPSLongitudeRef="E" exif:ExposureTime="0.004"/></rdf:RDF></x:xmpmeta>"""


def iptc_block() -> bytes:
    """Datasets of IIM 4.2: the character set, two keywords, date and time."""
    datasets = [(1, 90, b"\x1b%G"), (2, 0, b"\0\4"), (2, 25, b"dog"), (2, 25, "snø".encode()),
                (2, 55, b"20210704"), (2, 60, b"123456+0200"), (2, 5, b"title")]  # fmt: skip
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(value)) + value
        for record, number, value in datasets
    )


def exif_block() -> bytes:
    """A TIFF structure with camera, lens, date, place and exposure."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "Canon", "Canon EOS R5", 6, "2021"
    exif.get_ifd(0x8769).update(
        {
            0x9003: "2021:07:04 12:34:56",
            0x9011: "+02:00",
            0x9291: "25",
            0xA434: "RF50mm",
            0x829A: 0.004,
            0x829D: 2.8,
            0x8827: 400,
            0x920A: 50.0,
            0xA432: (18.0, 55.0, 3.5, 5.6),
            0x927C: b"Apple iOS\0\0\1MM\0\0",
        }
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5), 3: "W", 4: (2.0, 17.0, 40.2)})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def made_blocks() -> dict[str, list[bytes]]:
    """Blocks by kind: exif (a TIFF structure), xmp (a packet), iptc (datasets)."""
    return {
        "exif": [exif_block()],
        "xmp": [XMP_AS_ELEMENTS, XMP_AS_ATTRIBUTES],
        "iptc": [iptc_block()],
    }


def collected_blocks(folder: Path) -> dict[str, list[bytes]]:
    """The blocks in the JPEGs of a folder."""
    blocks: dict[str, list[bytes]] = {"exif": [], "xmp": [], "iptc": []}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            continue
        try:
            with Image.open(path) as image:
                info = image.info
        except (UnidentifiedImageError, OSError):
            continue
        photoshop = info.get("photoshop")
        found = {
            "exif": info.get("exif", b"").removeprefix(b"Exif\0\0"),
            "xmp": info.get("xmp"),
            "iptc": photoshop.get(0x0404) if isinstance(photoshop, dict) else None,
        }
        for kind, block in found.items():
            if isinstance(block, bytes) and 16 <= len(block) <= MAX_SEGMENT_BYTES:
                blocks[kind].append(block)
    return blocks


# ---------------------------------------------------------------------------- containers


def containers() -> Mapping[tuple[str, str], Container]:
    """By format and kind of block: how to make a photo of that format with such a block."""
    photo = scene(WIDTH_PX, HEIGHT_PX)

    def saved(format_name: str, **options: object) -> bytes:
        buffer = BytesIO()
        photo.save(buffer, format_name, **options)
        return buffer.getvalue()

    jpeg, png, gif, jp2 = saved("JPEG"), saved("PNG"), saved("GIF"), saved("JPEG2000")
    avif = saved("AVIF", exif=_AVIF_EXIF)
    return {
        ("JPEG", "exif"): lambda block: _segment(jpeg, 0xE1, b"Exif\0\0" + block),
        ("JPEG", "xmp"): lambda block: _segment(
            jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + block
        ),
        ("JPEG", "iptc"): lambda block: _segment(jpeg, 0xED, _photoshop(block)),
        ("PNG", "exif"): lambda block: _chunk(png, b"eXIf", block),
        ("PNG", "xmp"): lambda block: _chunk(png, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + block),
        ("PNG, raw profile", "exif"): lambda block: _chunk(png, b"zTXt", _profile("exif", block)),
        ("PNG, raw profile", "iptc"): lambda block: _chunk(
            png, b"zTXt", _profile("iptc", _photoshop(block))
        ),
        ("PNG, raw profile", "xmp"): lambda block: _chunk(png, b"zTXt", _profile("xmp", block)),
        ("PNG, raw segment", "exif"): lambda block: _chunk(
            png, b"tEXt", _profile("APP1", b"Exif\0\0" + block, packed=False)
        ),
        ("PNG, raw segment", "xmp"): lambda block: _chunk(
            png, b"zTXt", _profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + block)
        ),
        ("GIF", "xmp"): lambda block: _gif(gif, block),
        ("JPEG 2000", "xmp"): lambda block: jp2 + _box(b"uuid", _XMP_UUID + block),
        ("JPEG 2000", "exif"): lambda block: jp2 + _box(b"uuid", b"JpgTiffExif->JP2" + block),
        ("JPEG 2000", "iptc"): lambda block: jp2 + _box(b"uuid", _IPTC_UUID + block),
        ("TIFF", "xmp"): lambda block: saved("TIFF", tiffinfo={700: block}),
        ("TIFF", "iptc"): lambda block: saved("TIFF", tiffinfo={33723: block}),
        ("WebP", "exif"): lambda block: saved("WEBP", exif=block),
        ("WebP", "xmp"): lambda block: saved("WEBP", xmp=block),
        ("AVIF", "exif"): lambda block: _avif_with(avif, block),
        ("AVIF", "xmp"): lambda block: saved("AVIF", xmp=block),
        ("HEIF", "exif"): lambda block: heic(photo, exif=b"Exif\0\0" + block),
    }


_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def _segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with one more segment after its first two bytes."""
    body = body[:MAX_SEGMENT_BYTES]
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def _photoshop(iptc: bytes) -> bytes:
    """The IPTC block as one of Photoshop's image resources."""
    return (
        b"Photoshop 3.0\08BIM\x04\x04\0\0"
        + struct.pack(">I", len(iptc))
        + iptc
        + b"\0" * (len(iptc) % 2)
    )


def _chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    """The PNG with one more chunk after its header."""
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return png[:33] + chunk + png[33:]


def _profile(name: str, block: bytes, packed: bool = True) -> bytes:
    """A block as ImageMagick writes it into a PNG: as hexadecimal text, 36 bytes a line."""
    lines = (block[at : at + 36].hex() for at in range(0, len(block), 36))
    text = f"\n{name}\n{len(block):8}\n{chr(10).join(lines)}\n".encode()
    keyword = f"Raw profile type {name}".encode() + b"\0"
    return keyword + (b"\0" + zlib.compress(text) if packed else text)


def _gif(gif: bytes, packet: bytes) -> bytes:
    """The GIF with an XMP packet before its end, and the trailer by which readers skip it."""
    packet = packet.replace(b"\0", b" ")
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return gif[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + gif[-1:]


# Pillow writes only valid EXIF into an AVIF, so a block of its own takes the place of this one.
_AVIF_EXIF = b"II*\0\x08\0\0\0\0\0" + bytes(4000)


def _avif_with(avif: bytes, block: bytes) -> bytes:
    """The AVIF with this EXIF; without an orientation, which Pillow would adapt."""
    return avif.replace(_AVIF_EXIF, block[: len(_AVIF_EXIF)].ljust(len(_AVIF_EXIF), b"\0"))


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body
