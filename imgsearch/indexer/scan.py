"""Scans photo folders, and compares the files there with those that are known.

The walk works on text paths with `os`: a Path for each of 100,000 files would be slow.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct, field

from imgsearch.indexer.ignored import is_ignored
from imgsearch.paths import entry_path, for_system
from imgsearch.records.files import Changes, FileStat
from imgsearch.written_beside import is_left_name

# ------------------------------------------------------------------------- names and paths


def is_inside(path: str, folders: Collection[str]) -> bool:
    """Return whether `path` is inside one of these folders, at any depth."""
    return any(path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def stat_of(path: str | os.PathLike[str]) -> FileStat:
    """Return the size, modification time and inode of a file now. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116
    return FileStat.from_status(os.fspath(path), status)


def folder_identity(folder: str) -> tuple[int, int] | None:
    """Return device and inode of the folder at this path; None if there is none.

    (0, 0) for a folder that may not be accessed: it counts as unchanged.
    """
    try:
        status = os.stat(folder)  # noqa: PTH116
    except PermissionError:
        return (0, 0)
    except OSError:
        return None
    return status.st_dev, status.st_ino


# ------------------------------------------------------------------------- scanning


class ScanResult(Struct, frozen=True):
    """The photos and sidecar files in a folder, by path, and what could not be read.

    `unreadable` are folders that exist but may not be read; `dangling` are symbolic links whose
    target does not exist now, perhaps a folder on a drive that is not connected. `left` are files
    that a run left which was killed while it wrote beside photos.
    """

    files: Mapping[str, FileStat]
    unreadable: tuple[str, ...]
    dangling: tuple[str, ...] = ()
    sidecars: Mapping[str, FileStat] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def scan(
    folder: str,
    is_photo: Callable[[str], bool],
    recursive: bool = True,
    is_sidecar: Callable[[str], bool] = lambda name: False,
) -> ScanResult:
    """Stat every file in `folder` (absolute) whose name is that of a photo or an XMP file.

    Hidden files and folders, recycle bins, NAS thumbnails and incomplete downloads are left out.
    Symbolic links are followed, but no folder is entered twice, so loops end. A folder that cannot
    be read does not end the scan. Without `recursive`, subfolders are not entered.
    """
    walk = _Walk(is_photo, is_sidecar)
    walk.folders.append(folder)
    visited: set[tuple[int, int]] = set()
    while walk.folders or walk.links:
        # Links last: a folder that is reachable twice keeps the path without a link.
        current = walk.folders.pop() if walk.folders else walk.links.pop()
        try:
            status = os.stat(for_system(current))  # noqa: PTH116
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            walk.read_folder(current)
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed since its name was read, and its files with it
        except OSError:
            walk.unreadable.append(current)
        if not recursive:
            break
    return ScanResult(
        walk.files, tuple(walk.unreadable), tuple(walk.dangling), walk.sidecars, tuple(walk.left)
    )


class _Walk:
    """The files that a scan has found so far, and the folders that it has yet to read."""

    def __init__(self, is_photo: Callable[[str], bool], is_sidecar: Callable[[str], bool]) -> None:
        self.files: dict[str, FileStat] = {}
        self.sidecars: dict[str, FileStat] = {}
        self.unreadable: list[str] = []
        self.dangling: list[str] = []
        self.left: list[str] = []
        self.folders: list[str] = []
        self.links: list[str] = []
        self._is_photo = is_photo
        self._is_sidecar = is_sidecar

    def read_folder(self, folder: str) -> None:
        """Add the contents of one folder. Raises OSError if it cannot be read."""
        with os.scandir(for_system(folder)) as entries:
            for entry in entries:
                if not is_ignored(entry.name):
                    self._add(entry)
                elif is_left_name(entry.name):
                    self.left.append(entry_path(entry.path))

    def _add(self, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_dir():
                (self.links if entry.is_symlink() else self.folders).append(entry_path(entry.path))
                return
            files = self._files_for(entry.name)
            # A dangling link is noted whatever its name: its target may have been a folder.
            if files is None and not entry.is_symlink():
                return
            status = entry.stat()
        except OSError as error:
            if entry.is_symlink():
                if error.errno != errno.ELOOP:  # a link to itself never had a target
                    self.dangling.append(entry_path(entry.path))
                return
            if isinstance(error, FileNotFoundError):  # removed since its name was read
                return
            raise  # the folder may be listed, but its files may not be accessed
        # A pipe or a device with the name of a photo is never opened.
        if files is not None and stat.S_ISREG(status.st_mode):
            path = entry_path(entry.path)
            files[path] = FileStat.from_status(path, status)

    def _files_for(self, name: str) -> dict[str, FileStat] | None:
        """Return the collection to which files of this name belong; None for none of interest."""
        if self._is_photo(name):
            return self.files
        return self.sidecars if self._is_sidecar(name) else None


# ------------------------------------------------------------------------- comparing


def find_changes(
    result: ScanResult, known: Mapping[str, FileStat], outdated: Collection[str] = ()
) -> Changes:
    """Return the changes since the known files were recorded, sorted by path.

    A file has changed when its size or modification time has. Known files whose path is among
    `outdated` count as changed, too. Files in a folder that could not be read, or behind a
    dangling link, do not count as gone.
    """
    upserts: list[FileStat] = []
    unchanged = 0
    for path, current in result.files.items():
        before = known.get(path)
        if before is not None and current.matches(before) and path not in outdated:
            unchanged += 1
        else:
            upserts.append(current)
    absent = known.keys() - result.files.keys()
    unreadable = (*result.unreadable, *result.dangling)
    gone = [path for path in absent if not (unreadable and is_inside(path, unreadable))]
    upserts.sort(key=lambda file: file.path)
    return Changes(tuple(upserts), tuple(sorted(gone)), unchanged)
