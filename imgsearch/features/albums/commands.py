"""The command `imgsearch album`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import (
    NO_RESULT,
    PATH,
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_change,
    print_json,
    print_paths,
)
from imgsearch.errors import CommandLine, PhotoError, Sentence, UsageError
from imgsearch.features.albums.operations import Albums
from imgsearch.features.albums.records import Album, AlbumPhotos, ExportReport
from imgsearch.records.changes import Change
from imgsearch.text import format_count, printable

_SHOWN_MISSING = 3


@click.group("album", invoke_without_command=True)
@asks(Albums.all)
def command(asked: Asked[tuple[Album, ...]]) -> None:
    """List the albums and how many photos each has; its commands make and change them.

    \b
      imgsearch album
      imgsearch album make Book 'sunset over water in:Holidays'
      imgsearch album add Book 'our dog' --after 2020
      imgsearch album show Book
      imgsearch album export Book --copies ~/Desktop/Book
      imgsearch search 'album:Book -people'

    An album belongs to the photos, wherever their files are moved. No photo is touched, and every
    change can be undone: imgsearch undo. docs/albums.md has the details.
    """
    subcommand = click.get_current_context().invoked_subcommand
    if subcommand is not None:
        has_json = any(each.name == "as_json" for each in command.commands[subcommand].params)
        if asked.as_json and not has_json:
            raise UsageError(f"album {subcommand} has no option --json: leave it out.")
        return
    if not asked.print(_print):
        info(
            Sentence(
                "There is no album. To make one: ",
                CommandLine("album make Book 'sunset over water'"),
            )
        )
        sys.exit(NO_RESULT)


def _print(albums: tuple[Album, ...]) -> None:
    width = max((len(printable(each.name)) for each in albums), default=0)
    for each in albums:
        missing = f"  {each.missing:,} missing" if each.missing else ""
        counts = f"{format_count(each.photos, 'photo'):>13}"
        click.echo(f"{printable(each.name):{width}}  {counts}{missing}")


@command.command("make", short_help="Make an album.")
@asks(Albums.make)
def make(asked: Asked[Change]) -> None:
    """Make the album NAME of the photos that QUERY finds; without QUERY and --photo an empty one.

    QUERY and its options are those of imgsearch search.
    """
    print_change(asked.answer())


@command.command("add", short_help="Add photos to an album.")
@asks(Albums.add)
def add(asked: Asked[Change]) -> None:
    """Add the photos that QUERY finds to the album NAME. Photos that it has stay as they are."""
    asked.require_photos(f"imgsearch album add {asked.arguments['name']} 'our dog'")
    print_change(asked.answer())


@command.command("take-out", short_help="Take photos out of an album.")
@asks(Albums.take_out)
def take_out(asked: Asked[Change]) -> None:
    """Take the photos that QUERY finds out of the album NAME; no photo is touched."""
    asked.require_photos(f"imgsearch album take-out {asked.arguments['name']} is:blurred")
    print_change(asked.answer())


@command.command("show", short_help="List the photos of an album.")
@asks(
    Albums.photos,
    click.option(
        "--ids", "as_ids", is_flag=True, help="Print the ids of the photos, not their paths."
    ),
    click.option("-0", "--null", "nul", is_flag=True, help="End each path with NUL, for xargs -0."),
)
def show(asked: Asked[AlbumPhotos], as_ids: bool, nul: bool) -> None:
    """Print the path of each photo of the album NAME, in the order in which they were added.

    Photos whose files are gone are counted on standard error; --json has their ids.
    """
    if asked.as_json:
        print_json(asked.answer())
        return
    with asked.open() as library:
        album = library.albums.photos(**asked.arguments)
        if as_ids:
            for photo_id in album.photo_ids:
                click.echo(photo_id)
        else:
            print_paths((hit.path for hit in library.photos(album.photo_ids)), nul)
    if album.missing_ids:
        info(f"The files of {format_count(len(album.missing_ids), 'more photo')} are gone.")
    if not album.photo_ids:
        info(f"No photo of {album.name} can be found.")
        sys.exit(NO_RESULT)


@command.command("rename", short_help="Rename an album.")
@asks(Albums.rename)
def rename(asked: Asked[Change]) -> None:
    """Give the album NAME another name."""
    print_change(asked.answer())


@command.command("remove", short_help="Delete an album.")
@asks(Albums.remove)
def remove(asked: Asked[Change]) -> None:
    """Delete the album NAME; no photo is touched."""
    print_change(asked.answer())


@command.command("export", short_help="Copy the photos of an album.")
@click.argument("album_name", metavar="NAME")
@click.option("--copies", metavar="FOLDER", type=PATH, help="Make a new folder of copies.")
@click.option("--zip", "zip_file", metavar="FILE", type=PATH, help="Make a zip file of copies.")
@click.option("--links", metavar="FOLDER", type=PATH, help="Keep a folder of symbolic links.")
@click.option("--list", "playlist", metavar="FILE", type=PATH, help="Keep an M3U list of paths.")
@click.option(
    "--sheet",
    metavar="FILE",
    type=PATH,
    help="Make a contact sheet with names and dates: FILE ends with .pdf or .jpg.",
)
@click.option(
    "--without-location",
    is_flag=True,
    help="Leave out of copies where photos were taken, with all metadata but date and camera.",
)
@json_option
@archive_option
@data_option
def export(
    album_name: str,
    copies: str | None,
    zip_file: str | None,
    links: str | None,
    playlist: str | None,
    sheet: str | None,
    without_location: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Write the photos of the album NAME to a place outside of your photo folders.

    \b
      imgsearch album export Book --copies ~/Desktop/Book
      imgsearch album export Book --zip ~/Desktop/Book.zip
      imgsearch album export Book --sheet ~/Desktop/Book.pdf

    Copies for others can be made --without-location: date and camera stay, no other metadata does.
    Copies appear when all of them are made. Photos that cannot be reached now are left out and
    named, and the exit code is 5. If none can be reached, nothing is written.
    """
    kinds = {
        "copies": copies,
        "zip": zip_file,
        "links": links,
        "list": playlist,
        "sheet": sheet,
    }
    given = [(kind, place) for kind, place in kinds.items() if place is not None]
    if len(given) != 1:
        raise click.UsageError("Choose one of --copies, --zip, --links, --list and --sheet.")
    ((kind, place),) = given
    with open_either(data_dir, address) as library:
        report = library.albums.export(
            album_name,
            place,
            kind,  # type: ignore[arg-type]  # a key
            without_location=without_location,
        )
    if as_json:
        print_json(report)
    else:
        _print_export(report)
    if report.missing:
        sys.exit(PhotoError.exit_code)


def _print_export(report: ExportReport) -> None:
    count = format_count(report.photos, "photo")
    click.echo(printable(f"Wrote {count} of {report.name} to {report.place}"))
    missing = list(report.missing.items())
    for path, reason in missing[:_SHOWN_MISSING]:
        info(Sentence(f"Left out: {path}. ", reason))
    if missing[_SHOWN_MISSING:]:
        info(f"Left out: {format_count(len(missing) - _SHOWN_MISSING, 'more photo')}")
