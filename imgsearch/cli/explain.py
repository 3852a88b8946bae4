"""`imgsearch explain`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, json_option, open_library, print_json
from imgsearch.cli.query_options import asked, question_options
from imgsearch.query.grammar import to_text
from imgsearch.records.query import Filter, Query, Term
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.records.answer import Explanation

NO_RESULT = 1  # exit code


@click.command("explain", short_help="Say why a photo is, or is not, in an answer.")
@click.argument("path", type=click.Path())
@click.argument("words", nargs=-1, metavar="[QUERY]")
@question_options
@json_option
@data_option
def command(path: str, words: tuple[str, ...], as_json: bool, data_dir: str | None) -> None:
    """Say why the photo at PATH is where it is in the answer to a query, or why it is not there.

    \b
      imgsearch explain ~/Pictures/beach.jpg "sunset -people after:2023"

    The query is the one of imgsearch search, with the same options. Exit code 1 means that the
    photo is not in the answer.
    """
    query = asked(words)
    with open_library(data_dir) as library:
        explanation = library.explain(path, query)
    if as_json:
        print_json(as_record(explanation))
    else:
        _print(explanation)
    if explanation.reason is not None or not all(passes for _, passes in explanation.filters):
        sys.exit(NO_RESULT)


def as_record(explanation: Explanation) -> dict[str, object]:
    """The explanation as the JSON that docs/cli.md promises."""
    return {
        "path": str(explanation.path),
        "photo_id": None if explanation.photo is None else explanation.photo.id,
        "reason": explanation.reason,
        "rank": explanation.rank,
        "score": explanation.score,
        "terms": [
            {"term": _term(share.term), "cosine": share.cosine, "share": share.share}
            for share in explanation.shares
        ],
        "filters": [
            {"filter": _filter(each), "passes": passes} for each, passes in explanation.filters
        ],
    }


def _print(explanation: Explanation) -> None:
    click.echo(printable(explanation.path))
    if explanation.photo is None:
        click.echo(f"Not in the library. {printable(explanation.reason or '')}")
        return
    if explanation.reason is not None:
        click.echo(f"Not in the answer. {printable(explanation.reason)}")
    for each, passes in explanation.filters:
        click.echo(f"{'passes' if passes else 'FAILS ':8}{printable(_filter(each))}")
    if explanation.rank is not None:
        click.echo(f"Rank    {explanation.rank}")
    if explanation.score is not None:
        click.echo(f"Score   {explanation.score:.4f}, the sum of")
    for share in explanation.shares:
        click.echo(
            f"{share.share:+14.4f}  {printable(_term(share.term))} (alone {share.cosine:.4f})"
        )


def _term(term: Term) -> str:
    try:
        return to_text(Query((term,)))
    except ValueError:  # a part of an image, or one from standard input, has no line
        sign = "-" if term.weight < 0 else ""
        return f"{sign}{abs(term.weight):g}:an image, or a part of one"


def _filter(each: Filter) -> str:
    return to_text(replace(Query(), filters=(each,)))
