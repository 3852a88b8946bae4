"""`imgsearch folders`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    PATH,
    complete_folder,
    data_option,
    info,
    json_option,
    no_archive_option,
    open_library,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.records.status import Root


@click.command("folders")
@click.option(
    "--pause",
    "paused",
    metavar="FOLDER",
    type=PATH,
    shell_complete=complete_folder,
    help="Do not scan this folder until it is resumed.",
)
@click.option(
    "--resume",
    "resumed",
    metavar="FOLDER",
    type=PATH,
    shell_complete=complete_folder,
    help="End the pause of this folder.",
)
@json_option
@no_archive_option(
    "folders that it follows",
    "To read a folder again: ",
    "index FOLDER --library {}",
)
@data_option
def command(paused: str | None, resumed: str | None, as_json: bool, data_dir: str | None) -> None:
    """List the folders of the library, with their photos and their state.

    imgsearch index and imgsearch watch skip a paused folder: it is not scanned, and none of its
    files is read. Its photos stay in the library and are found as before. A running imgsearch watch
    applies the change within seconds. After --resume, imgsearch index brings the folder up to date.
    To add a folder: imgsearch index FOLDER. To remove one: imgsearch forget FOLDER.
    """
    if paused is not None and resumed is not None:
        raise UsageError("Use either --pause or --resume.")
    with open_library(data_dir) as library:
        if paused is not None:
            library.folders.pause(paused)
        if resumed is not None:
            library.folders.resume(resumed)
        roots = library.folders.all()
    if as_json:
        print_json(roots)
        return
    for root in roots:
        click.echo(f"{printable(root.path)} ({describe_root(root)})")
    if resumed is not None:
        info(Sentence("To bring it up to date: ", CommandLine("index")))


def describe_root(root: Root) -> str:
    """Return the photos and the state of a folder: "1,204 photos, online, paused"."""
    parts = [format_count(root.photos, "photo"), "online" if root.online else "offline"]
    if root.paused:
        parts.append("paused")
    return ", ".join(parts)
