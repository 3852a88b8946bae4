"""The options that say what to look for, of all commands that take a query."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import click

from imgsearch.errors import QueryError
from imgsearch.query.fields import FIELDS
from imgsearch.query.grammar import example_of, filter_of, parse, region_of, term_of
from imgsearch.records.query import Example, Filter, Query, Term

_Command = TypeVar("_Command", bound=Callable[..., object])
_KEY = "imgsearch.question"


@dataclass(slots=True)
class _Given:
    """What the options of this command line said so far."""

    terms: list[Term]
    filters: list[Filter]
    region: str | None = None
    sort: str | None = None
    min_score: str | None = None


def question_options(function: _Command) -> _Command:
    """`--image`, `--minus`, `--sort` and an option for each filter; `asked` collects them."""
    for name, field in reversed(FIELDS.items()):
        function = _option(f"--{name}", field.metavar, f"Photos {field.meaning}.", _add_filter)(
            function
        )
    for flag, metavar, says, add in reversed(_OPTIONS):
        function = _option(flag, metavar, says, add)(function)
    return function


def asked(words: Sequence[str]) -> Query:
    """The query of this command line: its words, read as docs/search.md says, and its options."""
    given = _given(click.get_current_context())
    line = " ".join(words)
    query = parse(line) if words else Query()
    if given.region is not None:
        given.terms = _with_region(given.terms, given.region)
    query = replace(
        query,
        terms=(*query.terms, *given.terms),
        filters=(*query.filters, *given.filters),
    )
    settings = [f"sort:{given.sort}"] if given.sort is not None else []
    if given.min_score is not None:
        settings.append(f"t:{given.min_score}")
    if settings:  # read by the same rules as in the line
        said = parse(" ".join(settings))
        if given.sort is not None:
            query = replace(query, sort=said.sort)
        if given.min_score is not None:
            query = replace(query, min_score=said.min_score)
    return query


def _with_region(terms: list[Term], region: str) -> list[Term]:
    examples = [term for term in terms if isinstance(term.what, Example)]
    if len(examples) != 1:
        raise QueryError(f"--region goes with one --image, and there are {len(examples)}.")
    (example,) = examples
    assert isinstance(example.what, Example)
    part = replace(example, what=replace(example.what, region=region_of(region)))
    return [part if term is example else term for term in terms]


def _given(context: click.Context) -> _Given:
    given = context.meta.setdefault(_KEY, _Given([], []))
    assert isinstance(given, _Given)
    return given


_Add = Callable[[_Given, str, str], None]


def _option(flag: str, metavar: str, says: str, add: _Add) -> Callable[[_Command], _Command]:
    def collect(context: click.Context, option: click.Parameter, values: Sequence[str]) -> None:
        for value in values:
            add(_given(context), flag.lstrip("-"), value)

    return click.option(
        flag, metavar=metavar, help=says, multiple=True, expose_value=False, callback=collect
    )


def _add_filter(given: _Given, name: str, value: str) -> None:
    given.filters.append(filter_of(name, value))


def _add_image(given: _Given, name: str, value: str) -> None:
    given.terms.append(_from_stdin() if value == "-" else example_of(value))


def _add_minus_image(given: _Given, name: str, value: str) -> None:
    term = _from_stdin() if value == "-" else example_of(value)
    given.terms.append(replace(term, weight=-term.weight))


def _add_minus(given: _Given, name: str, value: str) -> None:
    term = term_of(value)
    given.terms.append(replace(term, weight=-term.weight))


def _set_region(given: _Given, name: str, value: str) -> None:
    given.region = value


def _set_sort(given: _Given, name: str, value: str) -> None:
    given.sort = value


def _set_min_score(given: _Given, name: str, value: str) -> None:
    given.min_score = value


def _from_stdin() -> Term:
    if sys.stdin.isatty():
        raise QueryError("--image - reads an image from standard input. Send one: … | imgsearch")
    return Term(Example(sys.stdin.buffer.read()))


_OPTIONS: tuple[tuple[str, str, str, _Add], ...] = (
    (
        "--image",
        "[WEIGHT:]FILE",
        "An example: find photos like it. FILE may be photo:ID, a photo of the library, or - for "
        "standard input. May be given several times.",
        _add_image,
    ),
    ("--minus", "[WEIGHT:]TEXT", "Photos unlike TEXT.", _add_minus),
    ("--minus-image", "[WEIGHT:]FILE", "Photos unlike this example.", _add_minus_image),
    (
        "--region",
        "X,Y,W,H",
        "Only this part of the --image counts: left, top, width and height in pixels, or in "
        "percent (25%,0%,50%,100%).",
        _set_region,
    ),
    ("--sort", "ORDER", "relevance (the default), date (newest first) or path.", _set_sort),
    ("--min-score", "SCORE", "Only photos with at least this score, as t: does.", _set_min_score),
)
