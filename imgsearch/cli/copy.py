"""`imgsearch copy`."""

from __future__ import annotations

import click

from imgsearch.cli.output import data_option, info, json_option, open_archive, print_json
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, Sentence
from imgsearch.text import format_count, printable


@click.command("copy")
@click.option(
    "--to",
    "address",
    metavar="ADDRESS",
    required=True,
    help="The archive: a folder, or s3://BUCKET/NAME. It is created if it does not exist.",
)
@click.option(
    "--faces",
    is_flag=True,
    help="Also copy faces and persons: biometric data, for everybody who can read the archive.",
)
@json_option
@data_option
def command(address: str, faces: bool, as_json: bool, data_dir: str | None) -> None:
    """Copy everything that the library knows about its photos to an archive, without embedding.

    \b
      imgsearch copy --to s3://index/archive
      imgsearch search "a ferry at dawn" --library s3://index/archive

    An archive has vectors, facts, paths, the text in pictures, thumbnails, the list of unreadable
    files, and what people make: favourites, stars, hidden photos, and whatever else an archive
    shares (docs/scale.md). Many machines search it at once. Faces and persons are copied with
    --faces. The photos and the library stay as they are.

    Photos that the archive has already are not copied again, so a stopped copy continues. Changed
    facts and marks replace older ones; other things that people have changed in the archive since
    stay as they are there.
    """
    with open_archive(address, data_dir) as archive:
        job = archive.fleet.copy_from(archive.settings.data_dir, faces=faces)
        report = run_with_progress(job, "Copying")
    if as_json:
        print_json(report)
        return
    click.echo(
        f"{format_count(report.photos, 'photo')} ({report.new} new there, "
        f"{format_count(report.files, 'file')}), {format_count(report.texts, 'text')} and "
        f"{format_count(report.failures, 'failure')} in {report.seconds:.1f} s: "
        f"{printable(address)}"
    )
    if faces:
        info(
            Sentence(
                f"{format_count(report.faces, 'face')} came with them. ",
                CommandLine("people"),
                " lists persons",
            )
        )
    if report.reread:
        photos = format_count(report.reread, "photo")
        info(f"The metadata of {photos} there changed with the library's.")
    if report.marked:
        photos = format_count(report.marked, "photo")
        info(f"The marks of {photos} there (favourite, stars, hidden) are now the library's.")
    if report.made:
        changes = format_count(report.made, "change")
        info(f"What people made in the library, such as albums and labels, came too: {changes}.")
    if report.lacking:
        photos = format_count(report.lacking, "photo")
        info(
            Sentence(
                f"Left out: {photos} without vectors of the archive's encoder. To make them: ",
                CommandLine("rebuild --encoder NAME"),
            )
        )
