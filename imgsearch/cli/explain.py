"""`imgsearch explain`."""

from __future__ import annotations

import os
import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info, print_json
from imgsearch.cli.terminal import standard_output
from imgsearch.errors import CommandLine, Sentence
from imgsearch.library import Library
from imgsearch.records.answer import Explanation
from imgsearch.records.names import name_of_field
from imgsearch.records.picture_text import TextLine
from imgsearch.records.worth import Worth
from imgsearch.text import format_count, printable

_SHOWN_LINES = 20


@click.command("explain")
@asks(Library.explain, photo="PATH")
def command(asked: Asked[Explanation]) -> None:
    """Explain the rank of the photo at PATH in the results of a query, or why it is missing.

    \b
      imgsearch explain ~/Pictures/beach.jpg "sunset -people after:2023"

    QUERY and its options are written as for imgsearch search. Exit code 1 means that the photo is
    not among the results.
    """
    with asked.open() as library:
        explanation = library.explain(**asked.arguments)
    if asked.as_json:
        print_json(explanation)
    else:
        _print(explanation)
    if asked.address is None and explanation.photo and not os.path.lexists(explanation.path):
        info(
            Sentence(
                "The file cannot be reached now. Connect its drive. If you deleted the file, "
                "update the library: ",
                CommandLine("index"),
            )
        )
    if explanation.reason is not None or not all(each.passes for each in explanation.filters):
        sys.exit(NO_RESULT)


def _print(explanation: Explanation) -> None:
    text = standard_output()
    text.print(text.path(explanation.path))
    if explanation.photo is None:
        click.echo(f"Not in the library. {printable(explanation.reason or '')}")
        return
    for label, value in explanation.photo.facts.shown():
        click.echo(f"{label:13} {printable(value)}")
    _print_text(explanation)
    if explanation.reason is not None:
        click.echo(f"Not among the results. {printable(explanation.reason)}")
    for each in explanation.filters:
        result = f"{'passes' if each.passes else 'FAILS':8}"
        coloured = text.styled(result, "green" if each.passes else "red")
        text.print(f"{coloured}{printable(each.filter)}")
    for name, remark in explanation.remarks:
        click.echo(printable(f"{name} {remark}"))
    if explanation.matched_by:
        names = ", ".join(map(name_of_field, explanation.matched_by))
        click.echo(f"Found by its {names}")
    if explanation.rank is not None:
        click.echo(f"Rank    {explanation.rank}")
    if explanation.worth is not None:
        _print_worth(explanation.worth)
    if explanation.score is not None:
        click.echo(f"Score   {explanation.score:.4f}, the sum of")
    for share in explanation.shares:
        click.echo(f"{share.share:+14.4f}  {printable(share.term)} (alone {share.cosine:.4f})")
    if explanation.hubness is not None:
        near = "nearer" if explanation.hubness < 0 else "less near"
        click.echo(f"{explanation.hubness:+14.4f}  {near} to all texts than the usual photo")


def _print_worth(worth: Worth) -> None:
    click.echo(f"Worth   {worth.points:+.2f}, the sum of")
    for reason in worth.reasons:
        click.echo(f"{reason.points:+14.2f}  {reason.name}: {reason.text}")
    if worth.better_twin is not None:
        text = standard_output()
        text.print(
            f"{'':8}It comes after photos without a better twin. Its better twin is "
            f"{text.path(worth.better_twin)}"
        )


def _print_text(explanation: Explanation) -> None:
    """Print the lines of text with the positions of their centres; a star marks matching lines."""
    text = explanation.text
    if text is None:
        return
    if not text.lines:
        why = "none found" if text.message is None else f"not read: {text.message}"
        click.echo(f"{'Text':13} {printable(why)}")
    for number, line in enumerate(_shown_lines(explanation)):
        heading = "Text" if number == 0 else ""
        across, down = line.x + line.width / 2, line.y + line.height / 2
        star = "*" if line in explanation.text_lines else " "
        where = f"{across:4.0%} across, {down:4.0%} down"
        click.echo(f"{heading:12}{star} {where}  {printable(line.text)}")
    if len(text.lines) > _SHOWN_LINES:
        rest = format_count(len(text.lines) - _SHOWN_LINES, "more line")
        click.echo(f"{'':13} and {rest}: see --json")


def _shown_lines(explanation: Explanation) -> list[TextLine]:
    """Return at most `_SHOWN_LINES` lines in their order, preferably matching ones."""
    lines = () if explanation.text is None else explanation.text.lines
    first = sorted(lines, key=lambda line: line not in explanation.text_lines)[:_SHOWN_LINES]
    return [line for line in lines if line in first][:_SHOWN_LINES]
