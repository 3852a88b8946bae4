"""A folder that is changed by one process at a time.

Where the system can, the folder is open, and its entries are named relative to it: nobody can
exchange it for another one meanwhile. Windows cannot, so there they are named by their paths.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from imgsearch import file_locks
from imgsearch.replacing import rename_over

CAN_HOLD = sys.platform != "win32"
LOCK_FILE = ".imgsearch-links.lock"
MakeLink = Callable[[str, str, int | None], None]


class HeldFolder(Protocol):
    """The entries of a folder, by name. Every method raises OSError."""

    def names(self) -> list[str]:
        """Return all names in it, but that of the lock file."""

    def exists(self, name: str) -> bool:
        """Return whether there is anything of this name, a link to nowhere for instance."""

    def target(self, name: str) -> str:
        """Return the target of a link."""

    def make_link(self, make: MakeLink, target: str, name: str) -> None:
        """Make a symbolic link by `make`, which has the form of `symlink`."""

    def remove(self, name: str) -> None:
        """Remove a link or file."""

    def open_to_read(self, name: str) -> BinaryIO:
        """Return a file in it, not what a link leads to."""

    def open_to_write(self, name: str) -> BinaryIO:
        """Return a new or emptied file in it, not what a link leads to."""

    def replace(self, source: str, target: str) -> None:
        """Give a file in it another name, in place of what has it."""


def symlink(target: str, name: str, folder: int | None) -> None:
    """Make a symbolic link in an open folder; with None, `name` is a path. Raises OSError."""
    os.symlink(target, name, dir_fd=folder)


@contextmanager
def held_folder(folder: Path, can_hold: bool = CAN_HOLD) -> Iterator[HeldFolder]:
    """Provide the folder, which must exist, under a lock of its own until the block ends.

    Raises NotADirectoryError for anything else, FileNotFoundError and other kinds of OSError. The
    lock is left out where the disk has none, as on some network drives.
    """
    if can_hold:
        with _opened(folder) as held:
            yield held
        return
    if not folder.is_dir():
        os.listdir(folder)  # noqa: PTH208  # raises what is wrong
    with file_locks.lock_file_beside(folder / LOCK_FILE, wait=True):
        yield FolderByPath(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[HeldFolder]:
    if sys.platform == "win32":
        raise NotImplementedError("Windows cannot open folders.")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            file_locks.lock_open_file(descriptor, wait=True)
        yield FolderByDescriptor(descriptor)
    finally:
        os.close(descriptor)


class FolderByDescriptor:
    """A folder that is open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def names(self) -> list[str]:
        return [name for name in self._listed() if name != LOCK_FILE]

    def exists(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def target(self, name: str) -> str:
        return os.readlink(name, dir_fd=self._descriptor)

    def make_link(self, make: MakeLink, target: str, name: str) -> None:
        make(target, name, self._descriptor)

    def remove(self, name: str) -> None:
        os.unlink(name, dir_fd=self._descriptor)

    def open_to_read(self, name: str) -> BinaryIO:
        return os.fdopen(self._open(name, os.O_RDONLY), "rb")

    def open_to_write(self, name: str) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        return os.fdopen(self._open(name, flags), "wb")

    def replace(self, source: str, target: str) -> None:
        os.rename(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def _listed(self) -> list[str]:
        return os.listdir(self._descriptor)  # noqa: PTH208  # Path takes no descriptor

    def _open(self, name: str, flags: int) -> int:
        no_links = getattr(os, "O_NOFOLLOW", 0)
        return os.open(name, flags | no_links, 0o644, dir_fd=self._descriptor)


class FolderByPath:
    """A folder that is known by its path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return [entry.name for entry in self._folder.iterdir() if entry.name != LOCK_FILE]

    def exists(self, name: str) -> bool:
        return os.path.lexists(self._folder / name)

    def target(self, name: str) -> str:
        # Windows gives targets in the form that has no limit of length.
        return str((self._folder / name).readlink()).removeprefix("\\\\?\\")

    def make_link(self, make: MakeLink, target: str, name: str) -> None:
        make(target, str(self._folder / name), None)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def open_to_read(self, name: str) -> BinaryIO:
        return self._checked(name).open("rb")

    def open_to_write(self, name: str) -> BinaryIO:
        return self._checked(name).open("wb")

    def replace(self, source: str, target: str) -> None:
        rename_over(self._folder / source, self._folder / target)

    def _checked(self, name: str) -> Path:
        path = self._folder / name
        if path.is_symlink():
            raise FileExistsError(f"{path} is a symbolic link")
        return path
