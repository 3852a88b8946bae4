"""Stars in XMP files: only on request, the stars alone, and never over what others have changed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsearch import Library
from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.decode.xmp_rating import new_packet, rating_in, with_rating
from imgsearch.errors import DiskError
from imgsearch.outputs import sidecars
from imgsearch.records.marks import SidecarChange
from tests.factories import IS_ROOT, run_cli, write_photos, write_xmp
from tests.programs import need_programs
from tests.stand_in import StandIn

DIGIKAM = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:xmp = 'http://ns.adobe.com/xap/1.0/'
   digiKam:PickLabel="3"
   xmp:Rating = '2'
   xmp:CreatorTool="a = &quot;b&quot; > c">
   <digiKam:TagsList><rdf:Seq><rdf:li>Oma/Küche</rdf:li></rdf:Seq></digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
LIGHTROOM = """\ufeff<x:xmpmeta xmlns:x="adobe:ns:meta/">
<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<r:Description r:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 crs:Exposure2012="+0.50"><crs:Look><r:Description><crs:Rating>9</crs:Rating></r:Description>
</crs:Look></r:Description>
<r:Description r:about="" xmlns:xap="http://ns.adobe.com/xap/1.0/">
<xap:Rating> 5 </xap:Rating><!-- <xap:Rating>1</xap:Rating> --></r:Description></r:RDF>
</x:xmpmeta>"""
BARE = """<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="urn:other">
<r:Description xmp:Rating="77"><xmp:Rating>8</xmp:Rating></r:Description></r:RDF>"""
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/"
   darktable:xmp_version="5"/>
 </rdf:RDF>
</x:xmpmeta>"""


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of six photos with the ids 1 to 6, of which the first has an XMP file."""
    stock(library, tmp_path, 6, DIGIKAM)
    return library


def stock(library: Library, folder: Path, count: int, packet: str) -> None:
    """Index so many new photos in `folder`/photos, the first with this XMP file."""
    photos = write_photos(folder / "photos", count)
    (photos / "0000.png.xmp").write_text(packet)
    library.index([photos]).run()


def written(library: Library, **options: bool) -> list[SidecarChange]:
    return library.marks.write_sidecars(library.marks.plan_sidecars(**options).run()).run()


def files_of(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


# ------------------------------------------------------------------------- the packet


@pytest.mark.parametrize(
    ("packet", "before", "old", "new"),
    [
        (DIGIKAM, 2, "xmp:Rating = '2'", "xmp:Rating = '4'"),
        (LIGHTROOM, 5, "<xap:Rating> 5 <", "<xap:Rating>4<"),
        (
            DARKTABLE,
            None,
            '<rdf:Description rdf:about=""',
            '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" rdf:about=""',
        ),
        (
            BARE,
            None,
            "<r:Description xmp:",
            '<r:Description xmlns:xmp1="http://ns.adobe.com/xap/1.0/" xmp1:Rating="4" xmp:',
        ),
    ],
)
def test_the_stars_are_changed_and_nothing_else(
    packet: str, before: int | None, old: str, new: str
) -> None:
    assert packet.count(old) == 1 and rating_in(packet.encode()) == before
    after = with_rating(packet.encode(), 4)
    assert after.decode() == packet.replace(old, new)
    assert rating_in(after) == 4
    assert with_rating(after, 4) == after


def test_an_empty_element_gets_the_stars() -> None:
    empty = LIGHTROOM.replace("<xap:Rating> 5 </xap:Rating>", "<xap:Rating />")
    assert with_rating(empty.encode(), 4).decode() == LIGHTROOM.replace("> 5 <", ">4<").replace(
        "<xap:Rating>4", "<xap:Rating >4"
    )


def test_a_new_packet_states_the_stars() -> None:
    for stars in range(6):
        assert read_xmp(new_packet(stars)).facts == {"rating": stars}
        assert rating_in(with_rating(new_packet(stars), 5 - stars)) == 5 - stars


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "no valid XML"),
        (b"<a>", "no valid XML"),
        (b"<a/>", "no description"),
        (DIGIKAM.encode("utf-16"), "not text in UTF-8"),
        (b"x" * ((4 << 20) + 1), "too large"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "document type"),
        (LIGHTROOM.replace("> 5 <", "><b/>5<").encode(), "no plain text"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_as_it_is(packet: bytes, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        with_rating(packet, 3)


@given(st.binary(max_size=40), st.integers(0, len(DIGIKAM)), st.integers(0, 5))
def test_damaged_packets_are_refused_or_keep_what_they_state(
    noise: bytes, at: int, stars: int
) -> None:
    content = DIGIKAM.encode()
    damaged = content[:at] + noise + content[at + len(noise) :]
    try:
        after = with_rating(damaged, stars)
    except CannotEdit:
        return
    assert read_xmp(after).facts == {**read_xmp(damaged).facts, "rating": stars}


# ------------------------------------------------------------------------- the files


def test_nothing_is_written_before_it_is_asked_for(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    before = files_of(photos)
    assert stocked.marks.plan_sidecars().run() == []
    stocked.marks.set([1, 2], rating=4)
    stocked.marks.set([3], favourite=True, hidden=True)
    stocked.marks.set([4], rating=0)
    planned = [each.change for each in stocked.marks.plan_sidecars().run()]
    assert planned == [
        SidecarChange(photos / "0000.png.xmp", photos / "0000.png", 2, 4, False),
        SidecarChange(photos / "0001.png.xmp", photos / "0001.png", None, 4, True),
    ]
    assert files_of(photos) == before
    assert written(stocked) == planned
    after = files_of(photos)
    assert after.pop("0001.png.xmp") == new_packet(4)
    assert after.pop("0000.png.xmp").decode() == DIGIKAM.replace("= '2'", "= '4'")
    del before["0000.png.xmp"]
    assert after == before, "the photos and nothing besides"
    assert stocked.marks.plan_sidecars().run() == []
    assert stocked.index().run().reread == 2
    hits = stocked.photos([1, 2])
    assert [hit.photo.facts.rating for hit in hits] == [4, 4]
    stocked.marks.set([2], rating=0)
    (taken,) = written(stocked)
    assert (taken.before, taken.stars, taken.problem) == (4, 0, None)


def test_new_files_can_have_the_names_of_adobe(stocked: Library, tmp_path: Path) -> None:
    stocked.marks.set([1, 2], rating=3)
    changes = written(stocked, adobe_names=True)
    assert [each.sidecar.name for each in changes] == ["0000.png.xmp", "0001.xmp"]


def test_a_file_that_belongs_to_two_photos_is_not_written_for_one(
    library: Library, stand_in: StandIn, tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    jpeg, png = make_photo("photos/a.jpg"), make_photo("photos/a.png", (1, 2, 3))
    shared = write_xmp(tmp_path / "photos" / "a.xmp", 1)
    library.index([tmp_path / "photos"]).run()
    first, second = (library.find(f"name:{path.name}").hits[0].photo.id for path in (jpeg, png))
    library.marks.set([first], rating=5)
    (change,) = written(library)
    assert change.problem == "it belongs to a.png as well, with other stars"
    assert rating_in(shared.read_bytes()) == 1
    library.marks.set([second], rating=4)
    (change,) = written(library)
    assert change.problem is not None and "as well" in change.problem
    library.marks.set([second], rating=5)
    (change,) = written(library)
    assert change.problem is None and rating_in(shared.read_bytes()) == 5


def test_a_file_that_another_program_changed_meanwhile_is_left_as_it_is(
    stocked: Library, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    stocked.marks.set([1, 2, 3], rating=4)
    planned = stocked.marks.plan_sidecars().run()
    theirs = DIGIKAM.replace('PickLabel="3"', 'PickLabel="1"')
    (photos / "0000.png.xmp").write_text(theirs)
    write_xmp(photos / "0001.png.xmp", 1)
    changes = stocked.marks.write_sidecars(planned).run()
    assert [each.problem for each in changes] == [
        "another program has changed it meanwhile; list it again",
        "another program has made it meanwhile; list it again",
        None,
    ]
    assert (photos / "0000.png.xmp").read_text() == theirs
    assert rating_in((photos / "0001.png.xmp").read_bytes()) == 1
    assert [each.problem for each in written(stocked)] == [None, None]
    assert (photos / "0000.png.xmp").read_text() == theirs.replace("= '2'", "= '4'")


def test_a_file_that_is_made_at_the_last_moment_is_left_as_it_is(
    stocked: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "photos" / "0001.png.xmp"
    stocked.marks.set([2], rating=4)
    planned = stocked.marks.plan_sidecars().run()
    real = os.link

    def link(source: Path, target: Path) -> None:
        write_xmp(new, 1)
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    (change,) = stocked.marks.write_sidecars(planned).run()
    assert change.problem == "another program has made it meanwhile; list it again"
    assert rating_in(new.read_bytes()) == 1


def test_a_full_disk_leaves_every_file_whole(
    stocked: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    stocked.marks.set([1, 2], rating=4)
    before = files_of(photos)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sidecars.os, "fsync", full)  # type: ignore[attr-defined]
    with pytest.raises(DiskError, match="is full"):
        written(stocked)
    assert files_of(photos) == before


def test_files_that_cannot_be_changed_are_named(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    stocked.marks.set([1, 2, 3, 4], rating=4)
    (photos / "0000.png.xmp").write_text("<not XMP")
    target = write_xmp(tmp_path / "elsewhere.xmp", 1)
    (photos / "0001.png.xmp").symlink_to(target)
    (photos / "0002.png.xmp").mkdir()
    changes = written(stocked)
    assert [each.problem is None for each in changes] == [False, False, False, True]
    reasons = [each.problem or "" for each in changes]
    assert "no valid XML" in reasons[0] and "it is a link" in reasons[1]
    assert "not a file" in reasons[2]
    assert rating_in(target.read_bytes()) == 1


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(stocked: Library, tmp_path: Path) -> None:
    stocked.marks.set([2], rating=4)
    (tmp_path / "photos").chmod(0o500)
    try:
        (change,) = written(stocked)
    finally:
        (tmp_path / "photos").chmod(0o700)
    assert change.problem is not None and "Permission denied" in change.problem


def test_what_a_killed_process_left_is_no_obstacle(stocked: Library, tmp_path: Path) -> None:
    part = tmp_path / "photos" / ".0001.png.xmp.imgsearch.part"
    part.write_text("half")
    stocked.marks.set([2], rating=4)
    (change,) = written(stocked)
    assert change.problem is None and not part.exists()


def exchange(one: Path, other: Path) -> None:
    """Give two files the names of each other."""
    between = one.with_name("between")
    one.rename(between)
    other.rename(one)
    between.rename(other)


HAS_CHANGED = "the photo has changed; run imgsearch index first"
IS_GONE = "the photo is gone; run imgsearch index first"


@pytest.mark.parametrize("is_planned_before", [False, True])
def test_no_photo_gets_the_stars_of_another_one(
    library: Library, stand_in: StandIn, tmp_path: Path, is_planned_before: bool
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    paths = [photos / f"{name}.bmp" for name in "abcd"]
    for number, path in enumerate(paths):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(path)
        os.utime(path, ns=(number, number))
    assert len({path.stat().st_size for path in paths}) == 1, "no size tells them apart"
    library.index([photos]).run()
    ids = {path.name: library.find(f"name:{path.name}").hits[0].photo.id for path in paths}
    library.marks.set([ids["a.bmp"], ids["c.bmp"], ids["d.bmp"]], rating=5)
    planned = library.marks.plan_sidecars().run()
    exchange(paths[0], paths[1])
    paths[2].unlink()
    if not is_planned_before:
        planned = library.marks.plan_sidecars().run()
    os.utime(paths[3], ns=(9, 9))  # another time, and the same content: it is still the photo
    changes = library.marks.write_sidecars(planned).run()
    assert [(each.sidecar.name, each.problem) for each in changes] == [
        ("a.bmp.xmp", HAS_CHANGED),
        ("c.bmp.xmp", IS_GONE),
        ("d.bmp.xmp", None),
    ]
    assert {path.name for path in photos.iterdir()} == {"a.bmp", "b.bmp", "d.bmp", "d.bmp.xmp"}
    library.index().run()
    (change,) = written(library)
    assert (change.sidecar.name, change.problem) == ("b.bmp.xmp", None), "where the photo is now"
    library.index().run()
    assert {hit.photo.id for hit in library.find("rating:5").hits} == {ids["a.bmp"], ids["d.bmp"]}


def test_photos_that_are_gone_are_left_out(stocked: Library, tmp_path: Path) -> None:
    stocked.marks.set([2, 3], rating=4)
    (tmp_path / "photos" / "0001.png").unlink()
    stocked.index().run()
    assert [each.change.photo.name for each in stocked.marks.plan_sidecars().run()] == ["0002.png"]


def test_exiftool_reads_them(stocked: Library, tmp_path: Path) -> None:
    need_programs("exiftool")
    photos = tmp_path / "photos"
    stocked.marks.set([1, 2], rating=4)
    stocked.marks.set([3], rating=5)
    written(stocked)
    command = ["exiftool", "-j", "-Rating", "-PickLabel", "-TagsList", "-warning", "-ext", "xmp"]
    done = subprocess.run([*command, photos], capture_output=True, check=True)
    read = {Path(each.pop("SourceFile")).name: each for each in json.loads(done.stdout)}
    assert read == {
        "0000.png.xmp": {"Rating": 4, "PickLabel": 3, "TagsList": "Oma/Küche"},
        "0001.png.xmp": {"Rating": 4},
        "0002.png.xmp": {"Rating": 5},
    }


# ------------------------------------------------------------------------- the command


def test_the_command(library: Library, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", library.settings.data_dir
    library.index([write_photos(photos, 3)]).run()
    nothing = run_cli("sidecars", "--write", data=data)
    assert nothing.returncode == 1 and "have the stars" in nothing.stderr
    library.marks.set([1, 2], rating=4)
    write_xmp(photos / "0000.png.xmp", 1)
    listed = run_cli("sidecars", data=data)
    lines = [
        f"{photos}/0000.png.xmp  (1 star -> 4 stars)",
        f"{photos}/0001.png.xmp  (new, no stars -> 4 stars)",
    ]
    assert listed.stdout.splitlines() == lines and listed.returncode == 0
    assert "Nothing was written. To write 2 files" in listed.stderr
    assert run_cli("sidecars", "--write", "--dry-run", data=data).stdout == listed.stdout
    assert not (photos / "0001.png.xmp").exists()
    done = run_cli("sidecars", "--write", data=data)
    assert done.returncode == 0 and done.stdout.splitlines() == lines, "the list comes first"
    assert "Wrote 2 files" in done.stderr
    assert rating_in((photos / "0001.png.xmp").read_bytes()) == 4
    library.marks.set([3], rating=2)
    (photos / "0002.png.xmp").write_text("<not XMP")
    failed = run_cli("sidecars", "--write", data=data)
    assert failed.returncode == 3 and "Left as it is" in failed.stderr
    assert "Traceback" not in failed.stderr
