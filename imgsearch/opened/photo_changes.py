"""Changes of the photos of a library, and of what is read from them: in its folders, or an archive.

`FolderChanges` is for a library with folders of its own. `imgsearch.archive.photo_changes` has the
changes of an archive, which its copies on all machines take.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgsearch.errors import CommandLine, Reason, Sentence, UsageError
from imgsearch.store.database import DATABASE_FILE

if TYPE_CHECKING:
    from imgsearch.archive.operations import Fleet
    from imgsearch.archive.photo_changes import ArchiveChanges
    from imgsearch.indexer.opening import Indexing
    from imgsearch.progress import Job, MergeReport, Progress, SyncReport
    from imgsearch.records.status import Finding


class PhotoChanges(Protocol):
    """Changes the photos of a library."""

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the library up to date with these sources: see `Library.index`."""

    def retry(self, reasons: tuple[Reason, ...]) -> Job[SyncReport]:
        """Try files that failed again: see `imgsearch.operations.folders.Folders.retry`."""

    def photos_in(self, folder: str) -> int:
        """Count the photos in a folder or address that `forget` takes. Raises as it does."""

    def forget(self, folder: str) -> int:
        """Remove a folder or address, in full; returns how many photos left the library."""

    def prune(self, days: float) -> int:
        """Delete the data of photos without a file for this many days; returns their number."""

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack: see `imgsearch.operations.packs.Packs.merge`."""

    def examine(self) -> Iterator[Finding]:
        """Yield the findings of a check of everything that the library consists of."""

    def repair(self) -> list[str]:
        """Repair the findings that are safe to repair; returns a sentence for each."""

    def archive(self) -> ArchiveChanges | None:
        """Return the changes of an archive, for jobs that write to it; None for folders."""

    def fleet(self) -> Fleet:
        """Return the part that fills an archive. Raises UsageError for a library with folders."""


class FolderChanges:
    """Implements `PhotoChanges` for a library whose photos lie in folders of this machine."""

    def __init__(self, indexing: Indexing) -> None:
        self._indexing = indexing

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring folders up to date. Raises UsageError for a cluster."""
        from imgsearch.indexer import sync
        from imgsearch.progress import Job

        if ray is not None:
            raise UsageError(
                Sentence(
                    "A library on this machine is indexed by this machine. A cluster fills an "
                    "archive: ",
                    CommandLine("index FOLDER --library ADDRESS --ray ADDRESS"),
                )
            )
        context = self._indexing.context()
        return Job(sync.index(context, tuple(sources), accept_removals, verify))

    def retry(self, reasons: tuple[Reason, ...]) -> Job[SyncReport]:
        from imgsearch.indexer import sync
        from imgsearch.progress import Job

        return Job(sync.retry(self._indexing.existing(), reasons))

    def photos_in(self, folder: str) -> int:
        from imgsearch.indexer.roots import list_roots, root_id_of
        from imgsearch.store.reads import Reads

        with closing(Reads.open(self._indexing.existing().data_dir)) as reads:
            root_id = root_id_of(reads, folder)
            return next(root.photos for root in list_roots(reads) if root.id == root_id)

    def forget(self, folder: str) -> int:
        from imgsearch.indexer import folders

        return folders.forget(self._indexing.existing(), folder)

    def prune(self, days: float) -> int:
        from imgsearch.indexer import folders

        return folders.prune(self._indexing.existing(), days)

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack, with its faces in any case, into the library, made if there is none."""
        from imgsearch.indexer.merge import unpack

        return unpack(self._indexing.context(), pack, place, offline, beside)

    def examine(self) -> Iterator[Finding]:
        from imgsearch.analysis.doctor import examine

        return examine(self._indexing.settings)

    def repair(self) -> list[str]:
        from imgsearch.analysis.doctor import repair_cache
        from imgsearch.indexer.repair import repair

        done = repair_cache(self._indexing.settings.cache_dir)
        if not (self._indexing.settings.data_dir / DATABASE_FILE).exists():
            return done
        return [*done, *repair(self._indexing.existing())]

    def archive(self) -> None:
        """Return None: what is found in photos of folders goes to their library."""

    def fleet(self) -> Fleet:
        """Raise UsageError: folders are indexed by this machine."""
        raise UsageError(
            Sentence("Only an archive is filled by a fleet: ", CommandLine("copy --to ADDRESS"))
        )
