"""Answers a line of `imgsearch search` that asks for one thing and then another."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import NO_RESULT, asking, info, print_json, print_paths
from imgsearch.cli.query_options import query_from
from imgsearch.cli.search import line_of_hit
from imgsearch.cli.terminal import standard_output
from imgsearch.errors import Sentence
from imgsearch.features.sequences.operations import Sequences
from imgsearch.features.sequences.reading import read_parts, with_sign
from imgsearch.features.sequences.records import SequenceAnswer
from imgsearch.language.grammar import to_text
from imgsearch.records.query import Query, Term
from imgsearch.text import format_count, printable


def search(context: click.Context, line: str) -> None:
    """Print the sequences for a line, as the options of the command say.

    Filters that are options hold for each part. Exits with 1 where nothing is shown.
    """
    given = context.params
    if given["paths"] and given["as_json"]:
        raise click.UsageError("Choose one of --paths and --json.")
    if given["nul"] and not given["paths"]:
        raise click.UsageError("-0 needs --paths.")
    with_filters = _with_filters(line, query_from(()))
    with asking(given["data_dir"], given["address"]) as ask:
        answer = ask(Sequences.find, with_filters, given["k"], given["show_all"])
    if "~>" not in line:
        words = to_text(Query((Term(line),)), exact=True)
        info(f"Understood as {answer.line}. To undo it, write plain: before the words: {words}")
    for part in answer.parts:
        for each in part.understood:
            info(f"Understood {each.words} as {each.filters}.")
    for remark in answer.remarks:
        info(Sentence.with_lines(remark, answer.remark_commands))
    if given["as_json"]:
        print_json(answer)
    elif given["paths"]:
        print_paths([hit.path for each in answer.sequences for hit in each.hits], given["nul"])
    else:
        _print(answer)
    if not answer.sequences:
        if answer.state == "nothing" and not answer.remarks:
            info("Nothing here looks like this line. To see the nearest photos, add: --all")
        sys.exit(NO_RESULT)


def _with_filters(line: str, options: Query) -> str:
    """Return a line with the filters of the command's options in each part."""
    if options.terms or options.sort != "relevance" or options.min_score is not None:
        raise click.UsageError(
            "A line with ~> has no example images, no order and no minimum score: write what to "
            "look for into its parts, and leave these options out."
        )
    read = read_parts(with_sign(line) or line)
    if read is None or not options.filters:
        return line
    filters = to_text(Query(filters=options.filters))
    signs = ("~>" if each.window is None else f"~{each.window_text}~>" for each in read.parts[1:])
    texts = [f"{each.text} {filters}" for each in read.parts]
    return " ".join(
        [texts[0], *(f"{sign} {text}" for sign, text in zip(signs, texts[1:], strict=True))]
    )


def _print(answer: SequenceAnswer) -> None:
    text = standard_output()
    for rank, each in enumerate(answer.sequences, 1):
        title = "" if each.event is None else printable(each.event.title)
        level = "" if each.level is None else f"  ({each.level})"
        text.print(f"{rank:3}  {title}{level}")
        for apart, hit in zip(("", *each.apart), each.hits, strict=True):
            text.print(f"     {line_of_hit(hit, text)}{f'  {apart}' if apart else ''}")
    if answer.sequences and answer.state is not None:
        found = format_count(len(answer.sequences), "sequence")
        doubt = "" if answer.state == "found" else "Unsure: nothing matches well. "
        info(f"{doubt}{found}, best first; each photo after the one above it.")
