"""`library.backups`: what people have made, in a file that fits any library with these photos."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, ImgsearchError, LibraryLocked, Sentence, UsageError
from imgsearch.paths import absolute

if TYPE_CHECKING:
    from imgsearch.features.backup.records import Backup, RestoreReport
    from imgsearch.opened.library import OpenedLibrary

_DERIVED = frozenset(
    ("face", "not face", "concept", "concept example", "label")
)  # more follows from these


class Backups:
    """Backups of what people have made: albums, marks, names of people and more."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def make(self, file: str | Path | None = None) -> Backup | None:
        """Write what people have made in the library into a file, whole or not at all.

        A name that ends in `.gz` is compressed. An older backup is replaced, and no other file.
        Without a file, a copy is made in the data folder, as the library does each day; None if the
        newest one there has the same, or there is nothing to copy. Raises UsageError and DiskError.
        """
        from imgsearch.features.backup import file as backup_file
        from imgsearch.features.backup.daily import make_copy
        from imgsearch.features.backup.making import items_of
        from imgsearch.indexer.packs import check_destination

        opened = self._opened
        database = opened.database()
        if file is None:
            return make_copy(opened.settings, database)
        path = Path(absolute(file))
        folders = opened.origin.photo_folders(opened.reads())
        check_destination(path, folders, "backup", otherwise="")
        if os.path.lexists(path):
            _require_backup(path)
        content = backup_file.content_of(items_of(database))
        return backup_file.write(path, content, datetime.now(UTC), folders)

    def restore(self, file: str | Path, *, dry_run: bool = False) -> RestoreReport:
        """Merge a backup into the library, in one transaction.

        What the library lacks is added. What is different there stays, unless both say when they
        were changed and the backup is later. To restore it again changes nothing. With `dry_run`,
        the report says what would change. Raises BackupError for a file that is damaged or no
        backup, UsageError, LibraryLocked and DiskError.
        """
        from imgsearch.features.backup import file as backup_file
        from imgsearch.features.backup.restoring import restore

        database = self._opened.database()
        backup, items = backup_file.read(Path(absolute(file)))
        report = restore(database, backup, items, dry_run=dry_run)
        follow_restored(self._opened, report)
        return report

    def all(self) -> tuple[Backup, ...]:
        """Return the copies that the library has made by itself, the newest first."""
        from imgsearch.features.backup import file as backup_file
        from imgsearch.features.backup.daily import copies

        found: list[Backup] = []
        for path in copies(self._opened.settings.data_dir):
            with suppress(ImgsearchError):
                found.append(backup_file.read_first_line(path)[0])
        return tuple(found)


def follow_restored(opened: OpenedLibrary, report: RestoreReport) -> None:
    """Bring what is made of faces, concepts and labels in line with what was restored."""
    from imgsearch.indexer.derived import (
        encoder_may_lack,
        refresh_derived,
        refresh_from_faces,
    )
    from imgsearch.store.lock import writing

    restored = {**report.added, **report.changed}
    if report.dry_run or restored.keys().isdisjoint(_DERIVED):
        return
    context = opened.existing()
    try:
        with writing(context.data_dir) as store:
            if "face" in restored:
                refresh_from_faces(store, None)
            row = store.reads.encoders.current()
            if row is not None:
                with encoder_may_lack(context, "It was restored"):
                    refresh_derived(context, store, row)
    except LibraryLocked:
        context.notify(
            Sentence(
                "It was restored while another imgsearch writes to the library. Concepts, labels "
                "and groups of faces follow with the next run of: ",
                CommandLine("index"),
            )
        )


def _require_backup(path: Path) -> None:
    """Raise UsageError for a file that is no backup, which stays as it is."""
    from imgsearch.features.backup import file as backup_file

    try:
        backup_file.read_first_line(path)
    except ImgsearchError as error:
        raise UsageError(
            f"{path} is there already and is not a backup. It is left as it is. Choose another "
            "name."
        ) from error
