"""`imgsearch index`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, follow, json_option, open_library, print_json, say

if TYPE_CHECKING:
    from imgsearch.progress import SyncReport


@click.command("index", short_help="Add photo folders; bring the library up to date.")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path())
@click.option("--encoder", metavar="NAME", help="Model for a new library; see imgsearch encoders.")
@click.option(
    "--accept-removals",
    is_flag=True,
    help="Let go of photos that are held as missing, because you removed them on purpose.",
)
@click.option(
    "--verify", is_flag=True, help="Read every file, to find edits that kept size and time."
)
@click.option(
    "--metadata",
    is_flag=True,
    help="Then read dates, places, keywords and XMP files of all photos again; embeds nothing.",
)
@json_option
@data_option
def command(
    folders: tuple[str, ...],
    encoder: str | None,
    accept_removals: bool,
    verify: bool,
    metadata: bool,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Add photo folders, and bring the library up to date with the disk.

    Without FOLDER, all folders added before are looked at again. Only new and changed photos are
    read; a photo that moved is recognised by its content. Stop with Ctrl-C whenever you like: the
    next run goes on from there. Photos are never changed.

    A drive that is not plugged in is offline, and nothing of it is forgotten. When a folder has
    lost more than a fifth of its photos at once, they are held as missing until they come back or
    you say --accept-removals.
    """
    with open_library(data_dir, encoder) as library:
        job = library.index(folders, accept_removals=accept_removals, verify=verify)
        report = follow(job, "Indexing")
        if metadata:
            read = follow(library.read_metadata(), "Reading metadata")
            say(
                f"Metadata of {read.read} photos read, {read.changed} changed; "
                f"{read.failed} could not be read now."
            )
    if as_json:
        print_json(as_record(report))
        return
    click.echo(
        f"{report.new} new, {report.moved} moved or copied, {report.unchanged} unchanged, "
        f"{report.gone} gone, {report.missing} missing, {report.offline} offline, "
        f"{report.failed} failed "
        f"in {report.seconds:.1f} s"
    )
    if report.reread:
        say(f"{report.reread} photos have other metadata now, by the XMP files beside them.")
    if report.failed:
        say("Why photos failed: imgsearch failures")
    if report.photos:
        say(f"The library has {report.photos} photos. Search it: imgsearch search 'a dog in snow'")
    else:
        say("No photos were found there. Name a folder with photos: imgsearch index FOLDER")


def as_record(report: SyncReport) -> dict[str, object]:
    """The report as the JSON that docs/cli.md promises."""
    return {
        "new": report.new,
        "moved": report.moved,
        "unchanged": report.unchanged,
        "gone": report.gone,
        "offline": report.offline,
        "missing": report.missing,
        "failed": report.failed,
        "reread": report.reread,
        "seconds": report.seconds,
        "photos": report.photos,
    }
