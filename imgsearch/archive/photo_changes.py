"""The changes of the photos in an archive: they go to the archive, whose copies take them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from imgsearch.archive.fleet.objects import is_object
from imgsearch.archive.operations import Fleet
from imgsearch.archive.originals import Originals
from imgsearch.errors import CommandLine, FolderError, LibraryLocked, Reason, Sentence, UsageError
from imgsearch.progress import Job, MergeReport, Progress, SyncReport
from imgsearch.records.status import Finding
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.store import Store
from imgsearch.text import path_text

if TYPE_CHECKING:
    from imgsearch.archive.filling import Filling
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.replica.replica import Replica
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.indexer.opening import Indexing

_Report = TypeVar("_Report")


class ArchiveChanges:
    """Implements `imgsearch.opened.photo_changes.PhotoChanges`, which describes the methods.

    What was changed is found from the next question on: the copy on this machine takes it then.
    """

    def __init__(
        self,
        replica: Replica,
        filling: Filling,
        indexing: Indexing,
    ) -> None:
        """`indexing` is that of the copy on this machine."""
        self._replica = replica
        self._filling = filling
        self._indexing = indexing

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be.

        What was listed and done is kept in the working folder, so that the next run goes on where
        this one is stopped. Nothing is written among photos: the job raises UsageError for an
        archive in one of these folders or in one of the library's.
        """
        if verify:
            raise UsageError("Files of an archive cannot be verified. Leave --verify out.")
        return Job(self._filling.index(sources, accept_removals, ray))

    def retry(self, reasons: tuple[Reason, ...]) -> Job[SyncReport]:
        """Read files that failed again, with the folders that this machine has indexed them from.

        The job raises UsageError where other machines have indexed them all.
        """
        return Job(self._retried(reasons))

    def _retried(self, reasons: tuple[Reason, ...]) -> Generator[Progress, None, SyncReport]:
        with Store.open(self.up_to_date().data_dir) as store:
            failures = store.failures.of_files(reasons)
        if not failures:
            return SyncReport()
        return (yield from self._filling.retry([path_text(each.path) for each in failures]))

    def photos_in(self, folder: str) -> int:
        from imgsearch.indexer.roots import ids_below
        from imgsearch.store.reads import Reads

        reads = Reads.open(self.up_to_date().data_dir)
        try:
            return len(ids_below(reads, [folder.rstrip("/")]))
        except FolderError as error:
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.") from error
        finally:
            reads.close()

    def forget(self, folder: str) -> int:
        """Remove all photos below a folder or `s3://BUCKET/FOLDER`; see `Filling.forget`."""
        self.photos_in(folder)
        return self._filling.forget(folder.rstrip("/"))

    def prune(self, days: float) -> int:
        """Delete the data of photos without a file in the archive, and in the copy here."""
        from imgsearch.indexer import folders

        photos = self._filling.prune(days)
        folders.prune(self.up_to_date(), days)
        return photos

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack into the archive, which is made if there is none.

        What people made besides, such as albums, is merged into the copy on this machine, as into
        any library, and sent from there like everything that is made in it.
        """
        if beside:
            raise UsageError("An archive has vectors of one encoder. Leave --beside out.")
        if place is not None and is_object(place):
            raise UsageError(
                Sentence(
                    f"Photos of a pack are looked for in folders of this machine, and {place} is "
                    "none. To read photos there: ",
                    CommandLine("index PLACE"),
                )
            )
        return self._merged(pack, place, offline, faces)

    def _merged(
        self, pack: Path, place: str | None, offline: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        report = yield from self._filling.merge(pack, place, offline, faces)
        yield from self._replica.updating(self._indexing)  # it has the photos of the pack then
        of_features = self._merge_of_features(pack)
        self._replica.send_waiting()
        return replace(report, of_features=of_features)

    def _merge_of_features(self, pack: Path) -> dict[str, int]:
        from imgsearch.indexer import pack_notes, packs
        from imgsearch.indexer.derived import encoder_may_lack
        from imgsearch.store.lock import writing
        from imgsearch.store.pack_reader import PackReader

        context = self._indexing.context()
        file = packs.pack_inside(str(pack)) if pack.is_dir() else pack
        with PackReader(file) as reader, writing(context.data_dir) as store:
            merged = pack_notes.merge_of_features(store, reader, context.notify)
            row = store.reads.encoders.current()
            if row is not None:
                with encoder_may_lack(context, "The pack was merged"):
                    merged |= pack_notes.merge_from_vectors(context, store, row, reader)
        return merged

    def examine(self) -> Iterator[Finding]:
        from imgsearch.analysis.doctor import examine
        from imgsearch.archive.examination import examine as examine_archive

        yield from examine_archive(self._replica.address)
        settings = self._indexing.settings
        cure = (
            f"Delete the folder {settings.data_dir}: the archive is copied again, with all changes "
            "that were sent to it."
        )
        if not (settings.data_dir / DATABASE_FILE).exists():
            message = f"The archive was not copied to this machine yet, to {settings.data_dir}."
            yield Finding("copy", "note", message)
            return
        for finding in examine(settings, has_folders=False):
            is_damage = finding.level == "error" and finding.area in ("database", "vectors")
            yield replace(finding, cure=cure, repairable=False) if is_damage else finding

    def repair(self) -> list[str]:
        """Settle the archive, which indexes what is new there, and repair the copy here."""
        from imgsearch.analysis.doctor import repair_cache
        from imgsearch.indexer.repair import repair

        done = repair_cache(self._indexing.settings.cache_dir)
        self._filling.settle().run()
        done.append(f"Settled the archive {self._replica.address}.")
        return [*done, *repair(self.up_to_date(), has_folders=False)]

    # ------------------------------------------------------------------ for jobs of features

    def archive(self) -> ArchiveChanges:
        """Return these changes, with everything that a job needs which writes to the archive."""
        return self

    @property
    def originals(self) -> Originals:
        """Opens the files of the archive's photos that this machine reaches."""
        return self._replica.originals

    def up_to_date(self) -> IndexingContext:
        """Return the context of the copy on this machine, which takes changes before."""
        self._replica.refresh(self._indexing)
        return self._indexing.existing()

    def writer(self) -> LanceWriter:
        """Return the writer of the archive. Raises StoreError where there is none."""
        return self._filling.writer()

    def announced(
        self, doing: str, steps: Generator[Progress, None, _Report]
    ) -> Generator[Progress, None, _Report]:
        """Run a job that writes to the archive, with progress that other processes can see."""
        return self._filling.announced(doing, steps)

    def then_taken(
        self, steps: Generator[Progress, None, _Report]
    ) -> Generator[Progress, None, _Report]:
        """Run such a job, and let the copy on this machine take what it has written."""
        report = yield from steps
        with suppress(LibraryLocked):  # another process is taking it
            yield from self._replica.updating(self._indexing)
        return report

    def forget_faces(self) -> None:
        """Delete all faces that were found, also from the disk; all copies forget them."""
        self._filling.forget_faces()

    def fleet(self) -> Fleet:
        """Return the part that fills the archive."""
        return Fleet(self._filling, self._replica, self._indexing)
