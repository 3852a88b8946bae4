"""Whether the flash fired: a fact that is true, false or unknown, and its filter."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode_bytes, read_facts
from imgsearch.decode.xmp import read_xmp
from imgsearch.errors import PhotoError
from imgsearch.operations.records import to_json
from imgsearch.records.photo import Facts
from tests.factories import run_cli
from tests.stand_in import StandIn

FLASH = 0x9209
# What the tag says, by the names of photos.
SHOTS = {"fired": 0x19, "red-eye": 0x5F, "off": 0x10, "none": 0x20, "silent": None, "odd": 9969}
FIRED, NOT_FIRED = {"fired.jpg", "red-eye.jpg"}, {"off.jpg", "none.jpg"}
UNKNOWN = {"silent.jpg", "odd.jpg"}


def jpeg(flash: int | None, colour: str = "red") -> bytes:
    exif = Image.Exif()
    if flash is not None:
        exif.get_ifd(0x8769)[FLASH] = flash
    stream = BytesIO()
    Image.new("RGB", (32, 32), colour).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("tag", "fired"),
    [(0, False), (1, True), (0x10, False), (0x20, False), (0x5F, True), (128, None), (9969, None)],
)
def test_exif_says_whether_the_flash_fired(tag: int, fired: bool | None) -> None:
    assert decode_bytes(jpeg(tag), 16, 200).facts.flash is fired


@pytest.mark.parametrize(
    "structure",
    [
        '<exif:Flash rdf:parseType="Resource"><exif:Fired>{}</exif:Fired>'
        "<exif:Mode>2</exif:Mode></exif:Flash>",
        '<exif:Flash exif:Fired="{}" exif:Mode="2"/>',
        "<exif:Flash><rdf:Description><exif:Fired>{}</exif:Fired></rdf:Description></exif:Flash>",
        '<exif:Flash><rdf:Description exif:Fired="{}"/></exif:Flash>',
    ],
)
@pytest.mark.parametrize(("text", "fired"), [("True", True), ("False", False), ("2", None)])
def test_xmp_says_it_in_a_structure(structure: str, text: str, fired: bool | None) -> None:
    packet = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
      <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
       <rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/">
        {structure.format(text)}</rdf:Description></rdf:RDF></x:xmpmeta>"""
    assert read_xmp(packet.encode()).facts.get("flash") is fired


