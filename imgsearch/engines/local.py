"""The engine of a library on this machine: a database of SQLite, and index files of FAISS.

It opens and connects settings, database, index and encoder. Modules that a query does not need are
imported where they are used, because the first of them brings SQLAlchemy, whose import takes 0.2 s,
as long as a whole one-shot query (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from imgsearch import private_files
from imgsearch.catalogue.local import LocalCatalogue
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.errors import DiskError, LibraryLocked, SnapshotError, UsageError
from imgsearch.indexer.roots import online_roots
from imgsearch.paths import absolute
from imgsearch.search.answers import matching_ids
from imgsearch.search.context import SearchContext, understood
from imgsearch.search.kept_examples import KeptExamples
from imgsearch.search.prepared import prepare
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.reads import Reads

if TYPE_CHECKING:
    from imgsearch.analysis.duplicates import Picture
    from imgsearch.config import Settings
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.encoders.base import Encoder
    from imgsearch.index.live import LiveIndex
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.indexer import Indexer
    from imgsearch.progress import (
        Job,
        MergeReport,
        OnDownload,
        PackReport,
        Progress,
        SyncReport,
    )
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.photo import IndexedFile, Photo
    from imgsearch.records.query import Query, Understanding
    from imgsearch.records.status import Status
    from imgsearch.store.duplicate_choices import DuplicateChoices
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.recent_reads import RecentReads
    from imgsearch.store.saved import SavedSearchStore
    from imgsearch.store.store import Store
    from imgsearch.store.thumbnails import ThumbnailStore


class LocalEngine:
    """The parts of an open library, each opened when it is first needed. Safe in any thread."""

    most_listed: int | None = None
    capabilities = frozenset(
        {
            *("choices", "concepts", "encoders", "folders", "labels", "packs", "saved"),
            *("upkeep", "watch"),
        }
    )

    def __init__(
        self,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
        index_policy: IndexPolicy | None,
    ) -> None:
        self.settings = settings
        self.notify = notify
        self.encoders = EncoderLoader(settings, notify, on_download, encoder)
        self.index_policy = index_policy
        self._lock = RLock()  # the page and the service call from many threads
        self._index_lock = RLock()
        self._database: Database | None = None
        self._reads: Reads | None = None
        self._index: LiveIndex | None = None
        self._indexer: Indexer | None = None
        self._thumbnails: Thumbnails | None = None
        self._kept_thumbnails: ThumbnailStore | None = None
        self._is_closed = False

    @property
    def address(self) -> str:
        """The data folder."""
        return str(self.settings.data_dir)

    @property
    def working_folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    # ------------------------------------------------------------------ opening and closing

    def exists(self) -> bool:
        """Whether there is a database in the data folder."""
        return (self.settings.data_dir / DATABASE_FILE).exists()

    def raise_if_closed(self) -> None:
        """Raise UsageError after `close`."""
        if self._is_closed:
            raise UsageError(
                f"The library in {self.settings.data_dir} was closed, by close() or at the end of "
                "its `with` block. Open it again: Library.open(folder)"
            )

    def raise_if_damaged(self, error: Exception) -> None:
        """Raise StoreError if an unexpected error came from a damaged database."""
        if not self._is_closed and self.exists():
            self.database().raise_if_damaged(error)

    def close(self) -> None:
        """Close files and release the encoder."""
        with self._lock:
            self._is_closed = True
            if self._database is not None:
                self._database.close()
            if self._kept_thumbnails is not None:
                self._kept_thumbnails.close()
            self._database = self._reads = self._index = self._kept_thumbnails = None
        self.encoders.close()

    def database(self) -> Database:
        """The open database. Raises UsageError without a library."""
        with self._lock:
            self.raise_if_closed()
            if self._database is None:
                self._make_private()
                self._database = Database.open(self.settings.data_dir)
            return self._database

    def _make_private(self) -> None:
        """Close the library to other users: older versions left that to the umask."""
        private_files.make_private(self.settings.data_dir)
        private_files.make_private(self.settings.cache_dir)

    def reads(self) -> Reads:
        """What a query reads. Raises UsageError without a library."""
        with self._lock:
            database = self.database()
            if self._reads is None:
                self._reads = Reads(database)
            return self._reads

    def store(self) -> Store:
        """The whole database. Raises UsageError without a library."""
        from imgsearch.store.store import Store

        return Store(self.database())

    def saved_searches(self) -> SavedSearchStore:
        """The saved searches in the database."""
        from imgsearch.store.saved import SavedSearchStore

        return SavedSearchStore(self.database())

    def past_queries(self) -> PastQueries:
        """The queries that were typed before."""
        from imgsearch.store.past_queries import PastQueries

        return PastQueries(self.settings.data_dir, self.settings.past_queries)

    def duplicate_choices(self) -> DuplicateChoices:
        """Which near-duplicates are to be kept."""
        from imgsearch.store.duplicate_choices import DuplicateChoices

        return DuplicateChoices(self.database())

    def indexer(self) -> Indexer:
        """What writes to the library; it makes one where there is none."""
        with self._lock:
            self.raise_if_closed()
            if self._indexer is None:
                from imgsearch.indexer.indexer import Indexer

                self._make_private()
                for folder in (self.settings.data_dir, self.settings.cache_dir):
                    private_files.delete_abandoned(folder)
                self._indexer = Indexer(
                    self.settings, self.encoders, self.notify, self.index_policy
                )
            return self._indexer

    def writer(self) -> Indexer:
        """As `indexer`, for an existing library. Raises UsageError without one."""
        self.reads()
        return self.indexer()

    def warm_up(self) -> None:
        """Load everything that a text query needs."""
        context = self.context()
        self.live_index(context.row)
        context.encoder().encode_texts(["a photo"])

    @property
    def encoder_is_loaded(self) -> bool:
        """Whether the encoder is in memory."""
        return self.encoders.is_loaded

    def release_encoder(self) -> None:
        """Release the encoder and its memory."""
        self.encoders.release()

    # ------------------------------------------------------------------ contents

    def status(self) -> Status:
        """What the library has, and its state."""
        from imgsearch.analysis.status import status_of

        return status_of(self.store())

    def photo_count(self) -> int:
        """How many photos can be found."""
        return self.reads().photo_count()

    def baseline_vectors(self) -> int:
        """How many vectors the score baseline was made from; 0 without one."""
        row = self.reads().current_encoder()
        baseline = None if row is None else self.reads().baseline(row.key)
        return 0 if baseline is None else baseline.vectors

    def browsing(self) -> Reads:
        """Dates, places and names of all photos, or of some."""
        return self.reads()

    def suggested_names(self) -> Reads:
        """The names that a line can be completed with."""
        return self.reads()

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this absolute path."""
        return self.catalogue().photo_at(path)

    def why_unknown(self, path: Path) -> str:
        """A sentence that says why there is no photo at this path."""
        from imgsearch.indexer.absence import why_not_indexed

        return why_not_indexed(self.store(), path)

    def labels(self, classes: Classes, query: Query | None, k: int) -> list[Label]:
        """The likeliest class of each photo that a query finds, or of all."""
        from imgsearch.labels.labels import label_photos

        context = self.context()
        among = None if query is None else matching_ids(prepare(context, query), k)
        return label_photos(self.store(), context.row, context.encoder(), classes, among)

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """What a query needs. Raises UsageError without a library, and EncoderMismatch."""
        reads = self.reads()
        row = reads.encoder_in_use()
        self.encoders.check(row)
        online = online_roots(reads)
        return SearchContext(
            self._catalogue(reads, row, online),
            reads,
            self.encoders,
            frozenset(root_id for root_id, is_online in online.items() if is_online),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            lambda: reads,
            date.today(),
            self.settings.stack_raw,
        )

    def _catalogue(
        self, reads: Reads, row: EncoderRow, online: Mapping[int, bool]
    ) -> LocalCatalogue:
        return LocalCatalogue(reads, row, SearchedIndex(self, row), online)

    def catalogue(self) -> LocalCatalogue:
        """The photos, whatever encoder the settings name."""
        reads = self.reads()
        return self._catalogue(reads, reads.encoder_in_use(), online_roots(reads))

    def understood(self, query: Query) -> Understanding:
        """How a query is understood."""
        reads = self.reads()
        return understood(reads, reads, query, date.today())

    def kept_answers(self) -> RecentReads:
        """The answers that were given since the library changed last, among what was read last."""
        return self.reads().recent

    def live_index(self, row: EncoderRow) -> LiveIndex:
        """The index of an encoder's vectors, up to date."""
        reads = self.reads()
        with self._index_lock:
            index = self._index
            if index is None or index.encoder_key != row.key:
                self._index = index = self._open_index(reads, row)
                return index
        index.refresh()
        return index

    def replace_index(self, row: EncoderRow, damaged: LiveIndex, damage: str) -> LiveIndex:
        """The index to search after this one was found to be damaged: rebuilt, or without a file.

        `damage` is a sentence for the user.
        """
        with self._index_lock:
            if self._index is damaged:
                self._index = self._replace_index(self.reads(), row, damage)
        return self.live_index(row)

    def _open_index(self, reads: Reads, row: EncoderRow) -> LiveIndex:
        """Open the index; a damaged file is rebuilt, or ignored if we may not write."""
        from imgsearch.index.live import LiveIndex

        try:
            return LiveIndex(reads, row.key, self.index_policy)
        except SnapshotError as error:
            return self._replace_index(reads, row, str(error))

    def _replace_index(self, reads: Reads, row: EncoderRow, damage: str) -> LiveIndex:
        from imgsearch.index.live import LiveIndex

        try:
            self.indexer().build_index(row)
            self.notify(f"{damage} It was rebuilt from the stored vectors; nothing was lost.")
            return LiveIndex(reads, row.key, self.index_policy)
        except (LibraryLocked, DiskError):
            self.notify(f"{damage} Searching the stored vectors instead, which is slower.")
            return LiveIndex(reads, row.key, self.index_policy, use_snapshot=False)

    # ------------------------------------------------------------------ pictures

    def thumbnails(self) -> Thumbnails:
        """Makes pictures of photos, and keeps large ones in the cache folder."""
        with self._lock:
            if self._thumbnails is None:
                from imgsearch.decode.thumbnails import Thumbnails

                folder = self.settings.cache_dir / "thumbnails"
                self._thumbnails = Thumbnails(folder, self.settings.max_megapixels)
            return self._thumbnails

    def kept_thumbnails(self) -> ThumbnailStore:
        """The small pictures of all photos."""
        with self._lock:
            self.raise_if_closed()
            if self._kept_thumbnails is None:
                from imgsearch.store.thumbnails import ThumbnailStore

                self._kept_thumbnails = ThumbnailStore(self.settings.data_dir)
            return self._kept_thumbnails

    def kept_thumbnail(self, content_hash: bytes) -> bytes | None:
        """The small picture that the library has of a photo."""
        return self.kept_thumbnails().get(content_hash)

    def files_of(
        self, photo_id: int, with_video: bool = False
    ) -> Generator[IndexedFile, None, None]:
        """The files of a photo."""
        yield from self.reads().indexed_files(photo_id)

    def photo(self, photo_id: int) -> Photo | None:
        """The photo with this id, also one without a path."""
        return self.reads().photos([photo_id]).get(photo_id)

    def pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """The photos that can be read now, each with its first such file."""
        from imgsearch.indexer.metadata import readable_photos

        store = self.store()
        online = {root_id for root_id, online in online_roots(store.reads).items() if online}
        return list(readable_photos(store, online, ids))

    def kept_examples(self) -> KeptExamples:
        """Example images that are kept on this machine for a while."""
        return KeptExamples(self.settings.cache_dir / "examples")

    def absolute(self, place: str | Path) -> str:
        """A path of this machine in full."""
        return absolute(place)

    # ------------------------------------------------------------------ filling

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring folders up to date. Raises UsageError for a cluster."""
        from imgsearch.progress import Job

        if ray is not None:
            raise UsageError(
                "A library on this machine is indexed by this machine. A cluster fills an archive: "
                "imgsearch index FOLDER --library ADDRESS --ray ADDRESS"
            )
        return Job(self.indexer().index(tuple(sources), accept_removals, verify))

    def pack(
        self, folder: str, file: Path | None, photos_only: bool
    ) -> Generator[Progress, None, PackReport]:
        """Write the photos below a folder into a pack, or into the folder without a file."""
        from imgsearch.indexer.packs import make_pack

        return make_pack(self.store(), self.kept_thumbnails(), folder, file, photos_only)

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack into the library, which is made if there is none."""
        return self.indexer().unpack(pack, place, offline, beside)

    def verify_pack(self, pack: Path) -> Generator[Progress, None, PackInfo]:
        """Read a whole pack and compare it with its checksums and the encoders of the library."""
        from imgsearch.indexer.packs import verify_pack

        dims = self.reads().encoder_dims() if self.exists() else {}
        return verify_pack(pack, dims, self.encoders.dim_of)


class SearchedIndex(Struct, frozen=True):
    """The index of an encoder's vectors, opened by the first search.

    An index whose scores show that its file is damaged is replaced, and searched again.
    """

    engine: LocalEngine
    row: EncoderRow

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]:
        """The k photos nearest to each query: see `LiveIndex.search`."""
        index = self.engine.live_index(self.row)
        try:
            return index.search(queries, k, only, kind=kind)
        except SnapshotError as error:
            index = self.engine.replace_index(self.row, index, str(error))
            return index.search(queries, k, only, kind=kind)
