"""`imgsearch encoders`."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json


@click.command("encoders", short_help="List the available models.")
@json_option
@data_option
def command(as_json: bool, data_dir: str | None) -> None:
    """List the available models, and show which one is in use and why.

    A library keeps its model. To change it: imgsearch rebuild --encoder NAME
    """
    with open_library(data_dir) as library:
        used = library.encoder_in_use()
        encoders = library.encoders()
    if as_json:
        print_json(
            [{**asdict(encoder), "in_use": encoder.name == used.name} for encoder in encoders]
        )
        return
    for encoder in encoders:
        mark = "*" if encoder.name == used.name else " "
        weights = "on this machine" if encoder.weights_here else "to download"
        click.echo(f"{mark} {encoder.name}")
        click.echo(
            f"    {encoder.size_mb} MB, {weights}; {encoder.dim} dimensions; {encoder.licence}; "
            f"{encoder.accuracy}"
        )
        if encoder.note:
            click.echo(f"    {encoder.note}")
    click.echo(f"* in use. {used.why}")
