"""`imgsearch saved`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.terminal import standard_output
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.saved.operations import Saved
from imgsearch.features.saved.output_options import (
    outputs_from_options,
    outputs_in_words,
    outputs_options,
)
from imgsearch.features.saved.records import OutputsReport, SavedSearchSummary
from imgsearch.features.saved.save_command import described
from imgsearch.text import format_count, printable


@click.command("saved")
@click.option("--rename", nargs=2, metavar="NAME NEW_NAME", help="Rename a saved search.")
@click.option("--remove", metavar="NAME", help="Delete a saved search; no photo is touched.")
@outputs_options
@json_option
@archive_option
@data_option
def command(
    rename: tuple[str, str] | None,
    remove: str | None,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """List the saved searches, how many photos each finds, and how many are new.

    \b
      imgsearch saved
      imgsearch saved --links beach=~/Frame
      imgsearch saved --rename beach "by the sea"
      imgsearch saved --remove "by the sea"

    --links, --list and --exec update a folder of links or a list from a saved search once, or run a
    command for its new photos; imgsearch watch does so as long as it runs.

    New photos are those that a search did not find when you last looked: when you saved it, ran
    imgsearch search saved:NAME, or opened it on the web page.
    """
    outputs = outputs_from_options()
    if sum((rename is not None, remove is not None, bool(outputs))) > 1:
        raise click.UsageError(
            "Choose one of --rename, --remove, and --links with --list and --exec."
        )
    if outputs:
        with open_either(data_dir, address) as library:
            _print_outputs([library.saved.update_outputs(each) for each in outputs], as_json)
        return
    if rename is None and remove is None:
        with asking(data_dir, address) as ask:
            _print(ask(Saved.all), as_json)
        return
    with open_either(data_dir, address) as library:
        if rename is not None:
            library.saved.rename(*rename)
            click.echo(printable(f"Renamed {rename[0]} to {rename[1]}"))
        elif remove is not None:
            library.saved.remove(remove)
            click.echo(printable(f"Removed {remove}; no photo was touched"))


def _print_outputs(reports: Sequence[OutputsReport], as_json: bool) -> None:
    forms = [asdict(report) for report in reports]
    if as_json:
        print_json(forms)
        return
    for form in forms:
        click.echo(printable(f"{form['name']}: {outputs_in_words(form)}"))


def _print(searches: Sequence[SavedSearchSummary], as_json: bool) -> None:
    if as_json:
        print_json(searches)
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
            info(Sentence(f"{each.name} cannot be answered: ", each.problem))
    if not searches:
        info(
            Sentence(
                "No search is saved. To save one: ", CommandLine("save beach 'sunset over water'")
            )
        )
        sys.exit(NO_RESULT)
