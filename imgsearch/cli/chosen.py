"""Photos that commands change: the options that choose them, and the line about the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imgsearch.cli.output import info
from imgsearch.cli.query_options import query_from, query_options
from imgsearch.errors import CommandLine, Sentence
from imgsearch.records.query import Query
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.records.changes import Change

_Command = TypeVar("_Command", bound=Callable[..., object])


def chosen_options(function: _Command) -> _Command:
    """`[QUERY]` with its options, `--photo`, `-k` and `--all`: see `chosen`."""
    for option in (
        click.option("--all", "show_all", is_flag=True, help="Also weak results of the query."),
        click.option(
            *("-k", "k"),
            metavar="N",
            type=int,
            help="Maximum number of photos of the query. Default: the best 1,000 of one with words "
            "or an example, and else all.",
        ),
        click.option(
            *("--photo", "photo_ids"),
            metavar="ID",
            type=click.IntRange(min=1),
            multiple=True,
            help="The photo with this id, as search --json prints it. May be given several times.",
        ),
        query_options,
        click.argument("words", nargs=-1, metavar="[QUERY]"),
    ):
        function = option(function)
    return function


def chosen(
    words: tuple[str, ...], photo_ids: tuple[int, ...], k: int | None, show_all: bool, example: str
) -> dict[str, Any]:
    """Return the chosen photos as arguments of an operation.

    Raises click's UsageError without any.
    """
    photos = chosen_or_none(words, photo_ids, k, show_all)
    if photos["query"] is None and not photo_ids:
        raise click.UsageError(f"Say which photos: {example}, or --photo ID.")
    return photos


def chosen_or_none(
    words: tuple[str, ...], photo_ids: tuple[int, ...], k: int | None, show_all: bool
) -> dict[str, Any]:
    """Do as `chosen`; there may be no photos."""
    query = query_from(words)
    return {
        "photo_ids": photo_ids,
        "query": None if query == Query() else query,
        "k": k,
        "include_weak": show_all,
    }


def print_change(change: Change) -> None:
    """Print a change, and how to undo it."""
    click.echo(printable(change.title))
    if change.id is not None:
        info(Sentence("To undo this: ", CommandLine("undo")))
