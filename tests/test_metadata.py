"""The facts in XMP, IPTC, EXIF and sidecars, and which source counts."""

from __future__ import annotations

import shutil
import struct
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.metadata import MetadataSource, merge_metadata
from imgsearch.decode.reader import decode, decode_bytes, read_facts
from imgsearch.decode.xmp import read_xmp
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts
from tests import clips
from tests.factories import encoded
from tests.metadata_blocks import containers, made_blocks

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "tiff": "http://ns.adobe.com/tiff/1.0/",
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "ps": "http://ns.adobe.com/photoshop/1.0/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "x": "adobe:ns:meta/",
        "r": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    }.items()
)


def packet(attributes: str = "", inside: str = "", encoding: str = "utf-8") -> bytes:
    """An XMP packet; its namespace prefixes are unusual where that is allowed."""
    text = (
        f'<x:xmpmeta {NAMESPACES}><r:RDF><r:Description r:about="" {attributes}>{inside}'
        "</r:Description></r:RDF></x:xmpmeta>"
    )
    return text.encode(encoding)


def xmp_fact(name: str, packet: bytes) -> object:
    """One fact of an XMP packet; None where it is unknown."""
    return read_xmp(packet).facts.get(name)


def bag(name: str, *items: str) -> str:
    return f"<{name}><r:Bag>{''.join(f'<r:li>{item}</r:li>' for item in items)}</r:Bag></{name}>"


def test_properties_may_be_attributes_or_elements() -> None:
    for xmp in (
        packet('xmp:Rating="4" tiff:Make="Canon" tiff:Model="Canon EOS R5" aux:Lens="EF50mm"'),
        packet(
            "",
            "<xmp:Rating>4</xmp:Rating><tiff:Make>Canon</tiff:Make>"
            "<tiff:Model>Canon EOS R5</tiff:Model><aux:Lens> EF50mm </aux:Lens>",
        ),
    ):
        facts = {"rating": 4, "camera": "Canon EOS R5", "lens": "EF50mm"}
        assert read_xmp(xmp) == MetadataSource("xmp", facts)


def test_keywords_of_every_kind_are_joined() -> None:
    xmp = packet(
        "", bag("dc:subject", "Familie", "Öl &amp; Wein", "familie") + bag("lr:hierarchicalSubject",
                                                                       "Leute|Oma", "Familie")
    )  # fmt: skip
    assert read_xmp(xmp).texts("keywords") == ("Leute|Oma", "Familie", "Öl & Wein")
    nested = packet("", "<dc:subject><r:Bag><r:li><r:Bag><r:li>no</r:li></r:Bag></r:li></r:Bag>"
                        "</dc:subject>")  # fmt: skip
    assert read_xmp(nested).texts("keywords") == ()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-06-01T10:00:00.5+02:00",
         datetime(2019, 6, 1, 10, 0, 0, 500_000, timezone(timedelta(hours=2)))),
        ("2019-06-01T10:00Z", datetime(2019, 6, 1, 10, tzinfo=UTC)),
        ("2019-06-01", datetime(2019, 6, 1)),
        ("2019-16-01T10:00:00", None),
        ("2019", datetime(2019, 1, 1)),
        ("2019-06", datetime(2019, 6, 1)),
        ("2019-13", None),
        ("", None),
    ],
)  # fmt: skip
def test_dates(text: str, moment: datetime | None) -> None:
    dated = packet(f'ps:DateCreated="{text}"')
    assert xmp_fact("taken_at", dated) == moment
    precision = {4: "year", 7: "month", 10: "day"}.get(len(text)) if moment else None
    assert xmp_fact("date_precision", dated) == precision
    both = f'xmp:CreateDate="2001-01-01" ps:DateCreated="{text}"'
    assert xmp_fact("taken_at", packet(both)) == (moment or datetime(2001, 1, 1))


