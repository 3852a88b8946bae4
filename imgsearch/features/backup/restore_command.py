"""`imgsearch restore`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    PATH,
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.backup.counting import counted, title_of
from imgsearch.features.backup.records import RestoreReport
from imgsearch.text import format_count, printable, shell_word

_SHOWN_DIFFERENCES = 20


@click.command("restore")
@click.argument("file", type=PATH)
@click.option("--dry-run", is_flag=True, help="Only print what would come into the library.")
@json_option
@archive_option
@data_option
def command(
    file: str, dry_run: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    """Merge FILE, a backup that imgsearch backup or the library itself has made, into the library.

    \b
      imgsearch restore photos.jsonl.gz --dry-run
      imgsearch restore photos.jsonl.gz

    What the library lacks is added. What is different there stays, and is listed. Decisions about
    faces, concepts and saved searches say when they were made, so of these the later one counts.
    Photos are known by their content; of photos that the library does not have yet, the rest comes
    when they are indexed and FILE is restored again. To restore FILE again changes nothing. Faces
    get their names also where they are found later.

    imgsearch undo takes back albums, marks, people, corrections and titles that were restored.
    """
    with open_either(data_dir, address) as library:
        report = library.backups.restore(file, dry_run=dry_run)
    if as_json:
        print_json(report)
        return
    _print(file, report)


def _print(file: str, report: RestoreReport) -> None:
    added, changed = counted(report.added), counted(report.changed)
    if not added and not changed:
        click.echo("Nothing of the backup is missing in the library.")
    if added:
        click.echo(f"{'Would be added' if report.dry_run else 'Added'}: {added}")
    if changed:
        click.echo(f"{'Would be changed' if report.dry_run else 'Changed'}, as later: {changed}")
    if report.kept:
        click.echo(f"Different here, and not changed: {counted(report.kept)}")
        for each in report.differences[:_SHOWN_DIFFERENCES]:
            click.echo(
                printable(
                    f"  {title_of(each.kind)}, {each.about}: {each.here}; in the backup: "
                    f"{each.in_backup}"
                )
            )
    if report.unknown:
        kinds = ", ".join(f"{number:,} {kind!r}" for kind, number in report.unknown.items())
        info(f"Left out, since this installation does not know them: {kinds}. Update imgsearch.")
    if report.waiting:
        info(
            Sentence(
                f"{format_count(report.missing_photos, 'photo')} of the backup "
                f"{'is' if report.missing_photos == 1 else 'are'} not in this library "
                f"({counted(report.waiting)}). Add their folder and restore again: ",
                CommandLine("index FOLDER"),
            )
        )
    if report.dry_run:
        info(Sentence("To restore it: ", CommandLine(f"restore {shell_word(file)}")))
    elif report.change_id is not None:
        info(Sentence("To undo this: ", CommandLine(f"undo {report.change_id}")))
