"""Finds folders of this machine to choose photo folders from, and counts the photos in them.

Only names are read, never the contents of files. A drive that does not answer delays nobody: what
might wait for one runs in a thread of its own, which is left behind when the time is up.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from imgsearch.decode.formats import is_photo_name
from imgsearch.errors import FolderError
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, WINDOWS_VOLUME, Mount, MountTable
from imgsearch.records.folders import FolderChoice, PhotoFileCount

LISTING_S = 5.0  # after which a drive counts as not answering
# Below the home folder. The names of the first five can differ by language: see `_xdg_folders`.
_USUAL = {
    "PICTURES": "Pictures",
    "DOWNLOAD": "Downloads",
    "DESKTOP": "Desktop",
    "DOCUMENTS": "Documents",
    "VIDEOS": "Movies" if sys.platform == "darwin" else "Videos",
}
_SYNCED = ("Dropbox", "Google Drive", "Nextcloud", "OneDrive", "Syncthing")
_DRIVES = ("/media", "/run/media", "/mnt", "/Volumes")
_OF_THE_SYSTEM = (
    *("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/nix", "/opt", "/proc"),
    *("/run", "/sbin", "/snap", "/sys", "/System", "/usr", "/var", "/private"),
)

_Value = TypeVar("_Value")


def usual_folders(
    home: Path | None = None, mounts: MountTable = SYSTEM_MOUNTS
) -> tuple[FolderChoice, ...]:
    """Return the home folder, the folders in it where photos usually are, and the mounted drives.

    Only folders that exist. The home folder is that of this user unless `home` names another.
    """
    home = Path.home() if home is None else home
    below = [*_xdg_folders(home), *(home / name for name in _SYNCED)]
    choices = [FolderChoice(home, "Home", "home")]
    choices += [FolderChoice(path, path.name, "usual") for path in below if path.is_dir()]
    choices += [
        FolderChoice(Path(point), os.path.basename(point), "drive")  # noqa: PTH119
        for point in _drives(mounts.mounts())
    ]
    by_path = {choice.path: choice for choice in reversed(choices)}  # the first of each path
    return tuple(choice for choice in choices if by_path[choice.path] is choice)


def subfolders(folder: Path) -> tuple[Path, ...]:
    """Return the folders directly in `folder`, by name without case.

    Folders that are never indexed are left out.

    Raises FolderError if it cannot be read, or does not answer within 5 s.
    """
    listing = _Background(lambda: _names_of_folders(folder))
    if not listing.wait(LISTING_S):
        raise FolderError(f"The folder {folder} does not answer. Is its drive or network there?")
    try:
        names = listing.result()
    except OSError as error:
        raise FolderError(
            f"The folder {folder} cannot be read ({error.strerror}). Choose another."
        ) from error
    return tuple(folder / name for name in sorted(names, key=lambda name: (name.casefold(), name)))


def count_photo_files(
    folders: Sequence[Path],
    time_limit_s: float,
    is_photo: Callable[[str], bool] = is_photo_name,
) -> dict[Path, PhotoFileCount]:
    """Count the photos and videos in these folders and below, judged by their names.

    All folders are counted at once, for `time_limit_s` seconds in all; the counts reached by then
    are returned. Symbolic links are not followed, so nothing outside of a folder is counted.
    """
    until = time.monotonic() + time_limit_s
    counts = {folder: _Count() for folder in folders}
    counting = [_Background(lambda f=f, c=c: _count(f, c, is_photo)) for f, c in counts.items()]  # type: ignore[misc]
    for each in counting:
        each.wait(until - time.monotonic())
    for count in counts.values():
        count.stop = True
    return {f: PhotoFileCount(count.files, count.is_complete) for f, count in counts.items()}


# ------------------------------------------------------------------------- reading folders


class _Count:
    """A count while it goes on."""

    def __init__(self) -> None:
        self.files = 0
        self.is_complete = False
        self.stop = False


def _count(folder: Path, count: _Count, is_photo: Callable[[str], bool]) -> None:
    waiting = [os.fspath(folder)]
    while waiting and not count.stop:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if is_ignored(entry.name) or entry.is_symlink():
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif is_photo(entry.name):
                        count.files += 1
        except OSError:
            continue  # may not be read, so nothing there would be indexed
    count.is_complete = not waiting


def _names_of_folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not is_ignored(entry.name) and _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link whose target may not be looked at
        return False


class _Background(Generic[_Value]):
    """A call in a thread of its own, which may never end."""

    def __init__(self, call: Callable[[], _Value]) -> None:
        self._call = call
        self._values: list[_Value] = []
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._values.append(self._call())
        except OSError as error:
            self._error = error

    def wait(self, seconds: float) -> bool:
        """Return whether the call has ended within this time."""
        self._thread.join(max(seconds, 0))
        return not self._thread.is_alive()

    def result(self) -> _Value:
        """Return the result of the call, or its OSError. Only after it has ended."""
        if self._error is not None:
            raise self._error
        return self._values[0]


# ------------------------------------------------------------------------- usual folders


def _xdg_folders(home: Path) -> Iterator[Path]:
    """Yield the usual folders below `home`, by the names that its desktop gives them.

    See https://www.freedesktop.org/wiki/Software/xdg-user-dirs/ for the file.
    """
    try:
        lines = (home / ".config" / "user-dirs.dirs").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    named = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    for key, usual in _USUAL.items():
        value = named.get(f"XDG_{key}_DIR", "").strip('"').replace("$HOME", str(home))
        path = Path(value) if value.startswith("/") else home / usual
        if path != home:  # how a desktop says that there is none
            yield path


def _drives(mounts: Iterable[Mount]) -> list[str]:
    """Return the mount points of drives and network folders, sorted, without the system's."""
    return sorted({mount.point for mount in mounts if _is_drive(mount)})


def _is_drive(mount: Mount) -> bool:
    if mount.source.startswith(WINDOWS_VOLUME):
        letter = mount.point.removesuffix("\\")
        return letter.endswith(":") and letter != os.environ.get("SYSTEMDRIVE", "C:")
    point = Path(mount.point)
    if any(point.is_relative_to(folder) and str(point) != folder for folder in _DRIVES):
        return True
    if any(str(point) == folder or point.is_relative_to(folder) for folder in _OF_THE_SYSTEM[1:]):
        return False
    # A dead network drive must not be looked at; the others might be a single file.
    return mount.point != "/" and (
        mount.is_network or (mount.source.startswith("/dev/") and point.is_dir())
    )
