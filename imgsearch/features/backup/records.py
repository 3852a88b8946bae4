"""Records and the error of backups: what is in one, and what restoring it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from imgsearch.errors import ImgsearchError


class BackupError(ImgsearchError):
    """A backup is cut off or damaged, was made by a newer imgsearch, or is not a backup."""

    exit_code = 12


class Backup(Struct, frozen=True):
    """The description of a backup.

    `counts` are numbers of items by kind, such as "album" or "mark". `folders` are the photo
    folders that the library had when it was made.
    """

    file: Path
    made_at: datetime
    made_by: str
    folders: tuple[str, ...]
    counts: Mapping[str, int]


class KeptItem(Struct, frozen=True):
    """An item that is different in the library, and stays so.

    `about` names it: a photo, an album or another thing. Both values are JSON.
    """

    kind: str
    about: str
    here: str
    in_backup: str


class RestoreReport(Struct, frozen=True):
    """The changes of restoring a backup, made or planned.

    All are numbers of items by kind. `added` were not in the library. `changed` were older there.
    `kept` are different there, and stay; `differences` has the first of them. `waiting` are about
    `missing_photos`, photos that the library does not have. `unknown` are of kinds that this
    installation does not have. `change_id` is the change to undo, None where there is none.
    """

    backup: Backup
    added: Mapping[str, int]
    changed: Mapping[str, int]
    kept: Mapping[str, int]
    waiting: Mapping[str, int]
    unknown: Mapping[str, int]
    missing_photos: int
    differences: tuple[KeptItem, ...]
    dry_run: bool
    change_id: int | None = None