@pytest.mark.parametrize(
    ("lat", "lon", "place"),
    [
        ("48,51.4N", "2,21.0E", (48.856667, 2.35)),
        ("33,51,36S", "151,12,36E", (-33.86, 151.21)),
        ("48,51.4N", "", None),
        ("95,0.0N", "2,21.0E", None),
        ("48,51.4E", "2,21.0N", None),
    ],
)
def test_coordinates(lat: str, lon: str, place: tuple[float, float] | None) -> None:
    xmp = packet(f'exif:GPSLatitude="{lat}" exif:GPSLongitude="{lon}"')
    read = xmp_fact("lat", xmp), xmp_fact("lon", xmp)
    assert read == pytest.approx(place or (None, None), abs=1e-6)


@pytest.mark.parametrize(
    ("lat", "reference", "degrees"),
    [
        ("48.8566", "N", 48.8566),
        ("33.86", "S", -33.86),
        ("-33.86", "S", -33.86),
        ("48.8566", "E", None),
        ("48.8566", "", None),
        ("95.0", "N", None),
        ("nan", "N", None),
        ("48,51.4N", "N", 48.856667),
    ],
)
def test_decimal_coordinates_have_their_letter_beside_them(
    lat: str, reference: str, degrees: float | None
) -> None:
    lon = 'exif:GPSLongitude="2.35" exif:GPSLongitudeRef="E"'
    xmp = packet(f'exif:GPSLatitude="{lat}" exif:GPSLatitudeRef="{reference}" {lon}')
    assert xmp_fact("lat", xmp) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "stars"), [("5", 5), ("0", 0), ("-1", -1), ("3.0", 3), ("9", None), ("good", None)]
)
def test_ratings(text: str, stars: int | None) -> None:
    assert xmp_fact("rating", packet(f'xmp:Rating="{text}"')) == stars


def test_every_encoding_of_xmp() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert xmp_fact("rating", packet('xmp:Rating="3"', encoding=encoding)) == 3
    assert xmp_fact("rating", b"\0\0" + packet('xmp:Rating="3"') + b"\0 \n") == 3


def test_invalid_xmp_gives_no_facts() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "&b;&b;&b;">]>' + packet('xmp:Rating="5"')
    nothing = MetadataSource("xmp", {})
    for junk in (b"", b"<", b"\xff\xfe\0", bomb, b"<a>" * 10_000, packet("")[:-20] + b"\0<"):
        assert read_xmp(junk) == nothing
    assert xmp_fact("rating", packet('xmp:Rating="5"', "<a")) == 5, "what precedes an error counts"
    assert read_xmp(packet('xmp:Rating="5"') + b" " * (5 << 20)) == nothing


@given(st.binary(max_size=300), st.integers(0, 500))
def test_no_bytes_make_it_fail(junk: bytes, at: int) -> None:
    read_xmp(junk)
    good = packet('xmp:Rating="5" exif:GPSLatitude="48,51.4N"', bag("dc:subject", "a"))
    read_xmp(good[:at] + junk + good[at:])


def test_the_first_source_that_knows_a_fact_decides_it() -> None:
    exif, xmp = datetime(2001, 1, 1), datetime(2002, 2, 2)
    facts = merge_metadata(
        Facts("JPEG", 1, 1),
        [
            MetadataSource("exif", {"taken_at": exif, "camera": "A", "lat": 9.0}),
            MetadataSource(
                "xmp",
                {"taken_at": xmp, "camera": "B", "lens": "L", "lat": 1.0, "lon": 2.0, "rating": 4,
                 "keywords": ("x", "y")},
            ),
            MetadataSource("iptc", {"keywords": ("Y", "z"), "rating": 1}),
        ],
    )  # fmt: skip
    assert (facts.taken_at, facts.dated_by, facts.camera, facts.lens) == (exif, "exif", "A", "L")
    assert (facts.lat, facts.lon, facts.rating) == (1.0, 2.0, 4)
    assert facts.keywords == ("x", "y", "z")


