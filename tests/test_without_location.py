"""Copies without location: the picture as it was, and nothing that says where it was taken."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Settings, UsageError
from imgsearch.decode.reader import decode_bytes
from imgsearch.decode.without_location import picture_of_jpeg
from imgsearch.errors import PhotoError
from tests.clips import video
from tests.factories import encoded, exif_of_paris, heic, run_cli, scene
from tests.stand_in import StandIn

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,17.7E"
/></rdf:RDF></x:xmpmeta>"""


def taken_in_paris(orientation: int = 6) -> Image.Exif:
    exif = exif_of_paris()
    exif[0x0112], exif[0x010F], exif[0x0110] = orientation, "Ricoh", "GR III"
    exif.get_ifd(0x8769).update({0x9003: "2021:07:14 21:30:00", 0x927C: b"Paris in a maker note"})
    return exif


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A JPEG with a motion photo's video, a HEIC, a PNG and a video, all taken in Paris."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(video([scene()]))
    picture, block = scene(640, 480), taken_in_paris().tobytes()
    jpeg = encoded(picture, "JPEG", exif=block, xmp=XMP, comment=b"Paris", quality=95)
    jpeg += (folder / "clip.mp4").read_bytes()
    (folder / "motion.jpg").write_bytes(jpeg)
    (folder / "phone.heic").write_bytes(heic(picture, exif=block))
    (folder / "screen.png").write_bytes(encoded(picture, "PNG", exif=block))
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([folder]).run()
        yield opened


def photo_of(library: Library, name: str) -> int:
    return library.search(f"name:{name}")[0].photo.id


def copy_of(library: Library, name: str) -> tuple[str, bytes]:
    found = library.pictures.original(photo_of(library, name), without_location=True)
    assert found is not None
    with found.file:
        return found.name, found.file.read()


def test_a_jpeg_keeps_its_coded_picture_and_nothing_that_says_where(
    library: Library, tmp_path: Path
) -> None:
    original = (tmp_path / "photos" / "motion.jpg").read_bytes()
    name, copy = copy_of(library, "motion")
    assert name == "motion.jpg"
    assert b"Paris" in original and b"GPSLatitude" in original and b"ftyp" in original
    for trace in (b"Paris", b"GPS", b"48,51", b"ftyp", b"moov"):
        assert trace not in copy, trace
    pictures = [np.asarray(Image.open(BytesIO(each)).convert("RGB")) for each in (original, copy)]
    assert (pictures[0] == pictures[1]).all(), "no pixel was coded again"
    facts = decode_bytes(copy, 64).facts
    assert (facts.lat, facts.lon, facts.motion) == (None, None, None)
    assert (facts.camera, facts.width_px, facts.height_px) == ("Ricoh GR III", 480, 640)
    assert facts.taken_at is not None and facts.taken_at.isoformat() == "2021-07-14T21:30:00"


@pytest.mark.parametrize("name", ["phone", "screen"])
def test_of_other_formats_a_jpeg_is_made_in_full_size(library: Library, name: str) -> None:
    file_name, copy = copy_of(library, name)
    assert file_name == f"{name}.jpg" and b"Paris" not in copy
    facts = decode_bytes(copy, 64).facts
    assert (facts.format, facts.width_px * facts.height_px) == ("JPEG", 640 * 480)
    assert (facts.lat, facts.camera) == (None, "Ricoh GR III")


def test_a_video_is_refused_with_the_reason(library: Library) -> None:
    with pytest.raises(PhotoError, match="Location cannot be left out of a video"):
        library.pictures.original(photo_of(library, "clip"), without_location=True)


def test_no_original_changes_and_an_album_is_exported_without_location(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    library.albums.make("Trip", query="sort:path")
    report = library.albums.export("Trip", tmp_path / "out", "copies", without_location=True)
    assert report.photos == 3 and [Path(path).name for path in report.missing] == ["clip.mp4"]
    for file in (tmp_path / "out").iterdir():
        assert decode_bytes(file.read_bytes(), 64).facts.lat is None
        assert file.stat().st_mtime == pytest.approx(
            max(f.stat().st_mtime for f in folder.iterdir() if f.stem == file.stem), abs=0.01
        )
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with pytest.raises(UsageError, match="not of links: choose copies or a zip file"):
        library.albums.export("Trip", tmp_path / "links", "links", without_location=True)


def test_the_command_makes_a_zip_file_without_location(library: Library, tmp_path: Path) -> None:
    library.albums.make("Trip", [photo_of(library, "motion")])
    data, file = library.settings.data_dir, tmp_path / "trip.zip"
    run_cli("album", "export", "Trip", "--zip", str(file), "--without-location", data=data)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["motion.jpg"]
        assert decode_bytes(archive.read("motion.jpg"), 64).facts.lat is None


def test_whatever_the_bytes_are_a_picture_or_none_comes_out(tmp_path: Path) -> None:
    progressive = encoded(scene(64, 64), "JPEG", progressive=True, icc_profile=b"profile" * 20)
    copy = picture_of_jpeg(progressive, b"Exif\0\0")
    assert copy is not None and b"profile" in copy
    assert (
        np.asarray(Image.open(BytesIO(copy))) == np.asarray(Image.open(BytesIO(progressive)))
    ).all()
    for end in range(0, len(progressive) - 1, 7):
        assert picture_of_jpeg(progressive[:end], b"") is None, "no whole picture"
    assert picture_of_jpeg(b"\xff" * 100, b"") is picture_of_jpeg(b"", b"") is None
