"""Runs scripts: finds the function in a file of Python, and calls it with a library and photos."""

from __future__ import annotations

import inspect
import runpy
import stat
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from imgsearch.errors import DiskError, ImgsearchError, UsageError
from imgsearch.records.query import Query
from imgsearch.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsearch.library import Library

_Function = TypeVar("_Function", bound=Callable[..., object])
_MARK = "is_imgsearch_script"
_GIVEN = 2  # a library and photos
_WRITE_ONE = """Write one:

from imgsearch import script

@script
def main(library, hits):
    for hit in hits:
        print(hit.path)"""
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


class ScriptError(ImgsearchError):
    """A script failed: the message names its line."""


def script(function: _Function) -> _Function:
    """Mark the function of a script that `imgsearch run` calls: once in each file.

    It is called with the open `Library` and the `Hits` of the query, and with what `--set` gives.
    """
    setattr(function, _MARK, True)
    return function


def run_script(
    library: Library, place: Path, query: Query, k: int | None, given: Mapping[str, str]
) -> object:
    """Call the function of a script with the photos of a query, and return its result.

    Without a query, it gets all photos, the newest first; of a query, all that are not weak; at
    most k in either case. `given` are further arguments of the function by name, which become of
    the type that their defaults have.

    Raises UsageError for a file that is no script, and for other arguments than the function takes;
    DiskError for a file that cannot be read; ScriptError where the script fails; and as
    `Library.find_all` does.
    """
    function = _function_of(place)
    arguments = _arguments(function, given)
    wanted = replace(query, sort="date") if query == Query() else query
    found = library.find_all(wanted)
    hits = library.hits_of(found, found.ids[:k].tolist())
    with _script_errors(place):
        return function(library, hits, **arguments)


def _function_of(place: Path) -> Callable[..., object]:
    """Run a file and return the function that it marks."""
    try:
        is_file = stat.S_ISREG(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a zero byte
        is_file = False
    except OSError as error:
        raise DiskError(
            f"Cannot read {printable(str(place))} ({error.strerror}). Choose another file."
        ) from error
    if not is_file:
        raise UsageError(f"There is no file {printable(str(place))}. {_WRITE_ONE}")
    with _script_errors(place), _importing_beside(place):
        names = runpy.run_path(str(place))
    marked: set[Callable[..., object]] = {
        each for each in names.values() if getattr(each, _MARK, False) is True
    }
    if len(marked) != 1:
        raise UsageError(
            f"{printable(str(place))} has {len(marked) or 'no'} functions with @script above them, "
            f"and needs one. {_WRITE_ONE}"
        )
    return marked.pop()


def _arguments(function: Callable[..., object], given: Mapping[str, str]) -> dict[str, object]:
    """Return the further arguments of a function, of the types of its defaults."""
    parameters = list(inspect.signature(function).parameters.values())[_GIVEN:]
    usual = {each.name: each.default for each in parameters}
    unknown = [name for name in given if name not in usual]
    if unknown:
        known = f"It has: {', '.join(usual)}." if usual else "It has none but the photos."
        raise UsageError(f"The script has no argument {printable(unknown[0])}. {known}")
    missing = [
        name
        for name, default in usual.items()
        if default is inspect.Parameter.empty and name not in given
    ]
    if missing:
        raise UsageError(f"The script needs the argument {missing[0]}: --set {missing[0]}=VALUE")
    return {name: _value(name, text, usual[name]) for name, text in given.items()}


def _value(name: str, text: str, default: object) -> object:
    kind = type(default)
    if kind is bool:
        if text.lower() in (*_TRUE, *_FALSE):
            return text.lower() in _TRUE
        raise UsageError(f"{name} is true or false, not {printable(text)}.")
    if kind not in (int, float):
        return text
    try:
        number: Any = kind(text)
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise UsageError(f"{name} is a {what}, not {printable(text)}.") from None
    return number


@contextmanager
def _importing_beside(place: Path) -> Iterator[None]:
    """Let a script import the modules beside it, as Python itself does."""
    folder = str(place.absolute().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


@contextmanager
def _script_errors(place: Path) -> Iterator[None]:
    """Name the line of a script that raises. Errors of imgsearch have a message of their own."""
    try:
        yield
    except (ImgsearchError, KeyboardInterrupt):
        raise
    except SyntaxError as error:
        raise ScriptError(_told(place, error.lineno, error)) from error
    except (Exception, SystemExit) as error:
        raise ScriptError(_told(place, _line_of(place, error.__traceback__), error)) from error


def _line_of(place: Path, trace: TracebackType | None) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == str(place)]
    return lines[-1] if lines else None


def _told(place: Path, line: int | None, error: BaseException) -> str:
    where = f"{printable(str(place))}, line {line}" if line else printable(str(place))
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{where}: {type(error).__name__}{': ' if said else ''}{printable(said)}"
