"""Which photo folders of a library can be reached now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imgsearch import scan

if TYPE_CHECKING:
    from imgsearch.store import QueryStore


def online_roots(store: QueryStore) -> dict[int, bool]:
    """Root id to whether that folder is there, and is the one that the library knows.

    A folder without any file is: nothing of it can be out of reach.
    """
    filled, volumes = store.filled_roots(), store.volumes()
    return {
        root_id: root_id not in filled
        or (is_there(path) and not is_other_drive(path, volumes.get(root_id)))
        for root_id, path in store.roots().items()
    }


def is_there(folder: str) -> bool:
    """Whether a folder can be reached: an empty one is a mount point without its drive."""
    try:
        with os.scandir(folder) as entries:
            return any(not scan.is_ignored(entry.name) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def is_other_drive(folder: str, home: tuple[str, str] | None) -> bool:
    """Whether another volume than `home` (identity, path on it) is mounted at a folder now."""
    if home is None:
        return False
    from imgsearch import mounts

    place = mounts.place_of(folder)
    return place is not None and place.volume != home[0]