def test_a_source_knows_only_fields_of_facts() -> None:
    with pytest.raises(ValueError, match="colour"):
        MetadataSource("exif", {"colour": "red"})
    source = MetadataSource("exif", {"camera": None, "lens": "", "rating": 0, "keywords": ()})
    assert source.facts == {"rating": 0}


# ------------------------------------------------------------------------------- in files


def microsoft_exif() -> bytes:
    """A rating and keywords as Windows writes them."""
    words = "Strand;Möwe\0".encode("utf-16-le")
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", 2)
    rating = struct.pack("<HHI4s", 0x4746, 3, 1, struct.pack("<I", 4))
    keywords = struct.pack("<HHII", 0x9C9E, 1, len(words), 8 + 2 + 24 + 4)
    return b"Exif\0\0" + head + rating + keywords + b"\0\0\0\0" + words


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_xmp_in_files(kind: str) -> None:
    buffer = BytesIO()
    image = Image.new("RGB", (20, 10))
    xmp = packet('xmp:Rating="2" ps:DateCreated="2020-02-02T02:02:02"', bag("dc:subject", "sea"))
    if kind == "TIFF":
        image.save(buffer, kind, tiffinfo={700: xmp})
    elif kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(buffer, kind, pnginfo=info)
    else:
        image.save(buffer, kind, xmp=xmp)
    facts = decode_bytes(buffer.getvalue(), 4).facts
    assert (facts.rating, facts.keywords, facts.dated_by) == (2, ("sea",), "xmp")
    assert facts.taken_at == datetime(2020, 2, 2, 2, 2, 2)


@pytest.mark.parametrize(("name", "kind"), containers().keys())
def test_a_block_says_the_same_in_every_format(name: str, kind: str) -> None:
    made = containers()
    blocks = made_blocks()
    for block in blocks[kind]:
        facts = decode_bytes(made[name, kind](block), 4).facts
        in_jpeg = decode_bytes(made["JPEG", kind](block), 4).facts
        as_jpeg = replace(facts, format="JPEG", width_px=1, height_px=1)
        assert as_jpeg == replace(in_jpeg, width_px=1, height_px=1)
        assert facts.taken_at is not None


