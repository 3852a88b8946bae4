"""`imgsearch forget`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import (
    INTERRUPTED,
    PATH,
    archive_option,
    complete_folder,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.text import format_count, printable, shell_word


@click.command("forget")
@click.argument("folder", metavar="FOLDER", type=PATH, shell_complete=complete_folder)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
@data_option
def command(
    folder: str, yes: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    """Remove FOLDER and its photos from the library, after showing their number.

    No file is touched. FOLDER may be offline. Photos that are also in another folder of the
    library stay in it. The data of the other photos stays for 30 days, so that imgsearch index
    FOLDER can undo this at no cost. See imgsearch prune.

    With --library, FOLDER is any folder or s3://BUCKET/FOLDER with photos of the archive, and their
    data stays until imgsearch prune.
    """
    with open_either(data_dir, address) as library:
        place, photos = library.folders.photos_in(folder)
        if not yes:
            info(f"{place}: {format_count(photos, 'photo')}. No file is touched.")
            if not sys.stdin.isatty():
                raise UsageError(
                    Sentence(
                        "To remove them without confirmation: ",
                        CommandLine(f"forget --yes {shell_word(folder)}"),
                    )
                )
            try:
                confirmed = click.confirm("Remove them from the library?", err=True)
            except click.Abort:  # Ctrl-C or Ctrl-D
                info("")  # ends the line of the question
                info("Nothing was removed.")
                sys.exit(INTERRUPTED)
            if not confirmed:
                info("Nothing was removed.")
                return
        gone = library.folders.forget(folder)
    if as_json:
        print_json({"folder": place, "photos": photos, "gone": gone})
    else:
        click.echo(f"Removed {printable(place)}; {format_count(gone, 'photo')} left the library")
