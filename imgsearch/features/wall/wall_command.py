"""`imgsearch wall`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

import click

from imgsearch.cli.asked import option_of
from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.wall.operations import SECONDS, Walls
from imgsearch.features.wall.records import Wall
from imgsearch.text import format_count, printable

_PORT = 8501  # of the page, unless it is started with another one


@click.command("wall")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@option_of(Walls.add, "seconds", "--seconds N")
@option_of(Walls.add, "pause", "--pause FROM-TO")
@click.option("--remove", metavar="NUMBER", type=int, help="Delete a wall; no photo is touched.")
@click.option(
    "--page",
    metavar="ADDRESS",
    help=f"Print addresses of the page there. Default: http://localhost:{_PORT}.",
)
@json_option
@archive_option
@data_option
def command(
    words: tuple[str, ...],
    seconds: int | None,
    pause: str | None,
    remove: int | None,
    page: str | None,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Show the photos of QUERY on a frame or a television, one after the other, for ever.

    \b
      imgsearch wall in:Holidays
      imgsearch wall "a beach" --seconds 30 --pause 22:00-07:00
      imgsearch wall
      imgsearch wall --remove 1

    The address that it prints shows these photos in any browser, and new ones as they come. It
    needs no password and leads to nothing else: whoever knows it sees these photos until the wall
    is deleted. The page shows it, so imgsearch ui has to run; for other devices, with --host.

    Without QUERY, the walls are listed with their addresses. docs/wall.md has the details.
    """
    is_new = bool(words)
    if remove is not None and (is_new or as_json):
        raise click.UsageError("Give --remove alone: imgsearch wall --remove 1")
    if not is_new and (seconds is not None or pause is not None):
        raise click.UsageError("Say which photos: imgsearch wall in:Holidays --seconds 30")
    start = (page or f"http://localhost:{_PORT}").rstrip("/")
    with asking(data_dir, address) as ask:
        if remove is not None:
            ask(Walls.remove, remove)
            click.echo(f"Removed wall {remove}; no photo was touched")
            return
        if not is_new:
            _print_all(ask(Walls.all), start, as_json)
            return
        usual = SECONDS if seconds is None else seconds
        made = ask(Walls.add, " ".join(words), usual, pause)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{start}{made.path}")
    _say_where(made, page)


def _print_all(walls: Sequence[Wall], start: str, as_json: bool) -> None:
    if as_json:
        print_json(walls)
    else:
        for each in walls:
            hours = f", dark {each.pause}" if each.pause else ""
            photos = format_count(each.photos, "photo")
            click.echo(
                printable(
                    f"{each.number}  {start}{each.path}  {photos}, {each.seconds} s{hours}  "
                    f"{each.line}"
                )
            )
    for each in walls:
        if each.problem is not None:
            info(Sentence(f"Wall {each.number} shows nothing: ", each.problem))
    if not walls:
        info(Sentence("There is no wall. To make one: ", CommandLine("wall in:Holidays")))
        sys.exit(NO_RESULT)


def _say_where(wall: Wall, page: str | None) -> None:
    shown = f"Wall {wall.number} shows {format_count(wall.photos, 'photo')}"
    info(
        Sentence(
            f"{shown} to everybody who knows this address, while the page runs: ",
            CommandLine("ui"),
        )
    )
    if page is None:
        info(
            Sentence(
                f"On other devices it begins with http://{socket.gethostname()}:{_PORT}, and the "
                "page needs a password for all but the walls: ",
                CommandLine("ui --host 0.0.0.0"),
            )
        )
