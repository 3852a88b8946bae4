"""`imgsearch search`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json, printable, say

if TYPE_CHECKING:
    from imgsearch.records import Hit

NO_RESULT = 1  # exit code


@click.command("search", short_help="Find photos by words, by an example image, or both.")
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option("--image", metavar="FILE", type=click.Path(), help="An example: find photos like it.")
@click.option("-k", "k", metavar="N", default=20, show_default=True, help="How many results.")
@click.option("--paths", is_flag=True, help="Print paths only, one a line, for pipes.")
@click.option("-0", "zero", is_flag=True, help="With --paths: end each with NUL, for xargs -0.")
@json_option
@data_option
def command(
    words: tuple[str, ...],
    image: str | None,
    k: int,
    paths: bool,
    zero: bool,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Find photos by words, by an example image, or by both together.

    \b
      imgsearch search "two kids jumping into a lake"
      imgsearch search --image beach.jpg -k 5
      imgsearch search "at night" --image bridge.jpg
      imgsearch search "a red car" --paths -0 | xargs -0 ls -l

    Each result has a score: the cosine similarity of photo and query, higher is better. Scores of
    words and of example images lie on different scales. Exit code 1 means no result.
    """
    if paths and as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    if zero and not paths:
        raise click.UsageError("-0 goes with --paths.")
    if not words and image is None:
        raise click.UsageError(
            "Say what to look for: imgsearch search 'a dog in snow', or --image FILE."
        )
    with open_library(data_dir) as library:
        hits = library.search(" ".join(words) if words else None, image=image, k=k)
    if as_json:
        print_json([as_record(rank, hit) for rank, hit in enumerate(hits, 1)])
    elif paths:
        end = b"\0" if zero else b"\n"
        sys.stdout.buffer.write(b"".join(os.fsencode(hit.path) + end for hit in hits))
        sys.stdout.buffer.flush()
    else:
        print_hits(hits)
    if not hits:
        say("The library has no photos yet. Fill it: imgsearch index FOLDER")
        sys.exit(NO_RESULT)


def as_record(rank: int, hit: Hit) -> dict[str, object]:
    """A hit as the JSON that docs/cli.md promises."""
    taken_at = hit.photo.taken_at
    return {
        "rank": rank,
        "score": None if hit.score is None else round(hit.score, 4),
        "path": str(hit.path),
        "paths": [str(path) for path in hit.paths],
        "photo_id": hit.photo.id,
        "taken_at": None if taken_at is None else taken_at.isoformat(),
        "width_px": hit.photo.width_px,
        "height_px": hit.photo.height_px,
        "offline": hit.offline,
        "missing": hit.missing,
    }


def print_hits(hits: Sequence[Hit]) -> None:
    """Ranked results for people: rank, score, path, and what sets a photo apart."""
    for rank, hit in enumerate(hits, 1):
        marks = []
        if len(hit.paths) > 1:
            marks.append(f"and {len(hit.paths) - 1} more of the same")
        if hit.offline:
            marks.append("offline")
        if hit.missing:
            marks.append("missing")
        mark = f"  ({', '.join(marks)})" if marks else ""
        score = "     -" if hit.score is None else f"{hit.score:6.3f}"
        click.echo(f"{rank:3}  {score}  {printable(hit.path)}{mark}")
