"""Tells a command of the user's about photos. There is no shell between: a name is never code."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from imgsearch.errors import ImgsearchError, UsageError

PATHS = "{}"  # the argument that the paths take the place of
VARIABLE = "SAVED_SEARCH"  # of the environment: the name of the saved search
LIMIT_S = 600.0  # for one run
MAX_BYTES = 100_000  # of the paths that are arguments of one run: systems allow 128 KB and more
_LOOK_EVERY_S = 0.1
_GRACE_S = 0.5


def read_command(text: str) -> tuple[str, ...]:
    """Return the program and its arguments, with quotes as in a shell. Raises UsageError."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError(f"A quote in the command {text!r} is never closed.") from None
    check_command(words)
    return tuple(words)


def check_command(words: Sequence[str]) -> None:
    """Raise UsageError for a command that is empty, cannot be found, or has {} within a word."""
    if not words or not words[0]:
        raise UsageError("The command is empty. For example: --exec beach='notify-send {}'")
    bad = next((word for word in words[1:] if PATHS in word and word != PATHS), None)
    if bad is not None:
        raise UsageError(
            f"{bad!r} has {PATHS} within a word. {PATHS} is an argument of its own, and each path "
            "becomes one."
        )
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"There is no program {words[0]!r}. Name one, with its arguments: for a line of shell, "
            "write it into a script."
        )


def tell(command: Sequence[str], name: str, photos: Sequence[Path], nul: bool, stop: Event) -> None:
    """Run the command with these photos, or several times if they are too many for one.

    Paths are arguments in place of `{}`, or else are on its standard input. What it prints goes to
    standard error. Raises ImgsearchError if it fails, takes more than ten minutes, or is ended
    because `stop` is set.
    """
    if PATHS not in command:
        end = b"\0" if nul else b"\n"
        _run(command, name, b"".join(os.fsencode(path) + end for path in photos), stop)
        return
    for paths in _portions(photos):
        words = [part for word in command for part in (paths if word == PATHS else [word])]
        _run(words, name, b"", stop)


def _portions(photos: Sequence[Path]) -> Iterator[list[str]]:
    portion: list[str] = []
    size_bytes = 0
    for path in map(str, photos):
        length = len(os.fsencode(path)) + 1
        if portion and size_bytes + length > MAX_BYTES:
            yield portion
            portion, size_bytes = [], 0
        portion.append(path)
        size_bytes += length
    if portion:
        yield portion


def _run(words: Sequence[str], name: str, content: bytes, stop: Event) -> None:
    sys.stderr.flush()
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            env={**os.environ, VARIABLE: name},
            start_new_session=True,  # Ctrl-C is for imgsearch, which ends it
        )
    except OSError as error:
        raise ImgsearchError(f"Cannot run {words[0]!r} ({error.strerror}).") from error
    # In a thread of its own, since a pipe holds less than the paths of many photos. A daemon: what
    # the command leaves running may hold the pipe open without reading it.
    Thread(target=_feed, args=(process, content), daemon=True).start()
    until_s = time.monotonic() + LIMIT_S
    while True:
        try:
            process.wait(_LOOK_EVERY_S)
            break
        except subprocess.TimeoutExpired:
            if stop.is_set() or time.monotonic() > until_s:
                _end(process)
                reason = "was ended with imgsearch" if stop.is_set() else "took over ten minutes"
                raise ImgsearchError(
                    f"The command {words[0]!r} {reason}. It will be told about the same photos "
                    "again."
                ) from None
    if process.returncode:
        raise ImgsearchError(
            f"The command {words[0]!r} failed (exit code {process.returncode}). It will be told "
            "about the same photos again."
        )


def _feed(process: subprocess.Popen[bytes], content: bytes) -> None:
    """Write the content to the standard input of a process, as far as it reads."""
    assert process.stdin is not None
    with suppress(OSError), process.stdin as given:
        given.write(content)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
