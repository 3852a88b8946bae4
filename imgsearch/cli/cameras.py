"""`imgsearch cameras`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.counting import NOTHING_TO_COUNT, Counted, counting_command
from imgsearch.cli.output import NO_RESULT, info, print_json
from imgsearch.text import printable

_UNKNOWN = "(not known)"


@counting_command("cameras")
def command(counted: Counted) -> None:
    """Count the photos of each camera, most first.

    \b
      imgsearch cameras
      imgsearch cameras "a beach" after:2020
      imgsearch search camera:leica

    QUERY limits the photos, as in imgsearch search; with words, weak results are left out. Exit
    code 1 means that no photo was counted.
    """
    from imgsearch.operations.browse import Browse

    counts = counted.ask(Browse.cameras)
    if counted.as_json:
        print_json(counts)
    else:
        names = [printable(each.value or _UNKNOWN) for each in counts]
        width = max(map(len, names), default=0)
        for name, each in zip(names, counts, strict=True):
            click.echo(f"{name:{width}}  {each.photos:6}")
    if not counts:
        info(NOTHING_TO_COUNT)
        sys.exit(NO_RESULT)
