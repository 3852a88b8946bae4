"""An archive counts its photos by date and place as the library that it was filled from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from imgsearch import Library
from imgsearch.cli import commands
from imgsearch.store.lock import writing
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")

QUERIES = (None, "country:Italy", "after:2010", "dated:file", "country:France", "a boat")


@pytest.fixture
def archive(tmp_path: Path, travels: Library) -> Iterator[Library]:
    with Library.open_archive(tmp_path / "archive", travels.settings, encoder=StandIn()) as opened:
        opened.fleet.copy_from(travels.settings.data_dir).run()
        yield opened


def names(opened: Library, ids: Sequence[int]) -> list[str]:
    """The photos of these ids, which belong to one archive."""
    return sorted(hit.path.name for hit in opened.photos(ids))


@pytest.mark.parametrize("query", QUERIES)
def test_dates_and_places_are_those_of_the_library(
    travels: Library, archive: Library, query: str | None
) -> None:
    assert archive.browse.timeline(query) == travels.browse.timeline(query)

    def days(opened: Library) -> list[object]:
        return [
            (day.day, day.dated_by_file, names(opened, day.photo_ids.tolist()))
            for day in opened.browse.days(query)
        ]

    def positions(opened: Library) -> tuple[object, ...]:
        found = opened.browse.positions(query)
        shown = [hit.path.name for hit in opened.photos(found.photo_ids.tolist())]
        return shown, found.lat.tolist(), found.lon.tolist(), found.unknown

    assert days(archive) == days(travels)
    assert positions(archive) == positions(travels)


def test_there_is_something_to_compare(travels: Library, archive: Library) -> None:
    years = {year.year: year.photos for year in archive.browse.timeline().years if year.photos}
    assert years == {2008: 3, 2012: 1, 2015: 3}
    assert [each.label for each in archive.browse.filter_choices().places] == ["Italy", "Australia"]
    assert len(archive.browse.positions().photo_ids) == 5


@pytest.mark.features("places")
@pytest.mark.parametrize("query", QUERIES)
def test_places_are_those_of_the_library(
    travels: Library, archive: Library, query: str | None
) -> None:
    assert archive.places.counts(query) == travels.places.counts(query)
    assert archive.places.counts().unnamed == archive.places.counts().unknown == 1


@pytest.mark.features("events")
@pytest.mark.parametrize("query", QUERIES)
def test_events_are_those_of_the_library(
    travels: Library, archive: Library, query: str | None
) -> None:
    def events(opened: Library) -> list[object]:
        return [
            (replace(event, photo_ids=()), names(opened, event.photo_ids))
            for event in opened.events.all(query)
        ]

    assert events(archive) == events(travels)
    assert len(archive.events.all()) == 4


def state_facts(library: Library, folder: Path, stated: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace facts of photos, by the names of their files."""
    with writing(library.settings.data_dir) as store:
        ids = {name: store.reads.photos.at(folder / name) for name in stated}
        known = store.reads.photos.records(photo_id for photo_id in ids.values() if photo_id)
        store.photos.update_facts(
            {
                photo_id: replace(known[photo_id].facts, **stated[name])
                for name, photo_id in ids.items()
                if photo_id is not None
            }
        )


def test_names_are_counted_as_in_the_library(tmp_path: Path, travels: Library) -> None:
    of_all = {"keywords": ("sea",), "camera": "Leica M9"}
    people = {"a1.png": ("Anna",), "a2.png": ("Bob", "Anna"), "s1.png": ()}
    stated = {name: {**of_all, "people": shown} for name, shown in people.items()}
    state_facts(travels, tmp_path / "photos", stated)
    with Library.open_archive(tmp_path / "named", travels.settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(travels.settings.data_dir).run()
        names = archive.browse.names()
        assert names == travels.browse.names()
        assert names.people == {"Anna": 2, "Bob": 1} and names.keywords == {"sea": 3}
        assert (
            archive.browse.values("camera") == {"Leica M9": 3} == travels.folders.counts().cameras
        )
        assert archive.browse.values("format") == travels.folders.counts().formats == {"PNG": 7}


def test_an_impossible_position_of_an_old_library_is_on_no_map(
    tmp_path: Path, travels: Library
) -> None:
    before = travels.browse.positions()
    state_facts(travels, tmp_path / "photos", {"s1.png": {"lat": 200.0}})
    with Library.open_archive(tmp_path / "old", travels.settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(travels.settings.data_dir).run()
        for opened in (travels, archive):
            found = opened.browse.positions()
            assert len(found.photo_ids) == len(before.photo_ids) - 1
            assert found.unknown == before.unknown + 1 and found.lat.max() < 90


def test_a_photo_that_was_forgotten_is_not_counted(
    tmp_path: Path, travels: Library, archive: Library
) -> None:
    before = archive.browse.timeline("after:2015")
    archive.fleet.writer().forget([str(tmp_path / "photos" / "s1.png")])
    archive.fleet.update_copy().run()
    assert archive.browse.timeline("after:2015").years[0].photos == before.years[0].photos - 1
    assert [each.label for each in archive.browse.filter_choices().places] == ["Italy"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("timeline",),
        ("timeline", "--months", "country:Italy"),
        ("events", "--min-photos", "2", "--json"),
        ("timeline", "country:France"),
        ("timeline", "--on-this-day"),
        ("places",),
        ("places", "--json", "after:2010"),
    ],
)
def test_the_commands_print_the_same(
    travels: Library, archive: Library, arguments: tuple[str, ...]
) -> None:
    travels.close()

    def run(*more: str) -> tuple[int, str, str]:
        data = ("--data", str(travels.settings.data_dir))
        done = CliRunner(env={"COLUMNS": "60"}).invoke(
            commands, [*arguments, *data, *more], obj=StandIn()
        )
        return done.exit_code, done.stdout, done.stderr

    def without_ids(output: str) -> str:
        return "".join(
            line for line in output.splitlines(True) if not line.strip(" ,\n").isdecimal()
        )

    code, output, remarks = run()
    there_code, there_output, there_remarks = run("--library", archive.address)
    assert (there_code, there_remarks) == (code, remarks)
    assert without_ids(there_output) == without_ids(output)
