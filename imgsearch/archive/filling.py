"""Fills an archive: with photos that this machine or a cluster embeds, and with whole libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.addresses import working_folder
from imgsearch.config import default_cache_dir
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import UsageError
from imgsearch.outputs.places import refuse_archive_in_photos
from imgsearch.search.baseline import new_baseline
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.store.progress_file import announced

if TYPE_CHECKING:
    from imgsearch.archive.fleet.base import Workers
    from imgsearch.archive.fleet.worker import WorkPlan
    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.lance.writer import BuildIndex, LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.archive.people import ArchivePeople
    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.faces.reader import FaceReader
    from imgsearch.ocr import TextReader
    from imgsearch.progress import (
        CopyReport,
        FaceReport,
        Job,
        MergeReport,
        Progress,
        SettleReport,
        SyncReport,
        TextReport,
    )
    from imgsearch.records.answer import ScoreBaseline
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.index import EncoderRow


class Filling:
    """Writes to the archive at an address, and makes one where there is none."""

    def __init__(
        self,
        address: str,
        settings: Settings,
        notify: Callable[[str], None],
        encoders: EncoderLoader,
        given: Encoder | None,
    ) -> None:
        """`given` is the encoder that takes the place of the one that the settings name."""
        self.address = address
        self.settings = settings
        self._notify = notify
        self._encoders = encoders
        self._given = given

    @property
    def working_folder(self) -> Path:
        """The folder of this machine with the lists of photos that it put into the archive."""
        return working_folder(self.settings.data_dir, self.address)

    def exists(self) -> bool:
        """Whether there is an archive at the address."""
        from imgsearch.archive.lance.tables import exists

        return exists(self.address)

    def _encoder(self) -> EncoderRow:
        """The encoder of the archive. Raises StoreError where there is none."""
        from imgsearch.archive.lance.tables import Table

        return Table(self.address, "photos").encoder

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """The writer of the archive; with `encoder`, the archive is created if there is none.

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

    def index(
        self, sources: Sequence[str], accept_removals: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be."""
        from imgsearch.progress import Job

        return Job(self._index(list(sources), ray, accept_removals))

    def read_metadata(
        self, sources: Sequence[str], accept_removals: bool, ray: str | None
    ) -> Job[SyncReport]:
        """As `index`; then read the facts of all photos of these sources again."""
        from imgsearch.progress import Job

        return Job(self._index(list(sources), ray, accept_removals, metadata=True))

    def _index(
        self, sources: list[str], ray: str | None, accept_removals: bool, metadata: bool = False
    ) -> Generator[Progress, None, SyncReport]:
        from imgsearch.archive.fleet.cluster import index_vectors, ray_workers
        from imgsearch.archive.fleet.embedding import FleetRun, embed_photos
        from imgsearch.archive.fleet.here import workers_here
        from imgsearch.archive.fleet.sources import source_of

        if not sources:
            raise UsageError("Name the folders or buckets whose photos the archive is to have.")
        photo_places = [source_of(source).address for source in sources]
        refuse_archive_in_photos(self.address, [*photo_places, *self.library_roots()])
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
        steps = embed_photos(run, sources, start, accept_removals, metadata)
        return (yield from announced(self.working_folder, "Indexing", steps))

    def copy_from(
        self, data_dir: Path, people: ArchivePeople | None
    ) -> Generator[Progress, None, CopyReport]:
        """Carry the library in a data folder over, with its vectors; faces go to `people`."""
        return announced(self.working_folder, "Copying", self._copied(data_dir, people))

    def _copied(
        self, data_dir: Path, people: ArchivePeople | None
    ) -> Generator[Progress, None, CopyReport]:
        from imgsearch.archive.copying import check_encoder, copy_faces, copy_library
        from imgsearch.store.store import Store
        from imgsearch.store.thumbnails import ThumbnailStore

        with Store.open(data_dir) as store, ThumbnailStore(data_dir) as thumbnails:
            refuse_archive_in_photos(self.address, list(store.reads.roots.all().values()))
            row = self._encoder() if self.exists() else store.reads.encoders.in_use()
            check_encoder(store, row)
            writer = self.writer(row)
            report = yield from copy_library(
                store,
                writer,
                row,
                writer.put_texts,
                thumbnails,
                writer.put_thumbnails,
                put_marks=writer.put_marks,
            )
            if people is not None:
                report = report.plus((yield from copy_faces(store, writer, people)))
            return report

    def merge(
        self, pack: Path, place: str | None, offline: bool, people: ArchivePeople | None
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack, its faces only with `people`: see `imgsearch.archive.unpacking`."""
        from imgsearch.archive.unpacking import MergeTarget, merge_pack

        target = MergeTarget(
            self.address,
            self.settings,
            self._notify,
            self._encoder() if self.exists() else None,
            self.writer,
            people,
            self.library_roots(),
            self._encoders.dim_of,
        )
        steps = merge_pack(target, pack, place, offline)
        return (yield from announced(self.working_folder, "Merging", steps))

    def settle(
        self, catalogue: LanceCatalogue, people: ArchivePeople
    ) -> Generator[Progress, None, SettleReport]:
        """Settle the archive, and let photos follow from all decisions about its people."""
        return announced(self.working_folder, "Settling", self._settled(catalogue, people))

    def _settled(
        self, catalogue: LanceCatalogue, people: ArchivePeople
    ) -> Generator[Progress, None, SettleReport]:
        from imgsearch.progress import SettleReport

        started_s = time.monotonic()
        people.follow()
        yield from self.writer().settling()
        count, indexed = catalogue.count(), catalogue.indexed_vectors()
        seconds = round(time.monotonic() - started_s, 3)
        return SettleReport(count.photos, count.vectors, indexed, seconds)

    def read_texts(
        self,
        catalogue: LanceCatalogue,
        originals: Originals,
        reader: TextReader,
        folders: Sequence[str],
        everything: bool,
        again: bool,
    ) -> Generator[Progress, None, TextReport]:
        """Read the text in photos: see `imgsearch.archive.reading_text.read_texts`."""
        from imgsearch.archive.reading_text import TextRun, read_texts

        writer = self.writer()
        run = TextRun(
            catalogue,
            writer,
            originals,
            reader,
            partial(self._embed_queries, writer.encoder),
            self.settings.thread_count,
            self.settings.max_megapixels,
        )
        steps = read_texts(run, folders, everything, again)
        return (yield from announced(self.working_folder, "Reading text", steps))

    def find_faces(
        self,
        catalogue: LanceCatalogue,
        people: ArchivePeople,
        originals: Originals,
        reader: FaceReader,
        folders: Sequence[str],
        again: bool,
    ) -> Generator[Progress, None, FaceReport]:
        """Find and group faces: see `imgsearch.archive.finding_faces.find_faces`."""
        from imgsearch.archive.finding_faces import FaceRun, find_faces

        writer = self.writer()
        run = FaceRun(
            catalogue,
            writer,
            people,
            originals,
            reader,
            partial(self._embed_queries, writer.encoder),
            self.settings.thread_count,
            self.settings.max_megapixels,
        )
        steps = find_faces(run, folders, again)
        return (yield from announced(self.working_folder, "Finding faces", steps))

    def forget(self, folder: str, catalogue: LanceCatalogue) -> int:
        """Remove the photos below a folder or address; returns how many left the archive.

        The next run for such a source reads them again, and embeds none that was not pruned.
        """
        from imgsearch.archive.fleet.manifest import forget_below

        before, writer = catalogue.count().photos, self.writer()
        forget_below(self.working_folder, folder)
        writer.forget(catalogue.paths_below(folder))
        return max(0, before - catalogue.count().photos)

    def library_roots(self) -> list[str]:
        """The photo folders of the library in the data folder, if there is one."""
        from imgsearch.store.database import DATABASE_FILE
        from imgsearch.store.reads import Reads

        if not (self.settings.data_dir / DATABASE_FILE).exists():
            return []
        with closing(Reads.open(self.settings.data_dir)) as reads:
            return list(reads.roots.all().values())

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
