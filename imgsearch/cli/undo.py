"""`imgsearch undo`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info, json_option, print_json
from imgsearch.operations.changes import ChangeHistory
from imgsearch.records.changes import Change
from imgsearch.text import printable

_LISTED = 20


@click.command("undo")
@asks(
    ChangeHistory.undo,
    click.option(
        "--redo", is_flag=True, help="Do the change again that was undone last, or CHANGE."
    ),
    click.option(
        "--list", "is_listed", is_flag=True, help="List the last changes, the newest first."
    ),
    json_option,
    change_id="[CHANGE]",
)
def command(asked: Asked[Change], redo: bool, is_listed: bool) -> None:
    """Undo the last change of anything that people make: marks, persons, dates, places and others.

    \b
      imgsearch undo
      imgsearch undo --list
      imgsearch undo 12
      imgsearch undo --redo

    Run again, it undoes the change before. CHANGE is the number of a change in the list; while a
    later change of the same photos or names counts, that one is undone first. A new change
    ends the list of undone ones, which --redo does again. The library keeps the last thousand
    changes. With --library, the changes are those of the persons of
    an archive, by whomever.
    """
    if not is_listed:
        change = asked.of(ChangeHistory.redo) if redo else asked.answer()
        if asked.as_json:
            print_json(change)
        else:
            click.echo(printable(f"{'Done again' if redo else 'Undone'}: {change.title}"))
        return
    changes = asked.of(ChangeHistory.all)
    if asked.as_json:
        print_json(changes)
    else:
        for each in changes[:_LISTED]:
            moment = each.changed_at.astimezone().strftime("%Y-%m-%d %H:%M")
            undone = "  (undone)" if each.undone else ""
            click.echo(printable(f"{each.id:>5}  {moment}  {each.title}{undone}"))
    if not changes:
        info("Nothing was changed yet: no mark, no person, and nothing else.")
        sys.exit(NO_RESULT)
