"""Metadata never fails a photo: with blocks cut, zeroed or changed, the pixels are read."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsearch.decode.colour import profile_of_code_points
from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.formats import HEAD_BYTES, format_of
from imgsearch.decode.reader import decode_bytes
from imgsearch.decode.request import DecodeRequest
from imgsearch.records.files import Decoded
from tests.factories import encoded, scene
from tests.metadata_blocks import Container, containers, made_blocks

CONTAINERS = containers()
every_container = pytest.mark.parametrize(
    ("container", "kind"),
    [pytest.param(make, kind, id=f"{kind} in {name}") for (name, kind), make in CONTAINERS.items()],
)


def read(data: bytes) -> Decoded:
    image_format = format_of(data[:HEAD_BYTES])
    assert image_format is not None
    return decode_in_process(BytesIO(data), image_format, DecodeRequest(16, 200))


@cache
def pixels_of_whole(container: Container, block: bytes) -> np.ndarray:
    return np.asarray(read(container(block)).image)


def assert_same_picture(data: bytes, container: Container, block: bytes) -> None:
    """The pixels are those of a photo with the whole block, and the facts in range.

    Damage may change the orientation, so the image may be turned.
    """
    decoded = read(data)
    seen, expected = np.asarray(decoded.image), pixels_of_whole(container, block)
    turned = [np.rot90(way, turns) for way in (seen, seen[::-1]) for turns in range(4)]
    assert any(np.array_equal(way, expected) for way in turned)
    facts = decoded.facts
    assert facts.lat is None or (-90 <= facts.lat <= 90 and facts.lon is not None)
    assert facts.rating is None or -1 <= facts.rating <= 5


Damage = list[tuple[str, float, int]]
lengths = st.sampled_from([1, 2, 4, 16, 100])
damages = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
        st.tuples(st.just("remove"), st.floats(0, 1), lengths),
        st.tuples(st.just("zero"), st.floats(0, 1), lengths),
        st.tuples(st.just("set"), st.floats(0, 1), st.integers(0, 255)),
    ),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, damage: Damage) -> bytes:
    changed = bytearray(content)
    for kind, place, number in damage:
        at = int(place * len(changed))
        if kind == "cut":
            del changed[at:]
        elif kind == "remove":
            del changed[at : at + number]
        elif kind == "zero":
            changed[at : at + number] = bytes(len(changed[at : at + number]))
        elif at < len(changed):
            changed[at] = number
    return bytes(changed)


@every_container
@settings(deadline=None, max_examples=40)
@given(damages, st.data())
def test_a_photo_with_a_damaged_block_is_read(
    container: Container, kind: str, damage: Damage, data: st.DataObject
) -> None:
    """The container is valid, as after a program that copied a damaged block."""
    block = data.draw(st.sampled_from(made_blocks()[kind]))
    changed = damaged(block, damage) or b"\0"  # Pillow writes no empty block
    assert_same_picture(container(changed), container, block)


@every_container
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_photo_whose_block_is_overwritten_in_the_file_is_read(
    container: Container, kind: str, data: st.DataObject
) -> None:
    """As a failing disk or a broken copy leaves it: sizes and checksums stay as they were."""
    block = made_blocks()[kind][0]
    whole = container(block)
    start = whole.find(block)
    if start < 0:  # compressed
        start, block = whole.index(b"Raw profile"), whole[whole.index(b"Raw profile") :][:60]
    at = data.draw(st.integers(0, len(block) - 1))
    size = data.draw(st.integers(1, len(block) - at))
    change = data.draw(st.one_of(st.just(bytes(size)), st.binary(min_size=size, max_size=size)))
    changed = whole[: start + at] + change + whole[start + at + size :]
    assert_same_picture(changed, container, made_blocks()[kind][0])


# ---------------------------------------------------------------------------- what decoders refuse


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


HUGE_TEXT = chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(bytes(2 << 20)))


@pytest.mark.parametrize(
    ("format_name", "at", "metadata"),
    [
        ("JPEG", 2, segment(0xE0, b"JFIF")),
        ("JPEG", 2, segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4")),
        ("JPEG", 2, segment(0xE2, b"ICC_PROFILE\0")),
        ("PNG", 33, HUGE_TEXT),
        ("PNG", -12, HUGE_TEXT),
        ("PNG", 33, chunk(b"tEXt", b"Title\0sea")[:-1] + b"?"),
        ("PNG", -12, chunk(b"tEXt", b"Title\0sea")[:-1] + b"?"),
        ("PNG", 33, chunk(b"iCCP", b"huge\0\0" + zlib.compress(bytes(2 << 20)))),
        ("PNG", 33, chunk(b"iCCP", b"other\0\7")),
    ],
    ids=["JFIF", "resources", "profile", "long text", "long text last", "checksum",
         "checksum last", "long profile", "other compression"],
)  # fmt: skip
def test_metadata_that_a_decoder_refuses_is_left_out(
    format_name: str, at: int, metadata: bytes
) -> None:
    plain = encoded(scene(), format_name)
    data = plain[:at] + metadata + plain[at:]
    assert np.array_equal(np.asarray(read(data).image), np.asarray(read(plain).image))
    assert decode_bytes(data, 16).facts.width_px == 96


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2019-07-14T15:16:00"
 xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" aux:Lens="EF 50mm f/1.8"/></rdf:RDF></x:xmpmeta>"""
