"""`imgsearch places`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from imgsearch.cli.asked import NOTHING_TO_COUNT, Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.features.places.operations import Places
from imgsearch.records.browse import PlaceCounts
from imgsearch.text import printable

_INDENT = "  "


@click.command("places")
@asks(Places.counts)
def command(asked: Asked[PlaceCounts]) -> None:
    """Count the photos of each country, of its regions, and of their towns.

    \b
      imgsearch places
      imgsearch places "a beach" after:2020
      imgsearch search place:Arezzo

    QUERY limits the photos, as in imgsearch search; with words, weak results are left out. A town
    also counts photos that were taken near it. A name comes from the photo, if another
    program has written one, or else from the town nearest to the coordinates. Exit code 1 means
    that no photo has a place.
    """
    places = asked.print(_print_counts)
    _print_remarks(places)
    if not places.countries:
        sys.exit(NO_RESULT)


def _print_counts(places: PlaceCounts) -> None:
    rows = [(printable(text), photos) for text, photos in _rows(places)]
    width = max((len(text) for text, _ in rows), default=0)
    for text, photos in rows:
        click.echo(f"{text:{width}}  {photos:6}")


def _rows(places: PlaceCounts) -> Iterator[tuple[str, int]]:
    """Yield the lines of the tree.

    A nameless level that is the only one of its parent is left out.
    """
    for country in places.countries:
        yield country.country or "(no country)", country.photos
        for region in country.regions:
            if region.region is not None or len(country.regions) > 1:
                yield _INDENT + (region.region or "(no region)"), region.photos
            for town in region.towns:
                if town.town is not None or len(region.towns) > 1:
                    yield 2 * _INDENT + (town.town or "(no town)"), town.photos


def _print_remarks(places: PlaceCounts) -> None:
    if not places.countries and not places.unnamed and not places.unknown:
        info(NOTHING_TO_COUNT)
    if places.unnamed:
        info(f"Photos far from any town: {places.unnamed}.")
    if places.unknown:
        info(f"Photos without a place: {places.unknown}.")
