"""Corrected dates and places in XMP files: only on request, and nothing else in them changes."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch import Library
from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.features.corrections.records import Correction, DateAndPlaceChange, PhotoDate
from imgsearch.features.corrections.xmp import new_packet_of_correction, with_correction
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import DatePrecision
from tests.factories import run_cli
from tests.programs import need_programs
from tests.stand_in import StandIn
from tests.test_marks_sidecars import (
    BARE,
    DARKTABLE,
    DIGIKAM,
    HAS_CHANGED,
    IS_GONE,
    LIGHTROOM,
    exchange,
    files_of,
    stock,
)

MOMENT = datetime(1974, 7, 3, 16, 30)
LISBON = NamedPoint(38.7223, -9.1393, "Lisbon", "Lisboa", "Portugal")
AT_SEA = NamedPoint(-40.5, 179.999999)
# As a program writes a photo of Rome: elements and attributes, and a letter as Apple Photos does.
ROME = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:e="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" e:GPSLatitude="41.9" e:GPSLatitudeRef="N"
 photoshop:Country="Italy" photoshop:Credit="Ann &amp; Co">
<e:GPSLongitude>12.5</e:GPSLongitude><e:GPSLongitudeRef>E</e:GPSLongitudeRef>
<e:DateTimeOriginal>2001-02-03T04:05:06</e:DateTimeOriginal>
<photoshop:City>Rome</photoshop:City><photoshop:State/></rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of four photos with the ids 1 to 4, of which the first has an XMP file."""
    stock(library, tmp_path, 4, ROME)
    return library


def written(library: Library, **options: bool) -> list[DateAndPlaceChange]:
    return library.corrections.write_sidecars(
        library.corrections.plan_sidecars(**options).run()
    ).run()


# ------------------------------------------------------------------------- the packet


@pytest.mark.parametrize("packet", [DIGIKAM, LIGHTROOM, BARE, DARKTABLE])
def test_what_is_new_is_added_and_every_other_byte_stays(packet: str) -> None:
    before = read_xmp(packet.encode()).facts
    after = with_correction(packet.encode(), Correction(MOMENT, LISBON))
    text = after.decode()
    start = next(at for at, (a, b) in enumerate(zip(packet, text, strict=False)) if a != b)
    end = len(text) - (len(packet) - start)
    assert text[:start] + text[end:] == packet, "something was inserted at one place"
    now = dict(read_xmp(after).facts)
    assert now.pop("lat") == pytest.approx(LISBON.lat, abs=1e-7)
    assert now.pop("lon") == pytest.approx(LISBON.lon, abs=1e-7)
    names = {"town": "Lisbon", "region": "Lisboa", "country": "Portugal"}
    assert now == {**before, **names, "taken_at": MOMENT, "dated_by": "xmp"}
    assert with_correction(after, Correction(MOMENT, LISBON)) == after


def test_another_place_is_replaced_with_its_names() -> None:
    after = with_correction(ROME.encode(), Correction(place=LISBON)).decode()
    for old, new in (
        ('"41.9" e:GPSLatitudeRef="N"', '"38,43.338000N" e:GPSLatitudeRef="N"'),
        (">12.5<", ">9,8.358000W<"),
        (">E<", ">W<"),
        ('"Italy"', '"Portugal"'),
        (">Rome<", ">Lisbon<"),
        ("<photoshop:State/>", "<photoshop:State>Lisboa</photoshop:State>"),
    ):
        assert ROME.count(old) == 1 and new in after
        after = after.replace(new, old)
    assert after == ROME, "nothing else"


