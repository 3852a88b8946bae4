"""The command `imgsearch around`."""

from __future__ import annotations

import os
import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info, print_json
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.around.operations import Around
from imgsearch.features.around.records import PhotosBeforeAfter
from imgsearch.text import format_count, path_text, printable


@click.command("around")
@asks(
    Around.photos,
    click.option("--paths", is_flag=True, help="Print nothing but the paths, one a line."),
    photo="PHOTO",
)
def command(asked: Asked[PhotosBeforeAfter], paths: bool) -> None:
    """Show the photos just before and after PHOTO, a path or an id, in order of time.

    \b
      imgsearch around ~/Pictures/IMG_2041.jpg
      imgsearch around 1234 -k 3 --json

    They are of the same event, see imgsearch events, and end where it ends. Each line says how much
    time lies between, and the path. Exit code 1 means that the photo is in no event.
    """
    if paths and asked.as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    photo = asked.arguments["photo"]
    # An id, unless a file in this folder has that name.
    is_id = isinstance(photo, str) and photo.isdecimal() and not os.path.lexists(photo)
    found = asked.of(Around.photos, photo=int(photo) if is_id else photo)
    if asked.as_json:
        print_json(found)
    else:
        _print(found, paths)
    if found.event is None:
        info(
            Sentence(
                "The photo is in no event: its metadata has no date, or it is hidden. To state "
                "when it was taken: ",
                CommandLine(f"correct --photo {found.hit.photo.id} --set-date 2019-06-15T14:30"),
            )
        )
        sys.exit(NO_RESULT)


def _print(found: PhotosBeforeAfter, paths: bool) -> None:
    lines = [(each.apart, each.hit) for each in found.before]
    lines += [("this photo", found.hit)]
    lines += [(each.apart, each.hit) for each in found.after]
    width = max(len(text) for text, _ in lines)
    if found.event is not None and not paths:
        click.echo(printable(found.event.title))
    for text, hit in lines:
        path = path_text(hit.path) if paths else printable(path_text(hit.path))
        click.echo(path if paths else f"{text:>{width}}  {path}")
    for more, where in ((found.more_before, "before"), (found.more_after, "after")):
        if more and not paths:
            info(f"{format_count(more, 'more photo')} of the event {where} these.")
