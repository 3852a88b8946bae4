"""Metadata is read again when the XMP file of a photo is added, changed or removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgsearch import Library
from tests.factories import write_photos, write_xmp
from tests.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("stand_in")  # `library` embeds with it


def ratings(library: Library) -> dict[str, int]:
    """The ratings of all rated photos, by file name."""
    return {
        hit.path.name: rating
        for hit in library.find("in:photos", 100).hits
        if (rating := hit.photo.facts.rating) is not None
    }


def test_an_added_changed_or_removed_xmp_file_applies_at_the_next_run(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 5)
    sidecar = write_xmp(here / "0001.png.xmp", 3)  # read together with its photo
    first = library.index([here]).run()
    assert (ratings(library), first.reread) == ({"0001.png": 3}, 0)
    assert library.index().run().reread == 0
    write_xmp(here / "0002.xmp", 5)
    write_xmp(here / "of no photo.xmp", 1)
    assert (library.index().run().reread, ratings(library)) == (1, {"0001.png": 3, "0002.png": 5})
    write_xmp(sidecar, 4)
    os.utime(sidecar, ns=(1, 1))
    assert (library.index().run().reread, ratings(library)) == (1, {"0001.png": 4, "0002.png": 5})
    sidecar.unlink()
    assert (library.index().run().reread, ratings(library)) == (1, {"0002.png": 5})
    report = library.index().run()
    assert (report.reread, report.unchanged, stand_in.embedded) == (0, 5, 5)


def test_a_photo_that_moves_to_or_from_an_xmp_file_is_read_again(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    write_xmp(here / "0001.xmp", 3)
    write_xmp(here / "waiting.xmp", 5)
    library.index([here]).run()
    (here / "0001.png").rename(here / "elsewhere.png")
    library.index().run()
    assert ratings(library) == {}
    (here / "elsewhere.png").rename(here / "waiting.png")
    library.index().run()
    assert ratings(library) == {"waiting.png": 5}
    (here / "album").mkdir()
    for name in ("waiting.png", "waiting.xmp"):
        (here / name).rename(here / "album" / name)
    library.index().run()
    assert (ratings(library), stand_in.embedded) == ({"waiting.png": 5}, 3)


def test_the_xmp_files_of_an_offline_drive_stay_in_effect(library: Library, tmp_path: Path) -> None:
    drive, other = (
        write_photos(tmp_path / "drive" / "photos", 3),
        write_photos(tmp_path / "photos", 2, 10),
    )
    write_xmp(drive / "0001.xmp", 3)
    library.index([drive, other]).run()
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    assert library.index().run().offline == 3
    assert ratings(library) == {"0001.png": 3}
    write_xmp(tmp_path / "unplugged" / "photos" / "0001.xmp", 4)
    (tmp_path / "unplugged").rename(tmp_path / "drive")
    assert (library.index().run().reread, ratings(library)) == (1, {"0001.png": 4})


def test_an_xmp_file_is_read_again_until_its_photo_is_readable(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 2)
    library.index([here]).run()
    whole, status = (here / "0001.png").read_bytes(), os.stat(here / "0001.png")
    write_xmp(here / "0001.xmp", 4)
    for content, reread in ((b"?" * len(whole), 0), (whole, 1)):  # unreadable, then readable again
        (here / "0001.png").write_bytes(content)
        os.utime(here / "0001.png", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert library.index().run().reread == reread
    assert ratings(library) == {"0001.png": 4}
