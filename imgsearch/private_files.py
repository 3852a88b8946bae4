"""Files and folders that only this user can open, whatever the umask.

All that is created in the data folder and the cache folder is created here: folders with mode 0700,
files with 0600. Lance creates the files of an archive, in folders that are created here. A disk
without such rights, a FAT drive for instance, works too; on Windows the rights of the user's
profile apply instead.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from imgsearch.replacing import rename_over

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077
# What is in a data or cache folder, by the beginning of its name after the dot of a temporary one.
_LIBRARY_FILES = (
    *("library.db", "writer.", "serve.", "thumbnails.db"),
    "past-queries.db",
    "page.key",
    "trial.json",
    "near-duplicates",
)
_LIBRARY_FOLDERS = (
    *("snapshots", "thumbnails", "examples", "query-vectors", "watch-canary", "archives"),
    *("compressed", "backups", "damaged"),
)
_TABLES = frozenset(  # of an archive, in its folder
    f"{name}.lance"
    for name in (
        *(
            "baselines",
            "faces",
            "facts",
            "files",
            "items",
            "kept",
            "marks",
            "pending",
            "people",
            "photo_people",
        ),
        *("photos", "texts", "thumbnails"),
    )
)
_OTHER_NAMES = (
    "imgsearch.toml",
    "README.md",
    "demo",
    "batch_sizes.json",
    "speeds.json",
    "lite-",
    "faces-",
    "openclip",
    "querybanks",
    "towns-",
)
_DEMO = "demo"  # holds photos, and a library of its own
PART = ".part"
ABANDONED_S = 3600.0  # no file takes that long to write: its process was killed


def make_folder(folder: Path) -> None:
    """Create a folder and the parents it lacks, all private. Raises OSError.

    A folder that exists keeps its rights.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:  # another process was faster, or it is not a folder
        if not folder.is_dir():
            raise
    else:
        _set_mode(folder, FOLDER_MODE)


def create_file(path: Path) -> None:
    """Create an empty file where there is none. Raises OSError."""
    with suppress(FileExistsError):
        os.close(_opened(path, os.O_EXCL))


def create_whole(path: Path, content: bytes) -> bool:
    """Create a file where there is none, whole or not at all; its folder is created as well.

    Returns whether it was created. Raises OSError.
    """
    make_folder(path.parent)
    part = _part_of(path)
    try:
        with open_for_writing(part) as file:
            file.write(content)
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            with os.fdopen(_opened(path, os.O_EXCL), "wb") as file:
                file.write(content)
    except FileExistsError:
        return False
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def open_for_writing(path: Path) -> BinaryIO:
    """Return the file, emptied or created, open for writing. Raises OSError."""
    return os.fdopen(_opened(path, os.O_TRUNC), "wb")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is created. Raises OSError.

    It is not synced to the disk: a power failure may cost its content.
    """
    replace_file_by_parts(path, (content,))


def replace_file_by_parts(path: Path, contents: Iterable[bytes]) -> None:
    """Do as `replace_file`, with content that need not be in memory at once."""
    make_folder(path.parent)
    part = _part_of(path)
    try:
        with open_for_writing(part) as file:
            for content in contents:
                file.write(content)
        rename_over(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def delete_abandoned(folder: Path) -> None:
    """Delete what `replace_file` left in a folder when its process was killed."""
    before = time.time() - ABANDONED_S
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.endswith(PART) and entry.stat().st_mtime < before:
                    Path(entry.path).unlink()


def make_private(folder: Path, others: Callable[[], Collection[str]] = tuple) -> None:
    """Take the rights of others away from a data or cache folder and from all in it.

    Only where the folder belongs to this user; where others have no rights, this is one `stat`. A
    folder that holds anything else as well, photos for instance, keeps its rights, and only the
    library in it is closed. `others` gives further names of what may be in the folder, alone or
    with "-", "." or "_" behind them; it is called only where the folder is open to others. Raises
    nothing: a disk may be read-only or know no rights.
    """
    with suppress(OSError):
        about = folder.stat()
        if not _is_open(about):
            return
        with os.scandir(folder) as entries:
            listed = list(entries)
        names = others()
        is_ours = all(_is_known(entry) or _has_name(entry, names) for entry in listed)
        if is_ours and not about.st_mode & stat.S_ISVTX:
            _set_mode(folder, about.st_mode & FOLDER_MODE)  # first: then nobody can exchange files
            make_entries_private(folder)
        else:
            for entry in filter(_is_of_library, listed):
                _close(entry)


def make_entries_private(folder: Path) -> None:
    """Take the rights of others away from all that is in a folder of ours. Raises nothing."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_folder = _close(entry) and entry.is_dir(follow_symlinks=False)
            if is_folder and entry.name != _DEMO:
                make_entries_private(Path(entry.path))


def make_tree_private(folder: Path) -> None:
    """Take the rights of others away from all in a folder of ours, at any depth. Raises nothing.

    Unlike `make_entries_private`, it also looks into folders that are private already.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            _close(entry)
            if entry.is_dir(follow_symlinks=False):
                make_tree_private(Path(entry.path))


def _part_of(path: Path) -> Path:
    """Return the file that becomes `path` when it is complete."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")


def _opened(path: Path, flag: int) -> int:
    binary = getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag | binary, FILE_MODE)
    _set_mode(descriptor, FILE_MODE)
    return descriptor


def _set_mode(target: Path | str | int, mode: int) -> None:
    """Set the mode of a path or an open file, where the disk allows it."""
    if sys.platform != "win32":  # there a user's own folders are closed to others
        with suppress(OSError):
            os.chmod(target, mode)  # noqa: PTH101  # of a descriptor, too


def _is_open(about: os.stat_result) -> bool:
    """Return whether others have rights on a file or folder of this user."""
    if sys.platform == "win32":
        return False
    is_link = stat.S_ISLNK(about.st_mode)
    is_own = about.st_uid == os.geteuid()
    return is_own and not is_link and bool(about.st_mode & _OTHERS)


def _close(entry: os.DirEntry[str]) -> bool:
    """Take the rights of others away from an entry; whether they had any."""
    with suppress(OSError):
        about = entry.stat(follow_symlinks=False)
        if _is_open(about):
            _set_mode(entry.path, about.st_mode & FOLDER_MODE)
            return True
    return False


def _is_of_library(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return entry.name in _LIBRARY_FOLDERS or entry.name in _TABLES
    return entry.name.lstrip(".").startswith(_LIBRARY_FILES)


def _has_name(entry: os.DirEntry[str], names: Collection[str]) -> bool:
    name = entry.name.lstrip(".")
    return any(
        name == each or name.startswith((f"{each}-", f"{each}.", f"{each}_")) for each in names
    )


def _is_known(entry: os.DirEntry[str]) -> bool:
    return _is_of_library(entry) or entry.name.lstrip(".").startswith(_OTHER_NAMES)
