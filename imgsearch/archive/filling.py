"""Fills an archive: with photos that this machine or a cluster embeds, and with whole libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imgsearch.addresses import working_folder
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.indexer.roots import folders_of_library
from imgsearch.outputs.places import refuse_archive_in_photos
from imgsearch.progress import (
    CopyReport,
    Job,
    MergeReport,
    Progress,
    SettleReport,
    SyncReport,
)
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.index import EncoderRow
from imgsearch.search.baseline import new_baseline
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.store.progress_file import announced
from imgsearch.text import shell_word

if TYPE_CHECKING:
    from imgsearch.archive.fleet.base import Workers
    from imgsearch.archive.fleet.worker import WorkPlan
    from imgsearch.archive.lance.contents import ArchiveContents
    from imgsearch.archive.lance.writer import BuildIndex, LanceWriter
    from imgsearch.archive.replica.replica import Replica
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.records.arrays import Vector, Vectors

_Report = TypeVar("_Report")


class Filling:
    """Writes to the archive at an address, and makes one where there is none."""

    def __init__(
        self,
        replica: Replica,
        notify: Callable[[str], None],
        encoders: EncoderLoader,
        given: Encoder | None,
    ) -> None:
        """`replica` is the copy of the archive on this machine, which looks for what is written.

        `given` is the encoder that takes the place of the one that the settings name.
        """
        self.address = replica.address
        self.settings = replica.settings
        self._replica = replica
        self._notify = notify
        self._encoders = encoders
        self._given = given

    @property
    def working_folder(self) -> Path:
        """The folder of this machine with the lists of photos that it put into the archive."""
        return working_folder(self.settings.data_dir, self.address)

    def exists(self) -> bool:
        """Return whether there is an archive at the address."""
        from imgsearch.archive.lance.tables import exists

        return exists(self.address)

    def _encoder(self) -> EncoderRow:
        """Return the encoder of the archive. Raises StoreError where there is none."""
        from imgsearch.archive.lance.tables import Table

        return Table(self.address, "photos").encoder

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """Return the writer of the archive.

        With `encoder`, the archive is created if there is none.

        Settling embeds sample queries. Raises EncoderMismatch for vectors of another encoder, and
        StoreError where there is no archive.
        """
        return self._writer(self._encoder() if encoder is None else encoder)

    def _writer(self, row: EncoderRow, build_large_index: BuildIndex | None = None) -> LanceWriter:
        from imgsearch.archive.lance.writer import LanceWriter

        self._encoders.check(row)
        embed_queries = partial(self._embed_queries, row)

        def make_baseline(photos: Vectors, mean: Vector, vectors: int) -> ScoreBaseline | None:
            if vectors < MIN_PHOTOS:
                return None
            return new_baseline(photos, mean, vectors, embed_queries)

        return LanceWriter.open(
            self.address,
            row,
            embed_queries,
            make_baseline,
            build_large_index=build_large_index,
        )

    def _embed_queries(self, row: EncoderRow, texts: Sequence[str]) -> Vectors:
        return embed_texts(self._encoders.shared(row), row.name, texts)

    def announced(
        self, doing: str, steps: Generator[Progress, None, _Report]
    ) -> Generator[Progress, None, _Report]:
        """Run a job that writes to the archive, with progress that other processes can see."""
        try:
            return (yield from announced(self.working_folder, doing, steps))
        finally:
            self._replica.check_at_once()

    def index(
        self,
        sources: Sequence[str],
        accept_removals: bool,
        ray: str | None,
        metadata: bool = False,
    ) -> Generator[Progress, None, SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be.

        Without any, these are all that this machine has indexed into it before. With `metadata`,
        then read the facts of all photos of these sources again.
        """
        return self.announced(
            "Indexing", self._index(list(sources), ray, accept_removals, metadata)
        )

    def _index(
        self, sources: list[str], ray: str | None, accept_removals: bool, metadata: bool
    ) -> Generator[Progress, None, SyncReport]:
        from imgsearch.archive.fleet.cluster import index_vectors, ray_workers
        from imgsearch.archive.fleet.embedding import FleetRun, embed_photos
        from imgsearch.archive.fleet.here import workers_here
        from imgsearch.archive.fleet.manifest import known_sources
        from imgsearch.archive.fleet.sources import source_of

        sources = sources or known_sources(self.working_folder)
        if not sources:
            raise UsageError(
                Sentence(
                    f"This machine has not indexed any folder into the archive {self.address}. "
                    "Name the folders or buckets whose photos it is to have: ",
                    CommandLine(f"index FOLDER --library {shell_word(self.address)}"),
                )
            )
        photo_places = [source_of(source).address for source in sources]
        refuse_archive_in_photos(
            self.address, [*photo_places, *folders_of_library(self.settings.data_dir)]
        )
        start: Callable[[WorkPlan], AbstractContextManager[Workers]]
        row = self._encoder() if self.exists() else self._new_encoder()
        if ray is None:
            start = partial(workers_here, threads=self.settings.thread_count)
            writer = self._writer(row)
        else:
            start = partial(ray_workers, address=ray)
            writer = self._writer(row, build_large_index=partial(index_vectors, ray))
        keep_thumbnails = writer.put_thumbnails if self.settings.thumbnails_mb else None
        run = FleetRun(
            writer,
            self._plan(writer.encoder),
            self.working_folder,
            self._notify,
            self.address,
            keep_thumbnails,
        )
        return (yield from embed_photos(run, sources, start, accept_removals, metadata))

    def retry(self, paths: Sequence[str]) -> Generator[Progress, None, SyncReport]:
        """Read files that failed again, and bring the archive up to date with their sources.

        Raises UsageError where this machine has indexed none of them.
        """
        from imgsearch.archive.fleet.manifest import forget_files

        sources = forget_files(self.working_folder, paths)
        if not sources:
            first = paths[0].rpartition("/")[0]
            raise UsageError(
                Sentence(
                    f"Other machines have indexed the files of the archive {self.address} that "
                    f"failed, such as {paths[0]}. Run this there, or index their folders here: ",
                    CommandLine(f"index {shell_word(first)} --library {shell_word(self.address)}"),
                )
            )
        return (yield from self.index(sources, accept_removals=False, ray=None))

    def copy_from(self, data_dir: Path, faces: bool) -> Generator[Progress, None, CopyReport]:
        """Carry the library in a data folder over, with its vectors, and its faces if wanted."""
        return self.announced("Copying", self._copied(data_dir, faces))

    def _copied(self, data_dir: Path, faces: bool) -> Generator[Progress, None, CopyReport]:
        from imgsearch.archive.copying import check_encoder, copy_faces, copy_library
        from imgsearch.archive.items.of_library import copy_marks, copy_others
        from imgsearch.archive.items.table import ArchiveItems
        from imgsearch.archive.lance.people_tables import PeopleTables
        from imgsearch.progress import CopyReport
        from imgsearch.store.store import Store
        from imgsearch.store.thumbnails import ThumbnailStore

        with Store.open(data_dir) as store, ThumbnailStore(data_dir) as thumbnails:
            refuse_archive_in_photos(self.address, list(store.reads.roots.all().values()))
            row = self._encoder() if self.exists() else store.reads.encoders.in_use()
            check_encoder(store, row)
            writer = self.writer(row)
            shared = ArchiveItems(self.address)
            report = yield from copy_library(
                store,
                writer,
                row,
                writer.put_texts,
                thumbnails,
                writer.put_thumbnails,
                copy_marks=partial(copy_marks, store.database, shared, writer.known),
            )
            made = copy_others(store.database, shared, writer.known)
            report = report.plus(CopyReport(made=made))
            if faces:
                tables = PeopleTables(self.address)
                report = report.plus((yield from copy_faces(store, writer, tables)))
            return report

    def merge(
        self, pack: Path, place: str | None, offline: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack, with its faces if wanted: see `imgsearch.archive.unpacking`."""
        return self.announced("Merging", self._merged(pack, place, offline, faces))

    def _merged(
        self, pack: Path, place: str | None, offline: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        from imgsearch.archive.unpacking import MergeTarget, merge_pack

        target = MergeTarget(
            self.address,
            self.settings,
            self._notify,
            self._encoder() if self.exists() else None,
            self.writer,
            faces,
            folders_of_library(self.settings.data_dir),
            self._encoders.dim_of,
        )
        return (yield from merge_pack(target, pack, place, offline))

    def settle(self) -> Job[SettleReport]:
        """Compact, index and calibrate what was put since the archive was settled last."""
        from imgsearch.progress import Job

        return Job(self.announced("Settling", self._settled()))

    def _settled(self) -> Generator[Progress, None, SettleReport]:
        from imgsearch.progress import SettleReport

        started_s = time.monotonic()
        yield from self.writer().settling()
        contents = self._contents()
        count, indexed = contents.count(), contents.indexed_vectors()
        seconds = round(time.monotonic() - started_s, 3)
        return SettleReport(count.photos, count.vectors, indexed, seconds)

    def _contents(self) -> ArchiveContents:
        from imgsearch.archive.lance.contents import ArchiveContents

        return ArchiveContents(self.address)

    def forget_faces(self) -> None:
        """Delete all faces that were found, also from the disk; all replicas forget them."""
        from imgsearch.archive.lance.people_tables import PeopleTables

        tables = PeopleTables(self.address)
        tables.delete_faces()
        tables.forget_deleted()
        self._replica.check_at_once()

    def prune(self, days: float) -> int:
        """Delete the data of photos without a file for this many days; returns their number."""
        photos = self.writer().prune(datetime.now(UTC) - timedelta(days=days))
        self._replica.check_at_once()
        return photos

    def forget(self, folder: str) -> int:
        """Remove the photos below a folder or address; returns how many left the archive.

        The next run for such a source reads them again, and embeds none that was not pruned.
        """
        from imgsearch.archive.fleet.manifest import forget_below

        contents, writer = self._contents(), self.writer()
        before = contents.count().photos
        forget_below(self.working_folder, folder)
        writer.forget(contents.paths_below(folder))
        self._replica.check_at_once()
        return max(0, before - contents.count().photos)

    def _new_encoder(self) -> EncoderRow:
        from imgsearch.records.index import EncoderRow

        encoder = self._encoders.open(self._encoders.choose_new())
        return EncoderRow(1, encoder.id, self._encoders.name_of(encoder), encoder.dim)

    def _plan(self, row: EncoderRow) -> WorkPlan:
        from imgsearch.archive.fleet.worker import WorkPlan, given_encoder, open_named_encoder
        from imgsearch.archive.lance.writer import LanceWriter
        from imgsearch.encoders import registry

        settings = self.settings
        is_usual = settings.cache_dir == default_cache_dir()
        cache_dir = None if is_usual else settings.cache_dir
        if self._given is None:
            name = registry.name_of(row.encoder_id)
            opening = partial(
                open_named_encoder, name, cache_dir, settings.device, settings.batch_size
            )
        else:
            opening = partial(given_encoder, self._given)
        known = partial(LanceWriter, self.address)
        return WorkPlan(row.encoder_id, opening, known, settings.max_megapixels, cache_dir)
