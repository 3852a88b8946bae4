"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imgsearch import duplicates, encoders, ingest, reconcile, search, snapshots
from imgsearch.errors import (
    DiskError,
    LibraryLocked,
    SnapshotError,
    UsageError,
)
from imgsearch.models import Models
from imgsearch.records import (
    Counts,
    EncoderInfo,
    EncoderRow,
    Hit,
    Job,
    Pairs,
    Progress,
    RebuildReport,
    Root,
    Status,
    SyncReport,
)
from imgsearch.store import DATABASE, Store, writing
from imgsearch.terms import Example, Query, Term
from imgsearch.thumbnails import Thumbnails

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders import Choice
    from imgsearch.records import OnDownload, Vectors


PRUNE_DAYS = 30  # as long as common recycle bins keep a file


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
        self._thumbnails = Thumbnails(settings.cache_dir / "thumbnails", settings.max_megapixels)

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

    def index(
        self,
        folders: Iterable[str | Path] = (),
        *,
        accept_removals: bool = False,
        verify: bool = False,
    ) -> Job[SyncReport]:
        """Add folders to the library, if need be, and bring them up to date; all known when none.

        Originals are only read. With `accept_removals`, photos that are held as missing are let
        go; with `verify`, every file is read, to find edits that kept size and time.
        Iterate over the job for its progress, or call `run()`.
        Raises FolderError, LibraryLocked, DiskError and the errors of the store and the encoder.
        """
        named = tuple(_absolute(folder) for folder in folders)
        return Job(self._index(named, accept_removals, verify))

    def _index(
        self, folders: tuple[str, ...], accept_removals: bool, verify: bool
    ) -> Generator[Progress, None, SyncReport]:
        started = time.monotonic()
        known_roots = tuple(self._reader().roots().values()) if self._exists() else ()
        for folder in folders:
            reconcile.check_folder(folder, known_roots)
        with writing(self.settings.data_dir) as store:
            reconcile.follow_volumes(store, self._tell)
            scopes = reconcile.scopes_of(store, folders)
            seen = reconcile.survey(store, scopes, self._tell, list_same=verify)
            if verify:
                seen = yield from self._verified(store, seen)
            report = yield from self._take_in(store, seen, accept_removals)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def _verified(
        self, store: Store, seen: reconcile.Survey
    ) -> Generator[Progress, None, reconcile.Survey]:
        threads = self.settings.thread_count
        hashes = store.hashes()
        files = [one for found in seen.found for one in found.same]
        changed = yield from ingest.changed_contents(files, hashes, threads)
        return seen.with_upserts(changed)

    def _take_in(
        self, store: Store, seen: reconcile.Survey, accept_removals: bool = False
    ) -> Generator[Progress, None, SyncReport]:
        """Bring the library up to date with what was seen."""
        report = SyncReport()
        if any(changes.upserts for _, changes in seen.work):
            report = yield from ingest.apply(self._bench(store), seen.work)
        settled = reconcile.settle(store, seen, accept_removals, self._tell)
        row = store.current_encoder()
        if row is not None and snapshots.due(store, row.key):
            self._build(store, row)
        return replace(
            report,
            unchanged=sum(changes.unchanged for _, changes in seen.work),
            gone=settled.gone,
            missing=settled.missing,
            offline=seen.offline,
            photos=store.photo_count(),
        )

    def root(self, folder: str | Path) -> Root:
        """The photo folder of the library at `folder`. Raises UsageError when it is none."""
        store = self._reader()
        root_id = reconcile.root_at(store, _absolute(folder))
        return next(root for root in reconcile.roots_of(store) if root.id == root_id)

    def forget(self, folder: str | Path) -> int:
        """Follow a root no more, on purpose; how many photos left the library with it.

        Photos that also lie in another root stay. Nothing on the disk changes, and until `prune`
        nothing is embedded again if the folder comes back. Raises UsageError for a folder that is
        not a root, and LibraryLocked.
        """
        path = _absolute(folder)
        self._reader()
        with writing(self.settings.data_dir) as store:
            return store.remove_root(reconcile.root_at(store, path))

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Drop photos and vectors that no path has pointed at for so many days; how many photos.

        Photos of folders that are offline, and photos held as missing, have paths, and stay.
        """
        self._reader()
        with writing(self.settings.data_dir) as store:
            return store.prune(datetime.now(UTC) - timedelta(days=days))

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
            failures=(*store.unreadable(), *store.failures()),
            disk_bytes=_size_bytes(self.settings.data_dir),
        )

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The models to choose from."""
        return encoders.encoder_choices()

    def encoder_in_use(self) -> Choice:
        """The encoder that a query or a first run would use, and why that one."""
        return self._models.choose(self._reader().current_encoder() if self._exists() else None)

    def photo(self, photo_id: int) -> Hit | None:
        """A photo of the library by its id, with where it lies; None where there is none."""
        online = {root.id: root.online for root in reconcile.roots_of(self._reader())}
        return next(iter(search.hits_of(self._reader(), online, [photo_id])), None)

    def thumbnail(self, photo_id: int, side_px: int = 320) -> bytes | None:
        """A WebP of a photo, upright, long side at most `side_px`; None where there is no such id.

        Made at first sight and kept in the cache folder. Raises PhotoError where none was made
        and the photo cannot be read now.
        """
        photo = self._reader().photos([photo_id]).get(photo_id)
        if photo is None:
            return None
        places = self._reader().paths([photo_id]).get(photo_id, [])
        return self._thumbnails.get(photo, [path for _, path in places], side_px)

    def counts(self) -> Counts:
        """What the library's photos can be narrowed down by, and how many have it."""
        return self._reader().counts()

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """Every two photos at least that alike, best first; `groups` sorts them.

        Exact, so it takes a while: minutes for 100,000 photos on two cores.
        """
        row = self._reader().current_encoder()
        if row is None:
            raise UsageError("The library is empty. Fill it: imgsearch index FOLDER")
        return Job(duplicates.find_pairs(self._reader(), row.key, min_score))

    def groups(self, pairs: Pairs, min_score: float) -> tuple[tuple[int, ...], ...]:
        """The ids of photos that such pairs link, those with the most alike pair first."""
        return duplicates.groups(pairs, min_score)

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
