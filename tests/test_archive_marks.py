"""Marks in an archive: they come with a library that is copied, and hidden photos stay hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from tests.factories import run_cli, write_photos
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")
import lance

from imgsearch.addresses import TABLE_SUFFIX
from imgsearch.archive.lance import tables
from imgsearch.archive.lance.writer import LanceWriter

OpenOne = Callable[..., Library]


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[OpenOne]:
    """Opens a library in a folder of that name, or the archive in it."""
    opened: list[Library] = []

    def open_one(name: str, archive: bool = False) -> Library:
        data = tmp_path / ("first" if archive else name)
        settings = Settings.load(data_dir=data, cache_dir=tmp_path / "cache")
        opened.append(
            Library.open_archive(tmp_path / name, settings, encoder=StandIn())
            if archive
            else Library.open(settings, encoder=StandIn())
        )
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def library(open_library: OpenOne, tmp_path: Path) -> Library:
    """A library of eight photos: 0 and 1 are favourites, 1 and 2 hidden, 3 has four stars."""
    library = open_library("first")
    library.index([write_photos(tmp_path / "photos", 8)]).run()
    ids = ids_of(library)
    library.marks.set([ids["0000.png"], ids["0001.png"]], favourite=True)
    library.marks.set([ids["0001.png"], ids["0002.png"]], hidden=True)
    library.marks.set([ids["0003.png"]], rating=4)
    return library


def ids_of(library: Library) -> dict[str, int]:
    return {hit.path.name: hit.photo.id for hit in library.search("in:photos", k=20)}


def found(library: Library, query: str) -> list[str]:
    return sorted(hit.path.name for hit in library.find(query, 20).hits)


def copied(library: Library, archive: Library) -> int:
    return archive.fleet.copy_from(library.settings.data_dir).run().marked


def test_hidden_photos_stay_hidden_in_an_archive(library: Library, open_library: OpenOne) -> None:
    archive = open_library("archive", archive=True)
    assert copied(library, archive) == 4
    shown = ["0000.png", *(f"000{number}.png" for number in range(3, 8))]
    assert found(archive, "in:photos") == found(library, "in:photos") == shown
    assert found(archive, "a photo") == found(library, "a photo")
    for query in ("is:hidden", "is:favourite", "is:hidden is:favourite", "rating:4+", "rating:0"):
        assert found(archive, query) == found(library, query), query
    assert archive.browse.timeline() == library.browse.timeline()


def test_a_later_copy_brings_the_marks_of_then(library: Library, open_library: OpenOne) -> None:
    archive = open_library("archive", archive=True)
    copied(library, archive)
    hidden = {hit.path.name: hit.photo.id for hit in library.search("is:hidden", k=20)}
    library.marks.set(list(hidden.values()), hidden=False)
    library.marks.set([hidden["0002.png"]], favourite=True)
    assert copied(library, archive) == 2
    assert len(found(archive, "in:photos")) == 8
    assert found(archive, "is:hidden") == []
    assert found(archive, "is:favourite") == ["0000.png", "0001.png", "0002.png"]
    assert copied(library, archive) == 0


def test_marks_stay_when_photos_go_and_come_back(
    library: Library, open_library: OpenOne, tmp_path: Path
) -> None:
    archive = open_library("archive", archive=True)
    copied(library, archive)
    writer = LanceWriter(tmp_path / "archive")
    writer.forget([str(tmp_path / "photos" / "0001.png")])
    assert found(archive, "is:hidden") == ["0002.png"]
    copied(library, archive)
    assert found(archive, "is:hidden") == ["0001.png", "0002.png"]
    writer.settle()
    assert found(archive, "is:hidden") == ["0001.png", "0002.png"]


def test_marks_go_through_packs_into_archives_and_out_of_them(
    library: Library, open_library: OpenOne, tmp_path: Path
) -> None:
    photos, pack, back = tmp_path / "photos", tmp_path / "to.imgsearch", tmp_path / "back.imgsearch"
    library.packs.make(photos, pack).run()
    archive = open_library("archive", archive=True)
    assert archive.packs.merge(pack, at=photos).run().marks == 4
    assert found(archive, "is:hidden") == ["0001.png", "0002.png"]
    archive.packs.make(photos, back).run()
    second = open_library("second")
    assert second.packs.merge(back, at=photos).run().marks == 5
    for query in ("in:photos", "is:hidden", "is:favourite", "rating:4"):
        assert found(second, query) == found(library, query)
    second.marks.set([hit.photo.id for hit in second.search("is:hidden", k=9)], hidden=False)
    second.packs.make(photos, tmp_path / "third.imgsearch").run()
    archive.packs.merge(tmp_path / "third.imgsearch", at=photos).run()
    assert found(archive, "is:hidden") == ["0001.png", "0002.png"], "a pack adds marks"


def test_an_archive_made_before_there_were_marks_is_searched_and_gets_them(
    library: Library, open_library: OpenOne, tmp_path: Path
) -> None:
    archive = open_library("archive", archive=True)
    unmarked = open_library("unmarked")
    unmarked.index([tmp_path / "photos"]).run()
    copied(unmarked, archive)
    archive.close()
    lance.dataset(str(tmp_path / "archive" / f"photos{TABLE_SUFFIX}")).drop_columns(
        list(tables.MARK_COLUMNS)
    )
    (tmp_path / "archive" / f"marks{TABLE_SUFFIX}").rename(tmp_path / "no-marks")
    archive = open_library("archive", archive=True)
    assert len(found(archive, "in:photos")) == len(found(archive, "rating:0")) == 8
    assert not found(archive, "is:favourite")
    assert copied(library, archive) == 4
    assert found(archive, "is:hidden") == ["0001.png", "0002.png"]
    assert len(found(archive, "in:photos")) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("encoders",), "has no choice of models"),
        (("evaluate",), "has no evaluation by captions"),
        (("folders",), "imgsearch index FOLDER --library '/a b'"),
        (("watch",), "imgsearch index FOLDER --library '/a b'"),
    ],
)
def test_a_command_that_no_archive_has_says_so(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run_cli(*arguments, "--library", "/a b", data=tmp_path / "data")
    assert done.returncode == 2 and "The archive /a b has no" in done.stderr, done.stderr
    assert said in done.stderr and "only a library on one machine has" in done.stderr


@pytest.mark.features("albums")
def test_albums_come_with_a_library_and_hidden_photos_stay_hidden_in_them(
    library: Library, open_library: OpenOne, tmp_path: Path
) -> None:
    hidden = {hit.path.name: hit.photo.id for hit in library.search("is:hidden", k=20)}
    ids = ids_of(library) | hidden
    library.albums.make("Best", [ids["0000.png"], ids["0002.png"], ids["0003.png"]])
    archive = open_library("archive", archive=True)
    report = archive.fleet.copy_from(library.settings.data_dir).run()
    assert (report.marked, report.made) == (4, 4)
    settings = replace(archive.settings, replica_dir=str(tmp_path / "elsewhere"))
    with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as other:
        for each in (archive, other, library):
            assert found(each, "album:Best") == ["0000.png", "0003.png"]
            assert found(each, "album:Best is:hidden") == ["0002.png"]
    assert archive.fleet.copy_from(library.settings.data_dir).run().made == 0
