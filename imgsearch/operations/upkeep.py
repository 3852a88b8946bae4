"""Upkeep: reading metadata again, small pictures, and finding and repairing damage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from imgsearch.errors import MissingPackage, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load, plugin_errors

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, MetadataReport, ThumbnailReport
    from imgsearch.records.status import Finding

_LOOKS_AFTER_S = 3600.0


class Upkeep:
    """Keeps the data of a library complete and sound.

    Of an archive, `doctor` and `repair` can be used; the rest raises UsageError.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def doctor(self) -> tuple[Finding, ...]:
        """Examine files, database, index, cache and encoder; reads all of them, slowly.

        Of an archive, the tables and indexes, and the checksums of a sample of the vectors. Damage
        is a finding, not an error. Nothing is changed, and no photo is opened.
        """
        return tuple(self._opened.photo_changes.examine())

    def repair(self) -> list[str]:
        """Repair the findings of `doctor` that are safe to repair; returns a sentence for each.

        An archive is settled. Raises LibraryLocked, DiskError where the disk lacks the space to
        write the database anew, and StoreError for a damaged database, which is left as it is.
        """
        return self._opened.photo_changes.repair()

    def look_after(self) -> None:
        """Do what features do once a day, unless it was done today: a backup, for instance.

        What people make in a copy of an archive is in the archive, so nothing is done there.
        """
        opened = self._opened
        if opened.photo_changes.archive() is not None:
            return
        for named in installed.daily():
            try:
                with plugin_errors(named):
                    load(named)(opened.settings, opened.notify)
            except MissingPackage as error:
                opened.notify(str(error))

    @contextmanager
    def looking_after(self) -> Iterator[None]:
        """Look after the library now and each hour, in a thread, until the block ends."""
        ended = Event()

        def look_after() -> None:
            self.look_after()
            while not ended.wait(_LOOKS_AFTER_S):
                self.look_after()

        Thread(target=look_after, name="imgsearch-look-after", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def read_metadata(self) -> Job[MetadataReport]:
        """Read the metadata of all photos again, from their files and sidecar files.

        Dates, places, ratings, keywords and other facts change; nothing is embedded.
        """
        from imgsearch.indexer.metadata import read_metadata
        from imgsearch.progress import Job

        self._opened.origin.require_folders("metadata of its own")
        return Job(read_metadata(self._opened.existing()))

    def make_thumbnails(self) -> Job[ThumbnailReport]:
        """Make the kept thumbnails of all photos that have none, as those indexed before.

        Raises UsageError where the settings keep none, StoreError for a damaged file of thumbnails,
        LibraryLocked and DiskError.
        """
        from imgsearch.indexer.thumbnails import make_thumbnails
        from imgsearch.progress import Job

        self._opened.origin.require_folders("thumbnails to make")
        context = self._opened.existing()
        if not self._opened.settings.thumbnails_mb:
            raise UsageError("The setting thumbnails_mb is 0, so no thumbnails are kept.")
        return Job(make_thumbnails(context))
