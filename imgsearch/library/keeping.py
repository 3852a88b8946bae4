"""The door to all that changes a library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from imgsearch import reconcile
from imgsearch.config import PRUNE_DAYS
from imgsearch.errors import Reason, UsageError
from imgsearch.jobs import Job
from imgsearch.library.opened import Opened
from imgsearch.query import absolute

if TYPE_CHECKING:
    from imgsearch.jobs import MetadataReport, News, RebuildReport, SyncReport
    from imgsearch.reconcile.follow import Rhythm
    from imgsearch.records import Failure, Root


class Keeping(Opened):
    """Brings the library up to date, watches, forgets, rebuilds."""

    def index(
        self,
        folders: Iterable[str | Path] = (),
        *,
        accept_removals: bool = False,
        verify: bool = False,
    ) -> Job[SyncReport]:
        """Add folders to the library, if need be, and bring them up to date; all known when none.

        Originals are only read. With `accept_removals`, photos that are held as missing are let
        go; with `verify`, every file is read, to find edits that kept size and time.
        Iterate over the job for its progress, or call `run()`.
        Raises FolderError, LibraryLocked, DiskError and the errors of the store and the encoder.
        """
        named = tuple(absolute(folder) for folder in folders)
        return Job(self._upkeep.index(named, accept_removals, verify))

    def read_metadata(self) -> Job[MetadataReport]:
        """Read again what the files of all photos say, and the XMP files beside them.

        Dates, places, stars, keywords and the like change; no model is loaded, nothing embedded.
        """
        self._reader()  # says so where there is no library, and makes none
        return Job(self._upkeep.read_metadata())

    def failures(self, reasons: Iterable[str] = ()) -> tuple[Failure, ...]:
        """The files that could not be read, by path; with `reasons`, those of these codes only.

        Raises UsageError for a code that is none.
        """
        return self._reader().failures(tuple(reason_of(code) for code in reasons))

    def retry(self, reasons: Iterable[str] = ()) -> Job[SyncReport]:
        """Read again, now, the files that failed; with `reasons`, those of these codes only.

        Indexing does so by itself once a file changes, or what reads it, and where the reason may
        pass. Raises UsageError for a code that is none, and what `index` raises.
        """
        known = tuple(reason_of(code) for code in reasons)
        self._reader()
        return Job(self._upkeep.retry(known))

    def watch(
        self,
        folders: Iterable[str | Path] = (),
        *,
        stop: Event | None = None,
        rhythm: Rhythm | None = None,
    ) -> Iterator[News]:
        """Keep the library equal to the disk, all roots of it, until `stop` is set.

        Yields what happens: the roots that are watched, the progress of each round of work, and
        its report. Searching, also from other processes, works meanwhile; so does all that writes,
        since the writer's lock is held only during a round. Raises what `index` raises.
        """
        named = tuple(absolute(folder) for folder in folders)
        return self._upkeep.watch(named, stop or Event(), rhythm)

    def root(self, folder: str | Path) -> Root:
        """The photo folder of the library at `folder`. Raises UsageError when it is none."""

        store = self._reader()
        root_id = reconcile.root_at(store, absolute(folder))
        return next(root for root in reconcile.roots_of(store) if root.id == root_id)

    def forget(self, folder: str | Path) -> int:
        """Follow a root no more, on purpose; how many photos left the library with it.

        Photos that also lie in another root stay. Nothing on the disk changes, and until `prune`
        nothing is embedded again if the folder comes back. Raises UsageError for a folder that is
        not a root, and LibraryLocked.
        """
        self._reader()  # says so where there is no library, and makes none
        return self._upkeep.forget(absolute(folder))

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Drop photos and vectors that no path has pointed at for so many days; how many photos.

        Photos of folders that are offline, and photos held as missing, have paths, and stay.
        """
        self._reader()
        return self._upkeep.prune(days)

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Make the index file anew from the stored vectors; with `encoder`, embed all again.

        The old encoder goes on answering until every photo that can be reached has a vector of
        the new one; a run that was stopped goes on where it was. Photos that are offline hold the
        change back: the report says how many.
        """
        self._reader()
        return Job(self._upkeep.rebuild(encoder))


def reason_of(code: str) -> Reason:
    """The reason that goes by this code. Raises UsageError when there is none."""
    try:
        return Reason(code)
    except ValueError:
        known = ", ".join(Reason)
        raise UsageError(f"{code!r} is no reason a file can fail for. They are: {known}") from None
