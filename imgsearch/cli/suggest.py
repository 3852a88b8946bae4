"""`imgsearch suggest`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    open_library,
    print_json,
)
from imgsearch.errors import UsageError
from imgsearch.records.suggestion import SUGGESTIONS, Suggestion
from imgsearch.text import format_count, printable


@click.command("suggest")
@click.argument("line", default="", metavar="[QUERY]")
@click.option(
    "-k", "k", metavar="N", default=SUGGESTIONS, show_default=True, help="At most N suggestions."
)
@click.option("--clear", is_flag=True, help="Delete the past queries of the page, and exit.")
@json_option
@archive_option
@data_option
def command(
    line: str, k: int, clear: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
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
        if address is not None:
            raise UsageError("An archive records no queries. Leave out --clear or --library.")
        with open_library(data_dir) as library:
            number = library.lines.forget()
        info(f"Past queries deleted: {number}.")
        return
    from imgsearch.operations.lines import Lines

    with asking(data_dir, address) as ask:
        suggestions = ask(Lines.suggest, line, k)
    if as_json:
        print_json(suggestions)
    else:
        _print_lines(suggestions)
    if not suggestions:
        info("No name in the library begins like this, and no past query has these words.")
        sys.exit(NO_RESULT)


def _print_lines(suggestions: tuple[Suggestion, ...]) -> None:
    width = max((len(printable(each.line)) for each in suggestions), default=0)
    for each in suggestions:
        photos = "" if each.photos is None else f", {format_count(each.photos, 'photo')}"
        click.echo(f"{printable(each.line):{width}}  {each.kind_name}{photos}")
