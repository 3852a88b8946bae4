"""What every part of the door stands on: settings, the store, the model, the live index."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Self

from imgsearch import reconcile, search, snapshots
from imgsearch.errors import DiskError, LibraryLocked, SnapshotError
from imgsearch.models import Models
from imgsearch.store import DATABASE, QueryStore

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.jobs import OnDownload
    from imgsearch.records import EncoderRow
    from imgsearch.search import Desk
    from imgsearch.store import Store
    from imgsearch.thumbnails import Thumbnails
    from imgsearch.upkeep import Upkeep


class Opened:
    """A library that is open: nothing is read or made before it is needed."""

    def __init__(
        self, settings: Settings, tell: Callable[[str], None], on_download: OnDownload | None
    ) -> None:
        self.settings = settings
        self._tell = tell
        self._models = Models(settings, tell, on_download)
        self._store: Store | None = None
        self._query_store: QueryStore | None = None
        self._opening = Lock()
        self._vectors: snapshots.LiveIndex | None = None
        self._opening_vectors = Lock()

    @classmethod
    def open(
        cls,
        settings: Settings,
        tell: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
    ) -> Self:
        """Open the library in `settings.data_dir`; nothing is read or made before it is needed.

        `tell` is called with a sentence for a person now and then: which encoder was chosen and
        why, a folder that cannot be read, an index file made anew. `on_download` hears how far
        the download of a model is.
        """
        return cls(settings, tell or (lambda sentence: None), on_download)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and models."""
        for store in (self._store, self._query_store):
            if store is not None:
                store.close()
        self._store = self._query_store = self._vectors = None
        self._models.close()

    def make_ready(self) -> None:
        """Load what a query in words needs, so that the first one is answered like all others."""
        desk = self._desk()
        desk.vectors()
        desk.encoder().encode_texts(["a photo"])

    def rest(self) -> None:
        """Let go of the model and its memory; the next query that needs it loads it again."""
        self._models.release()

    def exists(self) -> bool:
        """Whether there is a library in the data folder yet; the first `index` makes one."""
        return (self.settings.data_dir / DATABASE).exists()

    @cached_property
    def _upkeep(self) -> Upkeep:
        from imgsearch.upkeep import Upkeep

        return Upkeep(self.settings, self._models, self._tell)

    @cached_property
    def _thumbnails(self) -> Thumbnails:
        from imgsearch.thumbnails import Thumbnails

        return Thumbnails(self.settings.cache_dir / "thumbnails", self.settings.max_megapixels)

    def _reader(self) -> Store:
        from imgsearch.store import Store

        with self._opening:  # the page asks from many threads at once
            if self._store is None:
                self._store = Store.open(self.settings.data_dir, writable=False)
            return self._store

    def _asked(self) -> QueryStore:
        """The store to answer queries from: all of it where it is open, else no more than that."""
        with self._opening:
            if self._store is not None:
                return self._store
            if self._query_store is None:
                self._query_store = QueryStore.open(self.settings.data_dir)
            return self._query_store

    def _desk(self) -> Desk:
        store = self._asked()
        row = store.encoder_in_use()
        self._models.check(row)
        return search.Desk(
            store,
            row,
            lambda: self._models.shared(row),
            lambda: self._live_vectors(store, row),
            reconcile.online_roots(store),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            self.settings.stack_raw,
        )

    def _live_vectors(self, store: QueryStore, row: EncoderRow) -> snapshots.LiveIndex:
        with self._opening_vectors:
            vectors = self._vectors
            if vectors is None or vectors.encoder_key != row.key:
                self._vectors = vectors = self._open_vectors(store, row)
                return vectors
        vectors.refresh()
        return vectors

    def _open_vectors(self, store: QueryStore, row: EncoderRow) -> snapshots.LiveIndex:
        """Open the index; a damaged file is made anew, or left aside where we may not write."""
        try:
            return snapshots.LiveIndex(store, row.key)
        except SnapshotError as error:
            damage = str(error)
        try:
            self._upkeep.build(row)
            self._tell(f"{damage} It was made anew from the stored vectors; nothing was lost.")
            return snapshots.LiveIndex(store, row.key)
        except (LibraryLocked, DiskError):
            self._tell(f"{damage} Searching the stored vectors instead, which is slower.")
            return snapshots.LiveIndex(store, row.key, use_snapshot=False)
