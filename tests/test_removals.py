"""Removed photos leave the library, unless too many disappear at once. Forgetting, pruning."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import FolderError, UsageError
from imgsearch.store.store import Store
from tests.factories import paths_in, pngs_below, write_photo, write_photos
from tests.stand_in import StandIn


@pytest.fixture
def notices() -> list[str]:
    """The sentences that the library has notified."""
    return []


@pytest.fixture
def library(tmp_path: Path, stand_in: StandIn, notices: list[str]) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, notices.append, encoder=stand_in) as opened:
        yield opened


def test_a_mass_removal_is_held_until_it_is_accepted(
    library: Library, notices: list[str], tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 100)
    library.index([here]).run()
    for number in range(60):
        (here / f"{number:04}.png").unlink()
    report = library.index().run()
    assert (report.gone, report.missing, report.photos) == (0, 60, 100)
    assert "60 of the 100 photos" in notices[-1] and "--accept-removals" in notices[-1]
    assert library.status().roots[0].missing == 60
    hits = library.search("anything", k=200)
    assert {hit.path.name for hit in hits if hit.missing} == {f"{n:04}.png" for n in range(60)}
    assert library.index().run().missing == 60, "another run changes nothing"
    report = library.index(accept_removals=True).run()
    assert (report.gone, report.missing, report.photos) == (60, 0, 40)
    assert paths_in(library.settings.data_dir) == pngs_below(here)


def test_held_photos_that_come_back_are_as_before(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 100)
    library.index([here]).run()
    (tmp_path / "trash").mkdir()
    for number in range(80):
        (here / f"{number:04}.png").rename(tmp_path / "trash" / f"{number:04}.png")
    assert library.index().run().missing == 80
    for number in range(50):
        (tmp_path / "trash" / f"{number:04}.png").rename(here / f"{number:04}.png")
    assert library.index().run().missing == 30
    for number in range(50, 80):
        (tmp_path / "trash" / f"{number:04}.png").rename(here / f"elsewhere {number}.png")
    report = library.index().run()
    assert (report.missing, report.gone, report.moved) == (0, 0, 30)
    assert stand_in.embedded == 100
    assert paths_in(library.settings.data_dir) == pngs_below(here)


@pytest.mark.parametrize(("total", "removed"), [(100, 49), (400, 80)])
def test_fewer_than_fifty_photos_or_up_to_a_fifth_are_removed_at_once(
    library: Library, tmp_path: Path, total: int, removed: int
) -> None:
    here = write_photos(tmp_path / "photos", total)
    library.index([here]).run()
    for number in range(removed):
        (here / f"{number:04}.png").unlink()
    report = library.index().run()
    assert (report.gone, report.missing, report.photos) == (removed, 0, total - removed)


def test_removals_over_several_runs_add_up_to_a_mass_removal(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 200)
    library.index([here]).run()
    for start in range(0, 160, 20):
        for number in range(start, start + 20):
            (here / f"{number:04}.png").unlink()
        report = library.index().run()
    assert report.photos >= 150
    assert report.missing == report.photos - 40


def test_the_notice_of_held_photos_counts_all_that_disappeared_lately(
    library: Library, notices: list[str], tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 85)
    library.index([here]).run()
    for number in range(45):
        (here / f"{number:04}.png").unlink()
    assert library.index().run().gone == 45
    for number in range(45, 80):
        (here / f"{number:04}.png").unlink()
    report = library.index().run()
    assert (report.gone, report.missing, report.photos) == (0, 35, 40)
    assert "80 of the 85 photos" in notices[-1]
    assert "The last 35 of them stay in the library" in notices[-1]


def test_moving_most_photos_is_not_a_mass_removal(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    one, two = write_photos(tmp_path / "one", 100), write_photos(tmp_path / "two", 1, first=200)
    library.index([one, two]).run()
    for number in range(99):
        (one / f"{number:04}.png").rename(two / f"moved {number}.png")
    report = library.index().run()
    assert (report.moved, report.gone, report.missing) == (99, 0, 0)
    assert stand_in.embedded == 101


# ------------------------------------------------------------------------- forget and prune


def test_forget_removes_a_root_and_only_the_photos_that_are_nowhere_else(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    one, two = write_photos(tmp_path / "one", 5), write_photos(tmp_path / "two", 3)
    library.index([one, two]).run()
    with pytest.raises(UsageError, match="is not a folder of the library"):
        library.folders.forget(tmp_path)
    assert library.folders.get(one).photos == 5
    shutil.rmtree(one)
    assert library.folders.forget(one) == 2, "the other three are also in the other folder"
    assert library.status().photos == 3
    with pytest.raises(FolderError):
        library.index([one]).run()
    write_photos(one, 5)
    assert library.index([one]).run().new == 0
    assert stand_in.embedded == 5


def test_prune_deletes_only_photos_that_were_removed_long_ago(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 100)
    drive = write_photos(tmp_path / "drive", 3, first=200)
    library.index([here, drive]).run()
    drive.rename(tmp_path / "unplugged")
    (here / "0000.png").unlink()
    write_photo(here / "0001.png", 300)  # an edit: the photo before it has no path any more
    library.index().run()
    for number in range(2, 80):
        (here / f"{number:04}.png").unlink()
    assert library.index().run().missing == 78
    assert library.folders.prune() == 0
    assert library.status().vectors == 104
    with Store.open(library.settings.data_dir, writable=True) as store:
        assert store.photos.prune(datetime.now(UTC) - timedelta(days=29)) == 0
        with store.database.engine.begin() as connection:  # a month later
            connection.exec_driver_sql(
                "UPDATE photos SET gone_at = '2020-01-01T00:00:00Z' WHERE gone_at IS NOT NULL"
            )
    assert library.folders.prune() == 2
    assert library.status().vectors == 102
    assert library.folders.prune(days=0) == 0


def test_a_photo_that_came_back_is_not_pruned(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    kept = (here / "0000.png").read_bytes()
    (here / "0000.png").unlink()
    library.index().run()
    (here / "restored.png").write_bytes(kept)
    library.index().run()
    assert library.folders.prune(days=0) == 0
