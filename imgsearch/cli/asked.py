"""Commands of operations: their options follow from the signature of the operation.

    @click.command("cameras")
    @asks(Browse.cameras)
    def command(asked: Asked[tuple[ValueCount, ...]]) -> None:
        asked.print(_print_counts)

Each parameter of the operation is an option, or an argument where it has no default. Type, default
and help come from the declaration; the help is the description of the parameter. A query is
`[QUERY]` with the options of all filters. The function of the command says what people see.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    Generic,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
)

import click
from click.core import ParameterSource
from msgspec import Meta, Struct

from imgsearch.cli.output import (
    PATH,
    archive_option,
    asking,
    data_option,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.query_options import query_from, query_options
from imgsearch.operations.declared import hints_of, parameters_of
from imgsearch.records.changes import Change
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.library import Library
    from imgsearch.service.api import Asking

NOTHING_TO_COUNT = "No photo matches, or all matches are weak. Try fewer filters, or other words."
_WORDS = "words"  # the argument [QUERY]
_SPELLINGS: Mapping[str, str] = {"photo_ids": "--photo ID", "include_weak": "--all", "k": "-k N"}
_METAVARS: Mapping[Any, str] = {int: "N", float: "NUMBER"}
_Operation = Callable[Concatenate[Any, ...], Any]
_Option = Callable[[Any], Any]
_Answer = TypeVar("_Answer")
_Other = TypeVar("_Other")


class Asked(Struct, Generic[_Answer], frozen=True):
    """An operation with the arguments of a command line, and the library that is to answer it."""

    operation: Callable[Concatenate[Any, ...], _Answer]
    arguments: Mapping[str, Any]
    as_json: bool
    address: str | None
    data_dir: str | None

    def answer(self) -> _Answer:
        """Call the operation, of the running service or of the library."""
        return self.of(self.operation)

    def of(self, operation: Callable[Concatenate[Any, ...], _Other], **changed: object) -> _Other:
        """Call another operation, with those arguments of the command line that it takes."""
        names = {each.name for each in parameters_of(operation)}
        given = {name: value for name, value in self.arguments.items() if name in names}
        with self.asking() as ask:
            return ask(operation, **{**given, **changed})

    def is_usual(self, name: str) -> bool:
        """Return whether the command line leaves an argument at its default."""
        source = click.get_current_context().get_parameter_source(name)
        return source is ParameterSource.DEFAULT

    def print(self, show: Callable[[_Answer], None]) -> _Answer:
        """Print the answer as JSON if the command line says so, and else by `show`; return it."""
        answer = self.answer()
        if self.as_json:
            print_json(answer)
        else:
            show(answer)
        return answer

    def asking(self) -> AbstractContextManager[Asking]:
        """Provide an object that calls operations: see `output.asking`."""
        return asking(self.data_dir, self.address)

    def open(self) -> Library:
        """Open the library, or the archive, without the service."""
        return open_either(self.data_dir, self.address)

    def require_photos(self, example: str) -> None:
        """Raise click's UsageError with an example where no photo is given, and no query."""
        if self.arguments["query"] is None and not self.arguments["photo_ids"]:
            raise click.UsageError(f"Say which photos: {example}, or --photo ID.")


def asks(
    operation: Callable[Concatenate[Any, ...], _Answer], *options: _Option, **spelled: str
) -> Callable[[Callable[Concatenate[Asked[_Answer], ...], None]], Callable[..., None]]:
    """Add the options of an operation to a command, then its own `options`, and where to ask it.

    The function gets an `Asked`, and the values of `options` by name. `spelled` has parameters that
    are spelled otherwise than by their name, as the help shows them: "--stars N", "--hide/--show";
    "[NAME]" is an argument that may be left out. "" is no option at all: the function passes the
    value to `Asked.of`. `--json` is there but for a mere change, for which the library has a
    sentence.
    """

    def declare(function: Callable[Concatenate[Asked[_Answer], ...], None]) -> Callable[..., None]:
        names = [each.name for each in parameters_of(operation)]

        @wraps(function)
        def run(
            address: str | None, data_dir: str | None, as_json: bool = False, **values: Any
        ) -> None:
            if "query" in names:
                query = query_from(values.pop(_WORDS))
                is_needed = _defaults(operation)["query"] is inspect.Parameter.empty
                values["query"] = query if is_needed or query != Query() else None
            arguments = {name: values.pop(name) for name in names if spelled.get(name) != ""}
            asked = Asked(operation, arguments, as_json, address, data_dir)
            function(asked, **values)

        run.operation = operation  # type: ignore[attr-defined]  # for tests
        is_mere_change = hints_of(operation)["return"] in (Change, type(None))
        where = (*(() if is_mere_change else (json_option,)), archive_option, data_option)
        made: Any = run
        for option in reversed((*parameter_options(operation, **spelled), *options, *where)):
            made = option(made)
        return made  # type: ignore[no-any-return]

    return declare


