"""`imgsearch prune`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    archive_option,
    data_option,
    json_option,
    open_either,
    print_json,
)
from imgsearch.text import format_count


@click.command("prune")
@click.option(
    "--days",
    metavar="N",
    default=30,
    show_default=True,
    help="Keep the data of photos removed within this many days.",
)
@json_option
@archive_option
@data_option
def command(days: int, as_json: bool, address: str | None, data_dir: str | None) -> None:
    """Delete the data of photos that have had no file for 30 days.

    Before that, a photo that returns from a recycle bin or a backup is recognised at once. Offline
    and missing photos are not affected. imgsearch watch does this automatically.
    """
    with open_either(data_dir, address, updates_copy=False) as library:
        photos = library.folders.prune(days)
    if as_json:
        print_json({"photos": photos})
    else:
        click.echo(
            f"Deleted the data of {format_count(photos, 'photo')} gone for "
            f"{format_count(days, 'day')} or more"
        )
