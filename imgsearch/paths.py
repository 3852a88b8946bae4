"""Paths as users write them: relative to the current folder, or to a home folder, `~`."""

from __future__ import annotations

import os
from pathlib import Path

from imgsearch.errors import UsageError


def absolute(path: str | Path) -> str:
    """The absolute path. Symbolic links in it are kept. Raises UsageError as `expand_home` does."""
    return os.path.abspath(expand_home(path))  # noqa: PTH100  # keeps symbolic links


def expand_home(path: str | Path) -> str:
    """The path with the home folder that `~` or `~USER` at its beginning stands for.

    Raises UsageError for an empty name, for one with a NUL character, and for the home folder of
    a user that this machine does not know.
    """
    text = str(path)
    if path == "":  # mostly a variable of the shell that is not set
        raise UsageError("The name of a file or folder is empty. For the current folder, use .")
    if "\0" in text:
        raise UsageError("The name of a file or folder has a NUL character. Leave it out.")
    expanded = os.path.expanduser(text)  # noqa: PTH111  # Path raises RuntimeError where this fails
    if expanded.startswith("~"):
        first = text.split(os.sep, 1)[0]
        raise UsageError(
            f"There is no home folder {first}: this machine has no such user. Check the name, or "
            f"write ./{first} for a file or folder that is called so."
        )
    return expanded
