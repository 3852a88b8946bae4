"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imgsearch import encoders, ingest, reconcile, search, snapshots
from imgsearch.errors import (
    DiskError,
    LibraryLocked,
    SnapshotError,
    UsageError,
)
from imgsearch.models import Models
from imgsearch.records import (
    EncoderInfo,
    EncoderRow,
    Hit,
    Job,
    Progress,
    RebuildReport,
    Status,
    SyncReport,
)
from imgsearch.store import DATABASE, Store, writing
from imgsearch.terms import Example, Query, Term

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders import Choice
    from imgsearch.records import OnDownload, Vectors


class Library:
    """A photo library: `index` brings it up to date, `search` asks it.

    Use it as a context manager. Any number of libraries may be open on one data folder, in any
    number of processes; one at a time writes, and readers never wait.
    """

    def __init__(
        self, settings: Settings, tell: Callable[[str], None], on_download: OnDownload | None
    ) -> None:
        self.settings = settings
        self._tell = tell
        self._models = Models(settings, tell, on_download)
        self._store: Store | None = None
        self._vectors: snapshots.LiveIndex | None = None

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
        if self._store is not None:
            self._store.close()
        self._store = self._vectors = None
        self._models.release()

    # ------------------------------------------------------------------ indexing

    def index(self, folders: Iterable[str | Path] = ()) -> Job[SyncReport]:
        """Add folders to the library, if need be, and bring them up to date; all known when none.

        Originals are only read. Iterate over the job for its progress, or call `run()`.
        Raises FolderError, LibraryLocked, DiskError and the errors of the store and the encoder.
        """
        return Job(self._index(tuple(_absolute(folder) for folder in folders)))

    def _index(self, folders: tuple[str, ...]) -> Generator[Progress, None, SyncReport]:
        started = time.monotonic()
        known_roots = tuple(self._reader().roots().values()) if self._exists() else ()
        for folder in folders:
            reconcile.check_folder(folder, known_roots)
        with writing(self.settings.data_dir) as store:
            found = reconcile.survey(store, folders, self._tell)
            report = SyncReport()
            if any(changes.upserts for _, changes in found.work):
                report = yield from ingest.apply(self._bench(store), found.work)
            # Only now: a photo that moved from one root to another has its new path already.
            gone = sum(store.forget(root_id, changes.gone) for root_id, changes in found.work)
            row = store.current_encoder()
            if row is not None and snapshots.due(store, row.key):
                self._build(store, row)
            return replace(
                report,
                unchanged=sum(changes.unchanged for _, changes in found.work),
                gone=gone,
                offline=found.offline,
                photos=store.photo_count(),
                seconds=round(time.monotonic() - started, 3),
            )

    def _bench(self, store: Store, new_encoder: str | None = None) -> ingest.Bench:
        """What to embed with: the library's encoder, or a new one that is entered beside it."""
        row = store.current_encoder()
        if row is None or new_encoder is not None:
            encoder = self._models.new(new_encoder)
            row = store.add_encoder(encoder.id, encoders.name_of(encoder.id), encoder.dim)
        else:
            encoder = self._models.of(row)
        settings = self.settings
        return ingest.Bench(store, encoder, row.key, settings.max_megapixels, settings.thread_count)

    # ------------------------------------------------------------------ searching

    def search(
        self, text: str | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> list[Hit]:
        """The k photos nearest to words, to an example image, or to both, best first.

        Raises QueryError for an empty query, an unreadable image or a k below 1, and UsageError
        where there is no library yet.
        """
        terms = [] if text is None else [Term(text)]
        if image is not None:
            terms.append(Term(Example(Path(_absolute(image)))))
        query = Query(tuple(terms))
        store = self._reader()
        row = store.current_encoder()
        if row is None:
            raise UsageError("The library is empty. Fill it: imgsearch index FOLDER")
        desk = search.Desk(
            store,
            self._models.of(row),
            self._live_vectors(store, row),
            {root.id: root.online for root in reconcile.roots_of(store)},
            self.settings.max_megapixels,
        )
        return search.run(desk, query, k)

    def _live_vectors(self, store: Store, row: EncoderRow) -> snapshots.LiveIndex:
        if self._vectors is None or self._vectors.encoder_key != row.key:
            self._vectors = self._open_vectors(store, row)
        else:
            self._vectors.refresh()
        return self._vectors

    def _open_vectors(self, store: Store, row: EncoderRow) -> snapshots.LiveIndex:
        """Open the index; a damaged file is made anew, or left aside where we may not write."""
        try:
            return snapshots.LiveIndex(store, row.key)
        except SnapshotError as error:
            damage = str(error)
        try:
            with writing(self.settings.data_dir) as writer:
                self._build(writer, row)
            self._tell(f"{damage} It was made anew from the stored vectors; nothing was lost.")
            return snapshots.LiveIndex(store, row.key)
        except (LibraryLocked, DiskError):
            self._tell(f"{damage} Searching the stored vectors instead, which is slower.")
            return snapshots.LiveIndex(store, row.key, use_snapshot=False)

    # ------------------------------------------------------------------ rebuilding

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Make the index file anew from the stored vectors; with `encoder`, embed all again.

        The old encoder goes on answering until every photo that can be reached has a vector of
        the new one; a run that was stopped goes on where it was. Photos that are offline hold the
        change back: the report says how many.
        """
        return Job(self._rebuild(encoder))

    def _rebuild(self, name: str | None) -> Generator[Progress, None, RebuildReport]:
        started = time.monotonic()
        self._reader()  # says so where there is no library, and makes none
        with writing(self.settings.data_dir) as store:
            row = store.current_encoder()
            if row is None:
                raise UsageError("The library is empty. Fill it: imgsearch index FOLDER")
            missing = 0
            if name is not None:
                bench = self._bench(store, name)
                missing = yield from ingest.embed_again(bench, store.unembedded(bench.encoder_key))
                if not missing:
                    store.promote_encoder(bench.encoder_key)
                    row = store.current_encoder() or row
            if not missing:
                self._build(store, row)
            return RebuildReport(
                encoder=row.name,
                vectors=store.vector_count(row.key),
                missing=missing,
                seconds=round(time.monotonic() - started, 3),
            )

    def _build(self, store: Store, row: EncoderRow) -> None:
        def encode_texts(texts: Sequence[str]) -> Vectors:
            return self._models.of(row).encode_texts(texts)

        snapshots.build_snapshot(store, row.key, row.encoder_id, encode_texts)

    # ------------------------------------------------------------------ looking

    def status(self) -> Status:
        """What the library holds, and how it is. Raises UsageError where there is none yet."""
        store = self._reader()
        row = store.current_encoder()
        snapshot = None if row is None else store.current_snapshot(row.key)
        vectors = 0 if row is None else store.vector_count(row.key)
        return Status(
            data_dir=self.settings.data_dir,
            roots=reconcile.roots_of(store),
            photos=store.photo_count(),
            vectors=vectors,
            encoder=None if row is None else row.name,
            snapshot=snapshot,
            tail=vectors - (snapshot.vectors if snapshot else 0),
            failures=store.failures(),
            disk_bytes=_size_bytes(self.settings.data_dir),
        )

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The models to choose from."""
        return encoders.encoder_choices()

    def encoder_in_use(self) -> Choice:
        """The encoder that a query or a first run would use, and why that one."""
        return self._models.choose(self._reader().current_encoder() if self._exists() else None)

    # ------------------------------------------------------------------ parts

    def _exists(self) -> bool:
        return (self.settings.data_dir / DATABASE).exists()

    def _reader(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.settings.data_dir, writable=False)
        return self._store


def _absolute(path: str | Path) -> str:
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  # keeps symbolic links


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
