"""The page docs/python.md: the public names of imgsearch, from their signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from msgspec import Struct

import imgsearch
from imgsearch import Library, errors
from imgsearch.archive.operations import Fleet
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.operations.browse import Browse
from imgsearch.operations.changes import ChangeHistory
from imgsearch.operations.encoders import Encoders
from imgsearch.operations.folders import Folders
from imgsearch.operations.lines import Lines
from imgsearch.operations.marks import Marks
from imgsearch.operations.memory import Memory
from imgsearch.operations.packs import Packs
from imgsearch.operations.pictures import Pictures
from imgsearch.operations.tray import Tray
from imgsearch.operations.upkeep import Upkeep
from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations
from tests.public_api import signature_of

# The parts of a library, by the property that gives them.
PARTS: dict[str, type] = {
    "browse": Browse,
    "pictures": Pictures,
    "lines": Lines,
    "memory": Memory,
    "tray": Tray,
    "marks": Marks,
    "changes": ChangeHistory,
    "encoders": Encoders,
    "folders": Folders,
    "packs": Packs,
    "upkeep": Upkeep,
    "fleet": Fleet,
    **{name: load(part.made_by) for name, part in installed.parts().items()},
}

_WIDTH = 88  # characters of a line of code that most screens show
_TITLE = """# Python

Written by `make docs` from the signatures and docstrings of the code: do not edit it.

```python
from imgsearch import Library, Settings

with Library.open(Settings.load(data_dir="my-library", encoder="lite")) as library:
    library.index(["photos"]).run()  # or iterate over it for progress
    for hit in library.search("a dog in snow", k=5):
        print(hit.score, hit.path)
```

A library has parts, such as `library.albums`; `library.capabilities` names the parts that it has.
A method that takes long returns a job: iterate over it for its progress, or call `run()` for its
report. Names that are not on this page are internal and may change
([compatibility](compatibility.md)).
"""


def python_page() -> str:
    """The page as Markdown."""
    return "\n".join(
        [
            _TITLE,
            *_members("Library", "library", Library, leave_out=PARTS),
            *(line for name, part in PARTS.items() for line in _part(name, part)),
            *_functions(),
            *_records(),
            *_errors(),
        ]
    )


def _part(name: str, part: type) -> Iterator[str]:
    yield from _members(f"library.{name}", f"library.{name}", part)


def _members(
    title: str, prefix: str, described: type, leave_out: dict[str, type] | None = None
) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{_documented(described)}\n"
    for name, member in vars(described).items():
        if name.startswith("_") or name in (leave_out or {}):
            continue
        if isinstance(member, property):
            assert member.fget is not None
            kind = inspect.signature(member.fget).return_annotation
            yield from _entry(f"{prefix}.{name}", f"{prefix}.{name}: {kind}", member)
        elif isinstance(member, classmethod | staticmethod):
            function = member.__func__
            owner = described.__name__
            call = f"{owner}.{name}{_without_self(function)}"
            yield from _entry(f"{owner}.{name}", call, function)
        elif inspect.isfunction(member):
            yield from _entry(f"{prefix}.{name}", f"{prefix}.{name}{_without_self(member)}", member)


def _without_self(function: Callable[..., object]) -> str:
    text = signature_of(function)
    for first in ("(self, ", "(cls, ", "(self", "(cls"):
        if text.startswith(first):
            return "(" + text.removeprefix(first)
    return text


def _entry(heading: str, call: str, documented: object) -> Iterator[str]:
    yield f"### {heading}\n\n```python\n{_wrapped(call)}\n```\n"
    yield f"{_documented(documented)}\n"


def _wrapped(call: str) -> str:
    """A long call with a line for each parameter."""
    if len(call) <= _WIDTH or "(" not in call:
        return call
    name, _, rest = call.partition("(")
    parameters, depth = [""], 0
    for position, character in enumerate(rest):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            lines = "".join(f"    {each.strip()},\n" for each in parameters)
            return f"{name}(\n{lines}{rest[position:]}"
        if character == "," and depth == 0:
            parameters.append("")
        else:
            parameters[-1] += character
    return call


def _documented(value: object) -> str:
    text = inspect.getdoc(value)
    assert text, value
    return text


def _functions() -> Iterator[str]:
    yield "## Functions\n"
    for name in sorted(imgsearch.__all__):
        value = getattr(imgsearch, name)
        if inspect.isfunction(value):
            yield from _entry(name, f"{name}{signature_of(value)}", value)


def _records() -> Iterator[str]:
    in_json = openapi_document(operations())["components"]["schemas"]
    yield "## Records and other types\n\n| name | description |\n|---|---|"
    for name in sorted(imgsearch.__all__):
        value = getattr(imgsearch, name)
        if not isinstance(value, type) or value is Library or value in PARTS.values():
            continue
        if issubclass(value, Exception):
            continue
        first, *_ = _documented(value).split("\n\n")
        link = f"[`{name}`](http.md#{name.lower()})" if _has_fields(name, in_json) else f"`{name}`"
        fields = ", ".join(f"`{each}`" for each in _fields(value))
        described = " ".join(first.split()).replace("|", "\\|")
        listed = f" Fields: {fields}." if fields and not link.startswith("[") else ""
        yield f"| {link} | {described}{listed} |"
    yield ""


def _has_fields(name: str, schemas: dict[str, dict[str, object]]) -> bool:
    return "properties" in schemas.get(name, {})


def _fields(value: type) -> tuple[str, ...]:
    return value.__struct_fields__ if issubclass(value, Struct) else ()


def _errors() -> Iterator[str]:
    yield "## Errors\n\n| error | exit code of commands | meaning |\n|---|---|---|"
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.ImgsearchError):
            first, *_ = _documented(kind).split("\n\n")
            yield f"| `{name}` | {kind.exit_code} | {' '.join(first.split())} |"
    yield "\nAll of them are in `imgsearch.errors`; `ImgsearchError` is their base.\n"
