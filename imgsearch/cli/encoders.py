"""`imgsearch encoders`."""

from __future__ import annotations

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json


@click.command("encoders", short_help="List the models to choose from.")
@json_option
@data_option
def command(as_json: bool, data_dir: str | None) -> None:
    """List the models to choose from, and which one is in use and why.

    A library keeps its model. Another is taken with: imgsearch rebuild --encoder NAME
    """
    with open_library(data_dir) as library:
        used = library.encoder_in_use()
        choices = library.encoders()
    if as_json:
        print_json(
            [
                {
                    "name": choice.name,
                    "dim": choice.dim,
                    "size_mb": choice.size_mb,
                    "licence": choice.licence,
                    "accuracy": choice.accuracy,
                    "weights_here": choice.weights_here,
                    "in_use": choice.name == used.name,
                    "note": choice.note,
                }
                for choice in choices
            ]
        )
        return
    for choice in choices:
        mark = "*" if choice.name == used.name else " "
        here = "here" if choice.weights_here else "to be fetched"
        click.echo(f"{mark} {choice.name}")
        click.echo(
            f"    {choice.size_mb} MB, {here}; {choice.dim} dimensions; {choice.licence}; "
            f"{choice.accuracy}"
        )
        if choice.note:
            click.echo(f"    {choice.note}")
    click.echo(f"* in use. {used.why}")
