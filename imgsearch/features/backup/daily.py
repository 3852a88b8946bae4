"""The copies that a library makes by itself: one a day in the folder `backups` of its data folder.

A copy is made when somebody has changed something since the last one. The time of the newest file
says when that was looked at last, so it is done once a day.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from imgsearch import private_files
from imgsearch.config import Settings
from imgsearch.errors import DiskError, ImgsearchError, Sentence
from imgsearch.features.backup import file as backup_file
from imgsearch.features.backup.file import Content
from imgsearch.features.backup.making import items_of
from imgsearch.features.backup.records import Backup
from imgsearch.indexer.roots import folders_of_library
from imgsearch.items.of_people import FaceItems, OwnPersonItems, PersonItems
from imgsearch.records.status import DatabaseState, Finding
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.text import shell_word

FOLDER = "backups"
_OF_PEOPLE = {
    kind for group in (PersonItems(), OwnPersonItems(), FaceItems()) for kind in group.kinds
}
_NAME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}\.jsonl\.gz")


def copies(data_dir: Path) -> list[Path]:
    """Return the copies of a library, the newest first."""
    try:
        files = [each for each in (data_dir / FOLDER).iterdir() if _NAME.fullmatch(each.name)]
    except OSError:  # there are none yet, or the folder cannot be read
        return []
    return sorted(files, reverse=True)


def make_copy(settings: Settings, database: Database, now: datetime | None = None) -> Backup | None:
    """Copy what people have made in a library into its folder of copies.

    None if there is nothing to copy, or the newest copy has the same. More copies than the setting
    `backups` says are deleted, the oldest first. Raises UsageError, StoreError and DiskError.
    """
    moment = now or datetime.now(UTC)
    content = backup_file.content_of(items_of(database))
    if not content.lines:
        return None
    folder = settings.data_dir / FOLDER
    try:
        return _make_copy(settings, folder, content, moment)
    except OSError as error:
        raise DiskError(
            f"Cannot write to {folder} ({error.strerror}). Make room there and make the folder "
            "writable; or set backups = 0 in imgsearch.toml, and none is made."
        ) from error


def _make_copy(
    settings: Settings, folder: Path, content: Content, moment: datetime
) -> Backup | None:
    there = copies(settings.data_dir)
    newest = there[0] if there else None
    private_files.make_folder(folder)
    private_files.delete_abandoned(folder)
    if newest is not None and _has_the_same(newest, content):
        os.utime(newest, (moment.timestamp(), moment.timestamp()))
        return None
    file = folder / f"{moment.astimezone():%Y-%m-%d-%H%M%S}.jsonl.gz"
    made = backup_file.write(file, content, moment, folders_of_library(settings.data_dir))
    os.utime(file, (moment.timestamp(), moment.timestamp()))
    for old in copies(settings.data_dir)[max(settings.backups, 1) :]:
        old.unlink(missing_ok=True)
    return made


def _has_the_same(file: Path, content: Content) -> bool:
    with suppress(ImgsearchError):
        return backup_file.read_first_line(file)[1] == content.checksum
    return False  # it cannot be read: another one is made


def keep_daily(
    settings: Settings, notify: Callable[[str], None], now: datetime | None = None
) -> None:
    """Make the copy of the day, unless it was made or the setting `backups` is 0.

    What fails is said and is no error: this comes after other work.
    """
    moment = now or datetime.now(UTC)
    if not settings.backups or not (settings.data_dir / DATABASE_FILE).exists():
        return
    there = copies(settings.data_dir)
    with suppress(OSError):
        looked_at = datetime.fromtimestamp(there[0].stat().st_mtime, UTC) if there else None
        if looked_at and looked_at.astimezone().date() == moment.astimezone().date():
            return
    try:
        with closing(Database.open(settings.data_dir)) as database:
            make_copy(settings, database, moment)
    except ImgsearchError as error:
        notify(Sentence("The backup of today was not made. ", error))


def forget_people(data_dir: Path) -> None:
    """Delete the names of people, and the places of their faces, from the copies of a library.

    A copy that cannot be read is deleted. Raises DiskError.
    """
    for file in copies(data_dir):
        looked_at_ns = file.stat().st_mtime_ns
        try:
            backup, items = backup_file.read(file)
        except ImgsearchError:
            file.unlink(missing_ok=True)
            continue
        content = backup_file.content_of(each for each in items if each.kind not in _OF_PEOPLE)
        backup_file.write(file, content, backup.made_at, backup.folders)
        os.utime(file, ns=(looked_at_ns, looked_at_ns))


def findings(settings: Settings, database: DatabaseState) -> list[Finding]:
    """Return a finding about the copies of a library, with what to do where it is damaged or gone.

    Where no library was ever made, there is no finding.
    """
    newest = next(filter(None, map(_readable, copies(settings.data_dir))), None)
    if newest is None:
        if database == "missing" and not copies(settings.data_dir):
            return []
        if database == "undamaged":
            return [Finding("backups", "note", "No backup was made yet.", "imgsearch backup FILE")]
        message = f"There is no backup in {settings.data_dir / FOLDER} that can be read."
        return [Finding("backups", "note", message)]
    message = f"The newest is of {newest.made_at.astimezone():%Y-%m-%d %H:%M}: {newest.file}"
    if database == "undamaged":
        return [Finding("backups", "ok", message)]
    folders = " ".join(map(shell_word, newest.folders)) or "FOLDER"
    aside = settings.data_dir / "damaged"
    first = (
        f"move the files {DATABASE_FILE}* of the data folder to {aside}; then "
        if database == "damaged"
        else ""
    )
    cure = (
        f"What you made can be restored: {first}run imgsearch index {folders}; then imgsearch "
        f"restore {shell_word(newest.file)}"
    )
    return [Finding("backups", "note", message, cure)]


def _readable(file: Path) -> Backup | None:
    with suppress(ImgsearchError):
        return backup_file.read_first_line(file)[0]
    return None
