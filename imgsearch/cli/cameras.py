"""`imgsearch cameras`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    print_json,
)
from imgsearch.cli.query_options import (
    NOTHING_TO_COUNT,
    counted_option,
    optional_query_from,
    query_options,
)
from imgsearch.text import printable

_UNKNOWN = "(not known)"


@click.command("cameras", short_help="Count photos by camera.")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@query_options
@counted_option
@json_option
@archive_option
@data_option
def command(
    words: tuple[str, ...], k: int, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    """Count the photos of each camera, most first.

    \b
      imgsearch cameras
      imgsearch cameras "a beach" after:2020
      imgsearch search camera:leica

    QUERY limits the photos, as in imgsearch search; with words, weak results are left out. Exit
    code 1 means that no photo was counted.
    """
    from imgsearch.operations.browse import Browse

    with asking(data_dir, address) as ask:
        counts = ask(Browse.cameras, optional_query_from(words), k)
    if as_json:
        print_json(counts)
    else:
        names = [printable(each.value or _UNKNOWN) for each in counts]
        width = max(map(len, names), default=0)
        for name, each in zip(names, counts, strict=True):
            click.echo(f"{name:{width}}  {each.photos:6}")
    if not counts:
        info(NOTHING_TO_COUNT)
        sys.exit(NO_RESULT)
