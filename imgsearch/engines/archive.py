"""The engine of an archive: a library that outgrew one machine, in Lance tables at an address.

A fleet fills it: see `imgsearch.fleet`. What belongs to one machine (watching folders, drives,
saved searches, concepts) it does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import AbstractContextManager, closing
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from imgsearch.catalogue.address import normal_address, working_folder
from imgsearch.config import default_cache_dir
from imgsearch.decode.thumbnails import Thumbnails
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import FolderError, MissingPackage, UsageError
from imgsearch.fleet.mounts import MountPoints
from imgsearch.fleet.objects import ShownObjects, is_object
from imgsearch.installation import install_command
from imgsearch.outputs.places import refuse_archive_in_photos
from imgsearch.paths import absolute
from imgsearch.records.photo import IndexedFile
from imgsearch.records.status import Status
from imgsearch.search import engine
from imgsearch.search.baseline import new_baseline
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.search.context import SearchContext
from imgsearch.search.definitions import NoDefinitions
from imgsearch.search.kept_examples import KeptExamples
from imgsearch.text import SCHEME, path_text

if TYPE_CHECKING:
    from imgsearch.analysis.duplicates import Picture
    from imgsearch.catalogue.lance.browsing import LanceBrowsing
    from imgsearch.catalogue.lance.name_list import NameList
    from imgsearch.catalogue.lance.reader import LanceCatalogue
    from imgsearch.catalogue.lance.writer import BuildIndex, LanceWriter
    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.fleet.base import Workers
    from imgsearch.fleet.worker import WorkPlan
    from imgsearch.progress import (
        CopyReport,
        Job,
        MergeReport,
        OnDownload,
        PackReport,
        Progress,
        SyncReport,
    )
    from imgsearch.records.answer import ScoreBaseline
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.photo import Photo
    from imgsearch.records.query import Query, Understanding

_PACKAGE = "lance"
_MOST_LISTED = 100_000  # a page can show that many, and an archive may have a thousand million

_Found = TypeVar("_Found")


class ArchiveEngine:
    """The parts of an open archive. A search sees what writers have put before it began."""

    most_listed: int | None = _MOST_LISTED
    capabilities = frozenset({"fleet", "packs"})

    def __init__(
        self,
        address: str,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
    ) -> None:
        """Nothing is read before it is needed.

        Of the settings count those for encoders, `cache_dir`, `max_megapixels`, `stack_raw`,
        `mounts`, `index_cache_mb`, and whether `thumbnails_mb` is 0. Raises MissingPackage without
        the extra `scale`, and SettingsError for `mounts` that cannot be understood.
        """
        if find_spec(_PACKAGE) is None:
            raise MissingPackage(f"Archives need more packages: {install_command('scale')}")
        self.address = normal_address(address)
        self.settings = settings
        self._notify = notify
        self._given = encoder
        self._encoders = EncoderLoader(settings, notify, on_download, encoder)
        self._objects = ShownObjects()
        self._mounts = MountPoints.parse(settings.mounts)

    @property
    def working_folder(self) -> Path:
        """Where this machine keeps lists of what was put there, and the socket of a service."""
        return working_folder(self.settings.data_dir, self.address)

    def exists(self) -> bool:
        """Whether there is an archive at the address."""
        from imgsearch.catalogue.lance.tables import exists

        return exists(self.address)

    def close(self) -> None:
        """Release the encoder."""
        self._encoders.close()

    def raise_if_closed(self) -> None:
        """Do nothing: an archive has nothing open that cannot be opened again."""

    def raise_if_damaged(self, error: Exception) -> None:
        """Do nothing: what is damaged raises where it is read."""

    def warm_up(self) -> None:
        """Load everything that a text query needs."""
        self._catalogue.warm_up()
        self.context().encoder().encode_texts(["a photo"])

    @property
    def encoder_is_loaded(self) -> bool:
        """Whether the encoder is in memory."""
        return self._encoders.is_loaded

    def release_encoder(self) -> None:
        """Release the encoder and its memory."""
        self._encoders.release()

    # ------------------------------------------------------------------ contents

    def status(self) -> Status:
        """What the archive has, and how its vectors are indexed. Raises StoreError."""
        catalogue = self._catalogue
        count, index = catalogue.count(), catalogue.search_settings
        return Status(
            kind="archive",
            address=self.address,
            photos=count.photos,
            vectors=count.vectors,
            encoder=catalogue.encoder.name,
            tail=count.vectors - catalogue.indexed_vectors(),
            recall_text=None if index is None or index.text is None else index.text.recall,
            recall_image=None if index is None else index.image.recall,
            failed=catalogue.failure_count(),
        )

    def photo_count(self) -> int:
        """How many photos can be found. Raises StoreError where there is no archive."""
        return self._catalogue.count().photos

    def baseline_vectors(self) -> int:
        """How many vectors the score baseline was made from; 0 without one."""
        baseline = self._catalogue.baseline()
        return 0 if baseline is None else baseline.vectors

    def browsing(self) -> LanceBrowsing:
        """Dates, places and names of all photos, or of some."""
        return self._browsing

    def suggested_names(self) -> NameList:
        """The names of up to a minute ago. Reading them takes longer than a suggestion."""
        return self._names

    def past_queries(self) -> None:
        """None: an archive keeps no queries."""
        return

    def duplicate_choices(self) -> NoReturn:
        """Raise UsageError: an archive is written only when photos are put into it."""
        raise UsageError("An archive does not keep which near-duplicates you chose.")

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this path or address."""
        return self._catalogue.photo_at(path)

    def why_unknown(self, path: Path) -> str:
        """A sentence that says why there is no photo at this path."""
        return f"The archive {self.address} has no photo there."

    def labels(self, classes: Classes, query: Query | None, k: int) -> list[Label]:
        """The likeliest class of each photo that a query finds; of filters alone, the newest."""
        from imgsearch.labels.labels import label_catalogued

        if query is None:
            raise UsageError(
                "Say which photos of the archive to label: imgsearch label CLASSES QUERY --library "
                "ADDRESS"
            )
        context = self.context()
        ids = engine.matching_ids(context, query, k, _MOST_LISTED)
        return label_catalogued(context.catalogue, context.encoder(), classes, ids)

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """What a query needs. Raises StoreError where there is no archive, and EncoderMismatch."""
        row = self._catalogue.encoder
        self._encoders.check(row)
        return SearchContext(
            self._catalogue,
            NoDefinitions(),
            lambda: self._encoders.shared(row),
            frozenset(),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            lambda: self._names,
            self.settings.stack_raw,
        )

    def catalogue(self) -> LanceCatalogue:
        """The photos of the archive."""
        return self._catalogue

    def understood(self, query: Query) -> Understanding:
        """How a query is understood."""
        return self.context().understood(query)

    def kept(
        self, key: Hashable, compute: Callable[[], _Found], size_of: Callable[[_Found], int]
    ) -> _Found:
        """What `compute` gives: answers of an archive are not kept."""
        return compute()

    def search(self, context: SearchContext, find: Callable[[], _Found]) -> _Found:
        """What `find` finds."""
        return find()

    # ------------------------------------------------------------------ pictures

    def thumbnails(self) -> Thumbnails:
        """Makes pictures of photos, and keeps large ones in the cache folder."""
        return self._thumbnails

    def kept_thumbnail(self, content_hash: bytes) -> bytes | None:
        """The small picture that the archive has of a photo."""
        return self._catalogue.thumbnail(content_hash)

    def photo(self, photo_id: int) -> Photo | None:
        """The photo with this id."""
        found = self._catalogue.photos([photo_id]).get(photo_id)
        return None if found is None else found.photo

    def files_of(
        self, photo_id: int, with_video: bool = False
    ) -> Generator[IndexedFile, None, None]:
        """The files of a photo. Objects that are not mounted here are fetched.

        That takes the credentials of this process. Raises PhotoError where one cannot be.
        """
        found = self._catalogue.photos([photo_id]).get(photo_id)
        if found is None:
            return
        times = self._catalogue.file_times(found.photo.content_hash)
        for each in found.files:
            address = path_text(each.path)
            file = self._file_at(address)
            if file is not None:
                yield IndexedFile(file, None, times.get(address))
            else:
                with self._objects.fetched(address, with_video) as path:
                    yield IndexedFile(path)  # the copy has another time

    def _file_at(self, path: str) -> Path | None:
        """The file at a path of this archive; None for an object that is not mounted here."""
        return self._mounts.file_of(path) if is_object(path) else Path(path)

    def pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """The first file of each photo, or its small picture where all are objects elsewhere."""
        found = self._catalogue.photos(ids).values()
        files = {
            each.photo.id: path
            for each in found
            for file in reversed(each.files)
            if (path := self._file_at(path_text(file.path))) is not None
        }
        objects = [each.photo.content_hash for each in found if each.photo.id not in files]
        images = self._catalogue.thumbnails(objects)
        pictures = [
            (each.photo, files.get(each.photo.id) or images.get(each.photo.content_hash))
            for each in found
        ]
        return [(photo, picture) for photo, picture in pictures if picture is not None]

    def kept_examples(self) -> KeptExamples:
        """Example images that are kept on this machine for a while."""
        return KeptExamples(self.settings.cache_dir / "examples")

    def openable(self, path: str | Path, valid_s: int) -> str:
        """The file at a path of this archive, or an address that opens its object."""
        address = path_text(path)
        file = self._file_at(address)
        return self._objects.signed_address(address, valid_s) if file is None else str(file)

    def absolute(self, place: str | Path) -> str:
        """An absolute path, or the address of an object as it is."""
        text = path_text(place)
        return text if SCHEME.match(text) else absolute(text)

    # ------------------------------------------------------------------ filling

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """What writes to the archive; with `encoder`, the archive is made if there is none.

        Settling embeds sample queries. Raises EncoderMismatch for vectors of another encoder, and
        StoreError where there is no archive.
        """
        return self._writer(self._catalogue.encoder if encoder is None else encoder)

    def _writer(self, row: EncoderRow, build_large_index: BuildIndex | None = None) -> LanceWriter:
        from imgsearch.catalogue.lance.writer import LanceWriter

        self._encoders.check(row)

        def embed_queries(texts: Sequence[str]) -> Vectors:
            return embed_texts(self._encoders.shared(row), row.name, texts)

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

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be.

        What was listed and done is kept in the working folder, so that the next run goes on where
        this one is stopped. Nothing is written among photos: the job raises UsageError for an
        archive in one of these folders or in one of the library's.
        """
        from imgsearch.progress import Job

        if verify:
            raise UsageError("Files of an archive cannot be verified. Leave --verify out.")
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
        from imgsearch.fleet.cluster import index_vectors, ray_workers
        from imgsearch.fleet.embedding import FleetRun, embed_photos
        from imgsearch.fleet.here import workers_here
        from imgsearch.fleet.sources import source_of

        if not sources:
            raise UsageError("Name the folders or buckets whose photos the archive is to have.")
        photo_places = [source_of(source).address for source in sources]
        refuse_archive_in_photos(self.address, [*photo_places, *self._library_roots()])
        start: Callable[[WorkPlan], AbstractContextManager[Workers]]
        row = self._catalogue.encoder if self.exists() else self._new_encoder()
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
            keep_thumbnails,
        )
        return (yield from embed_photos(run, sources, start, accept_removals, metadata))

    def copy_from(self, data_dir: Path) -> Generator[Progress, None, CopyReport]:
        """Carry the library in a data folder over, with its vectors."""
        from imgsearch.indexer.copying import check_encoder, copy_library
        from imgsearch.store.store import Store
        from imgsearch.store.thumbnails import ThumbnailStore

        with Store.open(data_dir) as store, ThumbnailStore(data_dir) as thumbnails:
            refuse_archive_in_photos(self.address, list(store.reads.roots().values()))
            row = self._catalogue.encoder if self.exists() else store.reads.encoder_in_use()
            check_encoder(store, row)
            writer = self.writer(row)
            return (
                yield from copy_library(
                    store, writer, row, writer.put_texts, thumbnails, writer.put_thumbnails
                )
            )

    def _library_roots(self) -> list[str]:
        """The photo folders of the library in the data folder, if there is one."""
        from imgsearch.store.database import DATABASE_FILE
        from imgsearch.store.reads import Reads

        if not (self.settings.data_dir / DATABASE_FILE).exists():
            return []
        with closing(Reads.open(self.settings.data_dir)) as reads:
            return list(reads.roots().values())

    def pack(
        self, folder: str, file: Path | None, photos_only: bool
    ) -> Generator[Progress, None, PackReport]:
        """Write the photos below a folder or `s3://BUCKET/FOLDER` into a pack."""
        from imgsearch.catalogue.lance.packing import PhotosToPack
        from imgsearch.indexer.packs import check_destination, describe, write_pack
        from imgsearch.store.pack_format import PHOTOS_AT_ONCE

        if file is None:
            raise UsageError("An archive cannot write into its photo folders. Name a file.")
        photos = PhotosToPack(self._catalogue.address, folder)
        if not len(photos):
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.")
        check_destination(file, [] if is_object(folder) else [folder])
        info = describe(Path(folder).name, {self._catalogue.encoder: True})
        return (yield from write_pack(file, info, photos.read(PHOTOS_AT_ONCE), len(photos)))

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Raise UsageError: an archive takes libraries, not packs."""
        raise UsageError(
            "A pack is merged into a library of this machine. Merge it there, and copy that "
            "library into the archive: imgsearch copy --to ADDRESS"
        )

    def verify_pack(self, pack: Path) -> Generator[Progress, None, PackInfo]:
        """Read a whole pack and compare it with its checksums."""
        from imgsearch.indexer.packs import verify_pack

        return verify_pack(pack, {}, self._encoders.dim_of)

    def _new_encoder(self) -> EncoderRow:
        from imgsearch.records.index import EncoderRow

        encoder = self._encoders.open(self._encoders.choose_new())
        return EncoderRow(1, encoder.id, self._encoders.name_of(encoder), encoder.dim)

    def _plan(self, row: EncoderRow) -> WorkPlan:
        from imgsearch.catalogue.lance.writer import LanceWriter
        from imgsearch.encoders import registry
        from imgsearch.fleet.worker import WorkPlan, given_encoder, open_named_encoder

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

    @cached_property
    def _catalogue(self) -> LanceCatalogue:
        from imgsearch.catalogue.lance.reader import LanceCatalogue

        return LanceCatalogue(
            self.address, index_cache_bytes=self.settings.index_cache_mb * 1_000_000
        )

    @cached_property
    def _browsing(self) -> LanceBrowsing:
        from imgsearch.catalogue.lance.browsing import LanceBrowsing

        return LanceBrowsing(self._catalogue)

    @cached_property
    def _names(self) -> NameList:
        from imgsearch.catalogue.lance.name_list import NameList

        return NameList(self._catalogue)

    @cached_property
    def _thumbnails(self) -> Thumbnails:
        return Thumbnails(self.settings.cache_dir / "thumbnails", self.settings.max_megapixels)
