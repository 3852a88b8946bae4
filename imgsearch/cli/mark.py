"""`imgsearch mark`."""

from __future__ import annotations

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.chosen import print_change
from imgsearch.operations.marks import Marks
from imgsearch.records.changes import Change


@click.command("mark")
@asks(
    Marks.set,
    click.option(
        "--stars-of-file",
        is_flag=True,
        help="Remove the stars given here, so that the stars of the file count.",
    ),
    rating="--stars N",
    hidden="--hide/--show",
)
def command(asked: Asked[Change], stars_of_file: bool) -> None:
    """Mark the photos that QUERY finds. The marks are kept in the library, not in the photos.

    \b
      imgsearch mark in:Holidays --stars 4
      imgsearch mark --photo 12 --photo 15 --favourite
      imgsearch mark is:blurred --hide
      imgsearch search 'is:favourite rating:4+'
      imgsearch mark is:hidden --show

    Stars given here count before those that a photo or its XMP file states; the setting rating
    reverses that. Hidden photos leave all answers but those to is:hidden. Every change can be
    undone: imgsearch undo. imgsearch sidecars --write writes the stars to XMP files.
    """
    asked.require_photos("imgsearch mark is:blurred --hide")
    marks = [asked.arguments[name] for name in ("favourite", "rating", "hidden")]
    is_marked = any(mark is not None for mark in marks)
    if stars_of_file and is_marked:
        raise click.UsageError("Give --stars-of-file alone.")
    if not stars_of_file and not is_marked:
        raise click.UsageError("Say how to mark them: --favourite, --stars N or --hide.")
    print_change(asked.of(Marks.forget_rating) if stars_of_file else asked.answer())
