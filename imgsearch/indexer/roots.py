"""The root folders of a library: which are online, and where those on moved drives are now."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, FolderError, Sentence, UsageError
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable, VolumePath
from imgsearch.records.photo import Photo
from imgsearch.records.query import Filter, Selection
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.reads import Reads
from imgsearch.text import shell_word

if TYPE_CHECKING:
    from imgsearch.records.status import Root
    from imgsearch.store.store import Store


def check_not_paused(folder: str, paused: Iterable[str]) -> None:
    """Raise UsageError if `folder` is a paused root, a part of one, or contains one."""
    path = Path(folder)
    for root in paused:
        if path.is_relative_to(root) or Path(root).is_relative_to(path):
            raise UsageError(
                Sentence(
                    f"The folder {root} is paused. Resume it first: ",
                    CommandLine(f"folders --resume {shell_word(root)}"),
                )
            )


def check_folder(folder: str, roots: Sequence[str]) -> None:
    """Raise FolderError unless `folder` can be read, or is part of a root that may be offline."""
    try:
        with os.scandir(folder):
            return
    except FileNotFoundError:
        if not any(Path(folder).is_relative_to(root) for root in roots):
            raise FolderError(f"The folder {folder} does not exist. Check its name.") from None
    except NotADirectoryError:
        raise FolderError(f"{folder} is not a folder. Name the folder that it is in.") from None
    except OSError as error:
        raise FolderError(
            f"The folder {folder} cannot be read ({error.strerror}). Check its permissions."
        ) from error


def folders_of_library(data_dir: Path) -> list[str]:
    """Return the photo folders of the library in a data folder, if there is one."""
    if not (data_dir / DATABASE_FILE).exists():
        return []
    with closing(Reads.open(data_dir)) as reads:
        return list(reads.roots.all().values())


def root_id_of(reads: Reads, folder: str) -> int:
    """Return the id of the root at `folder`. Raises UsageError if it is not a root."""
    roots = reads.roots.all()
    for root_id, root in roots.items():
        if root == folder:
            return root_id
    names = ", ".join(roots.values()) or "none"
    raise UsageError(f"{folder} is not a folder of the library. Its folders: {names}")


def list_roots(reads: Reads, mounts: MountTable = SYSTEM_MOUNTS) -> tuple[Root, ...]:
    """Return all roots, with their numbers of photos and whether they are online."""
    from imgsearch.records.status import Root

    counts, missing, paused = (
        reads.roots.photo_counts(),
        reads.roots.held_counts(),
        reads.roots.paused(),
    )
    online = online_roots(reads, mounts)
    return tuple(
        Root(
            id=root_id,
            path=Path(path),
            online=online.get(root_id, False),
            photos=counts.get(root_id, 0),
            missing=missing.get(root_id, 0),
            paused=root_id in paused,
        )
        for root_id, path in reads.roots.all().items()
    )


def online_roots(reads: Reads, mounts: MountTable = SYSTEM_MOUNTS) -> dict[int, bool]:
    """Return whether each root (by id) is available, on the drive that the library knows.

    A root without any known file is online: none of its files can be unavailable.
    """
    filled, volumes = reads.roots.filled(), reads.roots.volumes()
    return {
        root_id: root_id not in filled
        or (is_available(path) and not is_on_other_drive(path, volumes.get(root_id), mounts))
        for root_id, path in reads.roots.all().items()
    }


def readable_photos(
    reads: Reads, ids: Sequence[int], mounts: MountTable = SYSTEM_MOUNTS
) -> list[tuple[Photo, Path]]:
    """Return those of these photos that can be read for indexing, each with one of its paths.

    The path is the first in a root that is online and not paused, unless its removal is held. The
    photos keep the order of `ids`.
    """
    online, paused = online_roots(reads, mounts), reads.roots.paused()
    readable = {root_id for root_id in online if online[root_id] and root_id not in paused}
    return photos_in(reads, readable, ids)


def photos_in(reads: Reads, roots: Collection[int], ids: Sequence[int]) -> list[tuple[Photo, Path]]:
    """Return those of these photos that have a path in one of these roots, each with the first.

    Paths whose removal is held do not count. The photos keep the order of `ids`.
    """
    stored = reads.photos.with_files(ids)
    found = []
    for photo_id in ids:
        if (known := stored.get(photo_id)) is None:
            continue
        for file in known.files:
            if file.root_id in roots and not file.is_held:
                found.append((known.photo, file.path))
                break
    return found


def is_available(folder: str) -> bool:
    """Return whether a folder is there and not empty: an empty one may be an unused mount point."""
    try:
        with os.scandir(folder) as entries:
            return any(not is_ignored(entry.name) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def is_on_other_drive(folder: str, home: tuple[str, str] | None, mounts: MountTable) -> bool:
    """Return whether a folder is now on another volume than `home`, its volume and path there."""
    if home is None:
        return False
    place = mounts.volume_path(folder)
    return place is not None and place.volume != home[0]


def follow_moved_drives(
    store: Store, notify: Callable[[str], None], mounts: MountTable = SYSTEM_MOUNTS
) -> None:
    """Change the paths of roots whose drive is now mounted elsewhere."""
    roots = store.reads.roots.all()
    for root_id, (volume, path_on_volume) in store.reads.roots.volumes().items():
        old, home = roots[root_id], VolumePath(volume, path_on_volume)
        if mounts.volume_path(old) == home and is_available(old):
            continue
        new = mounts.locate(home)
        others = [path for other_id, path in roots.items() if other_id != root_id]
        if new is None or new == old or _overlaps(new, others):
            continue
        store.files.move_root(root_id, new)
        roots[root_id] = new
        notify(f"The drive of {old} is now mounted elsewhere; its photos are at {new}.")


def _overlaps(folder: str, others: Iterable[str]) -> bool:
    path = Path(folder)
    return any(path.is_relative_to(other) or Path(other).is_relative_to(path) for other in others)


def ids_below(reads: Reads, folders: Sequence[str]) -> set[int]:
    """Return the photos below these absolute paths. Raises FolderError for a path without any."""
    ids: set[int] = set()
    for folder in folders:
        found = reads.selections.ids(Selection((Filter("in", (folder,)),))).tolist()
        if not found:
            raise FolderError(
                Sentence(
                    f"No photo of the library is in {folder}. To add it: ",
                    CommandLine("index FOLDER"),
                )
            )
        ids.update(found)
    return ids
