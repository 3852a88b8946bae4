"""Commands of operations: options, types, defaults and help texts are those of the declarations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner
from msgspec import Meta

from imgsearch.cli import COMMANDS, commands
from imgsearch.cli.asked import Asked, asks, option_of
from imgsearch.operations.declared import operation, parameters_of
from imgsearch.records.changes import Change
from imgsearch.records.query import Query

# The commands that spell their options themselves, and why.
_JOB = "a long job, with progress; no operation answers at once"
_CHOICE = "chooses one of several operations by its options"
_PROGRAM = "runs until it is stopped, or starts a program"
_ABOUT_COMMANDS = "is about the commands, not about a library"
WITHOUT = {
    **dict.fromkeys(("index", "rebuild", "settle", "copy", "unpack", "pack", "evaluate"), _JOB),
    **dict.fromkeys(("read-text", "faces", "duplicates", "doctor", "album export"), _JOB),
    **dict.fromkeys(("people", "saved", "label", "teach", "encoders", "wall", "kinds"), _CHOICE),
    **dict.fromkeys(("watch", "serve", "ui", "mcp", "browse", "demo"), _PROGRAM),
    **dict.fromkeys(("completion", "help"), _ABOUT_COMMANDS),
    "failures": "follows folders: no operation, since a service changes none",
    "folders": "follows folders: no operation, since a service changes none",
    "forget": "follows folders: no operation, since a service changes none",
    "prune": "follows folders: no operation, since a service changes none",
    "backup": "writes a file of the user: no operation, since a service writes none",
    "restore": "reads a file of the user: no operation, as for packs",
    "import": "reads a file of the user: no operation, as for packs",
    "sidecars": "writes files of the user: no operation, since a service writes none",
}

# Parameters that a command reads in its own way.
OTHERWISE = {("correct", "shift_s"), ("run", "k"), ("run", "cursor")}


class Shelf:
    """A part of a library with an operation of each kind of parameter."""

    @operation("POST /shelf")
    def books(
        self,
        name: str,
        query: str | Query | None = None,
        k: Annotated[int, Meta(description="At most this many.")] = 5,
        photo_ids: Sequence[int] = (),
        *,
        weight: float | None = None,
        is_read: Annotated[bool, Meta(description="Only read books.")] = False,
        favourite: bool | None = None,
        by: Literal["author", "title"] = "title",
        folder: str | Path | None = None,
    ) -> tuple[str, ...]:
        """List the books."""
        raise NotImplementedError

    @operation("POST /shelf/change")
    def change(self, name: str | None = None) -> Change:
        """Change a shelf."""
        raise NotImplementedError

    @operation("POST /shelf/strange")
    def strange(self, rows: dict[str, int]) -> tuple[str, ...]:
        """Take what no command line has."""
        raise NotImplementedError


def given(*words: str) -> Asked[tuple[str, ...]]:
    """What the function of a command gets for a command line."""
    found: list[Asked[tuple[str, ...]]] = []

    @click.command()
    @asks(Shelf.books, click.option("--own"), is_read="--read", weight="--least SCORE")
    def command(asked: Asked[tuple[str, ...]], own: str | None) -> None:
        assert own in (None, "mine")
        found.append(asked)

    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    return found[0]


def test_arguments_that_are_not_given_are_those_of_the_declaration() -> None:
    asked = given("Shelf")
    usual = {each.name: each.default for each in parameters_of(Shelf.books)}
    assert asked.arguments == {**usual, "name": "Shelf"}
    assert not asked.as_json and asked.address is None and asked.data_dir is None


def test_each_kind_of_parameter_is_an_option() -> None:
    line = "Shelf a dog --camera canon -k 7 --photo 1 --photo 2 --least .5 --read --no-favourite"
    more = "--by author --folder ~/x --own mine --json --library here --data there"
    asked = given(*line.split(), *more.split())
    query = asked.arguments["query"]
    assert isinstance(query, Query) and [term.what for term in query.terms] == ["a dog"]
    assert [each.field for each in query.filters] == ["camera"]
    assert {name: value for name, value in asked.arguments.items() if name != "query"} == {
        "name": "Shelf",
        "k": 7,
        "photo_ids": (1, 2),
        "weight": 0.5,
        "is_read": True,
        "favourite": False,
        "by": "author",
        "folder": "~/x",
    }
    assert (asked.as_json, asked.address, asked.data_dir) == (True, "here", "there")


def test_the_help_is_that_of_the_declaration() -> None:
    @click.command()
    @asks(Shelf.books)
    def command(asked: Asked[tuple[str, ...]]) -> None:
        raise AssertionError

    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "[OPTIONS] NAME [QUERY]" in text
    for words in (
        "-k N At most this many. [default: 5]",
        "--photo ID May be given several times.",
        "--weight NUMBER",
        "--is-read Only read books.",
        "--favourite / --no-favourite",
        "--by [author|title] [default: title]",
        "--folder FOLDER",
        "--json Print the result as JSON.",
    ):
        assert words in text


def test_a_mere_change_has_no_json_and_an_argument_may_be_left_out() -> None:
    @click.command()
    @asks(Shelf.change, name="[NAME]")
    def command(asked: Asked[Change]) -> None:
        assert asked.arguments == {"name": None} and asked.is_usual("name")

    assert CliRunner().invoke(command, []).exit_code == 0
    refused = CliRunner().invoke(command, ["--json"])
    assert refused.exit_code == 2 and "--json" in refused.output


def test_a_parameter_may_have_no_option_and_one_of_another_operation_is_added() -> None:
    asked_for: list[object] = []

    @click.command()
    @asks(Shelf.change, option_of(Shelf.books, "is_read", "--read"), name="")
    def command(asked: Asked[Change], is_read: bool | None) -> None:
        asked_for.extend((asked.arguments, is_read))

    assert CliRunner().invoke(command, ["--read"]).exit_code == 0
    assert asked_for == [{}, True]
    assert CliRunner().invoke(command, ["a name"]).exit_code == 2


def test_a_declaration_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(KeyError, match="has no parameter colour"):
        asks(Shelf.books, colour="--colour")(print)
    with pytest.raises(TypeError, match="command line"):
        asks(Shelf.strange)(print)


# ------------------------------------------------------------------------- all commands


def every_command() -> Iterator[tuple[str, click.Command]]:
    """All commands of the core and of our own features, and those in them, by name."""
    context = click.Context(commands)
    for name in COMMANDS:
        command = commands.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", each) for inner, each in command.commands.items())


def operation_of(command: click.Command) -> Any:
    """The operation that a command asks; None for one that spells its options itself."""
    return getattr(command.callback, "operation", None)


@pytest.mark.features()
def test_commands_without_an_operation_are_named_with_a_reason() -> None:
    assert {name for name, each in every_command() if operation_of(each) is None} == WITHOUT.keys()


def test_each_parameter_of_an_operation_is_described_and_has_its_default() -> None:
    commands_of_operations = [each for each in every_command() if operation_of(each[1])]
    assert len(commands_of_operations) > 5
    for name, command in commands_of_operations:
        options = {each.name: each for each in command.params}
        for parameter in parameters_of(operation_of(command)):
            option = options.get("words" if parameter.name == "query" else parameter.name)
            if option is None:
                assert (name, parameter.name) in OTHERWISE
                continue
            if isinstance(option, click.Option):
                assert option.help, f"{name}: {parameter.name} has no description"
            is_own = parameter.name == "query" or option.nargs == -1 or option.required
            if not is_own and parameter.default != ():
                assert option.to_info_dict()["default"] == parameter.default, (name, option.name)
