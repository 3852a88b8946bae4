"""Upkeep: reading metadata again, small pictures, and finding and repairing damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, MetadataReport, ThumbnailReport
    from imgsearch.records.status import Finding


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
