"""Text for people: counts with their nouns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch.cli import commands
from imgsearch.text import format_count, path_text, printable
from tests.factories import write_photo
from tests.stand_in import StandIn

ONE_OF_MANY = re.compile(r"\b1 (\w+ )?(photos|files|vectors|days|captions|leftovers)\b")


def test_counts_agree_with_their_nouns() -> None:
    assert format_count(0, "photo") == "0 photos"
    assert format_count(1, "photo") == "1 photo"
    assert format_count(8091, "newer vector") == "8,091 newer vectors"


def test_commands_count_a_single_photo_in_the_singular(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSEARCH_DATA", str(tmp_path / "library"))
    monkeypatch.setenv("IMGSEARCH_CACHE", str(tmp_path / "cache"))
    photo = write_photo(tmp_path / "photos" / "one.png")
    captions = tmp_path / "captions.csv"
    captions.write_text(f"photo,caption\n{photo},a square\n")
    folder = str(photo.parent)

    def output(*arguments: str) -> str:
        done = CliRunner().invoke(commands, list(arguments), obj=StandIn())
        assert done.exit_code == 0, done.output
        assert not ONE_OF_MANY.search(done.output), done.output
        return done.output

    assert "The library has 1 photo." in output("index", "--metadata", folder)
    assert "1 vector of lite" in output("rebuild")
    assert "(1 photo, online)" in output("status")
    assert "1 photo, undamaged" in output("doctor")
    assert "1 caption, searched among 1 photo\n" in output("evaluate", "--captions", str(captions))
    assert "1 photo left the library" in output("forget", "--yes", folder)
    assert "1 day or more" in output("prune", "--days", "1")


def test_the_address_of_an_object_stays_one() -> None:
    for text in ("s3://photos/2020/a b.jpg", "/photos/s3:/x.jpg", "/a/b.jpg", "gs://b/c"):
        assert path_text(Path(text)) == path_text(text) == text
    assert printable(Path("s3://photos/a.jpg")) == "s3://photos/a.jpg"
    assert printable("s3:/not a path") == "s3:/not a path"
