"""Metadata of other programs: Google Takeout's JSON, and the XMP files that each of them writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch import Library
from imgsearch.decode.metadata import MetadataSource
from imgsearch.decode.reader import read_facts
from imgsearch.decode.sidecars import is_sidecar_name, sidecar_paths
from imgsearch.decode.takeout import json_names, read_json
from imgsearch.decode.xmp import read_xmp
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store
from tests.factories import encoded, scene, write_photo, write_photos
from tests.stand_in import StandIn

SLOWEST_S = 120  # on however busy a machine; what these limits rule out takes longer

# As Takeout writes it, 2024: numbers as texts, and positions of 0 where there is none.
TAKEOUT: dict[str, Any] = {
    "title": "IMG_2041.jpg",
    "description": "Lunch at the lake \u200fwith Anna",
    "imageViews": "12",
    "creationTime": {"timestamp": "1560850000", "formatted": "Jun 18, 2019, 9:26:40 AM UTC"},
    "photoTakenTime": {"timestamp": "1559990000", "formatted": "Jun 8, 2019, 10:33:20 AM UTC"},
    "geoData": {"latitude": 46.2022, "longitude": 6.1457, "altitude": 375.0,
                "latitudeSpan": 0.0, "longitudeSpan": 0.0},
    "geoDataExif": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
    "people": [{"name": "Anna Smith"}, {"name": "Bob"}],
    "favorited": True,
    "url": "https://photos.google.com/photo/AF1Qip",
    "googlePhotosOrigin": {"mobileUpload": {"deviceType": "ANDROID_PHONE"}},
}  # fmt: skip
TAKEN = datetime(2019, 6, 8, 10, 33, 20, tzinfo=UTC)


def write_takeout(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps({**TAKEOUT, **changes}), encoding="utf-8")
    return path


def read(form: object, dated: datetime | None = None, photo: str = "IMG_2041.jpg") -> Any:
    return read_json(json.dumps(form).encode(), "sidecar", photo, dated)


# ------------------------------------------------------------------------- Takeout: the content


def test_a_takeout_file_gives_date_place_description_and_people() -> None:
    assert read(TAKEOUT).facts == {
        "taken_at": TAKEN,
        "dated_by": "sidecar",
        "lat": 46.2022,
        "lon": 6.1457,
        "description": "Lunch at the lake with Anna",
        "people": ("Anna Smith", "Bob"),
    }


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        (datetime(2019, 6, 8, 12, 33, 20), True),  # the same moment in local time
        (datetime(2019, 6, 8, 0, 0, tzinfo=timezone(timedelta(hours=-10))), True),
        (datetime(2019, 6, 7, 9, 0), True),
        (datetime(2002, 1, 1), False),  # the camera's clock was wrong
        (datetime(2019, 6, 10), False),
    ],
)
def test_googles_date_counts_where_it_corrects_the_photos(stated: datetime, kept: bool) -> None:
    assert ("taken_at" not in read(TAKEOUT, stated).facts) is kept


@pytest.mark.parametrize(
    "timestamp", ["0", 0, "", None, "soon", "9" * 5000, 1e308, float("inf"), [], {}, "-0"]
)
def test_a_timestamp_that_is_none_is_unknown(timestamp: object) -> None:
    source = read({**TAKEOUT, "photoTakenTime": {"timestamp": timestamp}})
    assert "taken_at" not in source.facts and source.facts["lat"] == 46.2022


def test_dates_before_1970_are_dates_and_dates_to_come_are_not() -> None:
    scanned = read({"photoTakenTime": {"timestamp": "-315619200"}})
    assert scanned.facts["taken_at"] == datetime(1960, 1, 1, tzinfo=UTC)
    for moment in (datetime(1970, 1, 1), datetime.now() + timedelta(days=3), datetime.max):
        assert "taken_at" not in MetadataSource("exif", {"taken_at": moment}).facts
    for moment in (datetime(1970, 1, 1, 0, 0, 1), datetime.now() + timedelta(hours=12)):
        assert MetadataSource("exif", {"taken_at": moment}).facts["taken_at"] == moment


def test_the_position_of_the_photo_itself_is_the_second_choice() -> None:
    none = {"latitude": 0.0, "longitude": 0.0}
    own = {"latitude": -33.8, "longitude": 151.2}
    facts = read({**TAKEOUT, "geoData": none, "geoDataExif": own}).facts
    assert (facts["lat"], facts["lon"]) == (-33.8, 151.2)
    assert "lat" not in read({**TAKEOUT, "geoData": none, "geoDataExif": none}).facts


@pytest.mark.parametrize(
    "changes",
    [
        {"geoData": {"latitude": "46", "longitude": 6}},
        {"geoData": {"latitude": 91.0, "longitude": 6.0}},
        {"geoData": {"latitude": float("nan"), "longitude": 6.0}},
        {"geoData": {"latitude": 46.0}},
        {"geoData": [46.0, 6.0]},
        {"people": {"name": "Anna"}, "description": 7, "geoData": None},
        {"people": [None, "Anna", {"name": 3}, {"name": ["Anna"]}, {}], "geoData": None},
    ],
)
def test_values_of_the_wrong_type_are_unknown(changes: dict[str, object]) -> None:
    facts = read({**TAKEOUT, **changes}).facts
    assert "lat" not in facts and facts["taken_at"] == TAKEN
    assert "people" in changes or facts["people"] == ("Anna Smith", "Bob")
    assert "people" not in changes or "people" not in facts


@pytest.mark.timeout(SLOWEST_S)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1, 2]",
        b'"photoTakenTime"',
        b'{"name": "a package of another program"}',
        b"[" * 100_000,
        b'{"people":' * 50_000,
        json.dumps({**TAKEOUT, "description": "x" * (2 << 20)}).encode(),
        b"\xff\xfe\x00",
    ],
    ids=range(9),
)
def test_what_is_not_takeouts_is_passed_over_at_once(text: bytes) -> None:
    assert read_json(text, "sidecar", "a.jpg", None) is None


def test_marks_for_the_direction_of_writing_are_left_out_of_takeouts_names() -> None:
    people = [{"name": "\u202eAnna\u202c Smith\u200f"}, {"name": "\u2067أحمد\u2069"}]
    facts = read({**TAKEOUT, "people": people, "description": "by\u202e night"}).facts
    assert (facts["people"], facts["description"]) == (("Anna Smith", "أحمد"), "by night")


def test_many_people_and_long_texts_are_limited() -> None:
    facts = read(
        {
            **TAKEOUT,
            "description": "word " * 50_000,
            "people": [{"name": f"Person {number}"} for number in range(5000)],
        }
    ).facts
    assert len(facts["description"]) <= 2000
    assert len(facts["people"]) == 500


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(list(TAKEOUT)), json_values))
def test_no_json_raises(form: dict[str, Any]) -> None:
    source = read(form)
    assert source is None or isinstance(source, MetadataSource)


# ------------------------------------------------------------------------- Takeout: the names

LONG = "Screenshot_20190608-103320_Some_Application_Nam.jpg"  # Takeout cuts photos' names, too


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("IMG_2041.jpg", "IMG_2041.jpg.json"),
        ("IMG_2041.jpg", "IMG_2041.jpg.supplemental-metadata.json"),
        ("IMG_2041.jpg", "IMG_2041.json"),
        ("PXL_20230518_103045123.jpg", "PXL_20230518_103045123.jpg.supplemental-metada.json"),
        ("Screenshot_2017-07-05-10-05.png", "Screenshot_2017-07-05-10-05.png.supplemental-m.json"),
        (f"{'x' * 41}.jpg", f"{'x' * 41}.jpg..json"),
        (LONG, "Screenshot_20190608-103320_Some_Application_Na.json"),
        ("IMG_2041(1).jpg", "IMG_2041.jpg(1).json"),
        ("IMG_2041(1).jpg", "IMG_2041.jpg.supplemental-metadata(1).json"),
        ("IMG_2041(12).jpg", "IMG_2041(12).jpg.json"),
        ("IMG_2041-edited.jpg", "IMG_2041.jpg.json"),
        ("IMG_2041-bearbeitet.jpg", "IMG_2041.jpg.supplemental-metadata.json"),
        ("IMG_2041-edited(1).jpg", "IMG_2041.jpg(1).json"),
        ("été-modifié.jpg", "été.jpg.json"),
    ],
)  # fmt: skip
def test_the_json_of_a_photo_is_found_under_each_of_takeouts_names(
    tmp_path: Path, photo: str, name: str
) -> None:
    assert name in json_names(photo)
    assert is_sidecar_name(name) and len(name) <= 51 + len("(1)")
    write_photo(tmp_path / photo)
    title = photo.removesuffix(".jpg") + "e_that_is_longer.jpg" if photo == LONG else photo
    write_takeout(tmp_path / name, title=title)
    assert read_facts(tmp_path / photo).people == ("Anna Smith", "Bob")
    assert str(tmp_path / name) in sidecar_paths(str(tmp_path / photo))


def test_each_numbered_photo_has_its_own_json(tmp_path: Path) -> None:
    for number, (photo, name) in enumerate(
        {"a.jpg": "a.jpg.json", "a(1).jpg": "a.jpg(1).json", "a(2).jpg": "a(2).jpg.json"}.items()
    ):
        write_photo(tmp_path / photo, number)
        write_takeout(tmp_path / name, people=[{"name": photo}])
    for photo in ("a.jpg", "a(1).jpg", "a(2).jpg"):
        assert read_facts(tmp_path / photo).people == (photo,)


def test_a_cut_off_name_of_another_photo_is_not_taken(tmp_path: Path) -> None:
    stem = "A_very_long_name_of_a_photo_from_some_program_"
    write_photo(tmp_path / f"{stem}one.jpg")
    write_photo(tmp_path / f"{stem}two.jpg", 1)
    write_takeout(tmp_path / f"{stem[:46]}.json", title=f"{stem}one.jpg")
    assert read_facts(tmp_path / f"{stem}one.jpg").people == ("Anna Smith", "Bob")
    assert read_facts(tmp_path / f"{stem}two.jpg").people == ()


# ------------------------------------------------------------------------- followed like XMP files


def test_takeouts_files_are_followed_and_nothing_is_embedded_again(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    write_takeout(here / "0000.png.json", people=[{"name": "Zoë"}])
    (here / "settings.json").write_text('{"of": "another program"}')
    library.index([here]).run()

    def found(query: str) -> list[str]:
        return [hit.path.name for hit in library.find(query).hits]

    assert found("person:zoe") == found("place:genève") == ["0000.png"]
    assert found("on:2019-06-08 dated:sidecar") == ["0000.png"]
    own = write_takeout(here / "0001.png.supplemental-metadata.json")
    assert (library.index().run().reread, found("person:anna")) == (1, ["0001.png"])
    write_takeout(own, people=[{"name": "Otto"}], description="Other words")
    os.utime(own, ns=(1, 1))
    assert (library.index().run().reread, found("person:anna")) == (1, [])
    assert found("description:words") == found("person:otto") == ["0001.png"]
    own.unlink()
    assert (library.index().run().reread, found("person:otto")) == (1, [])
    assert (library.index().run().reread, stand_in.embedded) == (0, 3)


def test_reading_the_metadata_again_fills_what_an_older_version_did_not_know(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 2)
    write_takeout(here / "0000.png.json")
    library.index([here]).run()
    with Store.open(library.settings.data_dir, writable=True) as store:
        (photo_id,) = store.reads.names.ids_named("anna").tolist()
        before = Facts("PNG", 8, 8)
        assert store.photos.update_facts({photo_id: before}) == 1
    assert library.find("person:anna").hits == library.find("place:genève").hits == ()
    report = library.upkeep.read_metadata().run()
    assert (report.changed, stand_in.embedded) == (1, 2)
    for query in ("person:anna", "place:genève", "description:lunch", "country:Switzerland"):
        assert [hit.path.name for hit in library.find(query).hits] == ["0000.png"], query


# ------------------------------------------------------------------------- XMP files of programs

# Made as each program writes them: digiKam and darktable with Exiv2, Lightroom with a library of
# Adobe's, Picasa with structures as elements, Apple Photos with decimal degrees.
SIDECARS = Path(__file__).parent / "data" / "sidecars"
PICASA, APPLE = (
    (SIDECARS / f"{name}.xmp").read_text("utf-8") for name in ("picasa", "apple-photos")
)
PEOPLE = ("Anna Smith", "Bob Lee")


@pytest.mark.parametrize(
    ("program", "name", "facts"),
    [
        (
            "digikam",
            "IMG.JPG.xmp",
            {"rating": 4, "creator": "Ada", "keywords": ("People/Anna Smith",)},
        ),
        (
            "lightroom",
            "IMG.xmp",
            {"rating": 4, "headline": "Summer", "town": "Genève", "country": "Schweiz"},
        ),
        ("picasa", "IMG.xmp", {"title": None}),
        ("apple-photos", "IMG.xmp", {"keywords": ("Ferien",)}),
        (
            "darktable",
            "IMG.JPG.xmp",
            {"rating": 4, "creator": "Ada", "people": (), "keywords": ("Ferien|See", "Ferien")},
        ),
    ],
)
def test_the_xmp_file_of_each_program_is_read(
    tmp_path: Path, program: str, name: str, facts: dict[str, object]
) -> None:
    packet = (SIDECARS / f"{program}.xmp").read_text(encoding="utf-8")
    photo = tmp_path / "IMG.JPG"
    photo.write_bytes(encoded(scene(), "JPEG"))
    (tmp_path / name).write_text(packet, encoding="utf-8")
    read = read_facts(photo)
    expected: dict[str, object] = {"title": "Am See", "people": PEOPLE, **facts}
    assert {name: getattr(read, name) for name in expected} == expected
    if "DateCreated" in packet or "DateTimeOriginal" in packet:
        assert (read.dated_by, read.description) == ("sidecar", "Mittag")
        assert read.taken_at is not None
        assert read.taken_at.replace(tzinfo=None) == datetime(2019, 6, 8, 12, 33, 20)
    if "GPSLatitude" in packet:
        assert (read.lat, read.lon) == pytest.approx((46.2022, 6.1457), abs=1e-4)


def test_xmp_counts_before_takeouts_json_and_both_name_people(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    (tmp_path / "a.xmp").write_text(APPLE, encoding="utf-8")
    write_takeout(tmp_path / "a.png.json", people=[{"name": "Zoë"}], description="Other")
    facts = read_facts(tmp_path / "a.png")
    assert facts.people == (*PEOPLE, "Zoë")
    assert (facts.description, facts.title) == ("Mittag", "Am See")
    assert facts.taken_at == TAKEN


@pytest.mark.timeout(SLOWEST_S)
@pytest.mark.parametrize(
    "make",
    [
        lambda: "<rdf:li>" * 100_000,
        lambda: '<rdf:li mwg-rs:Name="A" mwg-rs:Type="Face">' * 20_000,
        lambda: "<rdf:li/>" * 200_000,
        lambda: f'<rdf:li mwg-rs:Name="{"x" * (3 << 20)}"/>',
    ],
    ids=["deep", "deep regions", "many", "long"],
)
def test_hostile_regions_cost_little(make: Callable[[], str]) -> None:
    head = PICASA[: PICASA.index("<rdf:li ")]
    source = read_xmp((head + make()).encode())
    assert len(source.texts("people")) <= 1


def test_marks_for_the_direction_of_writing_are_no_part_of_a_name() -> None:
    packet = PICASA.replace("Anna Smith", "\u200eAnna\u202a Smith\u202c\u200f")
    assert read_xmp(packet.encode()).texts("people") == PEOPLE


# ------------------------------------------------------------------------- Picasa's own file

PICASA_INI = """[Picasa]
name=Summer
[encoding]
utf8=1
[Contacts2]
8e62398ebda8c1a5=Anna Smith;;
d04ca592f8868c2=Zoë;zoe@example.org;
[IMG_2041.png]
faces=rect64(3f845bcb59418507),8e62398ebda8c1a5;rect64(1),ffffffffffffffff;rect64(2),D04CA592F8868C2
keywords=Ferien,See
caption=Mittag
star=yes
backuphash=1234
[[odd] name=.png]
caption=Odd
"""


@pytest.mark.parametrize("name", [".picasa.ini", "Picasa.ini"])
def test_picasas_file_names_the_people_of_a_folder(tmp_path: Path, name: str) -> None:
    for number, photo in enumerate(("IMG_2041.png", "other.png", "[odd] name=.png")):
        write_photo(tmp_path / photo, number)
    (tmp_path / name).write_text(PICASA_INI, encoding="utf-8")
    facts = read_facts(tmp_path / "IMG_2041.png")
    assert facts.people == ("Anna Smith", "Zoë")
    assert (facts.keywords, facts.description) == (("Ferien", "See"), "Mittag")
    assert read_facts(tmp_path / "[odd] name=.png").description == "Odd"
    assert read_facts(tmp_path / "other.png") == Facts("PNG", 8, 8)


def test_picasas_file_is_followed(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 2)
    library.index([here]).run()
    ini = here / ".picasa.ini"
    ini.write_text(PICASA_INI.replace("IMG_2041", "0001"), encoding="utf-8")
    library.index().run()
    assert [hit.path.name for hit in library.find("person:anna").hits] == ["0001.png"]
    ini.unlink()
    library.index().run()
    assert (library.find("person:anna").hits, stand_in.embedded) == ((), 2)


@pytest.mark.timeout(SLOWEST_S)
@pytest.mark.parametrize(
    "content",
    [
        b"[",
        b"[IMG_2041.png]\nfaces=rect64(),;rect64(zz),1\nfaces",
        b"\xff\xfe[IMG_2041.png]\0=\0",
        b"[IMG_2041.png]\nfaces=" + b"rect64(1),2;" * 200_000,
        b"[IMG_2041.png]\ncaption=" + b"x" * (5 << 20),
        b"[a]\n" * 500_000,
    ],
    ids=range(6),
)
def test_a_hostile_ini_costs_little(tmp_path: Path, content: bytes) -> None:
    write_photo(tmp_path / "IMG_2041.png")
    (tmp_path / ".picasa.ini").write_bytes(content)
    assert read_facts(tmp_path / "IMG_2041.png") == Facts("PNG", 8, 8)
