"""`imgsearch unpack`."""

from __future__ import annotations

import sys

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
from imgsearch.errors import CommandLine, PhotosNotFound, Sentence
from imgsearch.features import installed
from imgsearch.progress import MergeReport
from imgsearch.text import format_count


@click.command("unpack")
@click.argument("pack", type=PATH)
@click.option(
    "--at",
    metavar="FOLDER",
    type=PATH,
    shell_complete=complete_folder,
    help="Folder with the photos of the pack. Default: search for it.",
)
@click.option("--offline", is_flag=True, help="The folder of --at is not connected now.")
@click.option(
    "--beside",
    is_flag=True,
    help="Also merge a pack of another model; its vectors are stored but not searched.",
)
@click.option(
    "--faces",
    is_flag=True,
    help="With --library, also merge faces and persons: biometric data, for everybody who can "
    "read the archive. A library always takes them.",
)
@json_option
@archive_option
@data_option
def command(
    pack: str,
    at: str | None,
    offline: bool,
    beside: bool,
    faces: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Merge PACK, a file written by imgsearch pack, into the library.

    \b
      imgsearch unpack holidays.imgsearch --at /mnt/nas/Holidays
      imgsearch unpack /media/drive              (a folder that carries its pack)

    Photos are recognised by their content, so none is added twice. Facts and texts that were read
    later win. You can stop at any time with Ctrl-C; run the command again to continue. Photos are
    never changed.

    Without --at, imgsearch searches for the photos: in the folder that carries the pack, on the
    drive of the packed folder, in the folders of the library, and next to the pack. On a terminal
    it asks for the folder if it does not find them.

    With --library, PACK is merged into an archive. What that has stays: the facts of its photos,
    and the photos at its paths. Files that are not there are left out.
    """
    if faces and address is None:
        raise click.UsageError("--faces belongs to --library: a library always takes faces.")
    with open_either(data_dir, address, updates_copy=False) as library:

        def merge(folder: str | None) -> MergeReport:
            job = library.packs.merge(pack, at=folder, offline=offline, beside=beside, faces=faces)
            return run_with_progress(job, "Merging")

        try:
            report = merge(at)
        except PhotosNotFound as error:
            if at is not None or not sys.stdin.isatty():
                raise
            info(error.sentence)
            report = merge(click.prompt("Folder with the photos", err=True))
    if as_json:
        printed = {**asdict(report), "folder": str(report.folder)}
        of_features = printed.pop("of_features")
        added = {
            packs.key or name: of_features.get(name, 0) for name, packs in installed.packs().items()
        }
        print_json({**printed, **added})
        return
    click.echo(
        f"{format_count(report.photos, 'photo')} in the pack: {report.new} new, "
        f"{report.newer_facts} with newer facts, {report.embedded} with new vectors, "
        f"{report.texts} with new text; {format_count(report.files, 'file')} added in "
        f"{report.folder} in {report.seconds:.1f} s"
    )
    if any(report.of_features.values()):
        counts = []
        for name, packs in installed.packs().items():
            number = report.of_features.get(name, 0)
            counts.append(f"{number:,} {packs.title[number != 1]}")
        info(f"Also added: {', '.join(counts)}.")
    if report.marks:
        info(
            f"Also added: {format_count(report.marks, 'mark')} (favourites, stars, hidden photos)."
        )
    if report.faces:
        info(
            Sentence(
                f"Also added: {format_count(report.faces, 'face')}. To see persons: ",
                CommandLine("people"),
            )
        )
    if report.missing:
        lost = (
            Sentence(
                "Their data is stored for a month; ",
                CommandLine("index FOLDER"),
                " finds them in another place.",
            )
            if address is None
            else "They were left out."
        )
        info(
            Sentence(
                "Not there, of another size, or no photo of this folder: "
                f"{format_count(report.missing, 'file')}. ",
                lost,
            )
        )
    if report.to_verify:
        reading = CommandLine("index" if address is None else "index FOLDER")
        info(
            Sentence(
                "Changed since, or copied without their time: "
                f"{format_count(report.to_verify, 'file')}. The next ",
                reading,
                " reads them.",
            )
        )
    if report.beside:
        info(f"Stored but not searched: vectors of {', '.join(report.beside)}.")
