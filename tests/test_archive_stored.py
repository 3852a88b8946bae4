"""An archive that a release has stored is read, searched, written to and settled: tests/data.

The other way round, an archive that this version has made or written to has all that the release
reads and writes, in the same form.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import SchemaTooNew
from tests.factories import run_cli
from tests.stored_data import (
    ARCHIVE,
    EVERYTHING,
    LINES,
    PHOTOS,
    assert_found,
    expected,
    found,
    unpacked,
)

lance = pytest.importorskip("lance", reason="needs the extra scale")
from imgsearch.archive.lance import tables  # noqa: E402


@pytest.fixture
def address(stored: Path, tmp_path: Path) -> Path:
    """The archive of the release, in a folder of its own."""
    return unpacked(stored / ARCHIVE, tmp_path)


@pytest.fixture
def archive(address: Path, tmp_path: Path, model_cache: Path) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=model_cache, service="off")
    with Library.open_archive(address, settings) as archive:
        yield archive


def numbers_of(address: Path, name: str) -> tuple[int, int]:
    """The versions that a program must know to read a table, and to write to it."""
    marks = lance.dataset(str(address / f"{name}.lance")).schema.metadata
    return int(marks[b"imgsearch:reads"]), int(marks[b"imgsearch:writes"])


def forms_of(address: Path) -> dict[str, dict[str, str]]:
    """The columns of each table with their types, and the format of its files."""
    forms = {}
    for table in sorted(address.glob("*.lance")):
        dataset = lance.dataset(str(table))
        columns = {field.name: f"{field.type} {field.nullable}" for field in dataset.schema}
        forms[table.name] = columns | {"(files)": dataset.data_storage_version}
    return forms


def assert_readable_by(
    release: dict[str, dict[str, str]], address: Path, *, is_copied: bool
) -> None:
    """Assert that a program that knows these forms reads an archive, and adds photos to it.

    Once somebody has opened a copy, what people decide are items, so the release no longer writes
    to the table `people`.
    """
    now = forms_of(address)
    for name, columns in release.items():
        assert columns.items() <= now[name].items(), name
        writes = 2 if is_copied and name == "people.lance" else 1
        assert numbers_of(address, name.removesuffix(".lance")) == (1, writes)


@pytest.mark.features("people", "text")
def test_it_is_read_and_searched(archive: Library, stored: Path) -> None:
    assert_found(archive, expected(stored, "archive"))
    assert set(expected(stored, "archive")) == set(LINES)
    status = archive.status()
    assert (status.photos, status.vectors, status.failed) == (16, 16, 1)
    assert [failure.path.name for failure in archive.folders.failures()] == ["broken.jpg"]
    assert {finding.level for finding in archive.upkeep.doctor()} <= {"ok", "note"}
    text = archive.text.counts()
    assert (text.read, text.unread) == (1, 15)
    assert sum(year.photos for year in archive.browse.timeline().years) == 16
    (hit,) = archive.find("dated:you", 5).hits or archive.find("name:plum", 5).hits
    assert hit.photo.facts.taken_at == datetime(2001, 2, 3, 4, 5)
    image = archive.pictures.thumbnail(hit.photo.id, 64)
    assert image is not None and image[:4] == b"RIFF"


@pytest.mark.features("people", "text")
def test_it_is_written_to_and_settled(archive: Library, stored: Path, tmp_path: Path) -> None:
    address = Path(archive.address)
    release = forms_of(address)
    photos = shutil.copytree(PHOTOS, tmp_path / "photos", copy_function=shutil.copy2)
    Image.new("RGB", (64, 48), (10, 200, 90)).save(photos / "new.png")
    report = archive.index([photos]).run()
    assert (report.new, report.moved, report.failed) == (1, 16, 1)  # the others are known
    assert len(found(archive, EVERYTHING)) == 17
    assert archive.folders.forget(photos) == 1  # the others have their former places
    assert archive.folders.prune(0) == 1
    settled = archive.fleet.settle().run()
    assert settled.photos == 16
    assert_found(archive, expected(stored, "archive"))
    assert_readable_by(release, address, is_copied=True)
    with Library.open_archive(address, archive.settings) as again:
        assert_found(again, expected(stored, "archive"))


def test_what_this_version_makes_is_what_the_release_reads(
    stored: Path, address: Path, tmp_path: Path, model_cache: Path
) -> None:
    release = forms_of(address)
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=model_cache, encoder="lite")
    with Library.open_archive(tmp_path / "new", settings) as made:
        made.index([PHOTOS]).run()
    assert_readable_by(release, tmp_path / "new", is_copied=False)


def test_a_newer_form_of_it_is_refused_with_a_sentence(address: Path, tmp_path: Path) -> None:
    table = lance.dataset(str(address / "photos.lance"))
    table.update_schema_metadata({"imgsearch:reads": str(tables.VERSION + 1)})
    for arguments in (("search", "sort:date"), ("index", str(PHOTOS)), ("settle",)):
        done = run_cli(*arguments, "--library", str(address), data=tmp_path / "data")
        assert done.returncode == SchemaTooNew.exit_code == 8
        assert "was written by a newer imgsearch" in done.stderr
        assert "Update it:" in done.stderr
    table.update_schema_metadata({"imgsearch:reads": "1", "imgsearch:writes": "2"})
    read = run_cli("search", "sort:path", "--library", str(address), data=tmp_path / "data")
    assert read.returncode == 0, read.stderr
    done = run_cli("settle", "--library", str(address), data=tmp_path / "data")
    assert done.returncode == 8
    assert "can search it, but not write to it" in done.stderr
