"""`imgsearch pack`."""

from __future__ import annotations

import sys

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    INTERRUPTED,
    PATH,
    archive_option,
    complete_folder,
    data_option,
    json_option,
    open_either,
    open_library,
    print_error,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.features import installed
from imgsearch.progress import Job, PackReport
from imgsearch.text import format_count, printable

# "albums, ", behind which the list goes on.
_OF_FEATURES = "".join(f"{packs.title[1]}, " for packs in installed.packs().values())


@click.command("pack")
@click.argument("folder", required=False, type=PATH, shell_complete=complete_folder)
@click.argument("pack", required=False, type=PATH)
@click.option(
    "--inside",
    is_flag=True,
    help="Let FOLDER carry its pack: write it to FOLDER/.imgsearch/photos.imgsearch.",
)
@click.option(
    "--photos-only",
    is_flag=True,
    help=f"Leave out {_OF_FEATURES}favourites and stars.",
)
@click.option(
    "--faces",
    is_flag=True,
    help="Include faces, which are biometric data, and the names that you gave them.",
)
@click.option(
    "--verify", "to_verify", metavar="PACK", type=PATH, help="Only read a pack and check it."
)
@json_option
@archive_option
@data_option
def command(
    folder: str | None,
    pack: str | None,
    inside: bool,
    photos_only: bool,
    faces: bool,
    to_verify: str | None,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Write all data about the photos below FOLDER into the file PACK.

    \b
      imgsearch pack ~/Pictures/Holidays holidays.imgsearch
      imgsearch unpack holidays.imgsearch --at /mnt/nas/Holidays     (on another machine)

    A pack has vectors, facts, names, text in pictures and thumbnails, not the photos themselves.
    What people made is included, except with --photos-only, as far as it concerns some of the
    photos: favourites, stars and the like. Hidden photos stay hidden. Faces and
    persons are included only with --faces: whoever has them can recognise these persons elsewhere.
    imgsearch unpack merges the pack into another library, where nothing has to be embedded again.
    The file is an SQLite database; docs/packs.md describes it. It is written completely or not at
    all: an existing pack stays until the new one is complete.

    PACK may not be in a photo folder, where imgsearch writes nothing except with --inside.

    With --library, an archive has the photos; FOLDER may also be s3://BUCKET/FOLDER.
    """
    if to_verify is not None:
        if folder or inside or photos_only or faces:
            raise click.UsageError("--verify takes a pack and nothing else.")
        _verify(to_verify, as_json, data_dir)
        return
    if folder is None:
        raise click.UsageError("Name the folder of the photos, and the file of the pack.")
    if (pack is None) != inside:
        raise click.UsageError("Name the file of the pack or use --inside, not both.")
    if address is not None and inside:
        raise click.UsageError("--inside needs a library on this machine: name the file instead.")
    with open_either(data_dir, address) as library:
        job = library.packs.make(folder, pack, inside=inside, photos_only=photos_only, faces=faces)
        report = _run(job)
    if as_json:
        print_json({**asdict(report), "file": str(report.file)})
        return
    photos, files = format_count(report.photos, "photo"), format_count(report.files, "file")
    size_mb = report.size_bytes / 1e6
    click.echo(
        f"{photos} ({files}), {size_mb:.1f} MB in {report.seconds:.1f} s: {printable(report.file)}"
    )


def _run(job: Job[PackReport]) -> PackReport:
    try:
        return run_with_progress(job, "Packing")
    except KeyboardInterrupt:
        print_error("Stopped. The pack was not written; an existing one is unchanged.")
        sys.exit(INTERRUPTED)


def _verify(pack: str, as_json: bool, data_dir: str | None) -> None:
    with open_library(data_dir) as library:
        info = run_with_progress(library.packs.verify(pack), "Verifying")
    if as_json:
        printed = {**asdict(info), "made_at": info.made_at.isoformat()}
        of_features = printed.pop("of_features")
        packed = {
            packs.key or name: of_features.get(name, ())
            for name, packs in installed.packs().items()
        }
        print_json({**printed, **packed})
        return
    encoders = ", ".join(encoder.encoder_id for encoder in info.encoders) or "none"
    click.echo(
        f"The pack is whole: {format_count(info.photos, 'photo')} "
        f"({format_count(info.files, 'file')}) of {printable(info.folder)}, made on "
        f"{info.made_at:%Y-%m-%d} by {printable(info.made_by)}; vectors of {printable(encoders)}"
    )
    if info.has_faces:
        named = [printable(each.name) for each in info.persons if each.name is not None]
        click.echo(f"It carries faces. Persons with a name: {', '.join(named) or 'none'}")
