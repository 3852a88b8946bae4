"""Paths as users write them, as the system opens them, and as they are stored.

Users write them relative to the current folder, or to a home folder, `~`. In a database and in a
pack they are bytes with slashes on every system.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from imgsearch.errors import UsageError

# The usual file systems of these ignore case, and that of macOS how accents are written.
FOLDS_NAMES = sys.platform in ("win32", "darwin")
_DRIVE = re.compile(r"[A-Za-z]:/")
_UNLIMITED = "\\\\?\\"  # before a path of Windows that may be longer than 259 characters
_USUAL_CHARS = 248  # up to which no program of Windows needs that: the limit of folders


def path_coding(
    separator: str,
) -> tuple[Callable[[str | Path], bytes], Callable[[bytes], str]]:
    """Return the functions that turn paths into stored ones and back, for this separator.

    On Unix, names of files are bytes and need not be UTF-8. On Windows they are text.
    """
    if separator == "/":
        return os.fsencode, os.fsdecode

    def stored(path: str | Path) -> bytes:
        return str(path).replace(separator, "/").encode("utf-8", "surrogatepass")

    def path(stored: bytes) -> str:
        return _decoded(stored).replace("/", separator)

    return stored, path


def _decoded(stored: bytes) -> str:
    try:
        return stored.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a name from Unix, which no file here can have
        return stored.decode("utf-8", "replace")


stored_path, path_of = path_coding(os.sep)


def with_slashes(path: str, separator: str = os.sep) -> str:
    """Return a path as it is compared with stored ones."""
    return path if separator == "/" else path.replace(separator, "/")


def is_absolute(path: str, separator: str = os.sep) -> bool:
    """Return whether a path with slashes begins at the root or, on Windows, at a drive."""
    return path.startswith("/") or (separator != "/" and bool(_DRIVE.match(path)))


def leads_out(path: str, separator: str = os.sep) -> bool:
    """Return whether a path with slashes, from a file of somebody else, may leave its folder."""
    parts = PurePosixPath(path).parts
    foreign = separator != "/" and (separator in path or ":" in path)  # C:name, name:stream
    return not parts or path.startswith("/") or ".." in parts or "\0" in path or foreign


def for_system(path: str, separator: str = os.sep) -> str:
    """Return an absolute path in the form in which the system opens it, however long it is.

    Windows needs a mark before paths of more than 259 characters, and takes them literally then.
    """
    if separator == "/" or len(path) < _USUAL_CHARS or path.startswith(_UNLIMITED):
        return path
    if path.startswith("\\\\"):  # a share of another machine
        return f"{_UNLIMITED}UNC\\{path[2:]}"
    return _UNLIMITED + path


def from_system(path: str) -> str:
    """Return a path of Windows without the mark of `for_system`."""
    if path.startswith(_UNLIMITED + "UNC\\"):
        return "\\\\" + path.removeprefix(_UNLIMITED + "UNC\\")
    return path.removeprefix(_UNLIMITED)


# What a folder that was opened by `for_system` says its entries' paths are.
entry_path: Callable[[str], str] = str if os.sep == "/" else from_system


def folded(name: str) -> str:
    """Return a name as file systems compare it that ignore case and how accents are written."""
    return unicodedata.normalize("NFC", name).casefold()


def spelled_as_on_disk(path: str, listed: Callable[[str], list[str]] = os.listdir) -> str:
    """Return an absolute path whose names are spelled as on the disk, as far as it exists.

    For file systems that ignore case, or how accents are written: there one file has many paths,
    and only one of them is known to a library. Folders that cannot be listed stay as they are.
    """
    first, *names = Path(path).parts
    found = first
    for number, name in enumerate(names):
        try:
            entries = listed(found)
        except OSError:
            return os.path.join(found, *names[number:])  # noqa: PTH118
        if name not in entries:
            same = [entry for entry in entries if folded(entry) == folded(name)]
            if len(same) != 1:
                return os.path.join(found, *names[number:])  # noqa: PTH118
            name = same[0]
        found = os.path.join(found, name)  # noqa: PTH118
    return found


def database_uri(file: Path, parameters: str, separator: str = os.sep) -> str:
    """Return the URI by which SQLite opens a file, as in `database_uri(file, "mode=ro")`."""
    if separator == "/":
        return f"file:{quote(os.fsencode(file))}?{parameters}"
    return f"file:///{quote(with_slashes(str(file), separator))}?{parameters}"


def absolute(path: str | Path) -> str:
    """Return the absolute path, with its symbolic links.

    Raises UsageError as `expand_home` does.

    On Windows and macOS its names are spelled as on the disk.
    """
    found = os.path.abspath(expand_home(path))  # noqa: PTH100  # keeps symbolic links
    return spelled_as_on_disk(found) if FOLDS_NAMES else found


def expand_home(path: str | Path) -> str:
    """Return the path with the home folder that `~` or `~USER` at its beginning stands for.

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
