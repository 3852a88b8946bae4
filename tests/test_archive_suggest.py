"""What is suggested for a line that asks an archive: the names that the same library suggests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.errors import UsageError
from imgsearch.records.files import IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts
from tests.factories import ingested, random_vectors, wait_until
from tests.test_suggestions import NAMES, PHOTOS, library

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.lance.writer import LanceWriter

__all__ = ["library"]  # the fixture
FOLDER = "/home/ada/Pictures"


def named(path: str, facts: Facts) -> IngestResult:
    """A photo of its own content."""
    content = hashlib.blake2b(path.encode(), digest_size=32).digest()
    vectors = random_vectors(1, 2, seed=len(path))
    return ingested(f"{FOLDER}/{path}", vectors, content=content, facts=facts)


@pytest.fixture
def writer(tmp_path: Path) -> LanceWriter:
    """Of an archive with the photos of the library, in `tmp_path / "archive"`."""
    encoder = EncoderRow(1, "test/1", "test", 2)
    made = LanceWriter.open(
        tmp_path / "archive", encoder, lambda texts: random_vectors(len(texts), 2)
    )
    made.put([named(path, facts) for path, facts in PHOTOS.items()])
    return made


@pytest.fixture
def archive(tmp_path: Path, writer: LanceWriter) -> Iterator[Library]:
    with Library.open_archive(
        tmp_path / "archive", Settings.load(data_dir=tmp_path / "data")
    ) as opened:
        yield opened


@pytest.mark.parametrize("typed", [typed for typed, _ in NAMES])
def test_an_archive_suggests_what_the_library_suggests(
    library: Library, archive: Library, typed: str
) -> None:
    of_library = [
        each
        for each in library.lines.suggest(typed, 20)
        if each.kind not in ("query", "saved", "label", "concept")
    ]
    assert list(archive.lines.suggest(typed, 20)) == of_library != []


def test_values_of_filters_are_suggested_and_none_that_an_archive_does_not_have(
    archive: Library,
) -> None:
    assert [each.text for each in archive.lines.suggest("month:j")] == ["January", "June", "July"]
    assert [each.line for each in archive.lines.suggest("creator:zo")] == [
        'creator:"Zoë Lindqvist"'
    ]
    for typed in ("label:ki", "shows:our", "saved:vac", "root:pic", "concept:our", "", "xyzzy"):
        assert archive.lines.suggest(typed) == (), typed
    with pytest.raises(UsageError, match="1 or more"):
        archive.lines.suggest("anna", 0)


def test_an_empty_archive_suggests_nothing(tmp_path: Path) -> None:
    encoder = EncoderRow(1, "test/1", "test", 2)
    LanceWriter.open(tmp_path / "none", encoder, lambda texts: random_vectors(len(texts), 2))
    with Library.open_archive(
        tmp_path / "none", Settings.load(data_dir=tmp_path / "data")
    ) as archive:
        assert archive.lines.suggest("anna") == archive.lines.suggest("camera:") == ()


def test_new_names_are_suggested_after_a_second(writer: LanceWriter, archive: Library) -> None:
    def photos_of(words: str) -> int:
        return sum(each.photos or 0 for each in archive.lines.suggest(words, 5))

    assert photos_of("anna weid") == 2
    new = Facts("JPEG", 10, 10, people=("Anna Weidinger", "ANNA WEIDINGER"))
    writer.put([named("new.jpg", new)])
    wait_until(lambda: photos_of("anna weid") == 3)  # the photo counts once


def test_the_command_asks_an_archive(archive: Library, tmp_path: Path) -> None:
    options = ["--library", archive.address, "--data", str(tmp_path / "data")]
    shown = CliRunner().invoke(commands, ["suggest", "a dog with anna w", *options])
    assert shown.exit_code == 0
    assert shown.stdout == 'a dog person:"Anna Weidinger"  person, 2 photos\n'
    as_json = CliRunner().invoke(commands, ["suggest", "camera:", "--json", *options])
    assert [each["text"] for each in json.loads(as_json.stdout)] == ["Canon EOS 5D", "NIKON D90"]
    assert CliRunner().invoke(commands, ["suggest", "xyzzy", *options]).exit_code == 1
    refused = CliRunner().invoke(commands, ["suggest", "--clear", *options])
    assert isinstance(refused.exception, UsageError) and "--library" in str(refused.exception)
