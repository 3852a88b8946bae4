"""`imgsearch settle`."""

from __future__ import annotations

import click

from imgsearch.cli.cures import remember
from imgsearch.cli.output import data_option, info, json_option, open_archive, print_json
from imgsearch.cli.progress import run_with_progress
from imgsearch.text import format_count, printable


@click.command("settle")
@click.option(
    "--library",
    "address",
    metavar="ADDRESS",
    required=True,
    callback=remember,
    help="The archive: a folder, or s3://BUCKET/NAME.",
)
@json_option
@data_option
def command(address: str, as_json: bool, data_dir: str | None) -> None:
    """Index what was put into an archive since it was settled last, and publish it to searches.

    \b
      imgsearch settle --library s3://index/archive

    imgsearch index and imgsearch copy settle the archive at their end. Settle it yourself after a
    run that was stopped, and after forget, prune and read-text. Changes that were interrupted are
    completed. Searches go on meanwhile. Only one process settles an archive at a time.
    """
    with open_archive(address, data_dir) as archive:
        report = run_with_progress(archive.fleet.settle(), "Settling")
    if as_json:
        print_json(report)
        return
    click.echo(
        f"{format_count(report.photos, 'photo')}, {report.indexed:,} of "
        f"{format_count(report.vectors, 'vector')} in the index, settled in "
        f"{report.seconds:.1f} s: {printable(address)}"
    )
    if not report.indexed:
        info("An archive of this size needs no index: a search compares every vector.")
