"""The command `imgsearch strip`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.features.strips.operations import Strips
from imgsearch.features.strips.records import StripPeriod
from imgsearch.text import format_count, path_text, printable


@click.command("strip")
@asks(
    Strips.over_time,
    click.option("--paths", is_flag=True, help="Print nothing but the paths, one a line."),
    click.option(
        "--save",
        metavar="FILE",
        help="Write a picture (.jpg, .png), an animation (.webp) or a video (.mp4) of the strip to "
        "the new FILE.",
    ),
)
def command(asked: Asked[tuple[StripPeriod, ...]], paths: bool, save: str | None) -> None:
    """Show the same thing over time: the best photo of each year, or of each month.

    \b
      imgsearch strip "the old oak" --by month
      imgsearch strip "our house" --save house.webp
      imgsearch strip person:Anna after:2010
      imgsearch strip "a snowman" --paths | xargs open

    The photo of a year is chosen by its score, its light and its sharpness among the photos that
    QUERY finds; with words, weak results are left out. Lines have the year, how many photos match,
    and the path of the best one. Years without photos between others are shown, several in a row on
    one line. Photos whose metadata has no date are left out. Exit code 1 means that no photo with a
    date matches.

    --save writes all pictures side by side with their years, or one after the other as an animation
    or a video; .mp4 needs the extra video. FILE must not exist, and not be in a photo folder.
    """
    if paths and asked.as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    strip = asked.print(_print_paths if paths else _print_lines)
    if not strip:
        info("No photo with a date in its metadata matches, or all matches are weak.")
        sys.exit(NO_RESULT)
    if save is not None:
        with asked.open() as library:
            report = library.strips.save(strip, save)
        for path in report.missing:
            info(f"There is no picture of {printable(path_text(path))}; it was left out.")
        info(f"Wrote {format_count(report.photos, 'photo')} to {printable(str(report.place))}.")


def _print_paths(strip: Sequence[StripPeriod]) -> None:
    for period in strip:
        if period.best is not None:
            click.echo(path_text(period.best.path))


def _print_lines(strip: Sequence[StripPeriod]) -> None:
    rows = list(_rows(strip))
    width = max((len(name) for name, *_ in rows), default=0)
    for name, photos, path in rows:
        click.echo(f"{name:{width}}  {photos:6}  {path}".rstrip())


def _rows(strip: Sequence[StripPeriod]) -> Iterator[tuple[str, int, str]]:
    """Yield the name, the number of photos and the path of each line."""
    for is_gap, group in groupby(strip, lambda period: period.best is None):
        periods = list(group)
        if is_gap:
            first, last = periods[0].period, periods[-1].period
            yield first if first == last else f"{first} to {last}", 0, ""
        for period in periods:
            if period.best is not None:
                yield period.period, period.photos, printable(path_text(period.best.path))
