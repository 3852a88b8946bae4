"""`imgsearch rebuild`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import data_option, follow, json_option, open_library, print_json, say
from imgsearch.errors import FolderError, SnapshotError


@click.command("rebuild", short_help="Make the index again, or change the encoder.")
@click.option("--encoder", metavar="NAME", help="Embed all photos again with this model.")
@click.option("--check", is_flag=True, help="Only measure what the index finds; change nothing.")
@json_option
@data_option
def command(encoder: str | None, check: bool, as_json: bool, data_dir: str | None) -> None:
    """Make the index again from the stored vectors; no photo is read for that.

    With --encoder, every photo is embedded again with another model. The old one goes on
    answering until the new one is complete; stop with Ctrl-C and go on later as you like.

    With --check, searches of the index are compared with exact ones. Exit code 7 means that it
    finds less than it should: then rebuild.
    """
    if check:
        if encoder:
            raise click.UsageError("--check measures the index as it is; leave --encoder out.")
        _check(data_dir, as_json)
        return
    with open_library(data_dir) as library:
        report = follow(library.rebuild(encoder), "Embedding again")
    if as_json:
        print_json(
            {
                "encoder": report.encoder,
                "vectors": report.vectors,
                "missing": report.missing,
                "seconds": report.seconds,
            }
        )
    else:
        click.echo(f"{report.vectors} vectors of {report.encoder} in {report.seconds:.1f} s")
    if report.missing:
        say(
            f"{report.missing} photos could not be read now, so the old encoder still answers. "
            "Plug in their drives, or let the library forget what is gone with imgsearch index; "
            "then run this again."
        )
        sys.exit(FolderError.exit_code)


def _check(data_dir: str | None, as_json: bool) -> None:
    with open_library(data_dir) as library:
        report = library.check_recall()
    if as_json:
        print_json(
            {
                "recall_text": round(report.text.mean, 4),
                "recall_image": round(report.image.mean, 4),
                "target": report.target,
                "enough": report.is_enough,
            }
        )
    else:
        click.echo(
            f"recall@10: {report.text.mean:.3f} for words, {report.image.mean:.3f} for examples; "
            f"{report.target:.2f} is the aim"
        )
    if not report.is_enough:
        say("The index finds less than it should. Make it again: imgsearch rebuild")
        sys.exit(SnapshotError.exit_code)
