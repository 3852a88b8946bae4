"""`imgsearch mark`."""

from __future__ import annotations

import click

from imgsearch.cli.chosen import chosen, chosen_options, print_change
from imgsearch.cli.output import archive_option, asking, data_option
from imgsearch.operations.marks import Marks

_STARS = click.IntRange(0, 5)


@click.command("mark")
@chosen_options
@click.option("--favourite/--no-favourite", default=None, help="Set or take the favourite mark.")
@click.option("--stars", metavar="N", type=_STARS, help="Give 0 to 5 stars.")
@click.option(
    "--stars-of-file",
    is_flag=True,
    help="Take the stars given here away, so that those of the file count.",
)
@click.option("--hide/--show", "hidden", default=None, help="Leave photos out of answers, or not.")
@archive_option
@data_option
def command(
    words: tuple[str, ...],
    photo_ids: tuple[int, ...],
    k: int | None,
    show_all: bool,
    favourite: bool | None,
    stars: int | None,
    stars_of_file: bool,
    hidden: bool | None,
    address: str | None,
    data_dir: str | None,
) -> None:
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
    photos = chosen(words, photo_ids, k, show_all, "imgsearch mark is:blurred --hide")
    if stars_of_file and (stars is not None or favourite is not None or hidden is not None):
        raise click.UsageError("Give --stars-of-file alone.")
    if not stars_of_file and stars is None and favourite is None and hidden is None:
        raise click.UsageError("Say how to mark them: --favourite, --stars N or --hide.")
    with asking(data_dir, address) as ask:
        if stars_of_file:
            print_change(ask(Marks.forget_rating, **photos))
        else:
            print_change(ask(Marks.set, **photos, favourite=favourite, rating=stars, hidden=hidden))
