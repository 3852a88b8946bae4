"""`imgsearch cameras`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import NOTHING_TO_COUNT, Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.operations.browse import Browse
from imgsearch.records.browse import ValueCount
from imgsearch.text import printable

_UNKNOWN = "(not known)"


@click.command("cameras")
@asks(Browse.cameras)
def command(asked: Asked[tuple[ValueCount, ...]]) -> None:
    """Count the photos of each camera, most first.

    \b
      imgsearch cameras
      imgsearch cameras "a beach" after:2020
      imgsearch search camera:leica

    QUERY limits the photos, as in imgsearch search; with words, weak results are left out. Exit
    code 1 means that no photo was counted.
    """
    if not asked.print(_print_counts):
        info(NOTHING_TO_COUNT)
        sys.exit(NO_RESULT)


def _print_counts(counts: tuple[ValueCount, ...]) -> None:
    names = [printable(each.value or _UNKNOWN) for each in counts]
    width = max(map(len, names), default=0)
    for name, each in zip(names, counts, strict=True):
        click.echo(f"{name:{width}}  {each.photos:6}")
