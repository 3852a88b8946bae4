"""An archive in Lance tables answers as the library that it was filled from."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import QueryError, StoreError
from imgsearch.progress import Job
from imgsearch.records.answer import Answer
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.store.reads import Reads
from tests.factories import run_cli, write_photo, write_photos
from tests.people import ColourReader, write_people
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")

Seen = tuple[Path, float | None, str | None, datetime | None]
LINES = (
    "a cat",
    "a motorcycle",
    "people -cat",
    '"a cup of coffee" sort:date',
    "a rocket type:jpeg",
    "width:>=400",
    "sort:path width:<400 width:>=0",
    "coffee",  # a name of a file
    "type:jpeg sort:best",
    "a cat sort:best",
)


@pytest.fixture(scope="module")
def archive(demo: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """All photos of the demo library, with its vectors."""
    address = tmp_path_factory.mktemp("archive") / "photos"
    reads = Reads.open(demo.settings.data_dir)
    row, ids = reads.encoders.in_use(), reads.photos.live_ids().tolist()
    vectors, paths = reads.vectors.parts(row.key, ids), reads.photos.paths(ids)
    with Library.open_archive(address, demo.settings) as archive:
        writer = archive.fleet.writer(row)
        writer.put(
            [
                IngestResult(
                    FileStat.from_status(str(path), path.stat()),
                    bytes.fromhex(photo.content_hash),
                    photo.facts,
                    vectors[photo.id].vectors,
                    times_s=vectors[photo.id].times_s,
                )
                for photo in reads.photos.records(ids).values()
                for _, path in paths[photo.id]
            ]
        )
        writer.settle()
        reads.close()
        yield archive


def seen(answer: Answer) -> list[Seen]:
    """What people see of an answer: names, scores, levels and dates."""
    return [
        (hit.path, None if hit.score is None else round(hit.score, 3), hit.level, hit.date)
        for hit in answer.hits
    ]


def test_the_version_changes_with_what_is_put(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data")
    with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as opened:
        opened.index([write_photos(tmp_path / "photos", 3)]).run()
        before = opened.version()
        assert opened.version() == before
        write_photo(tmp_path / "photos" / "new.png", 9)
        with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as other:
            other.index([tmp_path / "photos"]).run()
        end_s = time.monotonic() + 10
        while opened.version() == before and time.monotonic() < end_s:
            time.sleep(0.1)  # others' changes are looked for once a second
        assert opened.version() != before
        assert opened.photo_count() == 4


def test_a_job_of_the_library_is_not_one_of_the_archive(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data")
    with (
        Library.open(settings, encoder=StandIn()) as library,
        Library.open_archive(tmp_path / "archive", settings) as opened,
    ):
        steps = iter(library.index([write_photos(tmp_path / "photos", 3)]))
        next(steps)
        assert library.running() is not None and opened.running() is None
        steps.close()  # type: ignore[attr-defined]


@pytest.mark.features("people")
def test_other_processes_see_a_job_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "imgsearch.features.people.finding.open_reader", lambda cache: ColourReader()
    )
    for number in range(3):
        write_people(tmp_path / "photos" / f"{number}.png", "red", size_px=(80 + number, 40))
    data, address = tmp_path / "data", tmp_path / "archive"
    settings = Settings.load(data_dir=data)

    def status(*options: str) -> str:
        return run_cli("status", "--library", address, *options, data=data).stdout

    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        jobs: list[tuple[str, Callable[[], Job[Any]]]] = [
            ("Indexing", lambda: archive.index([tmp_path / "photos"])),
            ("Finding faces", archive.people.find_faces),
        ]
        for doing, start in jobs:
            steps = iter(start())
            while (running := archive.running()) is None or running.doing != doing:
                next(steps)
            assert running.pid == os.getpid()
            if archive.exists():
                assert json.loads(status("--json"))["running"]["doing"] == doing
                assert f"Now       {doing}" in status()
            # Another job runs beside it, and is not seen while this one is.
            archive.fleet.copy_from(demo_of(tmp_path)).run()
            assert archive.running() is not None
            list(steps)
            assert archive.running() is None
        assert "Now" not in status() and json.loads(status("--json"))["running"] is None
        assert archive.people.counts().faces == 3
    (folder,) = (data / "archives").iterdir()
    assert (folder / "writer.lock").stat().st_mode & 0o777 == 0o600


def demo_of(place: Path) -> Path:
    """A library of one photo, which is in no other."""
    settings = Settings.load(data_dir=place / "another")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([write_photos(place / "others", 1)]).run()
    return settings.data_dir


@pytest.mark.parametrize("line", LINES)
def test_an_archive_gives_the_answers_of_the_library(
    demo: Library, archive: Library, line: str
) -> None:
    own, there = demo.find(line, 30), archive.find(line, 30)
    assert there.hits, line
    # Photos of one date are sorted by their ids, which belong to one archive.
    by_date = {"width:>=400", '"a cup of coffee" sort:date'}
    in_order: Callable[[Iterable[Seen]], list[Seen]] = sorted if line in by_date else list
    assert in_order(seen(there)) == in_order(seen(own))
    assert (there.understood, there.remarks) == (own.understood, own.remarks)
    if own.verdict is not None:
        assert there.verdict is not None and there.verdict.state == own.verdict.state
        assert there.verdict.strength == pytest.approx(own.verdict.strength, abs=0.02)


def test_pages_follow_each_other_and_all_are_found(demo: Library, archive: Library) -> None:
    first = archive.find("people", 4)
    second = archive.find("people", 4, first.cursor)
    assert seen(first) + seen(second) == seen(demo.find("people", 8))
    found = archive.find_all("width:>=0")
    assert len(found.ids) == len(demo.find_all("width:>=0").ids)
    assert {hit.path for hit in archive.hits_of(found, found.ids.tolist())} == {
        hit.path for hit in demo.find("width:>=0", 100).hits
    }


def test_explain_says_the_same(
    demo: Library, archive: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = demo.find("a cat").hits[0].path
    own, there = demo.explain(path, "a cat -people"), archive.explain(path, "a cat -people")
    assert (there.rank, there.matched_by) == (own.rank, own.matched_by)
    assert there.score == pytest.approx(own.score, abs=1e-3)
    monkeypatch.chdir(path.parent)
    assert archive.explain(path.name, "a cat -people").rank == own.rank
    missing = archive.explain(path.with_name("none.jpg"), "a cat")
    assert missing.photo is None and "has no photo there" in str(missing.reason)


@pytest.mark.features("labels")
@pytest.mark.parametrize("line", ["people", "type:png", "width:>=0"])
def test_labels_are_those_of_the_library(demo: Library, archive: Library, line: str) -> None:
    from imgsearch.features.labels.records import Classes

    classes = Classes(("a cat", "a drink", "a building"))

    def labels(library: Library) -> dict[Path, tuple[str, float]]:
        found = library.label(classes, line)
        hits = library.photos([label.photo_id for label in found])
        return {
            hit.path: (label.name, round(label.probability, 2))
            for hit, label in zip(hits, found, strict=True)
        }

    assert labels(archive) == labels(demo) != {}


def test_an_example_of_the_archive_is_recognised(demo: Library, archive: Library) -> None:
    path = demo.find("a cat").hits[0].path
    answer = archive.find(f'image:"{path}"')
    assert path not in {hit.path for hit in answer.hits}
    assert seen(answer) == seen(demo.find(f'image:"{path}"'))


@pytest.mark.features("duplicates")
def test_near_duplicates_are_those_of_the_library(demo: Library, archive: Library) -> None:
    from imgsearch import removal_paths

    def proposal(
        library: Library,
    ) -> set[frozenset[tuple[Path, bool, str, float | None]]]:
        pairs = library.duplicates.find(0.6).run()
        return {
            frozenset(
                (each.hit.path, each.keep, each.reason, each.score and round(each.score, 3))
                for each in group.photos
            )
            for group in library.duplicates.groups(pairs, 0.6)
        }

    assert proposal(archive) == proposal(demo) != set()
    pairs = archive.duplicates.find(0.6).run()
    superfluous = removal_paths(archive.duplicates.groups(pairs, 0.6))
    listed = run_cli(
        *("duplicates", "--min-score", "0.6", "--list", "--library", archive.address),
        data=demo.settings.data_dir,
    )
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines() == list(map(str, superfluous))


def test_a_search_of_an_archive_on_the_command_line(demo: Library, archive: Library) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run_cli(*arguments, "--library", archive.address, data=demo.settings.data_dir)

    found = run("search", "a cat", "--paths", "-k", "3")
    expected = demo.find("a cat", 3).without_weak_hits().hits
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == [str(hit.path) for hit in expected]
    record = json.loads(run("search", "sort:path", "width:>=0", "--json").stdout)["hits"][0]
    assert record["paths"][0] == str(demo.find("sort:path width:>=0").hits[0].path)
    explained = run("explain", expected[0].path, "a cat")
    assert explained.returncode == 0 and "Rank    1" in explained.stdout
    labelled = run("label", "a cat,a drink,a building", "in:/", "--json")
    assert {each["name"] for each in json.loads(labelled.stdout)} >= {"a cat", "a drink"}
    assert run("label", "a cat,a drink", "--save-as", "kinds").returncode == 0
    assert run("search", 'label:"a cat"', "--paths").stdout
    assert run("search", "saved:none").returncode == QueryError.exit_code
    pictures = run("search", "a cat", "--preview", "-k", "3")
    assert pictures.returncode == 0 and "in a terminal only" in pictures.stderr


def test_without_an_archive_there_the_error_says_so(tmp_path: Path) -> None:
    with (
        Library.open_archive(tmp_path / "none", Settings.load(data_dir=tmp_path)) as archive,
        pytest.raises(StoreError, match="none"),
    ):
        archive.find("a cat")
    failed = run_cli("search", "a cat", "--library", tmp_path / "none", data=tmp_path)
    assert failed.returncode == StoreError.exit_code
    assert "Traceback" not in failed.stderr and str(tmp_path / "none") in failed.stderr