def parameter_options(operation: _Operation, **spelled: str) -> list[_Option]:
    """Return the arguments and options of click for the parameters of an operation.

    Raises KeyError where `spelled` names none of them.
    """
    hints, defaults = hints_of(operation), _defaults(operation)
    spellings = {
        name: spelled.get(name, _SPELLINGS.get(name, _usual(name, defaults))) for name in defaults
    }
    unknown = spelled.keys() - defaults.keys()
    if unknown:
        raise KeyError(f"{operation.__qualname__} has no parameter {', '.join(sorted(unknown))}")
    made: list[_Option] = []
    for name, default in defaults.items():
        if not spellings[name]:
            continue
        declared = _declared(hints[name])
        if declared.is_query:
            made += [click.argument(_WORDS, nargs=-1, metavar="[QUERY]"), query_options]
        elif spellings[name].startswith("-"):
            made.append(_option(name, spellings[name], declared, default))
        else:
            made.append(_argument(name, spellings[name], declared, default))
    return made


class _Declared(NamedTuple):
    """A type of a parameter: the type of one value, whether there are several, and its meaning."""

    kind: Any
    is_many: bool = False
    is_optional: bool = False
    is_query: bool = False
    description: str | None = None


def _declared(hint: Any) -> _Declared:
    """Read the type of a parameter. Raises TypeError for one that no option can have."""
    origin, members = get_origin(hint), get_args(hint)
    if origin is Annotated:
        metas = [each for each in members[1:] if isinstance(each, Meta) and each.description]
        inner = _declared(members[0])
        return inner._replace(description=metas[-1].description) if metas else inner
    if origin in (Sequence, Iterable):
        return _declared(members[0])._replace(is_many=True)
    if origin is Literal or hint in (str, int, float, bool):
        return _Declared(hint)
    if Query in members:
        return _Declared(Query, is_query=True)
    if Path in members:  # or its text, or the id of a photo
        return _Declared(Path)
    kinds = [each for each in members if each is not type(None)]
    if len(kinds) != 1 or origin is None:
        raise TypeError(f"A command line has no values of the type {hint}.")
    return _declared(kinds[0])._replace(is_optional=True)


def option_of(operation: _Operation, name: str, spelling: str) -> _Option:
    """Return the option of click for one parameter of an operation; None where it is not given."""
    return _option(name, spelling, _declared(hints_of(operation)[name]), None)


def _defaults(operation: _Operation) -> dict[str, Any]:
    return {each.name: each.default for each in parameters_of(operation)}


def _usual(name: str, defaults: Mapping[str, Any]) -> str:
    if defaults[name] is inspect.Parameter.empty:
        return name.upper()
    return f"--{name.replace('_', '-')}"


def _type_of(declared: _Declared) -> Any:
    """Return the type of click. Ranges are not its matter: the operation says what is wrong."""
    if declared.kind is Path:
        return PATH
    is_choice = get_origin(declared.kind) is Literal
    return click.Choice(get_args(declared.kind)) if is_choice else declared.kind


def _argument(name: str, spelling: str, declared: _Declared, default: Any) -> _Option:
    is_required = default is inspect.Parameter.empty
    return click.argument(
        name,
        metavar=spelling,
        type=_type_of(declared),
        required=is_required,
        default=None if is_required else default,
    )


def _option(name: str, spelling: str, declared: _Declared, default: Any) -> _Option:
    flag, _, metavar = spelling.partition(" ")
    if declared.kind is bool:
        if declared.is_optional and "/" not in flag:
            flag = f"{flag}/--no-{flag.lstrip('-')}"
        return click.option(flag, name, is_flag=True, default=default, help=declared.description)
    is_choice = get_origin(declared.kind) is Literal
    usual = None if is_choice else _METAVARS.get(declared.kind, name.upper())
    several = " May be given several times." if declared.is_many else ""
    return click.option(
        flag,
        name,
        metavar=metavar or usual,
        type=_type_of(declared),
        multiple=declared.is_many,
        default=None if declared.is_many else default,
        show_default=default is not None,
        help=f"{declared.description or ''}{several}",
    )
