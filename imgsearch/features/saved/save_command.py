"""`imgsearch save`."""

from __future__ import annotations

import click

from imgsearch.cli.output import archive_option, data_option, info, open_either
from imgsearch.cli.query_options import query_from, query_options
from imgsearch.records.query import Query
from imgsearch.text import printable


@click.command("save")
@click.argument("search_name", metavar="NAME")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@query_options
@click.option(
    "-k", "k", metavar="N", type=int, help="Maximum number of photos. Default: the best 1,000."
)
@click.option("--all", "show_all", is_flag=True, help="Include weak results.")
@click.option("--replace", is_flag=True, help="Replace an existing search with this name.")
@archive_option
@data_option
def command(
    search_name: str,
    words: tuple[str, ...],
    k: int | None,
    show_all: bool,
    replace: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
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
    query = query_from(words)
    if query == Query():
        raise click.UsageError(
            "Say what to look for: imgsearch save beach 'sunset over water', or --image FILE."
        )
    with open_either(data_dir, address) as library:
        search = library.saved.save(search_name, query, k, include_weak=show_all, replace=replace)
    click.echo(printable(f"Saved {search.name}: {described(search.line, search.example_count)}"))
    word = f'"{search.name}"' if " " in search.name else search.name
    info(f"To search for it: imgsearch search 'saved:{word}'")


def described(line: str, example_count: int) -> str:
    """Return a saved search in words: its line, and the number of its other example images."""
    if not example_count:
        return line
    images = "an example image" if example_count == 1 else f"{example_count} example images"
    return f"{line} and {images}" if line else images
