"""`imgsearch meaning`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import click

from imgsearch.cli.asked import NOTHING_TO_COUNT, Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.cli.progress import run_with_progress
from imgsearch.features.meaning.operations import Meaning
from imgsearch.features.meaning.records import MeaningCluster, MeaningMap
from imgsearch.text import format_count, printable

_MANY_PLACED = 0.5  # share of photos that came later, from which a new layout is proposed


@click.command("meaning", context_settings={"default_map": {"level": 1}})  # else all levels
@asks(
    Meaning.clusters,
    click.option(
        "--lay-out",
        is_flag=True,
        help="Lay out all photos anew. 100,000 photos take some minutes.",
    ),
    click.option(
        "--save",
        metavar="FILE",
        help="Write a picture (.jpg, .png) of the map to the new FILE.",
    ),
    click.option("--forget", is_flag=True, help="Delete the map. No photo is changed."),
)
def command(asked: Asked[MeaningMap], lay_out: bool, save: str | None, forget: bool) -> None:
    """List what the photos are about: clusters of photos that show similar things.

    \b
      imgsearch meaning --lay-out
      imgsearch meaning
      imgsearch meaning after:2023 country:Italy
      imgsearch meaning --level 3 --json
      imgsearch meaning --save map.jpg

    The photos are laid out on a plane by what they show, which the page shows as the map Meaning:
    lay them out once with --lay-out. Photos that are indexed later are placed among those that they
    are most like, and the others do not move. Each line has how many photos a cluster has, and its
    name: a word that fits most of them. Where no word does, the cluster has no name. Finer clusters
    are below the one that they are in. QUERY limits the photos that are counted and drawn.
    --lay-out needs the extra meaning. FILE must not exist, and not be in a photo folder. Exit code
    1 means that no photo matches.
    """
    if forget and (lay_out or save is not None):
        raise click.UsageError("--forget deletes the map; it takes no --lay-out and no --save.")
    if forget:
        _forget(asked)
        return
    if lay_out:
        with asked.open() as library:
            report = run_with_progress(
                library.meaning.lay_out(), "Laying out photos", ends_soon=True
            )
        info(
            f"Laid out {format_count(report.photos, 'photo')} in "
            f"{format_count(report.clusters, 'cluster')}, {report.named:,} with a name, in "
            f"{report.seconds:.1f} s."
        )
    found = asked.print(_print_tree)
    if found.unplaced:
        info(
            f"Not on the map: {format_count(found.unplaced, 'photo')}. Each is placed when the "
            "library is indexed next."
        )
    if (
        found.photos
        and found.placed > _MANY_PLACED * found.photos
        and asked.arguments["query"] is None
    ):
        info(
            "Most photos came after the map was laid out. To renew it: imgsearch meaning --lay-out"
        )
    if not found.photos:
        info(NOTHING_TO_COUNT)
        sys.exit(NO_RESULT)
    if save is not None:
        with asked.open() as library:
            photos = library.meaning.save_picture(save, **asked.arguments)
        info(f"Wrote {format_count(photos, 'photo')} to {printable(save)}.")


def _forget(asked: Asked[MeaningMap]) -> None:
    with asked.open() as library:
        had_one = library.meaning.forget()
    info("The map of meaning was deleted." if had_one else "There is no map of meaning.")
    if not had_one:
        sys.exit(NO_RESULT)


def _print_tree(found: MeaningMap) -> None:
    inside: dict[int | None, list[MeaningCluster]] = {}
    for cluster in found.clusters:
        inside.setdefault(cluster.parent, []).append(cluster)
    for depth, cluster in _in_order(inside, None, 0):
        name = printable(cluster.name) or "(no name)"
        click.echo(f"{cluster.photos:7}  {'  ' * depth}{name}")


def _in_order(
    inside: Mapping[int | None, Sequence[MeaningCluster]], parent: int | None, depth: int
) -> Iterator[tuple[int, MeaningCluster]]:
    """Yield the clusters in this one, each before those in it, with their depths."""
    for cluster in inside.get(parent, ()):
        yield depth, cluster
        yield from _in_order(inside, cluster.number, depth + 1)
