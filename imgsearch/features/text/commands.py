"""`imgsearch read-text`."""

from __future__ import annotations

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    PATH,
    archive_option,
    complete_folder,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, Sentence
from imgsearch.text import format_count


@click.command("read-text")
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=PATH, shell_complete=complete_folder
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also read photos that show no text in a small copy.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Read again the photos that another version of the reader has read.",
)
@json_option
@archive_option
@data_option
def command(
    folders: tuple[str, ...],
    everything: bool,
    again: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Read the text in indexed photos: signs, receipts, screenshots, whiteboards.

    \b
      imgsearch read-text
      imgsearch search 'text:"table 12"'

    Each photo is read once, photos that are likely to have text first. Photos that show no text in
    a small copy are skipped. Without FOLDER, photos of all folders are read. You can stop at any
    time with Ctrl-C; the next run continues from there. Everything happens on this machine. The
    command needs the extra ocr; docs/text.md describes the details.

    With --library, the photos are those of an archive; FOLDER may also be s3://BUCKET/FOLDER.
    Photos in object storage are fetched.
    """
    with open_either(data_dir, address) as library:
        job = library.text.read(folders, everything=everything, again=again)
        report = run_with_progress(job, "Reading text", ends_soon=address is None)
        counts = library.text.counts()
    if as_json:
        print_json({**asdict(report), "library": counts})
        return
    click.echo(
        f"{report.read} with text, {report.none} without, {report.failed} failed, "
        f"{report.unreached} not reached in {report.seconds:.1f} s"
    )
    if report.unreached:
        info("Photos are offline, or have changed since they were indexed. They are tried again.")
    if report.below_gate:
        info(
            Sentence(
                "Skipped because a small copy shows no text: "
                f"{format_count(report.below_gate, 'photo')}. To read them as well: ",
                CommandLine("read-text --all"),
            )
        )
    if counts.read:
        photos = format_count(counts.read, "photo")
        info(
            Sentence(
                f"Text was found in {photos} so far. Search it: ", CommandLine("search text:exit")
            )
        )