@pytest.mark.parametrize("start", [b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:"])
def test_iptc_behind_resources_of_other_programs(start: bytes) -> None:
    iptc = made_blocks()["iptc"][0]
    other = b"MeSa" + struct.pack(">HHI", 7, 0, 3) + b"abc\0"
    content = start + other + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    facts = decode_bytes(encoded(Image.new("RGB", (20, 10)), "JPEG", extra=segment), 4).facts
    assert facts.dated_by == "iptc" and "dog" in facts.keywords


def test_iptc_among_the_resources_of_a_tiff() -> None:
    iptc = made_blocks()["iptc"][0]
    resources = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc
    tags = ImageFileDirectory_v2()
    tags[34377], tags.tagtype[34377] = resources, 7
    facts = decode_bytes(encoded(Image.new("RGB", (20, 10)), "TIFF", tiffinfo=tags), 4).facts
    assert facts.dated_by == "iptc" and "dog" in facts.keywords


def test_xmp_of_a_jpeg_xl() -> None:
    plugin = pytest.importorskip("pillow_jxl.JpegXLImagePlugin")
    image, buffer = Image.new("RGB", (20, 10)), BytesIO()
    image.encoderinfo = {"use_container": True, "num_threads": 1}
    plugin._save(image, buffer, "")
    xmp = packet('xmp:Rating="2"')
    data = buffer.getvalue() + struct.pack(">I", 8 + len(xmp)) + b"xml " + xmp
    assert decode_bytes(data, 4).facts.rating == 2


@pytest.mark.parametrize("place", ["uuid", "udta"])
def test_xmp_of_a_video(tmp_path: Path, place: str) -> None:
    pytest.importorskip("av")

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    xmp = packet('xmp:Rating="3" xmp:CreateDate="2020-02-02T02:02:02"', bag("dc:subject", "sea"))
    data = clips.video([Image.new("RGB", (64, 48), "red")], 1.0, "mp4")
    if place == "uuid":
        data += box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + xmp)
    else:  # `udta` is the last box in `moov`, which is the last in the file
        more = box(b"XMP_", xmp)
        for kind in (b"moov", b"udta"):
            at = data.rindex(kind) - 4
            (size,) = struct.unpack_from(">I", data, at)
            data = data[:at] + struct.pack(">I", size + len(more)) + data[at + 4 :]
        data += more
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    facts = read_facts(path)
    assert (facts.rating, facts.keywords, facts.dated_by) == (3, ("sea",), "xmp")


@pytest.mark.parametrize(
    ("texts", "taken_at"),
    [
        ({"Creation Time": "Thu, 25 Nov 2021 20:47:00 +0100"},
         datetime(2021, 11, 25, 20, 47, tzinfo=timezone(timedelta(hours=1)))),
        ({"Creation Time": "2021-11-25T20:47:00Z"}, datetime(2021, 11, 25, 20, 47, tzinfo=UTC)),
        ({"creation time": "2021:11:25 20:47:00"}, datetime(2021, 11, 25, 20, 47)),
        ({"create-date": "2021:11:25"}, datetime(2021, 11, 25)),
        ({"exif:DateTimeOriginal": "2020:01:01 00:00:00", "Creation Time": "2021-11-25"},
         datetime(2020, 1, 1)),
        ({"Creation Time": "yesterday"}, None),
        ({"date:create": "2021-11-25T20:47:00+00:00", "Software": "2021"}, None),
    ],
)  # fmt: skip
def test_dates_in_the_texts_of_a_png(texts: dict[str, str], taken_at: datetime | None) -> None:
    facts = with_texts(texts)
    assert facts.taken_at == taken_at
    assert facts.dated_by == (None if taken_at is None else "text")


def test_names_in_the_texts_of_a_png() -> None:
    facts = with_texts({"Keywords": "sea; Möwe,sea", "Make": "Acme", "Model": "X1", "Title": "Dawn",
                        "Description": "At the sea", "Author": "Ann"})  # fmt: skip
    assert (facts.keywords, facts.camera) == (("sea", "Möwe"), "Acme X1")
    assert (facts.title, facts.description, facts.creator) == ("Dawn", "At the sea", "Ann")
    assert with_texts({"transparency": "x", "exif": "y", "xmp": "z", "icc_profile": "?"}).width_px


def with_texts(texts: dict[str, str]) -> Facts:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return decode_bytes(encoded(Image.new("RGB", (20, 10)), "PNG", pnginfo=info), 4).facts


def test_what_cameras_wrote_before_exif() -> None:
    lines = b"ACME\0 7\r\n[picture info]\r\nTimeDate=909698819\r\nShutter=33363\r\nFNumber=F2.8\r\n"
    for at, text in ((0, lines), (1, lines.replace(b"909698819", b"1998/10/29 22:06:59"))):
        segment = b"\xff\xec" + struct.pack(">H", len(text) + 2) + text
        facts = decode_bytes(encoded(Image.new("RGB", (20, 10)), "JPEG", extra=segment), 4).facts
        assert facts.taken_at == datetime(1998, 10, 29, 22, 6, 59), at
        assert (facts.exposure_s, facts.aperture) == (0.033363, 2.8)
        assert facts.dated_by == "text"


def with_iptc(*datasets: tuple[int, bytes]) -> Facts:
    """The facts of a JPEG with these IPTC datasets of record 2."""
    iim = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value for number, value in datasets
    )
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iim)) + iim + b"\0" * (len(iim) % 2)
    buffer = BytesIO()
    # The block of Photoshop is an application segment (APP13).
    extra = b"Photoshop 3.0\0" + resource
    Image.new("RGB", (20, 10)).save(
        buffer, "JPEG", extra=b"\xff\xed" + struct.pack(">H", len(extra) + 2) + extra
    )
    return decode_bytes(buffer.getvalue(), 4).facts


