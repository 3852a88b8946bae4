"""`imgsearch rebuild`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from imgsearch.cli.encoders import stored_line
from imgsearch.cli.output import (
    complete_encoder,
    data_option,
    info,
    json_option,
    open_library,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import FolderError, SnapshotError
from imgsearch.text import format_count


@click.command("rebuild", short_help="Rebuild the index, or change the model.")
@click.option(
    "--encoder",
    metavar="NAME",
    help="Embed all photos again with this model.",
    shell_complete=complete_encoder,
)
@click.option("--check", is_flag=True, help="Only measure the recall of the index.")
@json_option
@data_option
def command(encoder: str | None, check: bool, as_json: bool, data_dir: str | None) -> None:
    """Rebuild the index from the stored vectors. No photo is read for that.

    With --encoder, every photo is embedded again with another model. Searches use the old model
    until the new one is complete. You can stop with Ctrl-C and continue later. The vectors of the
    old model are kept: imgsearch encoders --use goes back to it, and --drop deletes them.

    With --check, searches of the index are compared with exact searches. Exit code 7 means that
    the recall of the index is too low: rebuild it.
    """
    if check:
        if encoder:
            raise click.UsageError("--check measures the index as it is; leave --encoder out.")
        _check(data_dir, as_json)
        return
    with open_library(data_dir) as library:
        report = run_with_progress(library.rebuild(encoder), "Embedding again")
        stored = library.stored_encoders() if encoder is not None and not report.missing else ()
        kept = [each for each in stored if each.state == "kept"]
    if as_json:
        print_json(asdict(report))
    else:
        vectors = format_count(report.vectors, "vector")
        click.echo(f"{vectors} of {report.encoder} in {report.seconds:.1f} s")
    for each in kept:
        info(stored_line(each))
    if report.missing:
        photos = format_count(report.missing, "photo")
        info(
            f"{photos} could not be read, so the library keeps its old model for now. Connect "
            "their drives, or remove what is gone with imgsearch index; then run this again."
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
            f"the target is {report.target:.2f}"
        )
    if not report.is_enough:
        info("The recall of the index is too low. Rebuild it: imgsearch rebuild")
        sys.exit(SnapshotError.exit_code)
