"""Keeps an M3U list of photos: one path a line, in the order of the saved search or album."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from imgsearch.errors import DiskError, UsageError
from imgsearch.replacing import rename_over

_HEADER = b"#EXTM3U\n"
_MARK = b"# Kept by imgsearch, in step with the "
_BREAKS = ("\n", "\r")


def write_playlist(
    file: Path, name: str, photos: Sequence[Path], what: str = "saved search"
) -> bool:
    """Write the list of these photos, whole or not at all; returns whether it was another before.

    `name` is that of the saved search or of the album, which is `what`.

    A path with a line break is written as an address (`file://…`). Raises UsageError for a file
    that is not such a list, which is left as it is, and DiskError where it cannot be written.
    """
    lines = [_HEADER, _MARK + os.fsencode(f"{what} {name}\n"), *map(_line, photos)]
    content = b"".join(lines)
    part = file.with_name(f".{file.name}.imgsearch.part")
    try:
        before = _read(file)
        if before == content:
            return False
        if before is not None and not before.startswith(_HEADER + _MARK):
            raise UsageError(
                f"{file} is not a list that imgsearch has written, and is left as it is. Choose "
                "another name for the list."
            )
        try:
            part.write_bytes(content)
            rename_over(part, file)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise DiskError(
            f"Cannot write the list {file} ({error.strerror}). Check that its folder exists, has "
            "room, and can be written."
        ) from error
    return True


def _read(file: Path) -> bytes | None:
    """Return the content of the list; None if there is no file of its name."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise UsageError(f"{file} is no plain file. Choose another name for the list.")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _line(path: Path) -> bytes:
    name = os.fsencode(path)
    if any(each in str(path) for each in _BREAKS):
        name = b"file://" + quote(name).encode("ascii")
    return name + b"\n"
