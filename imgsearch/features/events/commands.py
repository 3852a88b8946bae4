"""`imgsearch events`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info, print_change, print_json
from imgsearch.features.events.operations import Events
from imgsearch.features.events.records import PhotoEvent
from imgsearch.text import format_count, printable

MIN_PHOTOS = 5  # of a listed event
_SHOWN = 5  # events that are named where a title fits several


@click.command("events")
@asks(
    Events.all,
    click.option(
        "--min-photos",
        metavar="N",
        type=click.IntRange(min=1),
        default=MIN_PHOTOS,
        show_default=True,
        help="Only events of at least N photos.",
    ),
    click.option("--trips", is_flag=True, help="Only trips: events away from home."),
    click.option(
        "--set-title",
        metavar="TITLE",
        help="Give the one event that is found a title; '' takes it away.",
    ),
)
def command(
    asked: Asked[tuple[PhotoEvent, ...]], min_photos: int, trips: bool, set_title: str | None
) -> None:
    """List the events of the photos: an occasion at home or near it, or a whole trip.

    \b
      imgsearch events
      imgsearch events after:2023 --trips
      imgsearch events on:2022-05 --trips --set-title 'Lisbon with Anna'

    Lines have the first day of each event, how many photos it has, and a title of places and days.
    QUERY limits the photos, as in imgsearch search. docs/events.md states how events are found; of
    photos without a date in their metadata none are. A title that you give stays when photos come
    or go: imgsearch undo takes it back. Exit code 1 means that there is no event.
    """
    found = asked.answer()
    events = [
        each for each in found if len(each.photo_ids) >= min_photos and (each.is_trip or not trips)
    ]
    if set_title is not None:
        _set_title(asked, events, set_title)
        return
    if asked.as_json:
        print_json(events)
    else:
        for event in events:
            kind = "trip" if event.is_trip else ""
            line = f"{event.start:%Y-%m-%d}  {len(event.photo_ids):6}  {kind:4}  "
            click.echo(line + printable(event.title))
    short = sum(len(each.photo_ids) < min_photos for each in found)
    if short:
        info(f"Events of fewer than {format_count(min_photos, 'photo')}: {short}.")
    if not found:
        info("No photo with a date in its metadata matches, or all matches are weak.")
    if not events:
        sys.exit(NO_RESULT)


def _set_title(
    asked: Asked[tuple[PhotoEvent, ...]], events: Sequence[PhotoEvent], title: str
) -> None:
    if not events:
        info("There is no such event. Leave out --set-title to see which there are.")
        sys.exit(NO_RESULT)
    if len(events) > 1:
        shown = "".join(
            f"\n  {each.start:%Y-%m-%d}  {printable(each.title)}" for each in events[:_SHOWN]
        )
        raise click.UsageError(
            f"--set-title names one event, and {len(events)} are found. Add on:DATE:{shown}"
        )
    print_change(asked.of(Events.set_title, start=events[0].start, title=title))
