"""`imgsearch save`."""

from __future__ import annotations

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import info
from imgsearch.features.saved.operations import Saved
from imgsearch.features.saved.records import SavedSearchSummary
from imgsearch.records.query import Query
from imgsearch.text import printable


@click.command("save")
@asks(Saved.save)
def command(asked: Asked[SavedSearchSummary]) -> None:
    """Save a search under NAME: its words, examples, filters, order and least score.

    \b
      imgsearch save beach 'sunset over water in:Holidays'
      imgsearch save "our dog" --image max.jpg --after 2020 --sort date
      imgsearch search saved:beach
      imgsearch search 'saved:beach after:2024 -people'
      imgsearch saved

    QUERY and its options are those of imgsearch search. Example images that are not in the library
    are copied into it. imgsearch saved lists all saved searches, and how many photos are new in
    each since you last looked; imgsearch watch can keep a folder or a list of its photos.
    docs/saved-searches.md has the details.
    """
    if asked.arguments["query"] == Query():
        raise click.UsageError(
            "Say what to look for: imgsearch save beach 'sunset over water', or --image FILE."
        )
    search = asked.print(_print)
    word = f'"{search.name}"' if " " in search.name else search.name
    info(f"To search for it: imgsearch search 'saved:{word}'")


def _print(search: SavedSearchSummary) -> None:
    click.echo(printable(f"Saved {search.name}: {described(search.line, search.example_count)}"))


def described(line: str, example_count: int) -> str:
    """Return a saved search in words: its line, and the number of its other example images."""
    if not example_count:
        return line
    images = "an example image" if example_count == 1 else f"{example_count} example images"
    return f"{line} and {images}" if line else images
