"""`imgsearch evaluate`."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json, say


@click.command("evaluate", short_help="Measure how well your photos are found by captions.")
@click.option(
    "--captions",
    metavar="FILE",
    type=click.Path(),
    required=True,
    help="CSV with a photo and a caption in each line.",
)
@json_option
@data_option
def command(captions: str, as_json: bool, data_dir: str | None) -> None:
    """Measure how well photos of the library are found by captions that you wrote for them.

    FILE is CSV, with or without a first line that names its columns: photo,caption. A photo is a
    path, or a file name that only one photo of the library has; it may have several captions.

    R@5 is the share of captions whose own photo is among the first five. "Kept" is the share whose
    photo is shown rather than folded away as weak.
    """
    with open_library(data_dir) as library:
        found = library.evaluate(captions)
    if as_json:
        print_json(asdict(found))
        return
    click.echo(f"{found.captions} captions, each to be found among {found.photos} photos")
    click.echo(
        f"R@1 {found.recall_at_1:.1%}   R@5 {found.recall_at_5:.1%}   "
        f"R@10 {found.recall_at_10:.1%}   median rank {found.median_rank:g}"
    )
    if found.kept is not None:
        click.echo(f"Kept {found.kept:.1%}")
    click.echo(f"The index finds {found.index_recall:.1%} of the ten best")
    if found.unknown:
        say(f"{found.unknown} captions are of photos that the library does not have.")