def test_names_of_another_place_are_emptied_where_this_one_has_none() -> None:
    facts = read_xmp(with_correction(ROME.encode(), Correction(place=AT_SEA))).facts
    assert (facts["lat"], facts["lon"]) == (-40.5, pytest.approx(179.999999, abs=1e-7))
    assert facts.keys() == {"lat", "lon", "taken_at", "dated_by"}


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_is_written_to_a_centimetre(lat: float, lon: float) -> None:
    facts = read_xmp(new_packet_of_correction(Correction(place=NamedPoint(lat, lon)))).facts
    if facts:  # 0,0 is what a device writes before it knows
        assert facts["lat"] == pytest.approx(lat, abs=1e-7)
        assert facts["lon"] == pytest.approx(lon, abs=1e-7)
    else:
        assert abs(lat) < 1e-7 and abs(lon) < 1e-7


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"<a/>", "no description"),
        (DIGIKAM.encode("utf-16"), "not text in UTF-8"),
        (ROME.replace(">Rome<", "><b/>Rome<").encode(), "photoshop:City is no plain text"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_as_it_is(packet: bytes, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        with_correction(packet, Correction(MOMENT, LISBON))


@given(st.binary(max_size=40), st.integers(0, len(ROME)))
def test_damaged_packets_are_refused_or_keep_what_they_state(noise: bytes, at: int) -> None:
    damaged = ROME.encode()[:at] + noise + ROME.encode()[at + len(noise) :]
    try:
        after = with_correction(damaged, Correction(MOMENT))
    except CannotEdit:
        return
    before = dict(read_xmp(damaged).facts)
    before.pop("date_precision", None)
    assert read_xmp(after).facts == {**before, "taken_at": MOMENT, "dated_by": "xmp"}


@pytest.mark.parametrize(
    ("precision", "written", "read"),
    [
        ("year", "1974<", "year"),
        ("season", "1974-07<", "month"),  # XMP has no seasons
        ("month", "1974-07<", "month"),
        ("day", "1974-07-03<", "day"),
        (None, "1974-07-03T16:30:00<", None),
    ],
)
def test_a_date_is_written_as_exact_as_it_is_known(
    precision: DatePrecision | None, written: str, read: str | None
) -> None:
    correction = Correction(MOMENT, date_precision=precision)
    exact = with_correction(ROME.encode(), Correction(MOMENT))
    for packet in (ROME.encode(), exact):
        after = with_correction(packet, correction)
        assert written in after.decode().replace('"', "<")
        facts = read_xmp(after).facts
        assert facts.get("date_precision") == read
        assert isinstance(facts["taken_at"], datetime) and facts["taken_at"].year == 1974
    assert with_correction(with_correction(exact, correction), Correction(MOMENT)) == exact


def test_an_inexact_date_comes_back_from_its_file(stocked: Library, tmp_path: Path) -> None:
    month = datetime(1974, 7, 1)
    stocked.corrections.set_dates([PhotoDate(2, month, "month"), PhotoDate(3, month, "season")])
    planned = stocked.corrections.plan_sidecars().run()
    assert len(stocked.corrections.write_sidecars(planned).run()) == 2
    stocked.index().run()
    assert stocked.corrections.plan_sidecars().run() == [], "the files state it"
    stocked.corrections.forget([2, 3])
    for photo in stocked.photos([2, 3]):
        facts = photo.photo.facts
        assert (facts.taken_at, facts.date_precision, facts.dated_by) == (month, "month", "sidecar")
    stocked.corrections.set_dates([PhotoDate(2, month)])
    assert [each.change.photo.name for each in stocked.corrections.plan_sidecars().run()] == [
        "0001.png"
    ], "to the minute is another date"


# ------------------------------------------------------------------------- the files


@pytest.mark.parametrize("is_planned_before", [False, True])
def test_no_photo_gets_the_date_of_another_one(
    stocked: Library, tmp_path: Path, is_planned_before: bool
) -> None:
    photos = tmp_path / "photos"
    stocked.corrections.set_dates([PhotoDate(number, MOMENT) for number in (1, 2, 3)])
    before = files_of(photos)
    planned = stocked.corrections.plan_sidecars().run()
    exchange(photos / "0000.png", photos / "0003.png")
    (photos / "0001.png").unlink()
    if not is_planned_before:
        planned = stocked.corrections.plan_sidecars().run()
    changes = stocked.corrections.write_sidecars(planned).run()
    assert [each.problem for each in changes] == [HAS_CHANGED, IS_GONE, None]
    after = files_of(photos)
    assert after["0000.png.xmp"] == before["0000.png.xmp"]
    assert after.keys() - before.keys() == {"0002.png.xmp"}


def test_nothing_is_written_before_it_is_asked_for(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    before = files_of(photos)
    assert stocked.corrections.plan_sidecars().run() == []
    stocked.corrections.set_dates([PhotoDate(1, MOMENT), PhotoDate(2, MOMENT)])
    stocked.corrections.set_place([2, 3], place="Lisbon")
    planned = [each.change for each in stocked.corrections.plan_sidecars().run()]
    assert [(each.sidecar.name, each.is_new) for each in planned] == [
        ("0000.png.xmp", False),
        ("0001.png.xmp", True),
        ("0002.png.xmp", True),
    ]
    assert [each.place is not None for each in planned] == [False, True, True]
    assert files_of(photos) == before
    assert written(stocked) == planned
    after = files_of(photos)
    assert {name: after[name] for name in before if name.endswith(".png")} == {
        name: content for name, content in before.items() if name.endswith(".png")
    }, "photos are never changed"
    assert stocked.corrections.plan_sidecars().run() == [], (
        "the files state it, also before they are read"
    )
    assert stocked.index().run().reread == 3
    stated = stocked.corrections.of([1, 2])
    assert {each.taken_at for each in stated.values()} == {MOMENT}
    stocked.corrections.forget([1, 2])
    assert {hit.date for hit in stocked.photos([1, 2])} == {MOMENT}
    assert stocked.photos([2])[0].photo.facts.town == "Lisbon"


def test_a_file_that_belongs_to_two_photos_is_not_written_for_one(
    stocked: Library, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    (photos / "0001.jpg").write_bytes((photos / "0001.png").read_bytes() + b"other")
    stocked.corrections.set_dates([PhotoDate(2, MOMENT)])
    (change,) = written(stocked, adobe_names=True)
    assert change.sidecar.name == "0001.xmp" and not change.sidecar.exists()
    assert change.problem == "it belongs to 0001.jpg as well, with another date or place"


def test_a_file_that_another_program_changed_meanwhile_is_left_as_it_is(
    stocked: Library, tmp_path: Path
) -> None:
    stocked.corrections.set_dates([PhotoDate(1, MOMENT)])
    planned = stocked.corrections.plan_sidecars().run()
    theirs = ROME.replace("Rome", "Roma")
    (tmp_path / "photos" / "0000.png.xmp").write_text(theirs)
    (change,) = stocked.corrections.write_sidecars(planned).run()
    assert change.problem == "another program has changed it meanwhile; list it again"
    assert (tmp_path / "photos" / "0000.png.xmp").read_text() == theirs


def test_exiftool_reads_them(stocked: Library, tmp_path: Path) -> None:
    need_programs("exiftool")
    stocked.corrections.set_dates([PhotoDate(1, MOMENT), PhotoDate(2, MOMENT)])
    stocked.corrections.set_place([2], place="38.7223,-9.1393")
    written(stocked)
    tags = ("DateTimeOriginal", "DateCreated", "GPSLatitude", "GPSLongitude", "City", "Credit")
    command = ["exiftool", "-j", "-n", *(f"-{tag}" for tag in tags), "-warning", "-ext", "xmp"]
    done = subprocess.run([*command, tmp_path / "photos"], capture_output=True, check=True)
    read = {Path(each.pop("SourceFile")).name: each for each in json.loads(done.stdout)}
    dated = {"DateTimeOriginal": "1974:07:03 16:30:00", "DateCreated": "1974:07:03 16:30:00"}
    assert read["0000.png.xmp"].items() >= {**dated, "City": "Rome", "Credit": "Ann & Co"}.items()
    new = read["0001.png.xmp"]
    assert new.items() >= dated.items() and "Warning" not in new
    assert new["GPSLatitude"] == pytest.approx(38.7223, abs=1e-6)
    assert new["GPSLongitude"] == pytest.approx(-9.1393, abs=1e-6)


# ------------------------------------------------------------------------- the command


def test_the_command(stocked: Library, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", stocked.settings.data_dir
    nothing = run_cli("correct", "--write-sidecars", data=data)
    assert nothing.returncode == 1 and "state what you corrected" in nothing.stderr
    stocked.corrections.set_dates([PhotoDate(1, MOMENT)])
    stocked.corrections.set_place([2], place="Lisbon")
    listed = run_cli("correct", "--write-sidecars", "--dry-run", data=data)
    first, second = listed.stdout.splitlines()
    assert first == f"{photos}/0000.png.xmp  (1974-07-03 16:30)"
    assert second.startswith(f"{photos}/0001.png.xmp  (new, Lisbon, ") and "Portugal" in second
    assert "Nothing was written. To write 2 files: imgsearch correct --write-s" in listed.stderr
    done = run_cli("correct", "--write-sidecars", "--json", data=data)
    assert [each["problem"] for each in json.loads(done.stdout)] == [None, None]
    assert done.returncode == 0 and "Wrote 2 files" in done.stderr
    assert read_xmp((photos / "0001.png.xmp").read_bytes()).facts["town"] == "Lisbon"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in:photos", "--write-sidecars"], "leave QUERY and its options out"),
        (["--write-sidecars", "--forget"], "Give --write-sidecars alone"),
        (["in:photos", "--forget", "--adobe-names"], "--adobe-names needs --write-sidecars"),
    ],
)
def test_bad_input_gets_a_sentence(stocked: Library, arguments: list[str], message: str) -> None:
    refused = run_cli("correct", *arguments, data=stocked.settings.data_dir)
    assert refused.returncode == 2 and message in refused.stderr.replace("\n", " ")
