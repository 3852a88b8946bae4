"""`imgsearch encoders`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    data_option,
    info,
    json_option,
    no_archive_option,
    open_library,
    print_json,
)
from imgsearch.cli.progress import format_rate
from imgsearch.errors import CommandLine, Sentence
from imgsearch.text import format_count, format_duration

if TYPE_CHECKING:
    from imgsearch.library import Library
    from imgsearch.records.status import DroppedEncoder, EncoderInfo, StoredEncoder


@click.command("encoders")
@click.option("--use", "use", metavar="NAME", help="Use a model that has vectors in the library.")
@click.option("--drop", "drop", metavar="NAME", help="Delete the vectors of a model not in use.")
@json_option
@no_archive_option("choice of models", "It keeps the one that it was made with.")
@data_option
def command(use: str | None, drop: str | None, as_json: bool, data_dir: str | None) -> None:
    """List the available models, and show which one is in use and why.

    A library keeps its model. To change it: imgsearch rebuild --encoder NAME

    The library stores the vectors of earlier models, and those from imgsearch unpack --beside,
    until --drop deletes them. --use returns to such a model at once, without reading a photo.
    """
    if use is not None and drop is not None:
        raise click.UsageError("Choose one of --use and --drop.")
    with open_library(data_dir) as library:
        if use is not None:
            _use(library, use, as_json)
        elif drop is not None:
            _drop(library, drop, as_json)
        else:
            _list(library, as_json)


def _use(library: Library, name: str, as_json: bool) -> None:
    stored = library.encoders.use(name)
    if as_json:
        print_json(stored)
    else:
        click.echo(f"{name} answers searches now, for {format_count(stored.photos, 'photo')}")
    if stored.missing:
        photos = format_count(stored.missing, "photo")
        info(
            Sentence(
                f"{photos} have no vector of it, and are not found by their content. To embed "
                "them: ",
                CommandLine(f"rebuild --encoder {name}"),
            )
        )


def _drop(library: Library, name: str, as_json: bool) -> None:
    dropped = library.encoders.drop(name)
    if as_json:
        print_json(dropped)
    else:
        click.echo(dropped_line(dropped))


def dropped_line(dropped: DroppedEncoder) -> str:
    """Return a sentence about deleted vectors and the space that they freed."""
    parts = [f"Deleted the vectors of {dropped.name}, {dropped.size_bytes / 1e6:.1f} MB"]
    if dropped.freed_bytes > 0:
        parts.append(f"{dropped.freed_bytes / 1e6:.1f} MB of the disk are free again")
    if dropped.reusable_bytes:
        reusable = f"{dropped.reusable_bytes / 1e6:.1f} MB"
        parts.append(f"the database reuses {reusable} for later photos")
    return "; ".join([*parts, "no photo was touched"])


def _list(library: Library, as_json: bool) -> None:
    from imgsearch.encoders.registry import AUTO, plugin_problems, satisfies

    used = library.encoders.in_use()
    choices = library.encoders.choices()
    stored = library.encoders.stored() if library.exists() else ()
    if library.exists() or library.settings.encoder != AUTO:  # else the choice has said it
        for problem in plugin_problems():
            info(problem)
    if as_json:
        print_json(_as_json(choices, stored, used.name))
        return
    photos = library.status().photos if library.exists() else 0
    by_test = groupby(choices, lambda encoder: (encoder.test, encoder.is_published))
    for (test, is_published), encoders in by_test:
        whose = "Published by others" if is_published else "Measured here"
        click.echo(f"{whose}, {test}" if test else "Others")
        for encoder in encoders:
            # `used` may be the int8 form of one that is listed.
            _print_choice(encoder, satisfies(used.name, encoder.name), photos)
    click.echo(f"* in use. {used.why}")
    for each in stored:
        if each.state != "current":
            click.echo(stored_line(each))
    info(
        Sentence(
            "Shares of one test can be compared, those of two cannot. To compare a model with the "
            "one in use, on your own photos, and to measure its speed here: ",
            CommandLine("rebuild --encoder NAME --trial 2000"),
        )
    )


def _print_choice(encoder: EncoderInfo, is_used: bool, photos: int) -> None:
    """Print an encoder, with what it takes here for the photos of the library."""
    weights = "on this machine" if encoder.weights_here else "to download"
    if encoder.disk_mb:
        weights = f"{weights}, {encoder.disk_mb / 1000:.1f} GB of disk in all"
    share = encoder.accuracy if encoder.share_right is None else f"{encoder.share_right:.1%}"
    click.echo(f"{'*' if is_used else ' '} {encoder.name}  {share}")
    click.echo(f"    {encoder.size_mb} MB, {weights}; {encoder.dim} dimensions; {encoder.licence}")
    if encoder.note:
        click.echo(f"    {encoder.note}")
    costs = ", ".join(_costs(encoder, photos))
    if costs:
        click.echo(f"    here: {costs}")


def _costs(encoder: EncoderInfo, photos: int) -> Iterator[str]:
    """Yield what an encoder takes on this machine for so many photos, as far as it is known."""
    if encoder.photos_per_s is not None:
        rate = format_rate(encoder.photos_per_s)
        needed_s = encoder.index_s(photos)
        if photos and needed_s is not None:
            count = format_count(photos, "photo")
            yield f"{format_duration(needed_s)} to index {count} ({rate})"
        else:
            yield rate
        if encoder.memory_bytes is not None:
            yield f"{encoder.memory_bytes / 1e6:,.0f} MB of memory at most"
    elif photos:
        yield "speed not measured yet"
    if photos:
        yield f"{photos * encoder.photo_bytes / 1e6:,.1f} MB of disk for its vectors"


def stored_line(stored: StoredEncoder) -> str:
    """Return a sentence about an encoder that is not in use, with the commands for it."""
    size = f"{format_count(stored.photos, 'photo')}, {stored.size_bytes / 1e6:.1f} MB"
    if stored.state == "building":
        return (
            f"{stored.name} is being built: {size}. To continue: imgsearch rebuild --encoder "
            f"{stored.name}. To delete it: imgsearch encoders --drop {stored.name}"
        )
    return (
        f"{stored.name} is kept: {size}. To use it: imgsearch encoders --use {stored.name}. To "
        f"delete it: imgsearch encoders --drop {stored.name}"
    )


def _as_json(
    choices: Sequence[EncoderInfo], stored: Sequence[StoredEncoder], used: str
) -> list[dict[str, object]]:
    """Return the available encoders, then encoders that only the library has.

    `stored` has the library's data of each, or null.
    """
    by_name = {each.name: asdict(each) for each in stored}
    rows: list[dict[str, object]] = [
        {**asdict(each), "in_use": each.name == used, "stored": by_name.pop(each.name, None)}
        for each in choices
    ]
    others = [{"name": name, "in_use": name == used, "stored": by_name[name]} for name in by_name]
    return rows + others
