"""The library follows a disk that people, phones and sync tools change."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import Reason
from imgsearch.records.arrays import Pixels
from tests.factories import IS_ROOT, paths_in, pngs_below, write_photo, write_photos
from tests.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("stand_in")  # `library` embeds with it


# ------------------------------------------------------------------------- moves and edits

MOVES: dict[str, Callable[[Path], object]] = {
    "a file renamed": lambda here: (here / "0001.png").rename(here / "new name.png"),
    "only its case": lambda here: (here / "0001.png").rename(here / "0001.PNG.png"),
    "to another root": lambda here: (here / "0001.png").rename(here.parent / "two" / "a.png"),
    "a folder renamed": lambda here: (here / "album").rename(here / "ALBUM"),
    "a folder to another root": lambda here: (here / "album").rename(here.parent / "two" / "b"),
    "composed to decomposed": lambda here: (here / "café.png").rename(
        here / unicodedata.normalize("NFD", "café.png")
    ),
    "a copy": lambda here: shutil.copy(here / "0001.png", here / "copy.png"),
    "a hard link": lambda here: os.link(here / "0001.png", here / "album" / "linked.png"),
    "touched": lambda here: os.utime(here / "0001.png", (1, 1)),
    "replaced by itself, as sync tools do": lambda here: (
        shutil.copy(here / "0001.png", here / ".0001.png.tmp"),
        (here / ".0001.png.tmp").replace(here / "0001.png"),
    ),
    "swapped": lambda here: (
        (here / "0001.png").rename(here / "x.png"),
        (here / "0002.png").rename(here / "0001.png"),
        (here / "x.png").rename(here / "0002.png"),
    ),
}


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES.keys())
def test_moves_copies_and_touches_embed_nothing(
    library: Library, stand_in: StandIn, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    one, two = write_photos(tmp_path / "one", 5), write_photos(tmp_path / "two", 2, first=90)
    write_photo(one / "café.png", 50)
    write_photos(one / "album", 3, first=60)
    library.index([one, two]).run()
    assert stand_in.embedded == 11
    change(one)
    report = library.index().run()
    assert (report.new, report.failed, report.photos, stand_in.embedded) == (0, 0, 11, 11)
    assert paths_in(library.settings.data_dir) == pngs_below(one, two)


def test_photos_that_swapped_names_are_found_under_their_new_paths(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    MOVES["swapped"](here)
    library.index().run()
    for name in ("0001.png", "0002.png"):
        with Image.open(here / name) as image:  # other bytes: a photo is not its own result
            image.save(tmp_path / "example.bmp")
        (hit,) = library.search(image=tmp_path / "example.bmp", k=1)
        assert hit.path == here / name


def test_saving_by_rename_adds_one_photo(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    library.index([here]).run()
    write_photo(here / ".0001.png.swp.png", 70).replace(here / "0001.png")
    report = library.index().run()
    assert (report.new, report.photos, stand_in.embedded) == (1, 3, 4)
    assert paths_in(library.settings.data_dir) == pngs_below(here)


def test_verify_finds_an_edit_that_keeps_size_and_time(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    stat = os.stat(here / "0001.png")
    write_photo(here / "0001.png", 2 * 251)  # a picture that compresses to the same number of bytes
    assert os.stat(here / "0001.png").st_size == stat.st_size
    os.utime(here / "0001.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert library.index().run().unchanged == 5
    report = library.index(verify=True).run()
    assert (report.new, report.unchanged, report.photos) == (1, 4, 5)
    assert library.index(verify=True).run().unchanged == 5


def test_a_file_may_be_replaced_by_a_folder_and_a_folder_by_a_file(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    write_photos(here / "album.png", 2, first=10)
    library.index([here]).run()
    (here / "0001.png").unlink()
    write_photo(here / "0001.png" / "inside.png", 20)
    shutil.rmtree(here / "album.png")
    write_photo(here / "album.png", 21)
    report = library.index().run()
    assert (report.new, report.failed) == (2, 0)
    assert paths_in(library.settings.data_dir) == pngs_below(here)


# ------------------------------------------------------------------------- unreadable files


@pytest.mark.parametrize("mode", [0o000, 0o400])  # 0o400: names can be listed, but no file read
def test_a_folder_without_permissions_is_reported_and_keeps_its_photos(
    library: Library, tmp_path: Path, mode: int
) -> None:
    if IS_ROOT:
        pytest.skip("root may read every folder (see the same test in a process without the right)")
    here = write_photos(tmp_path / "photos", 3)
    locked = write_photos(here / "locked", 3, first=10)
    library.index([here]).run()
    locked.chmod(mode)
    try:
        (here / "0000.png").unlink()
        report = library.index().run()
        assert (report.gone, report.photos) == (1, 5)
        (failure,) = library.status().failures
        assert (failure.path, failure.reason) == (locked, Reason.UNREADABLE)
    finally:
        locked.chmod(0o755)
    assert library.index().run().unchanged == 5
    assert library.status().failures == ()


def test_a_file_that_is_removed_while_it_is_read_is_not_a_failure(
    tmp_path: Path,
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    shutil.copy(here / "0000.png", here / "zz copy.png")

    class RemovingEncoder(StandIn):
        """An encoder during whose work the first photo is removed."""

        def prepare(self, image: Image.Image) -> Pixels:
            (here / "0000.png").unlink(missing_ok=True)
            return super().prepare(image)

    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=RemovingEncoder()) as library:
        report = library.index([here]).run()
    assert report.failed == 0
    names = {Path(path).name for path in paths_in(settings.data_dir)}
    assert "zz copy.png" in names, "its copy takes its place"


@pytest.mark.parametrize(
    "name",
    ["a.png.part", "a.crdownload", "~syncthing~a.png", ".syncthing.a.png.tmp", "a.png.!sync"],
)
def test_incomplete_downloads_are_not_indexed(library: Library, tmp_path: Path, name: str) -> None:
    here = write_photos(tmp_path / "photos", 1)
    write_photo(here / "x.png", 3).rename(here / name)
    write_photo(here / "Safari.png.download" / "Safari.png", 4)
    assert library.index([here]).run().photos == 1
