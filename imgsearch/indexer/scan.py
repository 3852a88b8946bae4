"""What the names of files and folders tell, without a look at them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from imgsearch.records.files import Changes, FileStat

# Folders that other programs keep for themselves: thumbnails of NAS makers, recycle bins.
_NOT_THE_USERS = frozenset({"@eadir", "#recycle", "$recycle.bin", "system volume information"})
# What browsers and sync tools call a file, or a folder of files, that is not all there yet.
_UNFINISHED_BEGINS = ("~syncthing~", "~$", "unconfirmed ")
_UNFINISHED_ENDS = (
    *(".download", ".crdownload", ".opdownload", ".part", ".partial", ".filepart", ".tmp"),
    *(".!sync", ".bts", ".icloud", ".drivedownload", ".driveupload"),
)


def is_ignored(name: str) -> bool:
    """Whether a file or folder is hidden, unfinished, or another program's, by its name."""
    if name.startswith("."):
        return True
    lower = name.lower()
    return (
        lower in _NOT_THE_USERS
        or lower.endswith(_UNFINISHED_ENDS)
        or lower.startswith(_UNFINISHED_BEGINS)
    )


def is_inside(path: str, folders: Collection[str]) -> bool:
    """Whether `path` lies in one of these folders."""
    return any(path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """One walk of a folder: its photos by path, and what could not be looked into.

    `unreadable` are folders that exist and may not be read; `dangling` are symbolic links to
    something that is not there now, perhaps a folder on a drive that is unplugged. `sidecars`
    are files that tell of photos beside them.
    """

    files: Mapping[str, FileStat]
    unreadable: tuple[str, ...]
    dangling: tuple[str, ...] = ()
    sidecars: Mapping[str, FileStat] = field(default_factory=dict)


def _never(name: str) -> bool:
    return False


def scan(
    folder: str,
    is_photo: Callable[[str], bool],
    deep: bool = True,
    is_sidecar: Callable[[str], bool] = _never,
) -> ScanResult:
    """Walk `folder` (absolute) and stat every file whose name `is_photo`, or `is_sidecar`.

    Hidden files and folders, recycle bins, NAS thumbnails and unfinished downloads are left out.
    Symbolic links are followed; a folder that was already visited is not entered again, so loops
    end. A folder that cannot be read is named in `unreadable` and does not end the walk. With
    `deep` false, folders inside are not entered.
    """
    walk = _Walk(is_photo, is_sidecar)
    walk.folders.append(folder)
    visited: set[tuple[int, int]] = set()
    while walk.folders or walk.links:
        # Links last: a folder that is inside twice has the path that no link is part of.
        here = walk.folders.pop() if walk.folders else walk.links.pop()
        try:
            about = os.stat(here)  # noqa: PTH116  # a Path for each of 100,000 files is slow
            if (about.st_dev, about.st_ino) in visited:
                continue
            visited.add((about.st_dev, about.st_ino))
            walk.enter(here)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone since its name was read: so are its files
        except OSError:
            walk.unreadable.append(here)
        if not deep:
            break
    return ScanResult(walk.files, tuple(walk.unreadable), tuple(walk.dangling), walk.sidecars)


class _Walk:
    """What a walk has found so far, and the folders that it has still to enter."""

    def __init__(self, is_photo: Callable[[str], bool], is_sidecar: Callable[[str], bool]) -> None:
        self.files: dict[str, FileStat] = {}
        self.sidecars: dict[str, FileStat] = {}
        self.unreadable: list[str] = []
        self.dangling: list[str] = []
        self.folders: list[str] = []
        self.links: list[str] = []
        self._is_photo = is_photo
        self._is_sidecar = is_sidecar

    def enter(self, folder: str) -> None:
        """Note what is in one folder. Raises OSError where it cannot be read."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_ignored(entry.name):
                    self._note(entry)

    def _note(self, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_dir():
                (self.links if entry.is_symlink() else self.folders).append(entry.path)
                return
            kept = self._kept(entry.name)
            # A link that leads nowhere is noted whatever its name: it may have led to a folder.
            if kept is None and not entry.is_symlink():
                return
            about = entry.stat()
        except OSError as error:
            if entry.is_symlink():
                if error.errno != errno.ELOOP:  # it does not even lead to itself
                    self.dangling.append(entry.path)
                return
            if isinstance(error, FileNotFoundError):  # gone since its name was read
                return
            raise  # the folder lets its names be read, but not its files
        # A pipe or a device called .jpg is never opened.
        if kept is not None and stat.S_ISREG(about.st_mode):
            path = entry.path
            kept[path] = FileStat(path, about.st_size, about.st_mtime_ns, about.st_ino)

    def _kept(self, name: str) -> dict[str, FileStat] | None:
        if self._is_photo(name):
            return self.files
        return self.sidecars if self._is_sidecar(name) else None


def diff(
    seen: ScanResult, known: Mapping[str, FileStat], unfinished: Collection[str] = ()
) -> Changes:
    """What to do so that the library equals the disk, in the order of the paths.

    A file counts as changed when its size or its time of modification does: inodes are not
    stable on FAT and on network drives. Known files named in `unfinished` are to be read again.
    Nothing is gone from a folder that could not be read, or whose link leads nowhere now.
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
    closed = (*seen.unreadable, *seen.dangling)
    gone = [path for path in missing if not (closed and is_inside(path, closed))]
    upserts.sort(key=lambda found: found.path)
    return Changes(tuple(upserts), tuple(sorted(gone)), unchanged)
