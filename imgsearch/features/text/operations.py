"""Reading the text in pictures, so that its words find them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.features.text.records import TextReport
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job
    from imgsearch.records.picture_text import TextCounts


class PictureText:
    """Reads the text in photos of a library. `text:WORDS` in a query finds it."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def read(
        self,
        folders: Iterable[str | Path] = (),
        *,
        everything: bool = False,
        again: bool = False,
    ) -> Job[TextReport]:
        """Read the text in photos, so that `text:` finds it; in all folders if none are given.

        Each photo is read once, the likeliest first. Photos in whose small copy no text is seen are
        passed over, unless `everything` is set. `again` includes photos that another version of the
        reader has read or passed over. Needs the extra `ocr`. Folders of an archive may also be
        `s3://BUCKET/FOLDER`. Raises MissingPackage, FolderError for a folder without photos of the
        library, UsageError if there is no library, StoreError if there is no archive, and
        LibraryLocked.
        """
        from imgsearch.progress import Job

        places = tuple(map(self._opened.origin.absolute, folders))
        archive = self._opened.photo_changes.archive()
        if archive is None:
            from imgsearch.features.text.reading import read_text

            return Job(read_text(self._opened.existing(), places, everything, again))
        from imgsearch.features.text.reading_archives import read_archive_text

        return Job(read_archive_text(archive, places, everything, again))

    def counts(self) -> TextCounts:
        """Count the photos that have text, have none, could not be read, and were not tried."""
        return self._opened.store().picture_text.counts()
