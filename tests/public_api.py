"""Lists the public names of imgsearch with their signatures, to compare with the committed list.

    python -m tests.public_api            # print it
    python -m tests.public_api --update   # write tests/data/public_api.txt

Public are the names that `imgsearch` exports, with the members of classes that do not begin with an
underscore, and what a plug-in implements.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, get_args, get_origin

from msgspec import NODEFAULT, Struct

import imgsearch
from imgsearch.encoders.base import Encoder, EncoderKind, Int8Option, Recommendation
from imgsearch.index.base import BuildContext, BuiltIndex, IndexBackend, VectorIndex, VectorSource

FILE = Path(__file__).parent / "data" / "public_api.txt"
OF_PLUGINS = (
    *(Encoder, EncoderKind, Int8Option, Recommendation),
    *(BuildContext, BuiltIndex, IndexBackend, VectorIndex, VectorSource),
)


def public_api() -> str:
    """One line for each public name, sorted within its class."""
    lines: list[str] = []
    for name in sorted(imgsearch.__all__):
        lines += _described(f"imgsearch.{name}", getattr(imgsearch, name))
    for each in OF_PLUGINS:
        lines += _described(f"{each.__module__}.{each.__name__}", each)
    return "\n".join([*dict.fromkeys(lines), ""])


def _described(name: str, value: object) -> Iterator[str]:
    if isinstance(value, type):
        yield from _class_lines(name, value)
    elif inspect.isroutine(value):
        yield f"{name}{signature_of(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def signature_of(function: Callable[..., object]) -> str:
    """The parameters as they are written, with the names of functions that are defaults."""
    text = re.sub(r"<function (\w+) at \w+>", r"\1", str(inspect.signature(function)))
    return re.sub(r"""(: |-> )(['"])(.*?)\2(?=,|\)| =|$)""", r"\1\3", text)


def _class_lines(name: str, described: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in described.__bases__ if base is not object)
    yield f"{name}({bases})" if bases else name
    if issubclass(described, Enum):
        yield from (f"{name}.{member.name} = {member.value!r}" for member in described)
        return
    if issubclass(described, Struct):
        yield from _field_lines(name, described)
    elif "__init__" in vars(described):
        yield f"{name}.__init__{signature_of(vars(described)['__init__'])}"
    for member in sorted(vars(described)):
        if not member.startswith("_"):
            yield from _member_lines(f"{name}.{member}", inspect.getattr_static(described, member))


def _field_lines(name: str, described: type[Struct]) -> Iterator[str]:
    """The fields of a record in their order, and whether each has a default.

    Their types are as they are written: some are imported for type checkers only.
    """
    written: dict[str, object] = {}
    for each in reversed(described.__mro__):
        written |= vars(each).get("__annotations__", {})
    fields, defaults = described.__struct_fields__, described.__struct_defaults__
    required = len(fields) - len(defaults)
    for number, field in enumerate(fields):
        has_default = number >= required and defaults[number - required] is not NODEFAULT
        kind = written[field]
        if get_origin(kind) is Annotated:  # what else a declaration says about the fact
            kind = get_args(kind)[0]
        text = kind.__name__ if isinstance(kind, type) else str(kind)
        yield f"{name}.{field}: {text}{' = …' if has_default else ''}"


def _member_lines(name: str, member: object) -> Iterator[str]:
    if isinstance(member, property):
        assert member.fget is not None
        yield f"{name} -> {inspect.signature(member.fget).return_annotation}"
    elif isinstance(member, classmethod | staticmethod):
        yield f"{name}{signature_of(member.__func__)}"
    elif inspect.isfunction(member):
        yield f"{name}{signature_of(member)}"
    elif not inspect.ismemberdescriptor(member):  # a field, which is in the signature
        yield f"{name}: {type(member).__name__}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        FILE.write_text(public_api())
    else:
        sys.stdout.write(public_api())
