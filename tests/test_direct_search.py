"""Searches of an archive without a copy: the photos that a library of them finds, or a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch import Library, Settings
from imgsearch.archive.direct import _CONDITIONS, DirectSearch
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.cli import commands
from imgsearch.errors import QueryError
from imgsearch.items.item import MarkItem, UserItem, encoded
from imgsearch.records.picture_text import TextLine
from imgsearch.records.query import Interval
from imgsearch.store.lock import writing
from tests.counted_storage import counted_storage
from tests.factories import run_cli
from tests.stand_in import StandIn
from tests.travels import write_travels


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("direct")
    settings = Settings.load(data_dir=folder / "library", cache_dir=folder / "cache")
    photos = write_travels(folder / "photos")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        with writing(settings.data_dir) as store:
            number = store.reads.photos.at(photos / "s1.png")
            assert number is not None
            line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
            store.picture_text.record(number, "reader 1", [line])
            facts = store.reads.photos.records([number])[number].facts
            stated = replace(
                facts, camera="Leica M9", title="Quiet harbour", iso=400, focal_mm=50.0, flash=False
            )
            store.photos.update_facts({number: stated})
        yield opened


@pytest.fixture(scope="module")
def address(library: Library) -> str:
    """An archive of the photos of the library."""
    folder = library.settings.data_dir.parent / "index" / "archive"
    folder.parent.mkdir()
    with Library.open_archive(folder, library.settings, encoder=StandIn()) as opened:
        opened.fleet.copy_from(library.settings.data_dir).run()
    return str(folder)


@pytest.fixture
def direct(address: str, library: Library) -> DirectSearch:
    return DirectSearch(address, library.settings, encoder=StandIn())


FILTERS = (
    *("camera:leica", "camera:m9", "-camera:leica", "camera:9", "title:harbour", "title:har"),
    *("after:2009", "before:2009", "on:2008-10", "after:2008-11 before:2015-02-02"),
    *("in:photos", "in:nowhere", "name:s1", "name:.png", "type:png", "-type:png"),
    *("iso:400", "iso:>400", "iso:<=400", "focal:50", "focal:49.9..51", "flash:no", "flash:yes"),
    *("width:>0", "width:<=1", "country:italy"),
    *(
        pytest.param(line, marks=pytest.mark.features("text"))
        for line in ("text:'platform 9'", "text:platform", "text:plat", "on:2015 -text:platform")
    ),
)


@pytest.mark.parametrize("line", FILTERS)
def test_filters_find_what_they_find_in_the_library(
    line: str, library: Library, direct: DirectSearch
) -> None:
    wanted = library.find(f"{line} width:>0", 100)
    found = direct.find(line, 100)
    assert {hit.path for hit in found.hits} == {hit.path for hit in wanted.hits}
    dates = [hit.date.replace(tzinfo=None) for hit in found.hits if hit.date is not None]
    assert dates == sorted(dates, reverse=True), "the newest first"
    by_path = {hit.path: hit for hit in wanted.hits}
    for hit in found.hits:
        same = by_path[hit.path]
        assert (hit.photo.content_hash, hit.photo.facts) == (
            same.photo.content_hash,
            same.photo.facts,
        )
        assert (hit.paths, hit.date, hit.dated_by) == (same.paths, same.date, same.dated_by)


@pytest.mark.parametrize("line", ["a boat", "a boat on:2015", "a boat camera:leica", "red sails"])
def test_words_find_the_nearest_photos(line: str, library: Library, direct: DirectSearch) -> None:
    """By their cosines: an archive keeps no hubness, which a library subtracts."""
    cosines = {}
    for hit in library.find(line, 50).hits:
        explained = library.explain(hit.path, line)
        cosines[hit.path] = (explained.score or 0.0) - (explained.hubness or 0.0)
    wanted = sorted(cosines, key=lambda path: -cosines[path])[:5]
    found = direct.find(line, 5).hits
    assert [hit.path for hit in found] == wanted != []
    for hit in found:
        assert hit.score == pytest.approx(cosines[hit.path], abs=1e-3)


def test_photos_with_the_words_come_first(direct: DirectSearch) -> None:
    for line in ("quiet harbour", "platform 9", "s1"):
        hits = direct.find(line, 3).hits
        assert hits[0].path.name == "s1.png" and len(hits) == 3, line
    least = direct.find("quiet harbour", 7).hits[-1].score
    assert least is not None
    assert len(direct.find(f"quiet harbour t:{least + 0.001}", 7).hits) < 7


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("near:48.8,2.3,5km", "near:"),
        ("person:anna", "person:"),
        ("rating:5", "rating:"),
        ("album:Sea", "album:"),
        ("is:favourite", "is:"),
        ("boat -sail", "-sail"),
        ("boat sort:date", "sort:date"),
        ("shows:boats", "shows:"),
    ],
)
def test_what_needs_a_copy_is_refused_by_name(line: str, what: str, direct: DirectSearch) -> None:
    with pytest.raises(QueryError, match="Leave --direct out") as error:
        direct.find(line, 5)
    assert str(error.value).startswith(f"{what} does not work with --direct")


def test_hidden_photos_are_left_out(address: str, direct: DirectSearch) -> None:
    hidden = direct.find("name:f1", 5).hits[0].photo.content_hash
    shared = ArchiveItems(address)

    def hide(value: str | None, at_us: int) -> None:
        shared.put([UserItem("mark", f"{hidden}/hidden", value, at_us, "a" * 32)])

    hide(encoded(MarkItem(1)), 1)
    assert not direct.find("name:f1", 5).hits
    assert hidden not in {hit.photo.content_hash for hit in direct.find("a boat", 50).hits}
    hide(None, 2)
    assert direct.find("name:f1", 5).hits


def test_nothing_is_copied_to_this_machine(address: str, library: Library, tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    with counted_storage(Path(address).parent.parent) as storage:
        search = DirectSearch("s3://index/archive", settings, encoder=StandIn())
        assert len(search.find("a boat", 5).hits) == 5
        storage.take()
        assert len(search.find("a boat", 5).hits) == 5
        assert storage.take().count() <= 12
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.rglob("*.db"))


def test_the_command(address: str, library: Library, tmp_path: Path) -> None:
    def run(*line: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(
            commands, ["search", *line, "--direct", "--library", address], obj=StandIn()
        )
        return done.exit_code, done.stdout, done.stderr

    code, out, _ = run("quiet harbour", "-k", "2", "--json")
    hits = json.loads(out)["hits"]
    assert code == 0 and len(hits) == 2 and hits[0]["paths"][0].endswith("s1.png")
    code, out, _ = run("camera:leica", "--paths")
    assert code == 0 and out.splitlines()[0].endswith("s1.png")
    assert run("camera:nikon")[0] == 1
    refused = run_cli("search", "person:a", "--direct", "--library", address, data=tmp_path)
    assert refused.returncode == 2 and "Leave --direct out" in refused.stderr
    assert run("boat", "--preview")[0] == 2
    done = CliRunner().invoke(commands, ["search", "boat", "--direct"], obj=StandIn())
    assert done.exit_code == 2 and "--direct needs --library" in done.stderr


def test_intervals_of_whole_numbers_have_the_ends_they_state() -> None:
    """Lance compares a column of whole numbers with whole numbers only."""

    def make(value: Interval) -> str:
        return _CONDITIONS["iso"](str, value)

    assert make(Interval(low=12.5)) == "(iso >= 13)"
    assert make(Interval(low=12.0, low_open=True)) == "(iso >= 13)"
    assert make(Interval(high=12.5, high_open=True)) == "(iso <= 12)"
    assert make(Interval(high=12.0, high_open=True)) == "(iso <= 11)"
    assert (
        make(Interval(low=-1e300, high=1e300)) == f"(iso >= {1 - 2**63}) AND (iso <= {2**63 - 1})"
    )
