"""`imgsearch saved`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    NO_RESULT,
    call_api,
    data_option,
    info,
    json_option,
    open_library,
    print_json,
)
from imgsearch.cli.save import described
from imgsearch.cli.terminal import standard_output
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsearch.records.saved import SavedSearchSummary


@click.command("saved", short_help="List, rename or remove saved searches.")
@click.option("--rename", nargs=2, metavar="NAME NEW_NAME", help="Rename a saved search.")
@click.option("--remove", metavar="NAME", help="Delete a saved search; no photo is touched.")
@json_option
@data_option
def command(
    rename: tuple[str, str] | None, remove: str | None, as_json: bool, data_dir: str | None
) -> None:
    """List the saved searches, how many photos each finds, and how many are new.

    \b
      imgsearch saved
      imgsearch saved --rename beach "by the sea"
      imgsearch saved --remove "by the sea"

    New are the photos that a search did not find when you last looked: when you saved it, ran
    imgsearch search saved:NAME, or opened it on the web page.
    """
    if rename is not None and remove is not None:
        raise click.UsageError("Choose one of --rename and --remove.")
    if rename is None and remove is None:
        _print(call_api(data_dir, lambda library: library.saved_searches()), as_json)
        return
    with open_library(data_dir) as library:
        if rename is not None:
            library.rename_saved_search(*rename)
            click.echo(printable(f"Renamed {rename[0]} to {rename[1]}"))
        elif remove is not None:
            library.remove_saved_search(remove)
            click.echo(printable(f"Removed {remove}; no photo was touched"))


def _print(searches: Sequence[SavedSearchSummary], as_json: bool) -> None:
    if as_json:
        from imgsearch.service.codec import saved_search_to_json

        print_json([saved_search_to_json(each) for each in searches])
    else:
        text = standard_output()
        width = max((len(printable(each.name)) for each in searches), default=0)
        for each in searches:
            counts = f"{format_count(each.photos, 'photo'):>13}"
            new = text.styled(f"{each.new} new", "green") if each.new else ""
            line = described(each.line, each.example_count)
            text.print(
                f"{printable(each.name):{width}}  {counts}  {new or '':5}  {printable(line)}"
            )
    for each in searches:
        if each.problem is not None:
            info(f"{each.name} cannot be answered: {each.problem}")
    if not searches:
        info("No search is saved. To save one: imgsearch save beach 'sunset over water'")
        sys.exit(NO_RESULT)
