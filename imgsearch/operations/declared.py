"""Declares operations: the requests that programs can send to a library, each written once.

An operation is a method with `@operation`. The route of the service, the checking of its requests,
JSON in both directions, the OpenAPI document, the client's call and the assistant's tool follow
from the method's signature, its docstring and the records that it takes and returns: `requests`
reads them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

from msgspec import Meta, Struct

from imgsearch.features import installed
from imgsearch.records.ids import LARGEST_INTEGER

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MAX_K = 10_000  # photos in one answer
MAX_SIDE_PX = 4096
# Ranges that a request is checked against; the method itself accepts more, or says what is wrong.
PhotoId = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER, description="The id of a photo.")]
PhotoIds = Annotated[Sequence[int], Meta(max_length=MAX_K, description="The ids of photos.")]
AskedPhoto = Annotated[
    PhotoId | None, Meta(description="The id of a photo whose place is asked for.")
]
ResultCount = Annotated[int, Meta(le=MAX_K, description="Return at most this many results.")]
CountedPhotos = Annotated[
    int,
    Meta(
        le=MAX_K,
        description="Of a query with words or an example, count at most this many photos, the best "
        "ones.",
    ),
]
# The photos that an operation changes, each in one place: they are given, found or both.
ChosenPhotos = Annotated[
    Sequence[int], Meta(description="Photos by their ids, which a search returns.")
]
ChosenCount = Annotated[
    int | None,
    Meta(
        description="At most this many photos of the query. Default: the best 1,000 of one with "
        "words or an example, and else all."
    ),
]
WithWeak = Annotated[bool, Meta(description="Also weak results of the query.")]
SidePx = Annotated[
    int, Meta(ge=1, le=MAX_SIDE_PX, description="The long side of the picture in pixels.")
]
Seconds = Annotated[
    Annotated[float, Meta(ge=0, le=1e6)] | None,
    Meta(description="The moment of a video. Default: its middle."),
]
OrKept = Annotated[
    bool, Meta(description="Whether a small picture will do where the photo cannot be read now.")
]
Cursor = Annotated[
    str | None,
    Meta(description="Return the page after the one with this cursor, which ends each page."),
]


_CORE = "library"  # the module of `Library`; our other modules are named like their part of one


class Declaration(Struct, frozen=True):
    """The properties of an operation that `@operation` declares."""

    method: str
    path: str
    tool: str | None
    newest_last: bool
    reads: bool

    @property
    def is_change(self) -> bool:
        """Whether the operation changes anything in the library."""
        return not (self.reads or self.method == "GET" or self.tool is not None)


def operation(
    route: str, *, tool: str | None = None, newest_last: bool = False, reads: bool = False
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Declare a method as an operation of the service at `route`, such as "POST /places".

    With `tool`, its title for people, an AI assistant can call it as well. `newest_last` says that
    a list in the result ends with what matters most, so that its beginning is left out where an
    assistant would get too much. `reads` says that an operation by
    POST changes nothing; what has a tool changes nothing anyway.
    """
    http_method, path = route.split()

    def declare(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        declaration = Declaration(http_method, path, tool, newest_last, reads)
        function.declaration = declaration  # type: ignore[attr-defined]
        return function

    return declare


def part_of(operation: Callable[..., object]) -> str | None:
    """Return the attribute of a library that has this operation; None for the library itself."""
    for name, part in installed.parts().items():
        if part.made_by.partition(":")[0] == operation.__module__:
            return name
    module = operation.__module__.rpartition(".")[2]
    return None if module == _CORE else module


def method_of(library: object, operation: Callable[..., object]) -> Callable[..., Any]:
    """Return the operation of this library.

    Raises UsageError where the library has no such part.
    """
    part = part_of(operation)
    owner = library if part is None else getattr(library, part)
    method: Callable[..., Any] = getattr(owner, operation.__name__)
    return method


@cache
def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of a method, without `self`."""
    return tuple(inspect.signature(function).parameters.values())[1:]


@cache
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the parameters of a method, and of what it returns."""
    return get_type_hints(function, include_extras=True)
