"""What the names of files and folders tell, without a look at them."""

from __future__ import annotations

import os
from collections.abc import Collection

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
