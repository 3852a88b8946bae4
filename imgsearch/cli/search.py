"""`imgsearch search`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import ask_library, data_option, json_option, print_json, say
from imgsearch.cli.query_options import asked, question_options
from imgsearch.records.query import Query
from imgsearch.text import clock, printable

if TYPE_CHECKING:
    from imgsearch.records.answer import Answer, Hit

NO_RESULT = 1  # exit code


@click.command("search", short_help="Find photos by words, example images, dates, places, …")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@question_options
@click.option("-k", "k", metavar="N", default=20, show_default=True, help="How many results.")
@click.option("--all", "show_all", is_flag=True, help="Show weak results, too.")
@click.option("--cursor", metavar="CURSOR", help="Go on after a page, as it says at its end.")
@click.option("--paths", is_flag=True, help="Print paths only, one a line, for pipes.")
@click.option("-0", "zero", is_flag=True, help="With --paths: end each with NUL, for xargs -0.")
@json_option
@data_option
def command(
    words: tuple[str, ...],
    k: int,
    show_all: bool,
    cursor: str | None,
    paths: bool,
    zero: bool,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Find photos by words, by example images, by what is known of them, or by all together.

    \b
      imgsearch search "two kids jumping into a lake"
      imgsearch search --image beach.jpg -k 5
      imgsearch search "at night" --image bridge.jpg --minus people
      imgsearch search 'sunset -people after:2023-06 in:Holidays camera:canon'
      imgsearch search "a red car" --paths -0 | xargs -0 ls -l

    QUERY may be words, "a phrase", -unlike, 2:weighted, and NAME:VALUE with the name of any filter
    option below, -NAME:VALUE for all others. docs/search.md tells the whole language.

    Each result has a score: the cosine similarity of photo and query, higher is better. Scores of
    words and of example images lie on different scales. Results that are no better than chance are
    left out unless you say --all. Exit code 1 means no result.
    """
    if paths and as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    if zero and not paths:
        raise click.UsageError("-0 goes with --paths.")
    query = asked(words)
    if query == Query():
        raise click.UsageError(
            "Say what to look for: imgsearch search 'a dog in snow', or --image FILE."
        )
    answer = ask_library(data_dir, lambda library: library.find(query, k, cursor))
    if answer.verdict is not None and not show_all:
        answer = folded(answer)
    _print(answer, as_json, paths, b"\0" if zero else b"\n")
    if not answer.hits:
        say(_nothing(answer))
        sys.exit(NO_RESULT)


def folded(answer: Answer) -> Answer:
    """The answer without its weak tail."""
    hits = tuple(hit for hit in answer.hits if hit.level != "weak")
    return replace(answer, hits=hits, cursor=answer.cursor if hits == answer.hits else None)


def _nothing(answer: Answer) -> str:
    if answer.verdict is not None and not answer.verdict.found:
        return "Nothing here looks like that. See what comes nearest: the same with --all"
    return "No photo fits. Fewer filters find more; imgsearch explain PATH QUERY says why not."


def _print(answer: Answer, as_json: bool, paths: bool, end: bytes) -> None:
    hits = answer.hits
    if as_json:
        from imgsearch.service.codec import hit_to_cli_json

        last = len(hits)
        print_json(
            [
                {**hit_to_cli_json(rank, hit), "cursor": answer.cursor if rank == last else None}
                for rank, hit in enumerate(hits, 1)
            ]
        )
        return
    if paths:
        sys.stdout.buffer.write(b"".join(os.fsencode(hit.path) + end for hit in hits))
        sys.stdout.buffer.flush()
    else:
        show(answer)
    if answer.cursor is not None and sys.stderr.isatty():
        say(f"More: the same with --cursor {answer.cursor}")


def show(answer: Answer) -> None:
    """The hits of an answer for people, and what to think of them."""
    print_hits(answer.hits)
    if answer.hits and answer.verdict is not None:
        say(f"{answer.verdict}.".capitalize())


def print_hits(hits: Sequence[Hit]) -> None:
    """Ranked results for people: rank, score, path, and what sets a photo apart."""
    for rank, hit in enumerate(hits, 1):
        marks: list[str] = [hit.level] if hit.level is not None and hit.level != "likely" else []
        if len(hit.paths) > 1:
            marks.append(f"and {len(hit.paths) - 1} more of the same")
        if hit.offline:
            marks.append("offline")
        if hit.missing:
            marks.append("missing")
        mark = f"  ({', '.join(marks)})" if marks else ""
        if hit.score is not None:
            about = f"{hit.score:6.3f}"
        else:
            about = "" if hit.date is None else f"{hit.date:%Y-%m-%d}"
        when = "" if hit.at_s is None else f" @ {clock(hit.at_s)}"
        click.echo(f"{rank:3}  {about}  {printable(hit.path)}{when}{mark}")
