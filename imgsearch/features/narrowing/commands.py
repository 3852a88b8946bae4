"""The command `imgsearch narrow`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info
from imgsearch.features.narrowing.operations import FEW, Narrowing
from imgsearch.features.narrowing.records import NarrowingQuestions
from imgsearch.text import format_count, printable


@click.command("narrow")
@asks(Narrowing.questions)
def command(asked: Asked[NarrowingQuestions]) -> None:
    """Ask up to three questions for yes or no that split the answer to QUERY best.

    \b
      imgsearch narrow "a dog"
      imgsearch narrow country:Italy --json

    Each line has a question, and the filters to add to the query for yes and for no, with their
    numbers of photos. Exit code 1 means that there is no question: the answer has 40 photos or
    fewer, or they do not differ in what is known of them.
    """
    narrowed = asked.print(_print)
    if narrowed.questions:
        return
    photos = format_count(narrowed.photos, "photo")
    if narrowed.photos <= FEW:
        info(f"The answer has {photos}. Questions are asked about more than {FEW}.")
    else:
        info(f"Nothing that is known of the {photos} splits them.")
    sys.exit(NO_RESULT)


def _print(narrowed: NarrowingQuestions) -> None:
    for each in narrowed.questions:
        answers = f"yes: {each.yes} ({each.photos:,})   no: {each.no} ({each.others:,})"
        click.echo(printable(f"{each.question}   {answers}"))
