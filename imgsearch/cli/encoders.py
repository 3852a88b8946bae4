"""`imgsearch encoders`."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json
from imgsearch.text import format_count, printable


@click.command("encoders", short_help="List the available models.")
@click.option(
    "--drop", metavar="NAME", help="Delete the vectors of a model that are kept and not searched."
)
@json_option
@data_option
def command(drop: str | None, as_json: bool, data_dir: str | None) -> None:
    """List the available models, and show which one is in use and why.

    A library keeps its model. To change it: imgsearch rebuild --encoder NAME

    imgsearch unpack --beside keeps the vectors of another model. They are listed, too, and --drop
    deletes them.
    """
    with open_library(data_dir) as library:
        if drop is not None:
            photos = format_count(library.drop_encoder(drop), "photo")
            click.echo(f"Deleted the vectors of {printable(drop)} of {photos}")
            return
        used = library.encoder_in_use()
        encoders = library.encoders()
        kept = library.kept_encoders()
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
    for encoder_id, embedded in kept.items():
        click.echo(
            f"Kept, and not searched: vectors of {printable(encoder_id)} of "
            f"{format_count(embedded, 'photo')}"
        )
