"""The options of all commands that take a query."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar, get_args

import click
from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.language.fields import FIELDS, Field
from imgsearch.language.grammar import example_of, filter_of, parse, region_of, term_of
from imgsearch.records.query import MINUS_WEIGHT, Example, Filter, Query, Sort, Term

_Command = TypeVar("_Command", bound=Callable[..., object])
_PIPE_ONE_IN = "Pipe one in: cat beach.jpg | imgsearch search --image -"
ABOUT_FILTERS = (
    "Options of each command that takes a QUERY. In the query itself a filter is written with a "
    "colon: --place Rome is place:Rome. A photo must pass all of them. docs/query-language.md has "
    "the details."
)
_META_KEY = "imgsearch.query_options"
MAX_INPUT_BYTES = 256 << 20  # of an image on standard input, which is read into memory


class _QueryOptions(Struct):
    """The values of the options of one command line, terms and filters in their order."""

    terms: list[Term] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    region: str | None = None
    sort: str | None = None
    min_score: str | None = None


def query_options(function: _Command) -> _Command:
    """`--image`, `--minus`, `--sort` and more, and an option for each filter.

    `query_from` makes a query of their values. The help of a command has one line for all filters;
    `imgsearch help filters` has one for each.
    """
    for name, condition in reversed(FIELDS.items()):
        kind = _FirstFilterOption if name == next(iter(FIELDS)) else _FilterOption
        option = _option(f"--{name}", condition.metavar, _help_of(condition), _add_filter, kind)
        function = option(function)
    for flag, metavar, help_text, store in reversed(_OPTIONS):
        function = _option(flag, metavar, help_text, store)(function)
    return function


def filter_records() -> list[tuple[str, str]]:
    """Return the options of all filters with their help, as `get_help_record` does."""
    return [(f"--{name} {each.metavar}", _help_of(each)) for name, each in FIELDS.items()]


def _help_of(condition: Field) -> str:
    return f"Photos {condition.meaning}."


class _FilterOption(click.Option):
    """An option that is completed and taken, and is not in the help of its command."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return None


class _FirstFilterOption(click.Option):
    """The filter that stands for all of them in the help of a command."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return (
            "--FILTER VALUE",
            "Only photos that pass a filter, such as --after 2019, --place Rome or --camera Canon. "
            "All filters: imgsearch help filters",
        )


def query_from(words: Sequence[str]) -> Query:
    """Return the query of this command line: its words, in the query language, and its options."""
    options = _options(click.get_current_context())
    query = parse(" ".join(words)) if words else Query()
    terms = options.terms
    if options.region is not None:
        terms = _with_region(terms, options.region)
    query = replace(query, terms=(*query.terms, *terms), filters=(*query.filters, *options.filters))
    # Both are written as in a query line, so that the same rules hold.
    if options.sort == "":
        *others, last = get_args(Sort)
        raise QueryError(f"--sort needs a value: {', '.join(others)} or {last}.")
    if options.sort is not None:
        query = replace(query, sort=parse(f"sort:{options.sort}").sort)
    if options.min_score == "":
        raise QueryError("--min-score needs a value: a cosine from -1 to 1.")
    if options.min_score is not None:
        query = replace(query, min_score=parse(f"t:{options.min_score}").min_score)
    return query


def _with_region(terms: list[Term], text: str) -> list[Term]:
    examples = [term for term in terms if isinstance(term.what, Example)]
    if len(examples) != 1:
        raise QueryError(f"--region needs exactly one --image, and there are {len(examples)}.")
    (example,) = examples
    assert isinstance(example.what, Example)
    part = dataclasses.replace(example, what=replace(example.what, region=region_of(text)))
    return [part if term is example else term for term in terms]


def _options(context: click.Context) -> _QueryOptions:
    options = context.meta.setdefault(_META_KEY, _QueryOptions())
    assert isinstance(options, _QueryOptions)
    return options


_Store = Callable[[_QueryOptions, str, str], None]  # options, name, value


def _option(
    flag: str,
    metavar: str,
    help_text: str,
    store: _Store,
    kind: type[click.Option] = click.Option,
) -> Callable[[_Command], _Command]:
    def collect(context: click.Context, option: click.Parameter, values: Sequence[str]) -> None:
        for value in values:
            store(_options(context), flag.lstrip("-"), value)

    return click.option(
        flag,
        f"query_{flag.lstrip('-').replace('-', '_')}",  # no name of a parameter: rating, date
        cls=kind,
        metavar=metavar,
        help=help_text,
        multiple=True,
        expose_value=False,
        callback=collect,
    )


def _add_filter(options: _QueryOptions, name: str, value: str) -> None:
    options.filters.append(filter_of(name, value))


def _add_image(options: _QueryOptions, name: str, value: str) -> None:
    options.terms.append(_example(value))


def _add_minus_image(options: _QueryOptions, name: str, value: str) -> None:
    options.terms.append(_negated(_example(value, MINUS_WEIGHT)))


def _add_minus(options: _QueryOptions, name: str, value: str) -> None:
    options.terms.append(_negated(term_of(value, MINUS_WEIGHT)))


def _set_region(options: _QueryOptions, name: str, value: str) -> None:
    options.region = value


def _set_sort(options: _QueryOptions, name: str, value: str) -> None:
    options.sort = value


def _set_min_score(options: _QueryOptions, name: str, value: str) -> None:
    options.min_score = value


def _negated(term: Term) -> Term:
    return dataclasses.replace(term, weight=-term.weight)


def _example(value: str, default_weight: float = 1.0) -> Term:
    if value != "-":
        return example_of(value, default_weight)
    if sys.stdin.isatty():
        raise QueryError(f"--image - reads an image from standard input. {_PIPE_ONE_IN}")
    content = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if len(content) > MAX_INPUT_BYTES:
        raise QueryError(
            f"The image on standard input is larger than {MAX_INPUT_BYTES >> 20} MB. Save it as a "
            "file, and name that: --image FILE"
        )
    if not content:
        raise QueryError(
            f"Standard input is empty, and --image - reads an image from it. {_PIPE_ONE_IN}"
        )
    return Term(Example(content), default_weight)


_OPTIONS: tuple[tuple[str, str, str, _Store], ...] = (
    (
        "--image",
        "[WEIGHT:]FILE",
        "Find photos like this example. FILE may be photo:ID, a photo of the library, or - for "
        "standard input. May be given several times.",
        _add_image,
    ),
    ("--minus", "[WEIGHT:]TEXT", "Find photos unlike TEXT.", _add_minus),
    ("--minus-image", "[WEIGHT:]FILE", "Find photos unlike this example.", _add_minus_image),
    (
        "--region",
        "X,Y,W,H",
        "Use only this part of the --image: left, top, width and height in pixels, or in percent "
        "(25%,0%,50%,100%).",
        _set_region,
    ),
    ("--sort", "ORDER", "relevance (the default), date (newest first), path or best.", _set_sort),
    (
        "--min-score",
        "SCORE",
        "Only photos with at least this score, like t: in a query.",
        _set_min_score,
    ),
)
