"""`imgsearch timeline`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import date
from itertools import groupby

import click
from msgspec import Struct

from imgsearch.cli.asked import NOTHING_TO_COUNT, Asked, asks
from imgsearch.cli.output import NO_RESULT, info, print_json
from imgsearch.cli.search import print_answer
from imgsearch.language.anniversary import in_earlier_years
from imgsearch.library import Library
from imgsearch.operations.browse import Browse
from imgsearch.records.answer import Answer
from imgsearch.records.browse import Timeline
from imgsearch.records.query import Query

_MAX_BAR = 60  # characters
_BLOCKS, _ASCII = ("█", "░"), ("#", ".")  # a photo's own date, the date of its file


@click.command("timeline")
@asks(
    Browse.timeline,
    click.option("--months", "by_month", is_flag=True, help="Count by month."),
    click.option("--on-this-day", is_flag=True, help="List the photos of today's date, years ago."),
)
def command(asked: Asked[Timeline], by_month: bool, on_this_day: bool) -> None:
    """Show the number of photos of each year or month, as bars.

    \b
      imgsearch timeline
      imgsearch timeline "a dog in snow" --months
      imgsearch timeline country:Italy after:2015

    QUERY limits the photos, as in imgsearch search; with words, weak results are left out. Years
    and months without photos between others are shown, several in a row on one line. The lighter
    part of a bar stands for photos without a date in their metadata: they count by the date of
    their file, as in a search. dated:file finds them. Exit code 1 means that no photo matches.

    --on-this-day lists the photos of earlier years whose metadata has the date of today.
    """
    if by_month and on_this_day:
        raise click.UsageError("Choose one of --months and --on-this-day.")
    if on_this_day:
        earlier = in_earlier_years(asked.arguments["query"] or Query(), date.today())
        _print_photos(asked.of(Library.find, query=earlier), asked.as_json)
        return
    periods = _monthly if by_month else _yearly
    timeline = asked.print(lambda timeline: _print_bars(list(periods(timeline))))
    if not timeline.years:
        info(NOTHING_TO_COUNT)
        sys.exit(NO_RESULT)


def _print_photos(found: Answer, as_json: bool) -> None:
    answer = found.without_weak_hits()
    if as_json:
        print_json(answer)
    else:
        print_answer(answer)
    if not answer.hits:
        info("No photo of this day in an earlier year matches, or all matches are weak.")
        sys.exit(NO_RESULT)


class _Period(Struct, frozen=True):
    name: str
    photos: int = 0
    dated_by_file: int = 0


def _yearly(timeline: Timeline) -> Iterator[_Period]:
    for year in timeline.years:
        yield _Period(f"{year.year:04}", year.photos, year.dated_by_file)


def _monthly(timeline: Timeline) -> Iterator[_Period]:
    """Yield every month from the first to the last one with photos."""
    counts = {month.month: month for year in timeline.years for month in year.months}
    first, last = min(counts, default=""), max(counts, default="")
    for name in (f"{year.year:04}-{n:02}" for year in timeline.years for n in range(1, 13)):
        if first <= name <= last:
            found = counts.get(name)
            yield _Period(name, found.photos, found.dated_by_file) if found else _Period(name)


def _print_bars(periods: list[_Period]) -> None:
    if not periods:
        return
    rows = list(_rows(periods))
    name_width = max(len(period.name) for period in rows)
    most = max(period.photos for period in rows)
    count_width = max(6, len(str(most)))
    own, by_file = _BLOCKS if _can_print("".join(_BLOCKS)) else _ASCII
    columns = shutil.get_terminal_size().columns - name_width - count_width - 5
    bar_width = max(10, min(_MAX_BAR, columns))
    for period in rows:
        length = round(period.photos / most * bar_width) or int(period.photos > 0)
        light = round(length * period.dated_by_file / (period.photos or 1))
        bar = own * (length - light) + by_file * light
        click.echo(f"{period.name:{name_width}}  {period.photos:{count_width}}  {bar}".rstrip())


def _rows(periods: list[_Period]) -> Iterator[_Period]:
    """Yield the periods; consecutive ones without photos are joined."""
    for is_empty, group in groupby(periods, lambda period: period.photos == 0):
        members = list(group)
        if is_empty and len(members) > 1:
            yield _Period(f"{members[0].name} to {members[-1].name}")
        else:
            yield from members


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
