"""`imgsearch evaluate`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    PATH,
    data_option,
    info,
    json_option,
    no_archive_option,
    open_library,
    print_json,
)
from imgsearch.text import format_count


@click.command("evaluate")
@click.option(
    "--captions",
    metavar="FILE",
    type=PATH,
    required=True,
    help="CSV file with a photo and a caption in each line.",
)
@json_option
@no_archive_option("evaluation by captions")
@data_option
def command(captions: str, as_json: bool, data_dir: str | None) -> None:
    """Measure how well the library finds photos by captions that you wrote for them.

    FILE is a CSV file with the columns photo,caption, with or without a header. A photo is a path,
    or a file name that only one photo of the library has. It may have several captions.

    R@5 is the share of captions whose photo is among the first five results. "Kept" is the share
    whose photo is shown and not hidden as weak.
    """
    with open_library(data_dir) as library:
        result = library.encoders.evaluate(captions)
    if as_json:
        print_json(result)
        return
    captions = format_count(result.captions, "caption")
    click.echo(f"{captions}, searched among {format_count(result.photos, 'photo')}")
    click.echo(
        f"R@1 {result.recall_at_1:.1%}   R@5 {result.recall_at_5:.1%}   "
        f"R@10 {result.recall_at_10:.1%}   median rank {result.median_rank:g}"
    )
    if result.kept is not None:
        click.echo(f"Kept {result.kept:.1%}")
    click.echo(f"The index finds {result.index_recall:.1%} of the ten best")
    if result.unknown:
        captions = format_count(result.unknown, "caption")
        info(f"Left out, because their photos are not in the library: {captions}.")
