"""The standard streams of the command: closed ones, readers that end early, and old encodings."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper


class OutputClosed(Exception):
    """The reader of standard output or standard error has ended, as `head` does."""


def prepare_streams() -> None:
    """Make sure that there are three streams and that any text can be written.

    A stream that was closed at the start becomes the null device. Characters that the encoding of
    an output lacks are written as escapes: pipes and files of Windows have code pages of 256
    characters by default, as has LC_ALL=C in some places.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    escape_unknown_characters(sys.stdout)


def escape_unknown_characters(stream: object) -> None:
    """Write characters that the encoding of a stream lacks as escapes, such as \\u2026.

    A stream in UTF-8 keeps its way with file names that are not UTF-8.
    """
    if isinstance(stream, TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
        stream.reconfigure(errors="backslashreplace")


@contextmanager
def recognise_closed_output() -> Iterator[None]:
    """Turn the BrokenPipeError of printing to a closed pipe into OutputClosed.

    Click ends the process with exit code 1 and no message at any BrokenPipeError, so none may
    reach it.
    """
    try:
        yield
    except BrokenPipeError as error:
        if any(_has_no_reader(stream.fileno()) for stream in (sys.stdout, sys.stderr)):
            raise OutputClosed from error
        raise RuntimeError("a pipe to another process broke") from error


def discard_output() -> None:
    """Discard all further output, including what Python flushes at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(null, stream.fileno())


def _has_no_reader(descriptor: int) -> bool:
    if sys.platform == "win32":
        return not os.isatty(descriptor)  # which of its pipes broke cannot be asked
    poll = select.poll()
    poll.register(descriptor, 0)  # without any event to wait for, only errors are reported
    return bool(poll.poll(0))
