"""What is on the disk, and how it differs from what is known. Never opens a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from imgsearch.records import Changes, FileStat

# Folders that other programs keep for themselves: thumbnails of NAS makers, recycle bins.
_NOT_THE_USERS = frozenset({"@eadir", "#recycle", "$recycle.bin", "system volume information"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One walk of a folder: its photos by path, and the folders that could not be read."""

    files: Mapping[str, FileStat]
    unreadable: tuple[str, ...]


def look(folder: str, is_photo: Callable[[str], bool]) -> Seen:
    """Walk `folder` (absolute) and stat every file whose name `is_photo`.

    Hidden files and folders, recycle bins and NAS thumbnails are left out. Symbolic links are
    followed; a folder that was already visited is not entered again, so loops end. A folder that
    cannot be read is named in `unreadable` and does not end the walk.
    """
    files: dict[str, FileStat] = {}
    unreadable: list[str] = []
    visited: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            about = os.stat(here)  # noqa: PTH116  # a Path for each of 100,000 files is slow
            if (about.st_dev, about.st_ino) in visited:
                continue
            visited.add((about.st_dev, about.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if is_ignored(entry.name):
                        continue
                    if _is_folder(entry):
                        waiting.append(entry.path)
                    elif is_photo(entry.name) and (found := _stat(entry)) is not None:
                        files[entry.path] = found
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone since its name was read: so are its files
        except OSError:
            unreadable.append(here)
    return Seen(files, tuple(unreadable))


def diff(seen: Seen, known: Mapping[str, FileStat], unfinished: Collection[str] = ()) -> Changes:
    """What to do so that the library equals the disk, in the order of the paths.

    A file counts as changed when its size or its time of modification does: inodes are not
    stable on FAT and on network drives. Known files named in `unfinished` are to be read again.
    Nothing is gone from a folder that could not be read.
    """
    upserts: list[FileStat] = []
    unchanged = 0
    for path, now in seen.files.items():
        before = known.get(path)
        same = before and (before.size_bytes, before.mtime_ns) == (now.size_bytes, now.mtime_ns)
        if same and path not in unfinished:
            unchanged += 1
        else:
            upserts.append(now)
    missing = known.keys() - seen.files.keys()
    gone = [path for path in missing if not _inside(path, seen.unreadable)]
    upserts.sort(key=lambda found: found.path)
    return Changes(tuple(upserts), tuple(sorted(gone)), unchanged)


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden or belongs to another program."""
    return name.startswith(".") or name.lower() in _NOT_THE_USERS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link that leads to itself
        return False


def _stat(entry: os.DirEntry[str]) -> FileStat | None:
    try:
        about = entry.stat()
    except OSError:  # gone since the folder was listed, or a link to nothing
        return None
    if not stat.S_ISREG(about.st_mode):  # a pipe or a device called .jpg is never opened
        return None
    return FileStat(entry.path, about.st_size, about.st_mtime_ns, about.st_ino)


def _inside(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)