def test_iptc_of_a_photo() -> None:
    date, time = (55, b"20040506"), (60, b"070809+0200")
    facts = with_iptc(date, time, (25, b"sea"), (25, "Möwe".encode()))
    assert (facts.keywords, facts.dated_by) == (("sea", "Möwe"), "iptc")
    assert facts.taken_at == datetime(2004, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert with_iptc(date).taken_at == datetime(2004, 5, 6), "a date needs no time"


def test_empty_values_in_iptc_are_left_out() -> None:
    assert with_iptc((25, b"")).keywords == ()
    facts = with_iptc((55, b""), (60, b""), (25, b""), (25, b"sea"))
    assert (facts.keywords, facts.taken_at) == (("sea",), None)


def test_rating_and_keywords_of_windows() -> None:
    buffer = BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, "JPEG", exif=microsoft_exif())
    facts = decode_bytes(buffer.getvalue(), 4).facts
    assert (facts.rating, facts.keywords) == (4, ("Strand", "Möwe"))


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp", "a.XMP"])
def test_a_sidecar_overrides_the_photo(tmp_path: Path, name: str) -> None:
    photo = tmp_path / "a.jpg"
    inside = packet('xmp:Rating="1" ps:DateCreated="2020-01-01"', bag("dc:subject", "one"))
    Image.new("RGB", (20, 10)).save(photo, xmp=inside)
    assert read_facts(photo).rating == 1
    (tmp_path / name).write_bytes(packet('xmp:Rating="5"', bag("dc:subject", "two")))
    facts = read_facts(photo)
    assert (facts.rating, facts.dated_by, facts.keywords) == (5, "xmp", ("two", "one"))
    assert decode(photo, 4).facts == facts
    (tmp_path / name).write_bytes(packet('xmp:CreateDate="2001-02-03T04:05:06"'))
    assert (read_facts(photo).taken_at, read_facts(photo).dated_by) == (
        datetime(2001, 2, 3, 4, 5, 6),
        "sidecar",
    )
    (tmp_path / name).write_bytes(b"no xml")
    assert read_facts(photo).rating == 1


def test_metadata_of_real_files(shared_data: Path, tmp_path: Path) -> None:
    metadata = shared_data / "camera" / "formats" / "metadata"
    assert read_facts(metadata / "rating" / "mongolels.jpg").rating == 3
    assert read_facts(metadata / "tags" / "picasa.jpg").keywords == ("Frost", "Yard")
    springs = read_facts(metadata / "gps-position" / "thompson-springs.jpg")
    assert springs.keywords[-1] == "thompson springs"
    assert springs.lens == "Canon EF 24-105mm f/4L IS II USM"
    photo = tmp_path / "2000.jpg"
    shutil.copy(metadata / "tags" / "picasa.jpg", photo)
    shutil.copy(metadata / "xmp" / "dates" / "2000.xmp", tmp_path)
    facts = read_facts(photo)
    assert facts.dated_by == "sidecar"
    assert facts.taken_at == datetime(2000, 9, 27, 14, 35, 33, tzinfo=timezone(timedelta(hours=2)))


def test_reading_facts_alone_gives_the_same_facts(shared_data: Path) -> None:
    compared = 0
    for photo in sorted((shared_data / "camera").rglob("*")):
        if not is_photo_name(photo.name) or photo.stat().st_size > 3 << 20:
            continue
        try:
            facts = decode(photo, 16).facts
        except PhotoError:
            continue
        assert read_facts(photo) == facts, photo
        compared += 1
    assert compared > 100
