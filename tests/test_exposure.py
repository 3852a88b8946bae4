"""Exposure time, aperture, ISO and focal length, from the file to the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from imgsearch import Library, Settings
from imgsearch.decode.reader import decode_bytes
from imgsearch.decode.xmp import read_xmp
from imgsearch.operations.records import to_json
from imgsearch.records.photo import FACTS, Facts
from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations
from tests.stand_in import StandIn

EXPOSURE = {
    0x829A: IFDRational(1, 250),
    0x829D: IFDRational(28, 10),
    0x8827: 1600,
    0x920A: IFDRational(50, 1),
}


def jpeg(tags: Mapping[int, object], colour: str = "red") -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    stream = BytesIO()
    Image.new("RGB", (32, 32), colour).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def facts_of(tags: Mapping[int, object]) -> Facts:
    return decode_bytes(jpeg(tags), 16, 200).facts


def test_exif_states_the_exposure() -> None:
    facts = facts_of(EXPOSURE)
    assert facts.exposure_s == pytest.approx(1 / 250)
    assert (facts.aperture, facts.iso, facts.focal_mm) == (2.8, 1600, 50.0)


def test_apex_values_count_where_the_plain_ones_are_missing() -> None:
    facts = facts_of({0x9201: IFDRational(8, 1), 0x9202: IFDRational(3, 1)})
    assert facts.exposure_s == pytest.approx(1 / 256)
    assert facts.aperture == 2.8
    assert facts_of({**EXPOSURE, 0x9201: IFDRational(8, 1)}).exposure_s == pytest.approx(1 / 250)


def test_a_sensitivity_above_65535_is_in_a_tag_of_its_own() -> None:
    assert facts_of({0x8827: 65535, 0x8832: 102_400}).iso == 102_400


@pytest.mark.parametrize("tag", [0x829A, 0x829D, 0x920A])
@pytest.mark.parametrize("value", [0, 4_000_000_000])
def test_values_that_cannot_be_are_unknown(tag: int, value: int) -> None:
    facts = facts_of({tag: IFDRational(value, 1)})
    assert (facts.exposure_s, facts.aperture, facts.focal_mm) == (None, None, None)


def test_xmp_states_the_exposure() -> None:
    packet = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
      <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
       <rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"
         exif:ExposureTime="5/2" exif:FNumber="4/1" exif:FocalLength="85">
        <exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
       </rdf:Description></rdf:RDF></x:xmpmeta>"""
    assert read_xmp(packet).facts == {
        "exposure_s": 2.5,
        "aperture": 4.0,
        "iso": 400,
        "focal_mm": 85.0,
    }


@pytest.mark.parametrize("text", ["1/0", "0/0", "-1", "fast", "", "1e9", "nan"])
def test_nonsense_in_xmp_is_unknown(text: str) -> None:
    packet = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
      <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
       <rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"
         exif:ExposureTime="{text}" exif:FNumber="{text}" exif:ISOSpeedRatings="{text}"/>
      </rdf:RDF></x:xmpmeta>"""
    assert read_xmp(packet.encode()).facts == {}


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"exposure_s": 1 / 250}, ("Exposure", "1/250 s")),
        ({"exposure_s": 2.5}, ("Exposure", "2.5 s")),
        ({"aperture": 2.8}, ("Aperture", "f/2.8")),
        ({"iso": 1600}, ("ISO", "1600")),
        ({"focal_mm": 50.0}, ("Focal length", "50 mm")),
    ],
)
def test_people_see_it_as_cameras_show_it(facts: dict[str, float], shown: tuple[str, str]) -> None:
    assert shown in Facts("JPEG", 1, 1, **facts).shown()  # type: ignore[arg-type]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "fast.jpg").write_bytes(jpeg(EXPOSURE))
    night = {
        0x829A: IFDRational(5, 1),
        0x829D: IFDRational(11, 1),
        0x8827: 100,
        0x920A: IFDRational(200, 1),
    }
    (photos / "night.jpg").write_bytes(jpeg(night, "navy"))
    (photos / "scan.jpg").write_bytes(jpeg({}, "grey"))
    with Library.open(
        Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache"),
        encoder=StandIn(),
    ) as opened:
        opened.index([photos]).run()
        yield opened


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("iso:>=1600", {"fast.jpg"}),
        ("aperture:<2.8", set()),
        ("aperture:2.8", {"fast.jpg"}),
        ("exposure:>1s", {"night.jpg"}),
        ("exposure:1/250", {"fast.jpg"}),
        ("exposure:1..500ms", {"fast.jpg"}),
        ("focal:35..70", {"fast.jpg"}),
        ("focal:>=200mm", {"night.jpg"}),
        ("-iso:>=1600", {"night.jpg", "scan.jpg"}),
    ],
)
def test_filters_find_it(library: Library, query: str, names: set[str]) -> None:
    assert {hit.path.name for hit in library.find(query).hits} == names


def test_a_hit_and_the_openapi_document_have_it(library: Library) -> None:
    (hit,) = library.find("iso:1600").hits
    facts = to_json(hit)["photo"]["facts"]
    assert (facts["aperture"], facts["iso"], facts["focal_mm"]) == (2.8, 1600, 50.0)
    assert facts["exposure_s"] == pytest.approx(1 / 250)
    described = openapi_document(operations())["components"]["schemas"]["Facts"]["properties"]
    for fact in FACTS:
        assert described[fact.name]["description"] == f"{fact.meaning}."
