"""A command that a message names works as it is typed: it has the options that name the library."""

from __future__ import annotations

import ast
import pickle
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings
from imgsearch.cli import COMMANDS, commands
from imgsearch.cli.cures import as_typed
from imgsearch.errors import CommandLine, ImgsearchError, QueryError, Sentence, UsageError
from imgsearch.index.policy import IndexPolicy
from imgsearch.language.grammar import parse
from imgsearch.operations.declared import method_of
from imgsearch.operations.records import dump_json, from_json, load_json, to_json
from imgsearch.records.answer import Answer
from imgsearch.service.api import Asking
from imgsearch.service.refusals import error_of, refusal_of
from tests.factories import CHECKOUT
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
        (
            Sentence("To list: ", CommandLine("people")),
            "To list: imgsearch people --library 'my archive'",
        ),
        (
            Sentence(CommandLine("read-text --all"), ". To undo: ", CommandLine("undo 3")),
            "imgsearch read-text --library 'my archive' --all. "
            "To undo: imgsearch undo --library 'my archive' 3",
        ),
        # It has the option already, and the other one lacks it.
        (
            Sentence(CommandLine("search x --library s3://a/b"), " or ", CommandLine("search y")),
            "imgsearch search x --library s3://a/b or imgsearch search --library 'my archive' y",
        ),
        # No option of these commands, no commands.
        (Sentence(CommandLine("folders")), "imgsearch folders"),
        (Sentence(CommandLine("folder")), "imgsearch folder"),
        (Sentence("The file imgsearch people: ", CommandLine("folders")), None),
        ("imgsearch people", "imgsearch people"),
    ],
)
def test_commands_in_a_sentence_name_the_archive(sentence: str, shown: str | None) -> None:
    assert as_typed(sentence, context("--library", "my archive")) == (shown or sentence)
    assert as_typed(sentence, context()) == sentence
    assert as_typed(sentence, None) == sentence


def test_every_command_takes_the_data_folder() -> None:
    sentence = Sentence(CommandLine("folders"), ": ", CommandLine("people"))
    line = as_typed(sentence, context("--data", "d", "--library", "a"))
    assert line == "imgsearch folders --data d: imgsearch people --data d --library a"


def test_a_sentence_keeps_the_commands_of_its_parts() -> None:
    """Also those of an error, over a pipe to another process, and as JSON."""
    error = UsageError(Sentence("Nothing. Name one: ", CommandLine("index FOLDER")))
    sentence = Sentence("Failed: ", error, " Or: ", Sentence(CommandLine("undo"), "."), " Or not.")
    assert str(sentence) == (
        "Failed: Nothing. Name one: imgsearch index FOLDER Or: imgsearch undo. Or not."
    )
    lines = ("imgsearch index FOLDER", "imgsearch undo")
    assert sentence.lines == pickle.loads(pickle.dumps(sentence)).lines == lines
    assert pickle.loads(pickle.dumps(error)).sentence.lines == lines[:1]
    answer = to_json(refusal_of(error))
    assert answer["error"]["commands"] == ("imgsearch index FOLDER",)
    received = error_of(load_json(dump_json(answer).encode()))
    assert received is not None and received.sentence.lines == lines[:1]
    assert str(received) == str(error)
    assert ImgsearchError("No command.").sentence.lines == () == ImgsearchError().sentence.lines


def test_an_error_in_a_query_has_its_command_behind_the_sentence_of_a_value() -> None:
    with pytest.raises(QueryError) as raised:
        parse("photo:x")
    assert raised.value.sentence.lines == ("imgsearch search --json",)
    assert "(character " in str(raised.value)


def test_the_remarks_of_an_answer_have_their_commands_as_data() -> None:
    line = "imgsearch index --metadata"
    answer = Answer((), remarks=(f"Not read: {line}", "Nothing."), remark_commands=(line,))
    read = from_json(load_json(dump_json(to_json(answer)).encode()), Answer)
    sentences = [Sentence.with_lines(each, read.remark_commands) for each in read.remarks]
    assert [each.lines for each in sentences] == [(line,), ()]


# Sentences that speak of a command, and do not tell anybody to run it.
_OF_COMMANDS = {
    "imgsearch mcp needs one more package. Install it: ",
    "The page is in the menu, and imgsearch serve starts at log-in.",
    "Nothing to remove: imgsearch ui --install has made nothing here.",
    "imgsearch browse needs a terminal. For pipes: ",
}
_NAMED = re.compile(rf"(?<![\w./-])imgsearch ({'|'.join(COMMANDS)})(?![\w-])")


def texts_told(tree: ast.Module) -> Iterator[str]:
    """The texts that are raised as an error of ours, printed by `info`, or told by `notify`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            call: ast.AST | None = node.exc
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("info", "notify")):
            call = node
        else:
            continue
        if call is None or "click." in ast.unparse(call).split("(")[0]:
            continue
        for part in ast.walk(call):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def test_a_command_in_a_message_is_data() -> None:
    """What to type next is a `CommandLine` in the sentence, and no text of it."""
    files = sorted((CHECKOUT / "imgsearch").rglob("*.py"))
    found = {
        text
        for file in files
        for text in texts_told(ast.parse(file.read_text()))
        if _NAMED.search(text) and text not in _OF_COMMANDS
    }
    assert len(files) > 100 and found == set()


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
def test_the_cure_for_a_missing_index_builds_that_of_this_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library_with_faces(folder, folder / "all") as library:
        data = str(library.settings.data_dir)
    # As in a library of thousands of photos, which takes long to make.
    monkeypatch.setattr("imgsearch.cli.status.IndexPolicy", lambda: IndexPolicy(tail_rows=0))
    shown = CliRunner().invoke(commands, ["status", "--data", data])
    found = re.search(r"To build the index: imgsearch (.*)$", shown.stderr.strip())
    assert "none yet" in shown.stdout and found is not None, shown.output
    assert CliRunner().invoke(commands, shlex.split(found[1])).exit_code == 0
    after = CliRunner().invoke(commands, ["status", "--data", data])
    assert "Index     flat, " in after.stdout and "To build" not in after.stderr


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
