"""`imgsearch prune`."""

from __future__ import annotations

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json


@click.command("prune", short_help="Drop what is kept of photos deleted long ago.")
@click.option(
    "--days",
    metavar="N",
    default=30,
    show_default=True,
    type=click.IntRange(min=0),
    help="Keep what was deleted within this many days.",
)
@json_option
@data_option
def command(days: int, as_json: bool, data_dir: str | None) -> None:
    """Drop what the library keeps of photos that no file has matched for 30 days.

    Until then a photo that comes back, from a recycle bin or a backup, is known at once. Photos
    of folders that are offline, and photos held as missing, are not touched. imgsearch watch does
    this by itself.
    """
    with open_library(data_dir) as library:
        photos = library.prune(days)
    if as_json:
        print_json({"photos": photos})
    else:
        click.echo(f"{photos} photos dropped that had been gone for {days} days or more")
