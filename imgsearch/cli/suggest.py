"""`imgsearch suggest`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.errors import UsageError
from imgsearch.operations.lines import Lines
from imgsearch.records.suggestion import Suggestion
from imgsearch.text import format_count, printable


@click.command("suggest")
@asks(
    Lines.suggest,
    click.option("--clear", is_flag=True, help="Delete the past queries of the page, and exit."),
    line="[QUERY]",
)
def command(asked: Asked[tuple[Suggestion, ...]], clear: bool) -> None:
    """Suggest completions of a query, as the page does while you type.

    \b
      imgsearch suggest "a dog with ann"
      imgsearch suggest camera:
      imgsearch suggest --clear

    The command completes the last words of QUERY to the name of a person, a place, a folder, a
    keyword, a camera, a lens or another name of the library, and adds queries
    that were typed on the page; without QUERY, it prints the newest of these. After the colon of a
    filter with names or words as values, such as type:, it prints these values. An archive records
    no queries. Exit code 1 means that there is no suggestion.
    """
    if clear:
        if asked.address is not None:
            raise UsageError("An archive records no queries. Leave out --clear or --library.")
        with asked.open() as library:
            number = library.lines.forget()
        info(f"Past queries deleted: {number}.")
        return
    if not asked.print(_print_lines):
        info("No name in the library begins like this, and no past query has these words.")
        sys.exit(NO_RESULT)


def _print_lines(suggestions: tuple[Suggestion, ...]) -> None:
    width = max((len(printable(each.line)) for each in suggestions), default=0)
    for each in suggestions:
        photos = "" if each.photos is None else f", {format_count(each.photos, 'photo')}"
        click.echo(f"{printable(each.line):{width}}  {each.kind_name}{photos}")