def test_files_of_cameras_say_what_exiftool_reads(shared_data: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    command = ["exiftool", "-q", "-json", "-n", "-G1", "-r", "-Flash", "-FlashFired"]
    done = subprocess.run(
        [*command, str(shared_data / "camera")], capture_output=True, text=True, check=False
    )
    compared = {}
    for tags in json.loads(done.stdout):
        path = Path(tags["SourceFile"])
        bits = tags.get("ExifIFD:Flash")
        in_xmp = {"True": True, "False": False}.get(str(tags.get("XMP-exif:FlashFired")))
        fired = bool(bits & 1) if isinstance(bits, int) and bits < 128 else in_xmp
        if is_photo_name(path.name):
            try:
                compared[path.name] = (read_facts(path).flash, fired)
            except PhotoError:  # a format that needs an extra
                continue
    assert {name: pair for name, pair in compared.items() if pair[0] is not pair[1]} == {}
    found = [theirs for _, theirs in compared.values()]
    assert found.count(True) >= 12 and found.count(False) >= 60 and found.count(None) >= 50


# ------------------------------------------------------------------------- a library


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (name, flash) in enumerate(SHOTS.items()):
        (folder / f"{name}.jpg").write_bytes(jpeg(flash, f"rgb(10, {number}, 200)"))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache")


@pytest.fixture
def library(settings: Settings, photos: Path) -> Iterator[Library]:
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        yield opened


def found(library: Library, line: str) -> set[str]:
    return {hit.path.name for hit in library.find(line, k=50).hits}


def assert_it_is_known(library: Library) -> None:
    assert found(library, "flash:yes") == FIRED
    assert found(library, "flash:no") == NOT_FIRED
    assert found(library, "-flash:yes") == NOT_FIRED | UNKNOWN
    assert found(library, "-flash:no") == FIRED | UNKNOWN
    assert found(library, "flash:yes|no") == FIRED | NOT_FIRED
    assert found(library, "-flash:yes|no") == UNKNOWN
    assert library.find("flash:yes").remarks == ()


SAID = "{} of 6 photos were indexed before imgsearch read flash:yes, and are left out"


def assert_it_is_unknown(library: Library) -> None:
    """Nothing was read for the fact, and the library says so."""
    assert found(library, "flash:yes") == found(library, "flash:no") == set()
    assert found(library, "-flash:yes") == set()
    assert library.find("flash:yes").remarks[0].startswith(SAID.format(6))
    assert found(library, "sort:path") == FIRED | NOT_FIRED | UNKNOWN
    assert {hit.photo.facts.flash for hit in library.find("sort:path", k=50).hits} == {None}


def test_a_filter_finds_yes_and_no(library: Library) -> None:
    assert_it_is_known(library)


def test_people_and_programs_see_it(library: Library) -> None:
    shown = {
        hit.path.name: (dict(hit.photo.facts.shown()).get("Flash"), to_json(hit))
        for hit in library.find("sort:path", k=50).hits
    }
    assert {name: text for name, (text, _) in shown.items()} == {
        **dict.fromkeys(FIRED, "fired"),
        **dict.fromkeys(NOT_FIRED, "did not fire"),
        **dict.fromkeys(UNKNOWN),
    }
    for name, (_, hit) in shown.items():
        expected = True if name in FIRED else False if name in NOT_FIRED else None
        assert hit["photo"]["facts"]["flash"] is expected


def test_a_library_from_before_the_fact_learns_it(
    settings: Settings, photos: Path, tmp_path: Path
) -> None:
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([photos]).run()
    forget_flash_here(settings.data_dir)
    with Library.open(settings, encoder=StandIn()) as library:
        assert_it_is_unknown(library)
        assert library.index([photos]).run().new == 0
        assert_it_is_unknown(library)
        report = library.upkeep.read_metadata().run()
        assert report.changed == len(FIRED | NOT_FIRED)
        assert_it_is_known(library)


def test_a_pack_carries_it(library: Library, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    library.packs.make(photos, tmp_path / "a.imgsearch").run()
    other = Settings.load(data_dir=tmp_path / "other", cache_dir=tmp_path / "cache")
    with Library.open(other, encoder=StandIn()) as merged:
        merged.packs.merge(tmp_path / "a.imgsearch", at=photos).run()
        assert_it_is_known(merged)


def forget_flash_in(address: Path) -> None:
    """Make an archive one that only programs have written to which did not know the fact."""
    lance = pytest.importorskip("lance", reason="needs the extra scale")
    for name in ("photos", "kept", "facts"):
        table = lance.dataset(str(address / f"{name}.lance"))
        table.drop_columns(["flash"])
        table.update({"read_facts": "replace(read_facts, ' flash ', ' ')"})


def forget_flash_here(data_dir: Path) -> None:
    """Make a library one that only programs have written to which did not know the fact."""
    with closing(sqlite3.connect(data_dir / "library.db", isolation_level=None)) as connection:
        connection.execute("ALTER TABLE photos DROP COLUMN flash")
        # Times are of whole seconds, and the fact is added at once.
        connection.execute("UPDATE photos SET facts_at = '2026-01-01T00:00:00+00:00'")


def test_an_archive_from_before_the_fact_learns_it(
    library: Library, photos: Path, settings: Settings, tmp_path: Path
) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.index([photos]).run()
        assert_it_is_known(archive)
    forget_flash_in(address)
    own = replace(settings, replica_dir=str(tmp_path / "copies"))  # of a machine without a copy
    with Library.open_archive(address, own, encoder=StandIn()) as archive:
        assert_it_is_unknown(archive)
        archive.index([photos]).run()
        assert_it_is_unknown(archive)
        report = archive.fleet.read_metadata([photos]).run()
        assert (report.reread, report.new, report.unchanged) == (len(FIRED | NOT_FIRED), 0, 0)
        assert_it_is_known(archive)
        assert archive.fleet.read_metadata([photos]).run().reread == 0


def test_an_archive_learns_it_from_a_library(
    library: Library, settings: Settings, tmp_path: Path
) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    data_dir = settings.data_dir
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(data_dir).run()
    forget_flash_in(address)
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        assert_it_is_unknown(archive)
        assert archive.fleet.copy_from(data_dir).run().reread == len(FIRED | NOT_FIRED)
        assert_it_is_known(archive)


def test_a_copy_of_an_archive_from_before_the_fact_takes_it(
    library: Library, photos: Path, settings: Settings, tmp_path: Path
) -> None:
    """Another machine was updated first, and has read the fact: its columns were passed over."""
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.index([photos]).run()
        assert_it_is_known(archive)
        (folder,) = (each for each in [archive.status().copy] if each is not None)
        data_dir = folder.folder
    forget_flash_here(data_dir)
    with closing(sqlite3.connect(data_dir / "library.db", isolation_level=None)) as connection:
        connection.execute("""UPDATE replica SET state = replace(state, '"flash",', '')""")
        connection.execute("UPDATE replicated_photos SET digest = 0")  # that of other columns
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        assert_it_is_known(archive)


def test_an_archive_keeps_what_a_library_was_not_read_for(
    library: Library, photos: Path, settings: Settings, tmp_path: Path
) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.index([photos]).run()
    forget_flash_here(settings.data_dir)
    new = jpeg(SHOTS["fired"], "green")
    (photos / "later.jpg").write_bytes(new)
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
    (photos / "later.jpg").unlink()
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        assert archive.fleet.copy_from(settings.data_dir).run().reread == 0
        assert found(archive, "flash:yes") == FIRED | {"later.jpg"}
        assert found(archive, "-flash:yes|no") == UNKNOWN
        assert archive.find("flash:yes").remarks == ()
    other = tmp_path / "other"  # an archive that has nothing but the library's
    with Library.open_archive(other, settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(settings.data_dir).run()
        assert found(archive, "flash:yes") == found(archive, "-flash:no") == {"later.jpg"}
        assert "6 of 7 photos were indexed before" in archive.find("flash:yes").remarks[0]


def test_the_declaration_allows_it_to_be_unknown() -> None:
    assert Facts("JPEG", 1, 1).flash is None


def test_a_fact_that_was_never_read_is_said_with_its_cure(tmp_path: Path) -> None:
    """A library of a version that did not know the flash."""
    photos, data = tmp_path / "photos", tmp_path / "library"
    photos.mkdir()
    for name, tag in SHOTS.items():
        (photos / f"{name}.jpg").write_bytes(jpeg(tag, "red" if tag else "blue"))
    settings = Settings.load(data_dir=data, encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([photos]).run()
        count = library.photo_count()
    with closing(sqlite3.connect(data / "library.db")) as connection:
        connection.execute("ALTER TABLE photos DROP COLUMN flash")
        # Times are of whole seconds, and the fact is added at once.
        connection.execute("UPDATE photos SET facts_at = '2026-01-01T00:00:00+00:00'")
        connection.execute("UPDATE photos SET facts_at = '2026-11-30T00:00:00+00:00'")
        connection.commit()
    said = f"{count} of {count} photos were indexed before imgsearch read flash:yes, and are left"
    done = run_cli("search", "flash:yes", data=data)
    assert done.returncode == 1
    assert said in done.stderr and "imgsearch index --metadata" in done.stderr
    assert "Try fewer filters" not in done.stderr
    # A photo that is added now is read with all facts.
    (photos / "later.jpg").write_bytes(jpeg(SHOTS["fired"], "green"))
    with Library.open(settings, encoder=StandIn()) as library:
        library.index().run()
        answer = library.find("flash:yes")
        assert [hit.path.name for hit in answer.hits] == ["later.jpg"]
        said = f"{count} of {count + 1} photos were indexed before imgsearch read flash:yes"
        assert any(remark.startswith(said) for remark in answer.remarks)
        others = library.find("-flash:no")  # a photo that was never read is unknown, not without
        assert [hit.path.name for hit in others.hits] == ["later.jpg"]
        assert any("before imgsearch read flash:no" in remark for remark in others.remarks)
        assert library.find("type:jpeg").remarks == ()
        library.upkeep.read_metadata().run()  # the cure
        answer = library.find("flash:yes")
        assert {hit.path.name for hit in answer.hits} >= {"later.jpg", "fired.jpg"}
        assert answer.remarks == ()
