"""`imgsearch index`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    PATH,
    archive_option,
    complete_encoder,
    complete_folder,
    data_option,
    info,
    json_option,
    open_archive,
    open_library,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, EncoderUnavailable, Sentence
from imgsearch.progress import SyncReport
from imgsearch.text import format_count


@click.command("index")
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=PATH, shell_complete=complete_folder
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="Model of a new library, see imgsearch encoders.",
    shell_complete=complete_encoder,
)
@click.option(
    "--accept-removals",
    is_flag=True,
    help="Remove photos on hold as missing, because you deleted them on purpose.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Read every file, to find edits that changed neither size nor time.",
)
@click.option(
    "--metadata",
    is_flag=True,
    help="Then reread dates, places, people, titles and keywords of all photos, also from files "
    "beside them. Embeds nothing.",
)
@click.option(
    "--thumbnails",
    is_flag=True,
    help="Then make missing thumbnails.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="With --library: let the machines of this Ray cluster embed, HOST:PORT, or auto for the "
    "one that runs here. Default: this machine alone.",
)
@archive_option
@json_option
@data_option
def command(
    folders: tuple[str, ...],
    encoder: str | None,
    accept_removals: bool,
    verify: bool,
    metadata: bool,
    thumbnails: bool,
    ray: str | None,
    address: str | None,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Add photo folders, and update the library to match the disk.

    Without FOLDER, all folders of the library are updated, or with --library all that this machine
    has indexed into the archive. Only new and changed photos are read; a photo that moved is
    recognised by its content. You can stop at any time with Ctrl-C; the next run continues from
    there. Photos are never changed.

    If the model of a new library has to be downloaded, the photos are first indexed with lite, and
    can be searched meanwhile. The model takes over when it has embedded all of them.

    The photos of a drive that is not connected are offline and stay in the library. If more than a
    fifth of the photos of a folder disappear at once, they are marked as missing, and stay in
    the library until you run this with --accept-removals, or until they return.

    \b
      imgsearch index s3://photos/archive --library s3://index/archive --ray auto

    With --library, FOLDER may also be s3://BUCKET/FOLDER, and the photos go into an archive, which
    is created if it does not exist (docs/scale.md).
    """
    if address is not None:
        if verify or thumbnails:
            raise click.UsageError("--verify and --thumbnails cannot be used with --library.")
        _index_archive(address, folders, ray, encoder, accept_removals, metadata, as_json, data_dir)
        return
    if ray is not None or any(folder.startswith("s3://") for folder in folders):
        raise click.UsageError(
            "--ray and s3:// need an archive. Say where it is: --library s3://BUCKET/NAME, or a "
            "folder."
        )
    with open_library(data_dir, encoder) as library:
        job = library.index(folders, accept_removals=accept_removals, verify=verify)
        report = run_with_progress(job, "Indexing", ends_soon=True)
        if metadata:
            reread = run_with_progress(library.upkeep.read_metadata(), "Reading metadata")
            photos = format_count(reread.read, "photo")
            info(
                f"Read the metadata of {photos}: {reread.changed} changed, {reread.failed} could "
                "not be read now."
            )
        if thumbnails:
            made = run_with_progress(library.upkeep.make_thumbnails(), "Making thumbnails")
            info(
                f"Made {format_count(made.made, 'thumbnail')}; could not be read now: "
                f"{format_count(made.failed, 'photo')}. Stored in total: "
                f"{format_count(made.kept, 'thumbnail')}."
            )
        library.upkeep.look_after()
    if as_json:
        print_json(report)
        _end_without(encoder, report)
        return
    click.echo(
        _counted(
            report,
            (report.new, "new"),
            (report.moved - report.copied, "moved"),
            (report.copied, "copied"),
            (report.unchanged, "unchanged"),
            (report.gone, "gone"),
            (report.missing, "missing"),
            (report.offline, "offline"),
            (report.failed, "failed"),
        )
    )
    _say_what_was_read_again(report)
    if report.failed:
        info(Sentence("To see why photos failed: ", CommandLine("failures")))
    if report.photos:
        photos = format_count(report.photos, "photo")
        info(
            Sentence(
                f"The library has {photos}. Search it: ", CommandLine("search 'a dog in snow'")
            )
        )
    else:
        info(Sentence("No photos found. Name a folder with photos: ", CommandLine("index FOLDER")))
    _end_without(encoder, report)


def _end_without(encoder: str | None, report: SyncReport) -> None:
    """End with an error's exit code if the encoder that this command named could not be had."""
    if encoder is not None and report.awaited:
        raise SystemExit(EncoderUnavailable.exit_code)


def _index_archive(
    address: str,
    sources: tuple[str, ...],
    ray: str | None,
    encoder: str | None,
    accept_removals: bool,
    metadata: bool,
    as_json: bool,
    data_dir: str | None,
) -> None:
    with open_archive(address, data_dir, encoder) as archive:
        if metadata:
            job = archive.fleet.read_metadata(sources, ray=ray, accept_removals=accept_removals)
        else:
            job = archive.index(sources, ray=ray, accept_removals=accept_removals)
        report = run_with_progress(job, "Indexing")
    if as_json:
        print_json(report)
        return
    click.echo(
        _counted(
            report,
            (report.new, "new"),
            (report.moved, "known by their content"),
            (report.unchanged, "unchanged"),
            (report.gone, "gone"),
            (report.missing, "missing"),
            (report.failed, "failed"),
        )
    )
    if report.failed:
        info(Sentence("To see why photos failed: ", CommandLine("failures")))
    if metadata:
        photos = format_count(report.reread, "photo")
        info(f"Read the metadata again: it changed for {photos}.")
    else:
        _say_what_was_read_again(report)


def _counted(report: SyncReport, *counts: tuple[int, str]) -> str:
    """Return the counts of a run that are not 0: "3 new, 21 unchanged in 1.2 s"."""
    parts = [f"{count} {what}" for count, what in counts if count]
    return f"{', '.join(parts) or 'nothing new'} in {report.seconds:.1f} s"


def _say_what_was_read_again(report: SyncReport) -> None:
    if report.reread:
        photos = format_count(report.reread, "photo")
        info(f"Updated the metadata of {photos} from sidecar files.")