XMP_TEXT = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
XMP_ZIPPED = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
KEYWORDS = chunk(b"tEXt", b"Keywords\0sea,boat")


@pytest.mark.parametrize("at", [33, -12], ids=["before", "behind"])
@pytest.mark.parametrize(
    "parts",
    [
        [XMP_TEXT[:-1] + b"?", KEYWORDS],
        [XMP_TEXT, KEYWORDS[:-1] + b"?"],
        [XMP_ZIPPED[:-1] + b"?", KEYWORDS[:-1] + b"?"],
        [HUGE_TEXT, XMP_ZIPPED, KEYWORDS],
        [XMP_TEXT, KEYWORDS, *100 * [chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))]],
        [chunk(b"tEXt", b"a\0b")[:-1] + b"?", XMP_TEXT, KEYWORDS],
        [chunk(b"pHYs", b"ab"), XMP_TEXT, chunk(b"zTXt", b"b\0\7b"), KEYWORDS],
        [chunk(b"qQqQ", b"ab")[:-1] + b"?", XMP_TEXT, KEYWORDS],
    ],
    ids=["XMP", "text", "zipped", "long text", "many texts", "other text", "no numbers", "unknown"],
)
def test_the_other_metadata_of_a_png_is_read_where_some_is_refused(
    parts: list[bytes], at: int
) -> None:
    plain = encoded(scene(), "PNG")
    data = plain[:at] + b"".join(parts) + plain[at:]
    facts = read(data).facts
    assert (facts.taken_at, facts.lens) == (datetime(2019, 7, 14, 15, 16), "EF 50mm f/1.8")
    assert facts.keywords == ("sea", "boat")
    assert np.array_equal(np.asarray(read(data).image), np.asarray(read(plain).image))


def test_exif_without_a_header_in_an_avif_is_left_out() -> None:
    exif = made_blocks()["exif"][0]
    data = CONTAINERS["AVIF", "exif"](exif)
    without_header = data.replace(exif, b"????" + exif[4:])
    assert without_header != data
    decoded = decode_bytes(without_header, 16)
    assert (decoded.facts.width_px, decoded.facts.camera) == (96, None)


@pytest.mark.parametrize(
    ("format_name", "at", "refused"),
    [("PNG", 33, chunk(b"tEXt", b"a\0b")[:-1] + b"?"), ("JPEG", 2, segment(0xE0, b"JFIF"))],
)
def test_a_colour_profile_stays_where_other_metadata_is_refused(
    format_name: str, at: int, refused: bytes
) -> None:
    """Without the profile the green would be another one."""
    image = Image.new("RGB", (32, 24), (60, 200, 60))
    data = encoded(image, format_name, icc_profile=profile_of_code_points((12, 13)))
    seen = decode_bytes(data[:at] + refused + data[at:], 16).image
    assert np.array_equal(np.asarray(seen), np.asarray(decode_bytes(data, 16).image))
    assert seen.getpixel((9, 9)) != pytest.approx((60, 200, 60), abs=6)
