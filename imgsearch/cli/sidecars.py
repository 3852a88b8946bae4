"""`imgsearch sidecars`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    NO_RESULT,
    data_option,
    info,
    json_option,
    open_library,
    print_json,
)
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.records.albums import SidecarChange


@click.command("sidecars", short_help="Write your stars into XMP files beside photos.")
@click.option("--write", is_flag=True, help="Write the files; without it, they are only listed.")
@click.option("--dry-run", is_flag=True, help="Only list them, also with --write.")
@click.option(
    "--adobe-names",
    is_flag=True,
    help="Call a new file IMG.xmp, as Lightroom does for RAW files, and not IMG.JPG.xmp.",
)
@json_option
@data_option
def command(
    write: bool, dry_run: bool, adobe_names: bool, as_json: bool, data_dir: str | None
) -> None:
    """List the XMP files that would give other programs the stars of imgsearch mark.

    \b
      imgsearch sidecars
      imgsearch sidecars --write

    With --write, the files in that list are written: this is the only command that writes beside
    your photos, and the photos themselves are never changed. digiKam, darktable and Lightroom read
    such files. What other programs wrote in them is kept; a file that another program changes
    meanwhile is left as it is and named. imgsearch index reads the new stars.

    Exit code: 1 if there is nothing to write, 3 if a file could not be written.
    """
    with open_library(data_dir) as library:
        planned = library.marks.plan_sidecars(adobe_names=adobe_names)
        changes = [each.change for each in planned]
        is_written = write and not dry_run
        if is_written and not as_json:
            _print(changes)
        if is_written:
            changes = list(library.marks.write_sidecars(planned))
    if as_json:
        print_json(changes)
    elif not is_written:
        _print(changes)
    failed = [each for each in changes if each.problem is not None]
    if not changes:
        info("The files of your photos have the stars that you gave them here.")
        sys.exit(NO_RESULT)
    for each in failed:
        info(f"Left as it is: {each.sidecar}: {each.problem}")
    files = format_count(len(changes) - len(failed), "file")
    if is_written:
        info(f"Wrote {files}. To read them: imgsearch index")
        sys.exit(_FAILED if failed else 0)
    info(f"Nothing was written. To write {files}: imgsearch sidecars --write")


_FAILED = 3  # exit code


def _print(changes: Sequence[SidecarChange]) -> None:
    for each in changes:
        if each.problem is None:
            before = "no stars" if each.before is None else format_count(each.before, "star")
            new = "new, " if each.is_new else ""
            after = format_count(each.stars, "star")
            click.echo(printable(f"{each.sidecar}  ({new}{before} -> {after})"))
