"""A command that a message names works as it is typed: it has the options that name the library."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.cli.cures import as_typed
from imgsearch.errors import UsageError
from imgsearch.operations.declared import method_of
from imgsearch.service.api import Asking
from tests.people import library_with_faces, write_three_persons


def context(*options: str) -> click.Context:
    """The context of a command line with these options."""
    root = commands.make_context("imgsearch", ["status"])
    command = commands.get_command(root, "status")
    assert command is not None
    command.make_context("status", list(options), parent=root)
    return root


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("To list: imgsearch people", "To list: imgsearch people --library 'my archive'"),
        (
            "imgsearch read-text --all. To undo: imgsearch undo 3",
            "imgsearch read-text --library 'my archive' --all. "
            "To undo: imgsearch undo --library 'my archive' 3",
        ),
        # It has the option already, and the other one lacks it.
        (
            "imgsearch search x --library s3://a/b or imgsearch search y",
            "imgsearch search x --library s3://a/b or imgsearch search --library 'my archive' y",
        ),
        # No option of these commands, no commands.
        ("imgsearch folders", "imgsearch folders"),
        ("imgsearch knows; photos.imgsearch people", "imgsearch knows; photos.imgsearch people"),
        ("imgsearch watch, imgsearch people-x", "imgsearch watch, imgsearch people-x"),
    ],
)
def test_commands_in_a_sentence_name_the_archive(sentence: str, shown: str) -> None:
    assert as_typed(sentence, context("--library", "my archive")) == shown
    assert as_typed(sentence, context()) == sentence
    assert as_typed(sentence, None) == sentence


def test_every_command_takes_the_data_folder() -> None:
    line = as_typed("imgsearch folders: imgsearch people", context("--data", "d", "--library", "a"))
    assert line == "imgsearch folders --data d: imgsearch people --data d --library a"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a space in its name."""
    return write_three_persons(tmp_path / "my photos" / "all").parent


@pytest.mark.features("people")
def test_the_cure_of_an_error_works_as_it_is_typed(folder: Path) -> None:
    with library_with_faces(folder, folder / "all") as library:
        data = str(library.settings.data_dir)
    refused = CliRunner().invoke(commands, ["people", "Nobody", "--data", data])
    assert isinstance(refused.exception, UsageError)
    found = re.search(r"To list them: (imgsearch .*)", str(refused.exception))
    assert found is not None
    done = CliRunner().invoke(commands, shlex.split(found[1])[1:])
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 2
    nothing = CliRunner().invoke(commands, ["undo", "--data", data])
    assert f"--data {shlex.quote(data)}" in str(nothing.exception)


@pytest.mark.features("people")
def test_the_cure_names_the_archive(folder: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    from tests.stand_in import StandIn

    address = str(folder / "archive")
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    with Library.open_archive(address, settings, encoder=StandIn()) as archive:
        archive.index([folder / "all"]).run()
    for line in (["people"], ["people", "Nobody"], ["people", "--like", f"{folder}/all/red0.png"]):
        done = CliRunner().invoke(commands, [*line, "--library", address], obj=StandIn())
        said = done.stderr or str(done.exception)
        found = re.search(r"imgsearch (people|faces) (.*)$", said.strip())
        assert found is not None and found[2] == f"--library {shlex.quote(address)}", said


@pytest.mark.features("people")
def test_paths_of_all_faces_are_asked_for_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library_with_faces(folder, folder / "all") as library:
        asked = []

        def ask(_: Asking, operation: Any, *arguments: Any, **named: Any) -> Any:
            asked.append(operation.__name__)
            return method_of(library, operation)(*arguments, **named)

        monkeypatch.setattr(Asking, "__call__", ask)
        red = library.people.all()[0]
        done = CliRunner().invoke(commands, ["people", str(red.id)])
        assert done.exit_code == 0 and done.stdout.count(".png") == red.faces == 4
        assert asked == ["all", "faces_of", "looks_of", "photos"]
