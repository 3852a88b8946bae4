"""The command `imgsearch ask`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import NO_RESULT, info, print_paths
from imgsearch.cli.search import print_answer
from imgsearch.errors import Sentence
from imgsearch.features.ask.operations import Questions
from imgsearch.features.ask.records import QuestionAnswer
from imgsearch.records.answer import Answer
from imgsearch.text import printable


@click.command("ask")
@asks(
    Questions.ask,
    click.option("--paths", is_flag=True, help="Print nothing but the paths of the photos."),
    question="QUESTION",
)
def command(asked: Asked[QuestionAnswer], paths: bool) -> None:
    """Answer QUESTION in one sentence, with the photos that the answer rests on.

    \b
      imgsearch ask "When did we last go skiing?"
      imgsearch ask "How often was I in Lisbon?" --json
      imgsearch ask "Who was at the wedding?" -k 5

    It can be about when, where, how often, how long, which years, who, how many photos, how many
    countries, or whether something ever was. The answer follows by rules from dates, places and
    names, and from what photos seem to show, which is said with "it seems". What cannot be read
    from these is refused, such as a colour or a price. Exit code 1 means that there is no answer.
    """
    if paths and asked.as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    found = asked.print(_print_paths if paths else _print)
    for remark in found.remarks:
        info(Sentence.with_lines(remark, found.remark_commands))
    if not found.is_answered:
        sys.exit(NO_RESULT)


def _print_paths(found: QuestionAnswer) -> None:
    print_paths([hit.path for hit in found.hits], nul=False)


def _print(found: QuestionAnswer) -> None:
    click.echo(printable(found.sentence))
    print_answer(Answer(found.hits))
