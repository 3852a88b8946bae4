"""The engine of a library on this machine: a database of SQLite, and index files of FAISS.

It opens and connects settings, database, index and encoder. Modules that a query does not need are
imported where they are used, because the first of them brings SQLAlchemy, whose import takes 0.2 s,
as long as a whole one-shot query (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal, TypeVar

from msgspec import Struct

from imgsearch import private_files
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.registry import registered_prefixes
from imgsearch.engines.origin import LocalFolders, Origin
from imgsearch.engines.photo_changes import FolderChanges, PhotoChanges
from imgsearch.errors import DiskError, LibraryLocked, Reason, SnapshotError, UsageError
from imgsearch.features import installed
from imgsearch.search.context import SearchContext, understood
from imgsearch.search.kept_answers import KeptAnswers
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.reads import Reads
from imgsearch.store.recent_reads import MOST_BYTES

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.remote import ProcessGroup
    from imgsearch.index.live import LiveIndex
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.progress import OnDownload, PackReport, Progress, RunningJob
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.browse import EventTitle
    from imgsearch.records.faces import FaceCounts
    from imgsearch.records.files import Picture
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.photo import IndexedFile, Photo
    from imgsearch.records.query import Query, Understanding
    from imgsearch.records.status import Failure, Status, UnfinishedJob
    from imgsearch.store.corrections import CorrectionStore
    from imgsearch.store.event_titles import EventTitleStore
    from imgsearch.store.marks import MarkStore
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.people_stores import PeopleStores
    from imgsearch.store.reading.browsing import BrowsingReads
    from imgsearch.store.reading.suggestions import SuggestionReads
    from imgsearch.store.store import Store
    from imgsearch.store.thumbnails import ThumbnailStore
    from imgsearch.store.tray import TrayStore

_Result = TypeVar("_Result")

# The parts of all libraries that an installation may lack, or a program may ask for.
_ALWAYS = frozenset(
    {
        *installed.parts(),
        *("changes", "choices", "concepts", "corrections", "marks"),
        *("packs", "people", "titles", "tray"),
    }
)


class LocalEngine:
    """A library in a database and index files of this machine; its photos come from an `Origin`.

    Each part of the library is opened when it is first needed. Safe in any thread.
    """

    def __init__(
        self,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
        index_policy: IndexPolicy | None,
        group: ProcessGroup | None = None,
        origin: Origin | None = None,
    ) -> None:
        """`origin` is where the photos come from; None: from folders of this machine."""
        self.settings = settings  # of which `data_dir` is the folder of the database
        self._origin = LocalFolders(settings) if origin is None else origin
        self.notify = notify
        self.encoders = EncoderLoader(
            settings, notify, on_download, encoder, None if group is None else group.open_encoder
        )
        self.index_policy = index_policy
        self._processes = 1 if group is None else group.processes
        self._lock = RLock()  # the page and the service call from many threads
        self._index_lock = RLock()
        self._database: Database | None = None
        self._reads: Reads | None = None
        self._index: LiveIndex | None = None
        self._indexing: IndexingContext | None = None
        self._thumbnails: Thumbnails | None = None
        self._kept_thumbnails: ThumbnailStore | None = None
        self._is_closed = False
        self.photo_changes: PhotoChanges = FolderChanges(
            settings, self.new_or_existing, self.existing
        )

    @property
    def opened_with(self) -> Settings:
        """The settings that the library was opened with."""
        return self._origin.settings

    @property
    def capabilities(self) -> frozenset[str]:
        """The parts that the library has: see `imgsearch.library.Library`."""
        return _ALWAYS | self._origin.parts

    @property
    def address(self) -> str:
        """The place of the library: its data folder, or the address of an archive."""
        return self._origin.address

    @property
    def working_folder(self) -> Path:
        """The folder of this machine where a service of the library, and a fleet, keep files."""
        return self._origin.working_folder

    def require_folders(self, what: str) -> None:
        """Raise UsageError where there is no `what`: only a library with folders has it."""
        self._origin.require_folders(what)

    def photo_folders(self) -> list[str]:
        """Return the folders of photos that this machine knows, where nothing may be written."""
        return self._origin.photo_folders(self.reads)

    # ------------------------------------------------------------------ opening and closing

    def exists(self) -> bool:
        """Return whether there is a library; the first `index` makes one."""
        return self._origin.exists()

    def raise_if_closed(self) -> None:
        """Raise UsageError after `close`."""
        if self._is_closed:
            raise UsageError(
                f"The library in {self.settings.data_dir} was closed, by close() or at the end of "
                "its `with` block. Open it again: Library.open(folder)"
            )

    def raise_if_damaged(self, error: Exception) -> None:
        """Raise StoreError if an unexpected error came from a damaged database."""
        if not self._is_closed and (self.settings.data_dir / DATABASE_FILE).exists():
            self._opened().raise_if_damaged(error)

    def close(self) -> None:
        """Close files and release the encoder."""
        if not self._is_closed:
            self._origin.close()
        with self._lock:
            self._is_closed = True
            if self._database is not None:
                self._database.close()
            if self._kept_thumbnails is not None:
                self._kept_thumbnails.close()
            self._database = self._reads = self._index = self._kept_thumbnails = None
        self.encoders.close()

    def database(self) -> Database:
        """Return the open database, up to date. Raises UsageError without a library."""
        self.raise_if_closed()
        self._origin.refresh(self.new_or_existing)
        return self._opened()

    def _opened(self) -> Database:
        with self._lock:
            self.raise_if_closed()
            if self._database is None:
                self._make_private()
                self._database = Database.open(
                    self.settings.data_dir, around_transactions=self._origin.around_transactions
                )
            return self._database

    def _make_private(self) -> None:
        """Close the library to other users: older versions left that to the umask."""
        private_files.make_private(self.settings.data_dir)
        private_files.make_private(self.settings.cache_dir, registered_prefixes)

    def reads(self) -> Reads:
        """Return the reading side of the database. Raises UsageError without a library."""
        self.database()  # without the lock: others need not wait until it is up to date
        with self._lock:
            if self._reads is None:
                self._reads = Reads(self._opened(), MOST_BYTES // self._processes)
            return self._reads

    def store(self) -> Store:
        """Return the whole database. Raises UsageError without a library."""
        from imgsearch.store.store import Store

        return Store(self.database())

    def tray(self) -> TrayStore:
        """Return the tray in the database."""
        from imgsearch.store.tray import TrayStore

        return TrayStore(self.database())

    def marks(self) -> MarkStore:
        """Return the marks of photos in the database."""
        from imgsearch.store.marks import MarkStore

        return MarkStore(self.database())

    def corrections(self) -> CorrectionStore:
        """Return the corrected dates and places in the database."""
        from imgsearch.store.corrections import CorrectionStore

        return CorrectionStore(self.database())

    def reachable_files(self, photo_ids: Iterable[int]) -> Iterator[tuple[Photo, IndexedFile]]:
        """Yield the files of photos that this machine can reach, each with its photo.

        A file is as it was when it was indexed; it may have changed since.

        Raises UsageError where there is none because all are objects of a storage.
        """
        return self._origin.reachable_files(self.reads(), photo_ids)

    def event_title_store(self) -> EventTitleStore:
        """Return the titles of events in the database."""
        from imgsearch.store.event_titles import EventTitleStore

        return EventTitleStore(self.database())

    def event_titles(self) -> tuple[EventTitle, ...]:
        """Return the titles that somebody has given to events."""
        return self.event_title_store().all()

    def past_queries(self) -> PastQueries:
        """Return the queries that were typed before; None where none are kept."""
        from imgsearch.store.past_queries import PastQueries

        return PastQueries(self.settings.data_dir, self.settings.past_queries)

    def new_or_existing(self) -> IndexingContext:
        """Return the context of functions that change the library, which is made if needed."""
        with self._lock:
            self.raise_if_closed()
            if self._indexing is None:
                from imgsearch.indexer.context import indexing_context

                self._make_private()
                for folder in (self.settings.data_dir, self.settings.cache_dir):
                    private_files.delete_abandoned(folder)
                self._indexing = indexing_context(
                    self.settings, self.encoders, self.notify, self.index_policy
                )
            return self._indexing

    def existing(self) -> IndexingContext:
        """Return the context of functions that change the library.

        Raises UsageError without one.
        """
        self.reads()
        return self.new_or_existing()

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
        """Return the contents and state of the library.

        Raises UsageError or StoreError without one.
        """
        from imgsearch.analysis.status import status_of

        return self._origin.describe(status_of(self.store()))

    def running(self) -> RunningJob | None:
        """Return a job of this machine that changes the library now; None without one."""
        from imgsearch.store.progress_file import running_job

        # Those of an archive are two: jobs that fill it, and its copy.
        folders = dict.fromkeys((self.working_folder, self.settings.data_dir))
        return next(filter(None, map(running_job, folders)), None)

    def unfinished(self) -> tuple[UnfinishedJob, ...]:
        """Return the jobs that were begun and have not come to their end.

        Raises as `status` does.
        """
        from imgsearch.store.unfinished import UnfinishedStore

        return UnfinishedStore(self.database()).all()

    def photo_count(self) -> int:
        """Return the number of photos that can be found. Raises as `status` does."""
        return self.reads().photos.count()

    def version(self) -> tuple[int, int]:
        """Return a value that changes whenever anything is written, by any process.

        Raises as `status`.
        """
        return self.database().version()

    def browsing(self) -> BrowsingReads:
        """Dates, places and names of all photos, or of some."""
        return self.reads().browsing

    def suggested_names(self) -> SuggestionReads:
        """Return the names that a line can be completed with."""
        return self.reads().suggestions

    def photo_at(self, path: Path) -> int | None:
        """Return the id of the photo at this absolute path."""
        return self.photos().photo_at(path)

    def why_unknown(self, path: Path) -> str:
        """Return a sentence that says why there is no photo at this path."""
        return self._origin.why_unknown(self.store(), path)

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """Return the context of a query.

        Raises UsageError without a library, and EncoderMismatch.
        """
        reads = self.reads()
        row = reads.encoders.in_use()
        self.encoders.check(row)
        online = self._origin.online(reads)
        return SearchContext(
            self._photos(reads, row, online),
            reads,
            self.encoders,
            frozenset(root_id for root_id, is_online in online.items() if is_online),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            date.today(),
            self.settings.stack_raw,
            self.settings.rating == "files",
        )

    def _photos(self, reads: Reads, row: EncoderRow, online: Mapping[int, bool]) -> LibraryPhotos:
        index = SearchedIndex(self, row)
        return LibraryPhotos(reads, row, index, online, self._origin.note_shown)

    def photos(self) -> LibraryPhotos:
        """Return the photos, whatever encoder the settings name."""
        reads = self.reads()
        return self._photos(reads, reads.encoders.in_use(), self._origin.online(reads))

    def understood(self, query: Query) -> Understanding:
        """Return the exact query that a query stands for."""
        return understood(self.reads(), query, date.today(), self.settings.cache_dir)

    @contextmanager
    def kept_answers(self) -> Iterator[KeptAnswers]:
        """Provide the answers that were given since the library changed last.

        In the block, what else is cached counts as of the same version of the library.
        """
        recent = self.reads().recent
        with recent.one_version() as version:
            yield KeptAnswers(version, recent)

    def live_index(self, row: EncoderRow) -> LiveIndex:
        """Return the index of an encoder's vectors, up to date."""
        reads = self.reads()
        with self._index_lock:
            index = self._index
            if index is None or index.encoder_key != row.key:
                self._index = index = self._open_index(reads, row)
                return index
        index.refresh()
        return index

    def replace_index(self, row: EncoderRow, damaged: LiveIndex, damage: str) -> LiveIndex:
        """Return the index to search in place of a damaged one: rebuilt, or without a file.

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
        from imgsearch.indexer.rebuild import rebuild_snapshot

        try:
            rebuild_snapshot(self.new_or_existing(), row)
            self.notify(f"{damage} It was rebuilt from the stored vectors; nothing was lost.")
            return LiveIndex(reads, row.key, self.index_policy)
        except (LibraryLocked, DiskError):
            self.notify(f"{damage} Searching the stored vectors instead, which is slower.")
            return LiveIndex(reads, row.key, self.index_policy, use_snapshot=False)

    # ------------------------------------------------------------------ pictures

    def thumbnails(self) -> Thumbnails:
        """Return the maker of pictures, which stores large ones in the cache folder."""
        with self._lock:
            if self._thumbnails is None:
                from imgsearch.decode.thumbnails import Thumbnails

                folder = self.settings.cache_dir / "thumbnails"
                self._thumbnails = Thumbnails(folder, self.settings.max_megapixels)
            return self._thumbnails

    def kept_thumbnails(self) -> ThumbnailStore:
        """Return the small pictures of all photos."""
        with self._lock:
            self.raise_if_closed()
            if self._kept_thumbnails is None:
                from imgsearch.store.thumbnails import ThumbnailStore

                self._kept_thumbnails = ThumbnailStore(self.settings.data_dir)
            return self._kept_thumbnails

    def kept_thumbnail(self, content_hash: bytes) -> bytes | None:
        """Return the small picture that the library has of a photo."""
        own = self._origin.small_picture(content_hash)
        return self.kept_thumbnails().get(content_hash) if own is None else own

    def files_of(
        self, photo_id: int, with_video: bool = False
    ) -> Generator[IndexedFile, None, None]:
        """Return the files of a photo, each readable until the next one is asked for.

        `with_video` says that the other half of a Live Photo is wanted, too. Raises PhotoError
        where a file cannot be fetched.
        """
        return self._origin.files_of(self.reads(), photo_id, with_video)

    def photo(self, photo_id: int) -> Photo | None:
        """Return the photo with this id, also one that no path points to."""
        return self.reads().photos.records([photo_id]).get(photo_id)

    def pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """Return the photos that can be read now, each with what is read of it."""
        return self._origin.pictures_of(self.reads(), ids)

    def absolute(self, place: str | Path) -> str:
        """Return a path of this machine, or an address where the library has those, in full."""
        return self._origin.absolute(place)

    # ------------------------------------------------------------------ people

    def people(self) -> PeopleStores:
        """Return the faces and persons of the library. Raises as opening the library does."""
        from imgsearch.store.people_stores import PeopleStores

        return PeopleStores(self.database())

    def names_in_files(self, photo_ids: Iterable[int]) -> Mapping[int, Sequence[str]]:
        """Return the names of people that the files of these photos state, by photo."""
        return self.people().people.names_in_files(photo_ids)

    def regroup_faces(self) -> None:
        """Group all faces anew."""
        from imgsearch.indexer.faces import group_all
        from imgsearch.store.lock import writing

        with writing(self.existing().data_dir) as store:
            group_all(store, store.faces.all())

    def face_counts(self) -> FaceCounts:
        """Count the photos that have faces, have none, failed and were not tried, and persons."""
        return self.people().faces.counts()

    # ------------------------------------------------------------------ upkeep

    def failures(self, reasons: tuple[Reason, ...]) -> tuple[Failure, ...]:
        """Return the folders and files that could not be read, folders first."""
        failures = self.store().failures
        folders = failures.of_folders() if not reasons or Reason.UNREADABLE in reasons else ()
        return (*folders, *failures.of_files(reasons))

    # ------------------------------------------------------------------ filling

    def pack(
        self, folder: str, file: Path | None, photos_only: bool, faces: bool
    ) -> Generator[Progress, None, PackReport]:
        """Write the photos below a folder into a pack, or into the folder without a file.

        With `faces`, their faces and persons go with them.
        """
        from imgsearch.indexer.packs import make_pack

        if file is None:
            self.require_folders("folder that could carry its pack")
        store, thumbnail = self.store(), self.kept_thumbnail
        return make_pack(store, thumbnail, folder, file, self.photo_folders(), photos_only, faces)

    def verify_pack(self, pack: Path) -> Generator[Progress, None, PackInfo]:
        """Read a whole pack and compare it with its checksums and the encoders of the library."""
        from imgsearch.indexer.packs import verify_pack

        dims = self.reads().encoders.dims() if self.exists() else {}
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
        """Return the k photos nearest to each query: see `LiveIndex.search`."""
        index = self.engine.live_index(self.row)
        try:
            return index.search(queries, k, only, kind=kind)
        except SnapshotError as error:
            index = self.engine.replace_index(self.row, index, str(error))
            return index.search(queries, k, only, kind=kind)
