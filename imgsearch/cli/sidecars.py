"""`imgsearch sidecars`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, Sentence
from imgsearch.progress import Job
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.outputs.sidecars import Change, PlannedFile
    from imgsearch.records.marks import SidecarChange

_INDEX = CommandLine("index")


@click.command("sidecars")
@click.option("--write", is_flag=True, help="Write the files; without it, they are only listed.")
@click.option("--dry-run", is_flag=True, help="Only list them, also with --write.")
@click.option(
    "--adobe-names",
    is_flag=True,
    help="Call a new file IMG.xmp, as Lightroom does for RAW files, and not IMG.JPG.xmp.",
)
@json_option
@archive_option
@data_option
def command(
    write: bool,
    dry_run: bool,
    adobe_names: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """List the XMP files that would give other programs the stars of imgsearch mark.

    \b
      imgsearch sidecars
      imgsearch sidecars --write

    With --write, the files in that list are written. Only this command and the
    option --write-sidecars of others write beside your photos, which are never changed themselves.
    digiKam, darktable and Lightroom read such files. What other programs wrote in them is kept; a
    file that another program changes meanwhile is left as it is and named. imgsearch index reads
    the new stars.

    Exit code: 1 if there is nothing to write, 3 if a file could not be written.
    """
    with open_either(data_dir, address) as library:
        list_and_write(
            library.marks.plan_sidecars(adobe_names=adobe_names),
            library.marks.write_sidecars if write and not dry_run else None,
            _stars,
            as_json,
            "The files of your photos have the stars that you gave them here.",
            CommandLine("sidecars --write"),
        )


def list_and_write(
    planning: Job[list[PlannedFile[Change]]],
    write: Callable[[Sequence[PlannedFile[Change]]], Job[list[Change]]] | None,
    described: Callable[[Change], str],
    as_json: bool,
    nothing: str,
    command_to_write: CommandLine,
    command_to_read: CommandLine = _INDEX,
) -> None:
    """List planned XMP files and then write them, unless `write` is None.

    `described` says what changes in a file. `nothing` is said where there is nothing to write, with
    the exit code 1; the exit code is 3 if a file could not be written.
    """
    planned = run_with_progress(planning, "Reading XMP files")
    changes = [each.change for each in planned]

    def print_list() -> None:
        for each in changes:
            if each.problem is None:
                new = "new, " if each.is_new else ""
                click.echo(printable(f"{each.sidecar}  ({new}{described(each)})"))

    if not as_json:
        print_list()
    if write is not None:
        changes = run_with_progress(write(planned), "Writing XMP files")
    if as_json:
        print_json(changes)
    failed = [each for each in changes if each.problem is not None]
    if not changes:
        info(nothing)
        sys.exit(NO_RESULT)
    for each in failed:
        info(Sentence(f"Left as it is: {each.sidecar}: ", each.problem or ""))
    files = format_count(len(changes) - len(failed), "file")
    if write is not None:
        info(Sentence(f"Wrote {files}. To read them: ", command_to_read))
        sys.exit(_FAILED if failed else 0)
    info(Sentence(f"Nothing was written. To write {files}: ", command_to_write))


_FAILED = 3  # exit code


def _stars(change: SidecarChange) -> str:
    before = "no stars" if change.before is None else format_count(change.before, "star")
    return f"{before} -> {format_count(change.stars, 'star')}"
