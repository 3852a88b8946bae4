"""The options that update links, a list or a command from a saved search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click
from msgspec.structs import replace

from imgsearch.features.saved.records import SavedSearchOutputs
from imgsearch.features.saved.telling import read_command
from imgsearch.paths import absolute
from imgsearch.text import format_count, plain_text

_META_KEY = "imgsearch.features.saved.outputs"  # in the context of a command
_Command = TypeVar("_Command", bound=Callable[..., object])


def outputs_options(function: _Command) -> _Command:
    """Add `--links`, `--list`, `--exec` and `-0`; `outputs_from_options` reads their values."""
    for decorate in (
        click.option(
            "-0",
            "nul",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="With --exec: end each path on standard input with NUL.",
        ),
        click.option(
            "--exec",
            "commands",
            metavar="NAME=COMMAND",
            multiple=True,
            expose_value=False,
            callback=_keep,
            help="Run COMMAND when the saved search NAME has new photos. Their paths are on its "
            "standard input, one a line, or are arguments in place of {}.",
        ),
        click.option(
            "--list",
            "playlists",
            metavar="NAME=FILE",
            multiple=True,
            expose_value=False,
            callback=_keep,
            help="Write and update FILE, an M3U list of the photos of the saved search NAME.",
        ),
        click.option(
            "--links",
            metavar="NAME=FOLDER",
            multiple=True,
            expose_value=False,
            callback=_keep,
            help="Keep symbolic links to the photos of the saved search NAME in FOLDER, which is "
            "new or empty.",
        ),
    ):
        function = decorate(function)
    return function


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    context.meta[f"{_META_KEY}.{option.name}"] = value


def outputs_from_options() -> list[SavedSearchOutputs]:
    """Return the outputs that options of this command request, by saved search.

    Raises UsageError.
    """
    given = click.get_current_context().meta
    links, playlists, commands, nul = (
        given[f"{_META_KEY}.{name}"] for name in ("links", "playlists", "commands", "nul")
    )
    if nul and not commands:
        raise click.UsageError("-0 needs --exec.")
    outputs: dict[str, SavedSearchOutputs] = {}

    def known(name: str) -> SavedSearchOutputs:
        return outputs.get(_key(name), SavedSearchOutputs(name, nul=nul))

    for name, value in _pairs("--links", links, "folder"):
        outputs[_key(name)] = replace(known(name), links=Path(absolute(value)))
    for name, value in _pairs("--list", playlists, "file"):
        outputs[_key(name)] = replace(known(name), playlist=Path(absolute(value)))
    for name, value in _pairs("--exec", commands, "command"):
        outputs[_key(name)] = replace(known(name), command=read_command(value))
    return list(outputs.values())


def _pairs(option: str, texts: Sequence[str], what: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of one option. Raises UsageError for a repeated name."""
    names: set[str] = set()
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise click.UsageError(
                f"{option} takes the name of a saved search and a {what}: {option} beach=…"
            )
        if _key(name) in names:
            raise click.UsageError(f"{option} is given twice for the saved search {name!r}.")
        names.add(_key(name))
        yield name, value


def _key(name: str) -> str:
    return plain_text(" ".join(name.split()))


def outputs_in_words(done: Mapping[str, object]) -> str:
    """Return the changes of an update in words, from the values of an `OutputsReport` by name."""
    linked, unlinked, announced = (
        int(str(done[name])) for name in ("linked", "unlinked", "announced")
    )
    parts = [
        format_count(int(str(done["photos"])), "photo"),
        *([f"{format_count(linked, 'link')} made"] if linked else []),
        *([f"{format_count(unlinked, 'link')} removed"] if unlinked else []),
        *(["list written"] if done["listed"] else []),
        *([f"command run for {format_count(announced, 'photo')}"] if announced else []),
    ]
    return ", ".join(parts)
