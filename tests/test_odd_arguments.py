"""Odd arguments: whatever is typed for an option, the command says in a sentence what is wrong."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias, cast

import click
import pytest

from imgsearch.cli import COMMANDS, commands, main
from imgsearch.errors import UsageError
from imgsearch.language.fields import FIELDS
from tests.stand_in import StandIn

Run: TypeAlias = Callable[..., tuple[int, str]]

ODD_TEXTS = (
    *("", " ", "\n", "%", '"', "\u202e", "\udcff", "~nosuchuser/x", "x" * 300, "x" * 5000),
    *("0", "-1", str(2**63 - 1), str(2**64), "1e999", "nan", "s3:", "gs://bucket/x"),
)
# They run until they are stopped; `completion` and `help` take names of a fixed list.
_ENDLESS = ("mcp", "serve", "ui", "watch")
_PLAUSIBLE = {"names": "dog,cat", "search_name": "beach", "path": "photos/1.png", "pack": "x.pack"}
_QUERIES = ("red", "after:2000")  # one that needs the model, and one that does not


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs a command in this process; its exit code, and what it printed to standard error."""
    monkeypatch.setenv("IMGSEARCH_DATA", str(tmp_path / "library"))
    monkeypatch.setenv("IMGSEARCH_SERVICE", "off")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["imgsearch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main(StandIn())
        gc.unfreeze()  # the end of a command freezes it
        return cast("int", ended.value.code), capfd.readouterr().err

    yield run


@pytest.fixture
def photos(tmp_path: Path, make_photo: Callable[..., Path], run: Run) -> Path:
    for number in range(3):
        make_photo(f"photos/{number}.png", (80 * number, 30, 30))
    assert run("index", str(tmp_path / "photos"))[0] == 0
    return tmp_path / "photos"


def command_lines(name: str) -> Iterator[tuple[str, ...]]:
    """Lines of a command, each with an odd text for one option or argument."""
    context = click.Context(commands)
    command = commands.get_command(context, name)
    assert command is not None
    before: list[str] = []
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    needed = [plausible(str(each.name)) for each in arguments if each.name != "words"]
    has_query = len(needed) < len(arguments)
    for parameter in command.params:
        # The same options of all commands.
        is_filter = str(parameter.name).removeprefix("query_") in FIELDS
        if is_filter and name != "search":
            continue
        if isinstance(parameter, click.Argument):
            for text in ODD_TEXTS:
                yield (name, "--", *before, text)
            before.append(plausible(str(parameter.name)))
        elif isinstance(parameter, click.Option) and not parameter.is_flag:
            for text in ODD_TEXTS:
                values = [text] * parameter.nargs
                option = (name, parameter.opts[0], *values, "--")
                if not is_filter:
                    yield (*option, *needed)
                if has_query:
                    # Beside words and alone, a filter is read by the same code.
                    queries = _QUERIES[:1] if is_filter else _QUERIES
                    yield from ((*option, *needed, query) for query in queries)


def plausible(argument: str) -> str:
    return _PLAUSIBLE.get(argument, "photos")


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in COMMANDS if each not in _ENDLESS])
def test_no_argument_is_an_unexpected_error(name: str, photos: Path, run: Run) -> None:
    wrong = []
    for line in command_lines(name):
        code, printed = run(*line)
        if code == 3 or "Traceback" in printed or "Unexpected" in printed:
            wrong.append((line, code, printed[-300:]))
    assert not wrong, "\n".join(map(repr, wrong))


@pytest.mark.parametrize(
    "line",
    [
        *(("serve", "--idle", time) for time in ("1e999", "1e300", "nan", "-1", "0")),
        *(("serve", "--port", port) for port in ("-1", "65536", str(2**64))),
        *(("ui", "--no-browser", "--port", port) for port in ("-1", "65536", str(2**64))),
        *(("ui", "--no-browser", "--host", host) for host in ("", "\udcff", "x" * 300)),
        ("watch", "~nosuchuser/x"),
        *(
            (command, "--library", address)
            for command in ("mcp", "serve", "ui")
            for address in ("", "~nosuchuser/x", "gs://bucket/x", "s3://", "memory:x", "\udcff")
        ),
    ],
)
def test_no_argument_starts_what_could_not_work(
    line: tuple[str, ...], photos: Path, run: Run
) -> None:
    code, printed = run(*line)
    assert code == UsageError.exit_code and printed.startswith(("imgsearch: ", "Usage: ")), printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("copy", "--to", ""), "The address of the archive is empty"),
        (("copy", "--to", "gs://bucket/x"), "begins with gs:. It is a folder, or s3://BUCKET/NAME"),
        (("copy", "--to", "memory:"), "write ./memory:"),
        (("copy", "--to", "S3:///"), "names no bucket"),
        (("copy", "--to", "\udcff"), "not UTF-8"),
        (("search", "red", "--library", ""), "The address of the archive is empty"),
        (("search", "red", "--library", "x" * 300), "a name in its path has more than 255 bytes"),
        (("index", "~nosuchuser/x"), "There is no home folder ~nosuchuser"),
        (("index", "~nosuchuser/x", "--library", "a"), "There is no home folder ~nosuchuser"),
        (("index", "--data", "~nosuchuser/x"), "There is no home folder ~nosuchuser"),
        (("search", "in:~nosuchuser/x"), "There is no home folder ~nosuchuser"),
        (("search", "red", "-k", str(2**63 - 1)), "at most 1,000,000,000"),
        (("save", "b\udcff", "red"), "cannot contain"),
        (("save", "beach", "\udcff"), "not UTF-8"),
        (("save", "beach", "in:\udcff"), "not UTF-8"),
        (("label", "dog,\udcff"), "not UTF-8"),
        (("label", "dog,cat", "--save-as", "\udcff"), "text in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    line: tuple[str, ...], words: str, photos: Path, run: Run
) -> None:
    code, printed = run(*line)
    assert code == UsageError.exit_code and words in printed, printed


def test_a_long_query_can_be_labelled(photos: Path, run: Run) -> None:
    assert run("label", "dog,cat", "r" * 300)[0] == 0


def test_a_folder_with_a_colon_in_its_name_can_be_an_archive(photos: Path, run: Run) -> None:
    assert run("copy", "--to", "./memory:x") == (0, "")
    assert Path("memory:x", "photos.lance").is_dir()


@pytest.mark.parametrize(
    "line",
    [
        ("help", "\x1b[31m\u202ered\u2066"),
        ("\x1b[31m\u202ered\u2066",),
        ("search", "--\x1b[31m\u202ered\u2066"),
        ("search", "-k", "\x1b[31m\u202ered\u2066"),
        ("completion", "\x1b[31m\u202ered\u2066"),
    ],
)
def test_what_was_typed_is_shown_with_its_control_characters_escaped(
    line: tuple[str, ...], run: Run
) -> None:
    code, printed = run(*line)
    assert code == UsageError.exit_code and "red" in printed
    assert not {"\x1b", "\u202e", "\u2066"} & set(printed), repr(printed)
