"""Names of faces in XMP files: only on request, the regions alone, never over what others wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsearch import Library
from imgsearch.decode.reader import read_orientation
from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.errors import DiskError
from imgsearch.features.people.records import FaceNamesChange
from imgsearch.features.people.xmp_regions import (
    NamedFace,
    as_stored,
    new_packet_of_faces,
    with_faces,
)
from tests.factories import run_cli
from tests.people import found, library_with_faces, of_colour, write_people
from tests.programs import need_programs
from tests.test_marks_sidecars import (
    BARE,
    DARKTABLE,
    DIGIKAM,
    HAS_CHANGED,
    LIGHTROOM,
    exchange,
    files_of,
)

# As digiKam writes them, with a pet and a face elsewhere; and as Lightroom does, by elements.
REGIONS = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#">
<mwg-rs:Regions rdf:parseType="Resource">
<mwg-rs:AppliedToDimensions stDim:w="80" stDim:h="40" stDim:unit="pixel"/>
<mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="Rex" mwg-rs:Type="Pet"><mwg-rs:Area stArea:x="0.12"
 stArea:y="0.42" stArea:w="0.12" stArea:h="0.25" stArea:unit="normalized"/></rdf:Description>
</rdf:li>
<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Ben</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>
<mwg-rs:Area rdf:parseType="Resource"><stArea:x>0.35</stArea:x><stArea:y>0.43</stArea:y>
<stArea:w>0.13</stArea:w><stArea:h>0.26</stArea:h></mwg-rs:Area></rdf:li>
</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>"""
LEFT, SECOND = (0.0625, 0.3, 0.125, 0.25), (0.2875, 0.3, 0.125, 0.25)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of persons in red, lime and blue."""
    folder = tmp_path / "photos"
    for number in range(2):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "both.png", "red", "lime")
    write_people(folder / "lime.png", "lime")
    write_people(folder / "nobody.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    with library_with_faces(tmp_path, photos) as library:
        library.people.name(of_colour(library, "red0").id, "Zoë Adler")
        library.people.name(of_colour(library, "lime").id, "Ben")
        yield library


def written(library: Library, **options: bool) -> list[FaceNamesChange]:
    return library.people.write_sidecars(library.people.plan_sidecars(**options).run()).run()


# ------------------------------------------------------------------------- the packet


@pytest.mark.parametrize("packet", [DIGIKAM, LIGHTROOM, BARE, DARKTABLE])
def test_regions_are_added_and_every_other_byte_stays(packet: str) -> None:
    before = read_xmp(packet.encode()).facts
    edited = with_faces(packet.encode(), (80, 40), [NamedFace('Zoë "A" <&>', LEFT)])
    assert edited is not None and edited.added == ('Zoë "A" <&>',)
    after = edited.packet.decode()
    start = next(at for at, (a, b) in enumerate(zip(packet, after, strict=False)) if a != b)
    end = len(after) - (len(packet) - start)
    assert after[:start] + after[end:] == packet, "something was inserted at one place"
    assert read_xmp(edited.packet).facts == {**before, "people": ('Zoë "A" <&>',)}
    again = with_faces(edited.packet, (80, 40), [NamedFace('ZOE "A" <&>', SECOND)])
    assert again is None, "it names this person already"


def test_a_region_of_another_program_is_kept_or_gets_the_confirmed_name() -> None:
    content = REGIONS.encode()
    faces = [NamedFace("Zoë", LEFT), NamedFace("Benno", SECOND, is_sure=False)]
    edited = with_faces(content, (80, 40), faces)
    assert edited is not None and (edited.added, edited.renamed) == (("Zoë",), ())
    assert read_xmp(edited.packet).facts == {"rating": 3, "people": ("Ben", "Zoë")}
    kept, _, rest = edited.packet.partition('<rdf:li><rdf:Description mwg-rs:Name="Zoë"'.encode())
    assert content.startswith(kept) and content.endswith(rest.partition(b"</rdf:li>\n")[2])
    sure = with_faces(content, (80, 40), [NamedFace("Benno & Co", SECOND)])
    assert sure is not None and sure.renamed == (("Ben", "Benno & Co"),)
    assert sure.packet.decode() == REGIONS.replace(">Ben<", ">Benno &amp; Co<")
    elsewhere = REGIONS.replace(
        "<mwg-rs:Regions ",
        '<p:PersonInImage xmlns:p="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><rdf:Bag>'
        "<rdf:li>Ben</rdf:li></rdf:Bag></p:PersonInImage><mwg-rs:Regions ",
    )
    with pytest.raises(CannotEdit, match="names Ben in other places as well"):
        with_faces(elsewhere.encode(), (80, 40), [NamedFace("Benno", SECOND)])


def test_an_empty_list_gets_its_first_face() -> None:
    start, end = REGIONS.index("<rdf:Bag>"), REGIONS.index("</rdf:Bag>")
    for empty in ("<rdf:Bag/>", "<rdf:Bag></rdf:Bag>"):
        packet = REGIONS[:start] + empty + REGIONS[end + len("</rdf:Bag>") :]
        edited = with_faces(packet.encode(), (80, 40), [NamedFace("Zoë", LEFT)])
        assert edited is not None
        assert read_xmp(edited.packet).facts == {"rating": 3, "people": ("Zoë",)}


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "no valid XML"),
        (b"<a/>", "no description"),
        (DIGIKAM.encode("utf-16"), "not text in UTF-8"),
        (b"x" * ((4 << 20) + 1), "too large"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "document type"),
        (b"<a>" + b"<b/>" * 60_000 + b"</a>", "too many elements"),
        (b"<a " + b" ".join(b"xmlns:n%d='u'" % n for n in range(200)) + b"/>", "namespaces"),
        (REGIONS.replace("RegionList", "Other").encode(), "in no list"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_as_it_is(packet: bytes, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        with_faces(packet, (80, 40), [NamedFace("Zoë", LEFT)])


def test_a_name_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(CannotEdit):
        new_packet_of_faces((80, 40), [NamedFace("Zo\x01", LEFT)])


@given(st.binary(max_size=40), st.integers(0, len(REGIONS)))
def test_damaged_packets_are_refused_or_keep_what_they_state(noise: bytes, at: int) -> None:
    content = REGIONS.encode()
    damaged = content[:at] + noise + content[at + len(noise) :]
    try:
        edited = with_faces(damaged, (80, 40), [NamedFace("Zoë", LEFT)])
    except CannotEdit:
        return
    assert edited is not None
    before, after = read_xmp(damaged).facts, read_xmp(edited.packet).facts
    assert {**before, "people": ()} == {**after, "people": ()}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_are_those_of_the_picture_as_it_is_stored(orientation: int, tmp_path: Path) -> None:
    """The box of a white square in the stored pixels, from its box in the upright picture."""
    stored = Image.new("RGB", (40, 20))
    stored.paste((255, 255, 255), (4, 2, 12, 5))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    stored.save(path, exif=exif)
    assert read_orientation(path) == orientation
    from imgsearch.decode.reader import decode

    upright = decode(path, 20).image
    box = upright.convert("L").point(lambda value: 255 * (value > 128)).getbbox()
    assert box is not None
    left, top, right, bottom = box
    width, height = upright.size
    shares = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    assert as_stored(shares, orientation) == pytest.approx((0.1, 0.1, 0.2, 0.15))


# ------------------------------------------------------------------------- the files


def test_names_are_written_and_read_back_as_the_same_persons(
    library: Library, photos: Path
) -> None:
    before = files_of(photos)
    planned = [each.change for each in library.people.plan_sidecars().run()]
    assert [(each.sidecar.name, each.added) for each in planned] == [
        ("both.png.xmp", ("Zoë Adler", "Ben")),
        ("lime.png.xmp", ("Ben",)),
        ("red0.png.xmp", ("Zoë Adler",)),
        ("red1.png.xmp", ("Zoë Adler",)),
    ]
    assert all(each.is_new for each in planned) and files_of(photos) == before
    assert written(library) == planned
    after = files_of(photos)
    assert {name: after[name] for name in before} == before, "no photo has changed"
    assert library.people.plan_sidecars().run() == [], "all are named now"
    assert library.index().run().reread == 4
    assert library.people.plan_sidecars().run() == []
    assert found(library, "person:zoe") == {"red0", "red1", "both"}
    (both,) = library.find("person:ben person:zoe").hits
    assert sorted(both.photo.facts.people) == ["Ben", "Zoë Adler"], "each once"
    assert library.browse.names().people == {"Ben": 2, "Zoë Adler": 3}
    for name in after.keys() - before.keys():
        (photos / name).unlink()
    library.index().run()
    assert len(library.people.plan_sidecars().run()) == 4


def test_stars_and_names_stand_in_one_file(library: Library, photos: Path) -> None:
    (photos / "red0.png.xmp").write_text(DIGIKAM)
    library.index().run()
    (red0,) = library.find("name:red0").hits
    library.marks.set([red0.photo.id], rating=5)
    stars = library.marks.write_sidecars(library.marks.plan_sidecars().run()).run()
    assert [each.problem for each in stars] == [None]
    (changed,) = [each for each in written(library) if each.sidecar.name == "red0.png.xmp"]
    assert (changed.is_new, changed.problem, changed.added) == (False, None, ("Zoë Adler",))
    library.index().run()
    (red0,) = library.find("name:red0").hits
    facts = red0.photo.facts
    assert (facts.rating, facts.people, facts.keywords) == (5, ("Zoë Adler",), ("Oma/Küche",))


def test_a_person_who_was_renamed_is_renamed_where_the_face_is_confirmed(
    library: Library, photos: Path
) -> None:
    written(library)
    library.index().run()
    lime = of_colour(library, "lime")
    library.people.decide(
        tuple(each.id for each in library.people.faces_of(lime.id)), lime.id, True
    )
    library.people.name(lime.id, "Benno")
    assert [(each.sidecar.name, each.renamed) for each in written(library)] == [
        ("both.png.xmp", (("Ben", "Benno"),)),
        ("lime.png.xmp", (("Ben", "Benno"),)),
    ]
    library.index().run()
    assert library.browse.names().people == {"Benno": 2, "Zoë Adler": 3}


def test_no_photo_gets_the_faces_of_another_one_of_its_size(tmp_path: Path, photos: Path) -> None:
    one, other = photos / "red0.bmp", photos / "lime0.bmp"
    for path, colour in ((one, "red"), (other, "lime")):
        write_people(path.with_suffix(".png"), colour)
        with Image.open(path.with_suffix(".png")) as image:
            image.save(path)
        path.with_suffix(".png").unlink()
    assert one.stat().st_size == other.stat().st_size
    with library_with_faces(tmp_path, photos) as library:
        library.people.name(of_colour(library, "red0").id, "Zoë")
        exchange(one, other)
        problems = {each.photo.name: each.problem for each in written(library)}
        assert problems["red0.bmp"] == HAS_CHANGED and problems["red1.png"] is None
        assert not (photos / "red0.bmp.xmp").exists() and not (photos / "lime0.bmp.xmp").exists()


def test_hidden_persons_and_photos_that_are_gone_or_have_changed_are_left_out(
    library: Library, photos: Path
) -> None:
    library.people.hide(of_colour(library, "lime").id)
    (photos / "red0.png").unlink()
    library.index().run()
    write_people(photos / "red1.png", "red", "lime", size_px=(400, 200))
    changes = written(library)
    assert [(each.sidecar.name, each.problem) for each in changes] == [
        ("both.png.xmp", None),
        ("red1.png.xmp", "the photo has changed; run imgsearch index first"),
    ]
    assert changes[0].added == ("Zoë Adler",)
    assert not (photos / "red1.png.xmp").exists()


def test_a_file_that_another_program_changed_meanwhile_is_left_as_it_is(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "red0.png.xmp").write_text(DIGIKAM)
    (photos / "lime.png.xmp").write_text("<not XMP")
    os.symlink(photos / "red0.png.xmp", photos / "red1.png.xmp")
    planned = library.people.plan_sidecars().run()
    (photos / "red0.png.xmp").write_text(DARKTABLE)
    (photos / "both.png.xmp").write_text(DARKTABLE)
    before = files_of(photos)
    problems = {
        each.sidecar.name: each.problem for each in library.people.write_sidecars(planned).run()
    }
    assert "another program has changed it" in str(problems["red0.png.xmp"])
    assert "another program has made it" in str(problems["both.png.xmp"])
    assert "no valid XML" in str(problems["lime.png.xmp"])
    assert "it is a link" in str(problems["red1.png.xmp"])
    assert files_of(photos) == before

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="is full"):
        written(library)
    assert files_of(photos) == before


def test_a_file_that_belongs_to_two_photos_is_written_if_both_show_the_same(
    library: Library, photos: Path
) -> None:
    (photos / "both.xmp").write_text(DARKTABLE)
    (photos / "both.jpg").write_bytes(b"no photo yet")
    (change,) = [each for each in written(library) if each.photo.name == "both.png"]
    assert str(change.problem).startswith("it belongs to both.jpg as well")
    (photos / "both.jpg").unlink()
    (change,) = [each for each in written(library) if each.photo.name == "both.png"]
    assert (change.problem, change.sidecar.name) == (None, "both.xmp")


def test_exiftool_reads_the_regions(library: Library, photos: Path) -> None:
    need_programs("exiftool")
    (photos / "red0.png.xmp").write_text(REGIONS)
    written(library)
    command = ["exiftool", "-j", "-struct", "-n", "-XMP-mwg-rs:all", "-validate", "-warning"]
    done = subprocess.run(
        [*command, "-ext", "xmp", photos], capture_output=True, check=True, text=True
    )
    read = {Path(each.pop("SourceFile")).name: each for each in json.loads(done.stdout)}
    info = read["both.png.xmp"]["RegionInfo"]
    assert info["AppliedToDimensions"] == {"W": 80, "H": 40, "Unit": "pixel"}
    zoe, ben = info["RegionList"]
    assert (zoe["Name"], zoe["Type"], ben["Name"]) == ("Zoë Adler", "Face", "Ben")
    area = {"X": 0.125, "Y": 0.425, "W": 0.125, "H": 0.25, "Unit": "normalized"}
    assert zoe["Area"] == area
    names = [each["Name"] for each in read["red0.png.xmp"]["RegionInfo"]["RegionList"]]
    assert names == ["Rex", "Ben", "Zoë Adler"]
    assert all("Warning" not in each for each in read.values())


# ------------------------------------------------------------------------- the command


def test_the_command(library: Library, photos: Path) -> None:
    data = library.settings.data_dir
    listed = run_cli("people", "--write-sidecars", "--dry-run", data=data)
    assert listed.returncode == 0 and "Nothing was written. To write 4 files" in listed.stderr
    assert listed.stdout.splitlines()[0] == f"{photos}/both.png.xmp  (new, Zoë Adler, Ben)"
    assert list(photos.glob("*.xmp")) == []
    done = run_cli("people", "--write-sidecars", data=data)
    assert done.returncode == 0 and done.stdout == listed.stdout and "Wrote 4 files" in done.stderr
    nothing = run_cli("people", "--write-sidecars", "--json", data=data)
    assert nothing.returncode == 1 and json.loads(nothing.stdout) == []
    for wrong in (["Ben", "--write-sidecars"], ["--dry-run"], ["--write-sidecars", "--ask"]):
        refused = run_cli("people", *wrong, data=data)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr
