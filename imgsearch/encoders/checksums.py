"""Checksums of files."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from imgsearch import private_files


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_noted(note: Path, path: Path, sha256: str) -> bool:
    """Return whether a file has this checksum, which is computed unless the file `note` says so.

    The note has the file's path, size and time, and is written when the checksum is right. A folder
    that cannot be written costs time, since the checksum is computed again.
    """
    stat = path.stat()
    said = f"{sha256} {stat.st_size} {stat.st_mtime_ns} {path}"
    with suppress(OSError, ValueError):
        if note.read_text("utf-8") == said:
            return True
    if sha256_of(path) != sha256:
        return False
    with suppress(OSError):
        private_files.replace_file(note, said.encode())
    return True
