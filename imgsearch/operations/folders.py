"""Folders: the photo folders that a library follows, and the files that could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.config import PRUNE_DAYS
from imgsearch.errors import Reason, UsageError
from imgsearch.paths import absolute

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, SyncReport
    from imgsearch.records.status import Counts, Failure, Root

MAX_PRUNE_DAYS = 36_500


class Folders:
    """The folders of a library, and the photos that are in them no more.

    An archive follows no folders: of it, `counts`, `failures`, `forget` and `prune` can be used,
    and the rest raises UsageError.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @property
    def _following(self) -> OpenedLibrary:
        """A library that follows folders. Raises UsageError for an archive."""
        self._opened.origin.require_folders("folders that it follows")
        return self._opened

    def all(self) -> tuple[Root, ...]:
        """List the folders. Raises UsageError if there is no library."""
        from imgsearch.indexer.roots import list_roots

        return list_roots(self._following.reads())

    def get(self, folder: str | Path) -> Root:
        """Return the folder of this path. Raises UsageError if the library does not follow it."""
        from imgsearch.indexer.roots import list_roots, root_id_of

        reads = self._following.reads()
        root_id = root_id_of(reads, absolute(folder))
        return next(root for root in list_roots(reads) if root.id == root_id)

    def photos_in(self, folder: str | Path) -> tuple[str, int]:
        """Return the full name of a folder that `forget` takes, and its number of photos.

        Raises as it.
        """
        place = self._opened.origin.absolute(folder)
        return place, self._opened.photo_changes.photos_in(place)

    def counts(self) -> Counts:
        """Count the photos of each camera, format, month, day added and folder."""
        return self._opened.store().photos.counts()

    def failures(self, reasons: Iterable[str] = ()) -> tuple[Failure, ...]:
        """List the folders and files that could not be read; with `reasons`, only for these.

        Folders first, both sorted by path. Raises UsageError for an unknown reason.
        """
        chosen = tuple(reason_of(code) for code in reasons)
        failures = self._opened.store().failures
        folders = failures.of_folders() if not chosen or Reason.UNREADABLE in chosen else ()
        return (*folders, *failures.of_files(chosen))

    def retry(self, reasons: Iterable[str] = ()) -> Job[SyncReport]:
        """Try the files that failed again now; with `reasons`, only files that failed for these.

        `Library.index` does so by itself when the file or the decoders have changed, and for
        reasons that may be transient. Raises UsageError for an unknown reason, and as
        `Library.index` does.
        """
        return self._opened.photo_changes.retry(tuple(reason_of(code) for code in reasons))

    def forget(self, folder: str | Path) -> int:
        """Remove a folder from the library; returns how many photos left the library with it.

        Photos that are also in another folder stay. Nothing on the disk changes, and until `prune`
        nothing is embedded again if the folder is added again. Of an archive, it may be any folder
        or `s3://BUCKET/FOLDER` with photos of it. Raises UsageError for a folder that the library
        does not follow, FolderError for one without photos of an archive, and LibraryLocked.
        """
        return self._opened.photo_changes.forget(self._opened.origin.absolute(folder))

    def pause(self, folder: str | Path) -> None:
        """Leave a folder as it is, when indexing and watching, until it is resumed.

        Its photos stay in the library and are found as before, and their text, metadata and
        thumbnails are not read either. `Library.rebuild` still embeds them. A watcher in another
        process follows within seconds. Pausing a paused folder changes nothing. Raises UsageError
        for a folder that the library does not follow, and LibraryLocked.
        """
        from imgsearch.indexer import folders

        folders.set_paused(self._following.existing(), absolute(folder), True)

    def resume(self, folder: str | Path) -> None:
        """End the pause of a folder: the next `index`, or a running watcher, brings it up to date.

        Raises as `pause` does.
        """
        from imgsearch.indexer import folders

        folders.set_paused(self._following.existing(), absolute(folder), False)

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Delete photos and vectors that have had no path for this many days; returns how many.

        Photos of offline folders and photos whose removal is held have paths, and stay. Raises
        UsageError for a number of days below 0 or above 36,500.
        """
        if not 0 <= days <= MAX_PRUNE_DAYS:
            raise UsageError(
                f"The number of days must be from 0 to {MAX_PRUNE_DAYS:,}, not {days:,}."
            )
        return self._opened.photo_changes.prune(days)


def reason_of(code: str) -> Reason:
    """Return the failure reason with this code. Raises UsageError for an unknown one."""
    try:
        return Reason(code)
    except ValueError:
        raise UsageError(f"Unknown failure reason {code!r}. Known: {', '.join(Reason)}") from None
