"""Prints what a restored backup has changed, for the commands that restore one."""

from __future__ import annotations

import click

from imgsearch.cli.output import info
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.backup.counting import counted, title_of
from imgsearch.features.backup.records import RestoreReport
from imgsearch.text import format_count, printable

_SHOWN_DIFFERENCES = 20


def print_report(report: RestoreReport, command: Sentence) -> None:
    """Print a report, and what to do next; `command` does it, after a dry run."""
    added, changed = counted(report.added), counted(report.changed)
    if not added and not changed:
        click.echo("Nothing of it is missing in the library.")
    if added:
        click.echo(f"{'Would be added' if report.dry_run else 'Added'}: {added}")
    if changed:
        click.echo(f"{'Would be changed' if report.dry_run else 'Changed'}, as later: {changed}")
    if report.kept:
        click.echo(f"Different here, and not changed: {counted(report.kept)}")
        for each in report.differences[:_SHOWN_DIFFERENCES]:
            click.echo(
                printable(
                    f"  {title_of(each.kind)}, {each.about}: {each.here}; there: {each.in_backup}"
                )
            )
    if report.unknown:
        kinds = ", ".join(f"{number:,} {kind!r}" for kind, number in report.unknown.items())
        info(f"Left out, since this installation does not know them: {kinds}. Update imgsearch.")
    if report.waiting:
        info(
            Sentence(
                f"{format_count(report.missing_photos, 'photo')} of it "
                f"{'is' if report.missing_photos == 1 else 'are'} not in this library "
                f"({counted(report.waiting)}). Add their folder and restore again: ",
                CommandLine("index FOLDER"),
            )
        )
    if report.dry_run:
        info(Sentence("To do it: ", command))
    elif report.change_id is not None:
        info(Sentence("To undo this: ", CommandLine(f"undo {report.change_id}")))
