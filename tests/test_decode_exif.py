"""The EXIF reader: the facts it finds, and junk, which leaves them unknown."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsearch.decode.exif import Exif, read_canon_boxes, read_exif, read_minolta_blocks
from imgsearch.decode.reader import decode_bytes
from imgsearch.records.photo import Facts

ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 2, 3, 4, 5, 7, 10
Tag = tuple[int, int, object]


def directory(tags: Sequence[Tag], at: int, order: str = "<") -> bytes:
    """One TIFF directory for offset `at`, followed by its long values."""
    table, body = struct.pack(order + "H", len(tags)), b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        if kind == ASCII:
            data = str(value).encode() + b"\0"
            count = len(data)
        elif isinstance(value, bytes):
            data, count = value, len(value)
        else:
            values = value if isinstance(value, tuple) else (value,)
            code = {SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}[kind]
            data = struct.pack(f"{order}{len(values)}{code}", *values)
            count = len(values) // (2 if kind in (RATIONAL, SRATIONAL) else 1)
        if len(data) > 4:
            inline = struct.pack(order + "I", behind + len(body))
            body += data
        else:
            inline = data.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind, count) + inline
    return table + bytes(4) + body


def block(
    top: Sequence[Tag] = (), photo: Sequence[Tag] = (), gps: Sequence[Tag] = (), order: str = "<"
) -> bytes:
    """An EXIF block with these tags."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    links: list[Tag] = [(0x8769, LONG, 0), (0x8825, LONG, 0)]
    photo_at = 8 + len(directory([*top, *links], 8, order))
    gps_at = photo_at + len(directory(photo, photo_at, order))
    links = [(0x8769, LONG, photo_at), (0x8825, LONG, gps_at)]
    return (
        head
        + directory([*top, *links], 8, order)
        + directory(photo, photo_at, order)
        + directory(gps, gps_at, order)
    )


def facts_in(exif: bytes) -> Facts:
    """The facts that an EXIF block gives a photo."""
    return facts_of(read_exif(exif))


def facts_of(exif: Exif) -> Facts:
    return exif.facts("JPEG", (1, 1))


def place(lat: object, lat_ref: str, lon: object, lon_ref: str) -> list[Tag]:
    return [(1, ASCII, lat_ref), (2, RATIONAL, lat), (3, ASCII, lon_ref), (4, RATIONAL, lon)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_facts_in_either_byte_order(order: str) -> None:
    exif = read_exif(
        block(
            [(0x010F, ASCII, "Canon"), (0x0110, ASCII, "Canon EOS R5"), (0x0112, SHORT, 6)],
            [
                (0x9003, ASCII, "2021:07:04 12:34:56"),
                (0x9011, ASCII, "-05:30"),
                (0x9291, ASCII, "25"),
                (0xA434, ASCII, "RF24-105mm F4 L IS USM"),
            ],
            place((48, 1, 51, 1, 2952, 100), "N", (2, 1, 17, 1, 4020, 100), "W"),
            order,
        )
    )
    zone = timezone(-timedelta(hours=5, minutes=30))
    facts = exif.facts("JPEG", (8, 6))
    assert exif.orientation == 6
    assert facts.lat == pytest.approx(48.8582, abs=1e-6)
    assert facts.lon == pytest.approx(-2.2945, abs=1e-6)
    assert facts == Facts(
        "JPEG",
        8,
        6,
        taken_at=datetime(2021, 7, 4, 12, 34, 56, 250_000, zone),
        dated_by="exif",
        camera="Canon EOS R5",
        lens="RF24-105mm F4 L IS USM",
        lat=facts.lat,
        lon=facts.lon,
    )


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 40D", "Canon EOS 40D"),
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("SONY", "ILCE-7M4", "SONY ILCE-7M4"),
        ("EASTMAN KODAK COMPANY", "KODAK CX7530", "KODAK CX7530"),
        ("", "Jolla", "Jolla"),
        ("LEICA", "   ", "LEICA"),
        ("\0\0\0", "--", None),
        ("Acme\nInc.", "\x1b[31mX1", "Acme Inc. [31mX1"),
    ],
)
def test_the_maker_is_not_repeated_in_the_model(make: str, model: str, camera: str | None) -> None:
    assert facts_in(block([(0x010F, ASCII, make), (0x0110, ASCII, model)])).camera == camera


