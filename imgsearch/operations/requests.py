"""Reads declared operations: their requests, their arguments as JSON, and their names."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from urllib.parse import quote

import msgspec
from msgspec import Struct

from imgsearch.language.grammar import parse
from imgsearch.operations.bodies import (
    Body,
    ExampleBody,
    KeptImages,
    QueryBody,
    SourceBody,
    example_form,
    query_form,
    source_form,
)
from imgsearch.operations.declared import Declaration, hints_of, parameters_of, part_of
from imgsearch.records.answer import Explanation, PhotoDetails
from imgsearch.records.extended import details_type, explanation_type
from imgsearch.records.query import Example, ExampleSource, Query

_IN_PATH = re.compile(r"\{(\w+)\}")  # parameters in the path of a route
_SEQUENCES = (Sequence, Iterable)
# The body of a request that stands for an argument of this type.
_BODIES: Mapping[object, type[Body]] = {
    Query: QueryBody,
    Example: ExampleBody,
    ExampleSource: SourceBody,
}
# The types of results to which features add fields.
_EXTENDED: Mapping[object, Callable[[], type[Struct]]] = {
    PhotoDetails: details_type,
    Explanation: explanation_type,
}


class Operation(Struct, frozen=True):
    """A declared operation. `request` has a field for each parameter of the method.

    `part` is the attribute of a library that has the method, None for the library itself, and
    `result` the type that the method returns. The name follows from the path: "/saved/rename" is
    "saved_rename".
    """

    name: str
    declared: Declaration
    part: str | None
    function: Callable[..., Any]
    request: type[Struct]
    result: Any

    @property
    def description(self) -> str:
        """The docstring of the method."""
        return inspect.getdoc(self.function) or ""

    @property
    def is_picture(self) -> bool:
        """Whether the result is a WebP image as bytes, or None without one."""
        return bool(self.result == (bytes | None))

    def arguments(self, request: Struct, kept_images: KeptImages | None = None) -> dict[str, Any]:
        """Return the arguments that a request stands for; only with `kept_images` it can name some.

        Raises UsageError, QueryError, and PhotoError for an image that is not kept.
        """
        hints = hints_of(self.function)
        return {
            name: _argument(getattr(request, name), _takes(hints[name], Query), kept_images)
            for name in request.__struct_fields__
        }

    def form(self, arguments: Sequence[object], named: Mapping[str, object]) -> dict[str, Any]:
        """Return these arguments as JSON; an argument with its default is left out."""
        parameters = parameters_of(self.function)
        names = [parameter.name for parameter in parameters]
        given = {**dict(zip(names, arguments, strict=False)), **named}
        hints = hints_of(self.function)
        return {
            parameter.name: _form(given[parameter.name], hints[parameter.name])
            for parameter in parameters
            if parameter.name in given and given[parameter.name] is not parameter.default
        }

    def fields_in(self, path: str) -> dict[str, str] | None:
        """Return the values that a path names, such as "/photo/7"; None for one of another form."""
        found = _pattern_of(self.declared.path).fullmatch(path)
        return None if found is None else found.groupdict()

    def path_of(self, form: dict[str, Any]) -> str:
        """Return the path of a request, with the values that it names.

        They are taken out of the form.
        """
        names = _IN_PATH.findall(self.declared.path)
        values = {name: quote(str(form.pop(name)), safe="") for name in names}
        return self.declared.path.format(**values)


@cache
def _pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(_IN_PATH.sub(r"(?P<\1>[^/]+)", path))


@cache
def operation_of(function: Callable[..., Any]) -> Operation:
    """Return the operation that a method is declared as."""
    declared: Declaration = function.declaration  # type: ignore[attr-defined]
    words = [word for word in declared.path.split("/") if word and not word.startswith("{")]
    name = "_".join(words).replace("-", "_")
    returned = hints_of(function)["return"]
    return Operation(
        name,
        declared,
        part_of(function),
        function,
        request_type(function, f"{declared.method}_{name}", _as_is),
        extended() if (extended := _EXTENDED.get(returned)) else returned,
    )


def operations_of(owners: Iterable[type]) -> tuple[Operation, ...]:
    """Return all operations of these classes, in the order in which they are declared."""
    return tuple(
        operation_of(member)
        for owner in owners
        for member in vars(owner).values()
        if hasattr(member, "declaration")
    )


def request_type(
    function: Callable[..., Any],
    name: str,
    field_of: Callable[[Any, Any], tuple[Any, Any]],
) -> type[Struct]:
    """Return a Struct with a field for each parameter of a method.

    `field_of` turns the type and the default of a parameter into the type and the default of a
    field. A parameter without a default has `inspect.Parameter.empty`.
    """
    hints = hints_of(function)
    fields: list[Any] = []
    for parameter in parameters_of(function):
        kind, default = field_of(hints[parameter.name], parameter.default)
        is_required = default is inspect.Parameter.empty
        fields.append((parameter.name, kind) if is_required else (parameter.name, kind, default))
    title = "".join(word.capitalize() for word in name.split("_"))
    return msgspec.defstruct(
        f"{title}Request", fields, kw_only=True, forbid_unknown_fields=True, frozen=True
    )


def in_request(hint: Any) -> Any:
    """Return the type that an argument of this type has in a request."""
    if hint in _BODIES:
        return _BODIES[hint]
    origin, members = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(dict.fromkeys(map(in_request, members)))]  # noqa: UP007
    if origin in _SEQUENCES:
        return tuple[in_request(members[0]), ...]  # type: ignore[misc]
    return str if hint is Path else hint


def _takes(hint: Any, record: type) -> bool:
    return hint is record or record in get_args(hint)


def _argument(value: object, is_query: bool, kept_images: KeptImages | None) -> object:
    if isinstance(value, Body):
        return value.record(kept_images)
    if isinstance(value, tuple):
        return tuple(_argument(each, is_query, kept_images) for each in value)
    return parse(value) if is_query and isinstance(value, str) else value


def _form(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    if _takes(hint, Query):
        return query_form(value)
    if _takes(hint, Example):
        return example_form(value)
    if hint == ExampleSource:
        return source_form(value)
    if get_origin(hint) in _SEQUENCES:
        return [_form(each, get_args(hint)[0]) for each in value]
    return msgspec.to_builtins(value)


def names_files(value: object) -> bool:
    """Return whether an argument names an example that is a file, which the library would read."""
    if isinstance(value, Query):
        return any(names_files(term.what) for term in value.terms)
    if isinstance(value, Example):
        return isinstance(value.source, Path)
    if isinstance(value, tuple | list):
        return any(map(names_files, value))
    return isinstance(value, Path)


def _as_is(hint: Any, default: Any) -> tuple[Any, Any]:
    return in_request(hint), default
