"""`imgsearch duplicates`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    NO_RESULT,
    PATH,
    archive_option,
    complete_folder,
    data_option,
    info,
    json_option,
    open_either,
    print_bytes,
    print_json,
    print_paths,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, DiskError, Sentence
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.features.duplicates.records import DuplicateGroup, GroupedPhoto


@click.command("duplicates")
@click.option(
    "--min-score",
    metavar="SCORE",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="How similar two photos must be; 1 is the same picture.",
)
@click.option(
    "--prefer",
    metavar="FOLDER",
    multiple=True,
    type=PATH,
    shell_complete=complete_folder,
    help="Keep the photos in this folder. May be given several times, the best first.",
)
@click.option("--list", "as_list", is_flag=True, help="Print the paths of photos not to keep.")
@click.option("-0", "nul", is_flag=True, help="With --list: end each path with NUL, for xargs -0.")
@click.option(
    "--script", is_flag=True, help="Print a shell script that moves photos not to keep, for review."
)
@json_option
@archive_option
@data_option
def command(
    min_score: float,
    prefer: tuple[str, ...],
    as_list: bool,
    nul: bool,
    script: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Find photos that are nearly the same: bursts, edits, smaller versions.

    \b
      imgsearch duplicates
      imgsearch duplicates --min-score 0.98 --prefer ~/Pictures/Best
      imgsearch duplicates --script > move.sh
      sh move.sh --trash
      imgsearch duplicates --library s3://index/archive --list

    For each group, imgsearch proposes to keep one photo or more, with the reason: it is in a
    preferred folder, is a RAW file, is larger, sharper, older or lighter, or is not in a folder of
    copies or downloads. A photo is proposed for removal only if it resembles a photo to keep.

    imgsearch touches no photo. --script prints a shell script to read and to run: it lists its
    moves, makes them with --trash or --to DIR, and skips files that have changed. No script moves
    photos in object storage: use --list for them. Exact copies of a file are one photo with several
    paths; all paths of a photo are kept or moved together.

    Exit code 1 means that no photos are this similar.
    """
    if as_list + script + as_json > 1:
        raise click.UsageError("Choose one of --list, --script and --json.")
    if nul and not as_list:
        raise click.UsageError("-0 needs --list.")
    with open_either(data_dir, address) as opened:
        pairs = run_with_progress(opened.duplicates.find(min_score), "Comparing photos")
        try:
            opened.duplicates.remember(pairs)  # for the page, and for programs
        except DiskError as error:
            info(error.sentence)
        groups = opened.duplicates.groups(pairs, min_score, prefer)
    if as_json:
        print_json(groups)
    elif as_list:
        from imgsearch.features.duplicates.removal_script import removal_paths

        print_paths(removal_paths(groups), nul)
    elif script and groups:
        from imgsearch.features.duplicates.removal_script import removal_script

        print_bytes(removal_script(groups))
    else:
        for number, group in enumerate(groups, 1):
            click.echo(f"Group {number}")
            for photo in group.photos:
                click.echo(f"  {_line(photo)}")
    if not groups:
        info("No photos are this similar. For more, lower --min-score.")
        sys.exit(NO_RESULT)
    _summary(groups, is_list=not (as_json or as_list or script))


def _line(photo: GroupedPhoto) -> str:
    """Return the line of a photo: keep or not, its score with a kept photo, path and reason."""
    hit = photo.hit
    marks = [photo.reason]
    if len(hit.paths) > 1:
        marks.append(f"and {len(hit.paths) - 1} more of the same")
    if hit.offline:
        marks.append("offline")
    if hit.missing:
        marks.append("missing")
    score = "" if photo.score is None else f"{photo.score:.3f}"
    choice = "keep" if photo.keep else "remove"
    return f"{choice:6}  {score:5}  {printable(hit.path)}  ({'; '.join(marks)})"


def _summary(groups: Sequence[DuplicateGroup], is_list: bool) -> None:
    others = [photo.hit.photo for group in groups for photo in group.others]
    size_mb = sum(photo.size_bytes for photo in others) / 1e6
    info(
        f"{format_count(len(groups), 'group')}; not kept: {format_count(len(others), 'photo')}, "
        f"{size_mb:.1f} MB. Nothing was changed."
    )
    if is_list:
        info(Sentence("To print a script that moves them: ", CommandLine("duplicates --script")))
