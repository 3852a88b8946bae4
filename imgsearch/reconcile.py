"""Compares the library with the disk: which folders are there, and what changed in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgsearch import scan
from imgsearch.decode import is_photo_name
from imgsearch.errors import FolderError, UsageError
from imgsearch.records import Changes, Root
from imgsearch.store import Store


@dataclass(frozen=True, slots=True)
class Survey:
    """The changes of each root (root id, changes), and how many known files are out of reach."""

    work: tuple[tuple[int, Changes], ...]
    offline: int


def survey(store: Store, folders: Sequence[str], tell: Callable[[str], None]) -> Survey:
    """Look at these folders, adding them as roots if need be; at all roots when none is named.

    A root that is not there is offline: its files are counted, and nothing about them changes.
    Raises UsageError when there is no folder to look at.
    """
    scopes = [(store.add_root(folder), folder) for folder in folders]
    roots = store.roots()
    scopes = scopes or list(roots.items())
    if not scopes:
        raise UsageError("No photo folder is known yet. Name one: imgsearch index FOLDER")
    row = store.current_encoder()
    unfinished = {str(path) for path in store.unembedded(row.key).values()} if row else set()
    offline = 0
    work = []
    for root_id, folder in scopes:
        known = store.known(root_id, folder)
        if known and not is_there(roots[root_id]):
            offline += len(known)
            tell(
                f"{folder} is not there now. Its {len(known)} files stay in the library, "
                "marked offline; run this again when it is back."
            )
            continue
        seen = scan.look(folder, is_photo_name)
        for unreadable in seen.unreadable:
            tell(f"{unreadable} cannot be read. What is known of its photos is kept.")
        work.append((root_id, scan.diff(seen, known, unfinished)))
    return Survey(tuple(work), offline)


def check_folder(folder: str, roots: Sequence[str]) -> None:
    """Raise FolderError unless `folder` can be read, or lies in a root that may be offline."""
    path = Path(folder)
    if path.is_dir():
        try:
            with os.scandir(folder):
                return
        except OSError as error:
            raise FolderError(
                f"The folder {folder} cannot be read ({error.strerror}). Check its permissions."
            ) from error
    if path.exists():
        raise FolderError(f"{folder} is not a folder. Name the folder that it lies in.")
    if not any(path.is_relative_to(root) for root in roots):
        raise FolderError(f"The folder {folder} does not exist. Check its name.")


def roots_of(store: Store) -> tuple[Root, ...]:
    """The photo folders of the library and whether each can be reached now."""
    counts = store.photo_counts()
    return tuple(
        Root(
            id=root_id,
            path=Path(path),
            online=root_id not in counts or is_there(path),
            photos=counts.get(root_id, 0),
        )
        for root_id, path in store.roots().items()
    )


def is_there(folder: str) -> bool:
    """Whether a folder can be reached: an empty one is a mount point without its drive."""
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except PermissionError:
        return True
    except OSError:
        return False
