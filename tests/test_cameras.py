"""How many photos each camera took: of a library and of an archive, asked in every way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from imgsearch import Library
from imgsearch.operations.browse import Browse
from imgsearch.records.browse import ValueCount
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.stand_in import StandIn

CAMERAS = ("Leica M9", "Canon EOS R5", "Leica M9", None, "Leica M9", None)
COUNTS = (ValueCount("Leica M9", 3), ValueCount(None, 2), ValueCount("Canon EOS R5", 1))


@pytest.fixture
def pictures(tmp_path: Path, library: Library) -> Library:
    """A library of photos that state their camera, or do not."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, camera in enumerate(CAMERAS):
        exif = Image.Exif()
        if camera is not None:
            exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = camera.split(" ", 1)
        Image.new("RGB", (40, 30), (40 * number, 9, 9)).save(folder / f"{number}.jpg", exif=exif)
    library.index([folder]).run()
    return library


def test_photos_are_counted_by_camera(pictures: Library) -> None:
    assert pictures.browse.cameras() == COUNTS
    assert pictures.browse.cameras("camera:leica") == COUNTS[:1]
    assert pictures.browse.cameras("after:2100") == ()


def test_an_archive_counts_the_same(pictures: Library, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    address = tmp_path / "archive"
    with Library.open_archive(address, pictures.settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(pictures.settings.data_dir).run()
        assert archive.browse.cameras() == COUNTS
        assert archive.browse.cameras("camera:leica") == COUNTS[:1]


@pytest.mark.features("assistant")
def test_the_command_the_service_and_an_assistant_give_the_same_counts(demo: Library) -> None:
    from imgsearch.features.assistant.tools import PhotoTools

    data = demo.settings.data_dir
    expected = demo.browse.cameras()
    done = run_cli("cameras", "--json", data=data)
    assert done.returncode == 0, done.stderr
    rows = [{"value": each.value, "photos": each.photos} for each in expected]
    assert json.loads(done.stdout) == rows
    shown = run_cli("cameras", data=data)
    assert len(shown.stdout.splitlines()) == len(expected)
    nothing = run_cli("cameras", "after:2100", data=data)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    with serving(data):
        assert Client(demo.settings).call(Browse.cameras) == expected
    told = PhotoTools(demo).call("cameras", {}).content["result"]
    assert [row["photos"] for row in told] == [each.photos for each in expected]
