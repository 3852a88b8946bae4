"""`imgsearch import`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    PATH,
    archive_option,
    complete_folder,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.backup.telling import print_report
from imgsearch.text import format_count, shell_word


@click.command("import")
@click.argument("source", type=PATH)
@click.option(
    "--below",
    metavar="FOLDER",
    type=PATH,
    shell_complete=complete_folder,
    help="Only photos of the library in this folder.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would come into the library.")
@json_option
@archive_option
@data_option
def command(
    source: str,
    below: str | None,
    dry_run: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Bring what you made in another program: stars, favourites and more.

    \b
      imgsearch import ~/Pictures/digikam4.db --dry-run
      imgsearch import photos.json            (osxphotos query --json > photos.json)
      imgsearch import ~/Takeout

    SOURCE is the database of digiKam or PhotoPrism, a catalogue of Lightroom, a database backup of
    Immich, what osxphotos writes of Apple Photos, or an unpacked Google Takeout. It is only read.
    Index the photos first: they are found by the names and sizes of their files. What the library
    has stays, and to run this again changes nothing. What is in the photos themselves, or in XMP
    files beside them, needs no import: imgsearch index reads it. docs/importing.md says what comes.

    imgsearch undo takes it back.
    """
    with open_either(data_dir, address) as library:
        report = library.imports.bring(source, folder=below, dry_run=dry_run)
    if as_json:
        print_json(report)
        return
    photos = format_count(report.photos, "photo")
    click.echo(f"{report.program}: {photos} with something to bring, {report.found:,} found here")
    print_report(report.merged, Sentence(CommandLine(f"import {shell_word(source)}")))
    if report.ambiguous:
        info(
            f"Left out, since several photos here have that name and size: "
            f"{format_count(report.ambiguous, 'photo')}. With --below FOLDER, one folder counts."
        )
    if report.photos > report.found + report.ambiguous:
        lost = format_count(report.photos - report.found - report.ambiguous, "photo")
        info(
            Sentence(
                f"Not in the library: {lost}. Add their folder, and run this again: ",
                CommandLine("index FOLDER"),
            )
        )
    if report.outside:
        info(f"Left out, since they are in no photo of its size: {report.outside:,} faces.")
