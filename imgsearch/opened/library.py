"""An open library of this machine: a database of SQLite, and index files of FAISS.

It opens and connects settings, database, index and encoder. Modules that a query does not need are
imported where they are used, because the first of them brings SQLAlchemy, whose import takes 0.2 s,
as long as a whole one-shot query (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from threading import RLock
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.errors import DiskError, LibraryLocked, Sentence, SnapshotError
from imgsearch.indexer.opening import Indexing, closed, make_private
from imgsearch.opened.origin import LocalFolders, Origin
from imgsearch.opened.photo_changes import FolderChanges, PhotoChanges
from imgsearch.records.answer import Neighbours
from imgsearch.records.index import EncoderRow
from imgsearch.search.context import SearchContext
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.reads import Reads
from imgsearch.store.recent_reads import MOST_BYTES

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.encoders.remote import ProcessGroup
    from imgsearch.index.live import LiveIndex
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.store.store import Store
    from imgsearch.store.thumbnails import ThumbnailStore


class OpenedLibrary:
    """A library in a database and index files of this machine; its photos come from an `origin`.

    Each part of the library is opened when it is first needed. Safe in any thread.
    """

    def __init__(
        self,
        settings: Settings,
        notify: Callable[[str], None],
        encoders: EncoderLoader,
        index_policy: IndexPolicy | None,
        origin: Origin,
        indexing: Indexing,
        photo_changes: PhotoChanges,
        processes: int = 1,
    ) -> None:
        """Use `open_library` and `open_replica`.

        `settings` name the folder of the database. `processes` serve the library together.
        """
        self.settings = settings
        self.notify = notify
        self.encoders = encoders
        self.index_policy = index_policy
        self.origin = origin
        self.indexing = indexing
        self.photo_changes = photo_changes
        self._processes = processes
        self._lock = RLock()  # the page and the service call from many threads
        self._index_lock = RLock()
        self._database: Database | None = None
        self._reads: Reads | None = None
        self._index: LiveIndex | None = None
        self._thumbnails: Thumbnails | None = None
        self._kept_thumbnails: ThumbnailStore | None = None
        self._is_closed = False

    # ------------------------------------------------------------------ opening and closing

    def raise_if_closed(self) -> None:
        """Raise UsageError after `close`."""
        if self._is_closed:
            raise closed(self.settings)

    def raise_if_damaged(self, error: Exception) -> None:
        """Raise StoreError if an unexpected error came from a damaged database."""
        if not self._is_closed and (self.settings.data_dir / DATABASE_FILE).exists():
            self._open_database().raise_if_damaged(error)

    def close(self) -> None:
        """Close files and release the encoder."""
        if not self._is_closed:
            self.origin.close()
        with self._lock:
            self._is_closed = True
            if self._database is not None:
                self._database.close()
            if self._kept_thumbnails is not None:
                self._kept_thumbnails.close()
            self._database = self._reads = self._index = self._kept_thumbnails = None
        self.indexing.close()
        self.encoders.close()

    def database(self) -> Database:
        """Return the open database, up to date. Raises UsageError without a library."""
        self.raise_if_closed()
        self.origin.refresh(self.indexing)
        return self._open_database()

    def _open_database(self) -> Database:
        with self._lock:
            self.raise_if_closed()
            if self._database is None:
                make_private(self.settings)
                self._database = Database.open(
                    self.settings.data_dir, around_transactions=self.origin.around_transactions
                )
            return self._database

    def reads(self) -> Reads:
        """Return the reading side of the database. Raises UsageError without a library."""
        self.database()  # without the lock: others need not wait until it is up to date
        with self._lock:
            if self._reads is None:
                self._reads = Reads(self._open_database(), MOST_BYTES // self._processes)
            return self._reads

    def store(self) -> Store:
        """Return the whole database. Raises UsageError without a library."""
        from imgsearch.store.store import Store

        return Store(self.database())

    def new_or_existing(self) -> IndexingContext:
        """Return the context of functions that change the library, which is made if needed."""
        self.raise_if_closed()
        return self.indexing.context()

    def existing(self) -> IndexingContext:
        """Return the context of functions that change the library.

        Raises UsageError without one.
        """
        self.reads()
        return self.new_or_existing()

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """Return the context of a query.

        Raises UsageError without a library, and EncoderMismatch.
        """
        reads = self.reads()
        row = reads.encoders.in_use()
        self.encoders.check(row)
        online = self.origin.online(reads)
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
        return LibraryPhotos(reads, row, index, online, self.origin)

    def photos(self) -> LibraryPhotos:
        """Return the photos as one request sees them, whatever encoder the settings name."""
        reads = self.reads()
        return self._photos(reads, reads.encoders.in_use(), self.origin.online(reads))

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
            return self._replace_index(reads, row, error.sentence)

    def _replace_index(self, reads: Reads, row: EncoderRow, damage: str) -> LiveIndex:
        from imgsearch.index.live import LiveIndex
        from imgsearch.indexer.rebuild import rebuild_snapshot

        try:
            rebuild_snapshot(self.new_or_existing(), row)
            self.notify(
                Sentence(damage, " It was rebuilt from the stored vectors; nothing was lost.")
            )
            return LiveIndex(reads, row.key, self.index_policy)
        except (LibraryLocked, DiskError):
            self.notify(Sentence(damage, " Searching the stored vectors instead, which is slower."))
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
        own = self.origin.small_picture(content_hash)
        return self.kept_thumbnails().get(content_hash) if own is None else own


class SearchedIndex(Struct, frozen=True):
    """The index of an encoder's vectors, opened when it is first asked.

    An index whose scores show that its file is damaged is replaced, and searched again.
    """

    library: OpenedLibrary
    row: EncoderRow

    @property
    def is_exact(self) -> bool:
        """Whether every search compares every vector."""
        return self.library.live_index(self.row).is_exact

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]:
        """Return the k photos nearest to each query: see `LiveIndex.search`."""
        index = self.library.live_index(self.row)
        try:
            return index.search(queries, k, only, kind=kind)
        except SnapshotError as error:
            index = self.library.replace_index(self.row, index, error.sentence)
            return index.search(queries, k, only, kind=kind)


def open_library(
    settings: Settings,
    notify: Callable[[str], None],
    on_download: OnDownload | None = None,
    encoder: Encoder | None = None,
    index_policy: IndexPolicy | None = None,
    group: ProcessGroup | None = None,
) -> OpenedLibrary:
    """Open the library in the data folder of the settings; see `Library.open`.

    Its photos lie in folders of this machine. Nothing is read or created before it is needed.
    """
    encoders = encoder_loader(settings, notify, on_download, encoder, group)
    indexing = Indexing(settings, encoders, notify, index_policy)
    return OpenedLibrary(
        settings,
        notify,
        encoders,
        index_policy,
        LocalFolders(settings),
        indexing,
        FolderChanges(indexing),
        1 if group is None else group.processes,
    )


def encoder_loader(
    settings: Settings,
    notify: Callable[[str], None],
    on_download: OnDownload | None,
    encoder: Encoder | None,
    group: ProcessGroup | None,
) -> EncoderLoader:
    """Return the loader of the encoders of a library; the processes of a group share one."""
    open_encoder = None if group is None else group.open_encoder
    return EncoderLoader(settings, notify, on_download, encoder, open_encoder)