@pytest.mark.parametrize(
    ("numbers", "lens"),
    [
        ((18, 1, 70, 1, 35, 10, 45, 10), "18-70mm f/3.5-4.5"),
        ((50, 1, 50, 1, 18, 10, 18, 10), "50mm f/1.8"),
        ((24, 1, 105, 1, 0, 0, 0, 0), "24-105mm"),
        ((0, 1, 0, 1, 0, 0, 0, 0), None),
        ((70, 1, 18, 1, 35, 10, 45, 10), None),
        ((0, 0, 0, 0, 0, 0, 0, 0), None),
        ((18, 1, 70, 1), None),
    ],
)
def test_a_lens_without_a_name_is_named_by_its_numbers(
    numbers: tuple[int, ...], lens: str | None
) -> None:
    assert facts_in(block([], [(0xA432, RATIONAL, numbers)])).lens == lens
    named: list[Tag] = [(0xA432, RATIONAL, numbers), (0xA434, ASCII, "Planar")]
    assert facts_in(block([], named)).lens == "Planar"


@pytest.mark.parametrize(
    ("date", "taken_at"),
    [
        ("2008:05:30 15:56:01", datetime(2008, 5, 30, 15, 56, 1)),
        ("2008-05-30T15:56:01", datetime(2008, 5, 30, 15, 56, 1)),
        ("2008:05:30  5:56:01", datetime(2008, 5, 30, 5, 56, 1)),
        ("0000:00:00 00:00:00", None),
        ("2008:02:30 15:56:01", None),
        ("2008:05:30 24:61:61", None),
        ("    :  :     :  :  ", None),
        ("2008:05:30", datetime(2008, 5, 30)),
        ("2008:05:30 15:56", datetime(2008, 5, 30, 15, 56)),
        ("2008: 5: 3 15:56: 1", datetime(2008, 5, 3, 15, 56, 1)),
        ("2008-05-30T15:56:01.25Z", datetime(2008, 5, 30, 15, 56, 1, tzinfo=UTC)),
        (
            "2008:05:30 15:56:01+0200",
            datetime(2008, 5, 30, 15, 56, 1, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("2008:05", None),
        ("2008:05:30 noon", None),
        ("yesterday", None),
    ],
)
def test_only_dates_that_exist_count(date: str, taken_at: datetime | None) -> None:
    assert facts_in(block([], [(0x9003, ASCII, date)])).taken_at == taken_at


def test_the_original_date_counts_first() -> None:
    changed, original, digitised = (f"20{year}:01:01 00:00:00" for year in (22, 20, 21))
    camera: list[Tag] = [(0x0110, ASCII, "X1"), (0x0132, ASCII, changed)]
    both: list[Tag] = [(0x9004, ASCII, digitised), (0x9003, ASCII, original)]
    assert facts_in(block(camera, both)).taken_at == datetime(2020, 1, 1)
    assert facts_in(block(camera, both[:1])).taken_at == datetime(2021, 1, 1)
    only_changed = read_exif(block(camera, []))
    assert "taken_at" not in only_changed.shot.facts
    assert only_changed.fallback.facts["taken_at"] == datetime(2022, 1, 1)
    assert facts_in(block(camera[1:], [])).taken_at is None, "a program wrote it, not a camera"


def test_tags_of_the_photo_may_be_in_the_main_directory() -> None:
    """As in the files of TIFF/EP, which some scanners and RAW formats follow."""
    facts = facts_in(
        block([(0x9003, ASCII, "2020:01:01 00:00:00"), (0x829A, RATIONAL, (1, 50)),
               (0x829D, RATIONAL, (28, 10)), (0x8827, SHORT, 200), (0xA434, ASCII, "Planar")])
    )  # fmt: skip
    assert (facts.taken_at, facts.dated_by) == (datetime(2020, 1, 1), "exif")
    assert (facts.exposure_s, facts.aperture, facts.iso) == (0.02, 2.8, 200)
    assert facts.lens == "Planar"
    both = block([(0x9003, ASCII, "2020:01:01 00:00:00")], [(0x9003, ASCII, "2021:01:01 00:00:00")])
    assert facts_in(both).taken_at == datetime(2021, 1, 1), "its own directory counts first"


@pytest.mark.parametrize("offset", ["Z", "z", "+00:00"])
def test_an_offset_may_be_the_letter_of_utc(offset: str) -> None:
    facts = facts_in(block([], [(0x9003, ASCII, "2008:05:30 15:56:01"), (0x9011, ASCII, offset)]))
    assert facts.taken_at == datetime(2008, 5, 30, 15, 56, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offset", "hours"),
    [("+12:01", 12 + 1 / 60), ("+13:45", 13.75), ("+14:00", 14), ("-12:00", -12)],
)
def test_an_offset_reaches_to_the_furthest_place_on_earth(offset: str, hours: float) -> None:
    facts = facts_in(block([], [(0x9003, ASCII, "2008:05:30 15:56:01"), (0x9011, ASCII, offset)]))
    assert facts.taken_at is not None and facts.taken_at.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("offset", ["+14:01", "+15:00", "05:00", "", "+5", "UTC", "+aa:bb"])
def test_an_invalid_offset_leaves_the_time_local(offset: str) -> None:
    facts = facts_in(block([], [(0x9003, ASCII, "2008:05:30 15:56:01"), (0x9011, ASCII, offset)]))
    assert facts.taken_at == datetime(2008, 5, 30, 15, 56, 1)


@pytest.mark.parametrize(
    "gps",
    [
        place((91, 1, 0, 1, 0, 1), "N", (181, 1, 0, 1, 0, 1), "E"),
        place((1, 0, 0, 0, 0, 0), "N", (1, 0, 0, 0, 0, 0), "E"),
        place((48, 1, 0, 1, 0, 1), "X", (2, 1, 0, 1, 0, 1), ""),
        [(2, RATIONAL, (48, 1, 0, 1, 0, 1)), (4, RATIONAL, (2, 1, 0, 1, 0, 1))],
        [(1, ASCII, "N"), (2, SRATIONAL, (-48, 1, 0, 1, 0, 1)), (3, ASCII, "E")],
        [(1, ASCII, "N"), (2, ASCII, "48.5"), (3, ASCII, "E"), (4, ASCII, "2")],
    ],
)
def test_an_impossible_position_is_unknown(gps: list[Tag]) -> None:
    facts = facts_in(block(gps=gps))
    assert (facts.lat, facts.lon) == (None, None)


def test_a_block_may_begin_in_several_ways() -> None:
    exif = block([(0x0110, ASCII, "X1")])
    for start in (b"", b"Exif\0\0", b"Exif\0\0Exif\0\0", b"\0\0\0\6Exif\0\0"):
        assert facts_in(start + exif).camera == "X1"


def test_minutes_that_are_not_given_count_as_zero() -> None:
    facts = facts_in(block(gps=place((48, 1, 0, 0, 0, 0), "N", (2, 1, 30, 1, 0, 0), "E")))
    assert (facts.lat, facts.lon) == (48, 2.5)


def test_decimal_minutes() -> None:
    facts = facts_in(block(gps=place((48, 1, 5130, 100), "S", (2, 1), "E")))
    assert facts.lat == pytest.approx(-48.855)
    assert facts.lon == 2


def test_canon_boxes() -> None:
    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    def tiff(tags: list[Tag]) -> bytes:
        return b"II*\0" + struct.pack("<I", 8) + directory(tags, 8)

    data = (
        box(b"ftyp", b"crx \0\0\0\x01")
        + box(b"CMT1", tiff([(0x0110, ASCII, "Canon EOS R6"), (0x0112, SHORT, 8)]))
        + box(b"CMT2", tiff([(0x9003, ASCII, "2022:03:04 05:06:07")]))
        + box(b"CMT4", tiff(place((1, 1), "N", (2, 1), "E")))
    )
    exif = read_canon_boxes(BytesIO(data))
    facts = facts_of(exif)
    assert (facts.camera, exif.orientation) == ("Canon EOS R6", 8)
    assert facts.taken_at == datetime(2022, 3, 4, 5, 6, 7)
    assert (facts.lat, facts.lon) == (1, 2)
    assert facts_of(read_canon_boxes(BytesIO(data[:60]))).taken_at is None


def test_minolta_blocks() -> None:
    def piece(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">I", len(content)) + content

    exif = block([(0x0110, ASCII, "DiMAGE 7")], [(0x9003, ASCII, "2002:03:04 05:06:07")], order=">")
    data = piece(b"\0MRM", piece(b"\0PRD", bytes(24)) + piece(b"\0TTW", exif)) + bytes(99)
    facts = facts_of(read_minolta_blocks(BytesIO(data)))
    assert (facts.camera, facts.taken_at) == ("DiMAGE 7", datetime(2002, 3, 4, 5, 6, 7))
    for end in range(0, 60, 7):
        assert facts_of(read_minolta_blocks(BytesIO(data[:end]))).taken_at is None


def test_the_date_of_a_trail_camera() -> None:
    notes = struct.pack("<11H6H", 0xF101, *[0] * 10, 7, 6, 5, 3, 4, 2020) + bytes(40)
    camera: list[Tag] = [(0x010F, ASCII, "RECONYX"), (0x0110, ASCII, "HC500")]
    facts = facts_in(block(camera, [(0x927C, UNDEFINED, notes)]))
    assert facts.taken_at == datetime(2020, 3, 4, 5, 6, 7)
    assert facts_in(block(camera, [(0x927C, UNDEFINED, notes[:30])])).taken_at is None
    no_month = notes[:28] + struct.pack("<H", 13) + notes[30:]
    assert facts_in(block(camera, [(0x927C, UNDEFINED, no_month)])).taken_at is None


@given(st.binary(max_size=400), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
def test_no_bytes_make_it_fail(junk: bytes, head: bytes) -> None:
    exif = read_exif(b"Exif\0\0" + head + junk)
    assert 1 <= exif.orientation <= 8


@given(st.data())
def test_no_change_of_a_real_block_makes_it_fail(data: st.DataObject) -> None:
    good = bytearray(
        block(
            [(0x010F, ASCII, "Canon"), (0x0112, SHORT, 6)],
            [(0x9003, ASCII, "2021:07:04 12:34:56"), (0x9291, ASCII, "25")],
            place((48, 1, 51, 1, 2952, 100), "N", (2, 1, 17, 1, 4020, 100), "W"),
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    facts = facts_in(bytes(good))
    assert facts.lat is None or -90 <= facts.lat <= 90
    assert facts.lon is None or -180 <= facts.lon <= 180


@pytest.mark.parametrize("offset", [(0, 0), (17, 2), (1, 0)])
def test_a_directory_offset_that_is_not_a_whole_number_is_ignored(
    offset: tuple[int, int],
) -> None:
    exif = block([(0x0110, ASCII, "X1")])
    linked = exif[:8] + directory([(0x0110, ASCII, "X1"), (0x8769, RATIONAL, offset)], 8)
    assert facts_in(linked).camera == "X1"


def test_junk_in_exif_and_xmp_never_fails_a_photo() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "' + b"&b;" * 9 + b'">]><x:xmpmeta>&a;</x:xmpmeta>'
    junk = (
        b"",
        b"\xff" * 300,
        b"II*\0\x08\0\0\0\xff\xff" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" * 40,
        b"MM\0*\xff\xff\xff\xff",
        block([(0x0112, SHORT, 77)]),
    )
    for exif in junk:
        for kind in ("JPEG", "PNG", "WEBP"):
            buffer = BytesIO()
            Image.new("RGB", (20, 10), "red").save(buffer, kind, exif=b"Exif\0\0" + exif)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                decoded = decode_bytes(buffer.getvalue(), 8)
            assert decoded.image.size == (20, 10)
            assert decoded.facts.taken_at is None
    buffer = BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, "JPEG", xmp=entities)
    assert decode_bytes(buffer.getvalue(), 8).facts.taken_at is None
