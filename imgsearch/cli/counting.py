"""Declares the commands that count photos: all photos, or the photos that a query finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, TypeVar

import click
from msgspec import Struct

from imgsearch.cli.asked import NOTHING_TO_COUNT as NOTHING_TO_COUNT
from imgsearch.cli.output import archive_option, asking, data_option, json_option
from imgsearch.cli.query_options import query_from, query_options
from imgsearch.records.query import Query

_Result = TypeVar("_Result")


class Counted(Struct, frozen=True):
    """The photos that a command line counts, and whether it wants JSON. No query: all photos."""

    query: Query | None
    k: int
    as_json: bool
    address: str | None
    data_dir: str | None

    def ask(
        self, operation: Callable[Concatenate[Any, Any, int, ...], _Result], **values: object
    ) -> _Result:
        """Call an operation for these photos, of the running service or of the library."""
        with asking(self.data_dir, self.address) as ask:
            return ask(operation, self.query, self.k, **values)


def counting_command(
    name: str, *options: Callable[[Any], Any]
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a command with a query, `-k`, these options, `--json`, `--library` and `--data`.

    The function gets a `Counted` and the values of `options` by name.
    """

    def declare(function: Callable[..., None]) -> click.Command:
        @wraps(function)
        def run(
            words: Sequence[str],
            k: int,
            as_json: bool,
            address: str | None,
            data_dir: str | None,
            **values: Any,
        ) -> None:
            query = query_from(words)
            counted = Counted(None if query == Query() else query, k, as_json, address, data_dir)
            function(counted, **values)

        decorators: tuple[Callable[[Any], Any], ...] = (
            click.command(name),
            click.argument("words", nargs=-1, metavar="[QUERY]"),
            query_options,
            click.option(
                "-k",
                "k",
                metavar="N",
                default=1000,
                show_default=True,
                help="For a QUERY with words or an example, count at most the best N photos.",
            ),
            *options,
            json_option,
            archive_option,
            data_option,
        )
        made: Any = run
        for decorator in reversed(decorators):
            made = decorator(made)
        command: click.Command = made
        return command

    return declare
