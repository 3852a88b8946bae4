"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imgsearch import encoders, ingest, scan, search, snapshots
from imgsearch.decode import is_photo_name
from imgsearch.errors import (
    DiskError,
    EncoderMismatch,
    FolderError,
    LibraryLocked,
    SnapshotError,
    UsageError,
)
from imgsearch.records import (
    Changes,
    EncoderInfo,
    EncoderRow,
    Example,
    Hit,
    Job,
    Progress,
    Query,
    RebuildReport,
    Root,
    Status,
    SyncReport,
    Term,
)
from imgsearch.store import Store

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders import Encoder
    from imgsearch.records import OnDownload, Vectors

LOCK_FILE = "writer.lock"


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
        self._on_download = on_download
        self._store: Store | None = None
        self._encoder: Encoder | None = None
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
        self._store = self._encoder = self._vectors = None

    # ------------------------------------------------------------------ indexing

    def index(self, folders: Iterable[str | Path] = ()) -> Job[SyncReport]:
        """Add folders to the library, if need be, and bring them up to date; all known when none.

        Originals are only read. Iterate over the job for its progress, or call `run()`.
        Raises FolderError, LibraryLocked, DiskError and the errors of the store and the encoder.
        """
        return Job(self._index(tuple(_absolute(folder) for folder in folders)))

    def _index(self, folders: tuple[str, ...]) -> Generator[Progress, None, SyncReport]:
        started = time.monotonic()
        for folder in folders:
            self._check_folder(folder)
        with self._writing() as store:
            work, offline = self._changes(store, folders)
            report = SyncReport()
            if any(changes.upserts for _, changes in work):
                report = yield from self._apply(store, work)
            # Only now: a photo that moved from one root to another has its new path already.
            gone = sum(store.forget(root_id, changes.gone) for root_id, changes in work)
            self._build_if_due(store)
            return replace(
                report,
                unchanged=sum(changes.unchanged for _, changes in work),
                gone=gone,
                offline=offline,
                photos=store.photo_count(),
                seconds=round(time.monotonic() - started, 3),
            )

    def _changes(
        self, store: Store, folders: tuple[str, ...]
    ) -> tuple[list[tuple[int, Changes]], int]:
        """What to do for each folder, and how many known files lie in folders that are offline."""
        scopes = [(store.add_root(folder), folder) for folder in folders]
        roots = store.roots()
        scopes = scopes or list(roots.items())
        if not scopes:
            raise UsageError("No photo folder is known yet. Name one: imgsearch index FOLDER")
        row = store.current_encoder()
        waiting = {str(path) for path in store.unembedded(row.key).values()} if row else set()
        offline = 0
        work = []
        for root_id, folder in scopes:
            known = store.known(root_id, folder)
            if known and not _is_there(roots[root_id]):
                offline += len(known)
                self._tell(
                    f"{folder} is not there now. Its {len(known)} files stay in the library, "
                    "marked offline; run this again when it is back."
                )
                continue
            seen = scan.look(folder, is_photo_name)
            for unreadable in seen.unreadable:
                self._tell(f"{unreadable} cannot be read. What is known of its photos is kept.")
            work.append((root_id, scan.diff(seen, known, waiting)))
        return work, offline

    def _apply(
        self, store: Store, work: list[tuple[int, Changes]]
    ) -> Generator[Progress, None, SyncReport]:
        row = store.current_encoder()
        encoder = self._open_encoder(row.name if row else self.settings.encoder, row)
        row = store.add_encoder(encoder.id, encoders.name_of(encoder.id), encoder.dim)
        return (yield from ingest.apply(self._bench(store, encoder, row), work))

    def _bench(self, store: Store, encoder: Encoder, row: EncoderRow) -> ingest.Bench:
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
        encoder = self._open_encoder(row.name, row)
        desk = search.Desk(
            store,
            encoder,
            self._live_vectors(store, row),
            {root.id: root.online for root in self._roots(store)},
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
            with self._writing() as writer:
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
        with self._writing() as store:
            row = store.current_encoder()
            if row is None:
                raise UsageError("The library is empty. Fill it: imgsearch index FOLDER")
            missing = 0
            if name is not None:
                encoder = self._open_encoder(name)
                row = store.add_encoder(encoder.id, encoders.name_of(encoder.id), encoder.dim)
                bench = self._bench(store, encoder, row)
                missing = yield from ingest.embed_again(bench, store.unembedded(row.key))
            if not missing:
                store.promote_encoder(row.key)
                self._build(store, row)
            return RebuildReport(
                encoder=row.name,
                vectors=store.vector_count(row.key),
                missing=missing,
                seconds=round(time.monotonic() - started, 3),
            )

    def _build_if_due(self, store: Store) -> None:
        row = store.current_encoder()
        if row is not None and snapshots.due(store, row.key):
            self._build(store, row)

    def _build(self, store: Store, row: EncoderRow) -> None:
        def encode_texts(texts: Sequence[str]) -> Vectors:
            return self._open_encoder(row.name, row).encode_texts(texts)

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
            roots=self._roots(store),
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

    def encoder_in_use(self) -> tuple[str, str]:
        """The name of the encoder that a query or a first run would use, and why that one."""
        if (self.settings.data_dir / "library.db").exists():
            row = self._reader().current_encoder()
            if row is not None:
                return row.name, f"The library was made with {row.name}, and keeps it."
        choice = encoders.choose(self.settings.encoder, self.settings.device)
        return choice.name, choice.why

    # ------------------------------------------------------------------ parts

    def _reader(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.settings.data_dir, writable=False)
        return self._store

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        """The right to write, held by one process at a time and never left behind by a dead one."""
        from filelock import FileLock, Timeout

        data_dir = self.settings.data_dir
        lock = FileLock(data_dir / LOCK_FILE, timeout=0)
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise LibraryLocked(
                f"Another imgsearch is writing to the library in {data_dir} (index, rebuild or "
                "watch). Wait for it to finish; searching works meanwhile."
            ) from None
        except OSError as error:
            raise DiskError(
                f"The data folder {data_dir} cannot be written ({error.strerror}). Make it "
                "writable, or choose another with --data."
            ) from error
        try:
            with Store.open(data_dir, writable=True) as store:
                yield store
        finally:
            lock.release()

    def _open_encoder(self, name: str, row: EncoderRow | None = None) -> Encoder:
        """The encoder called `name`, which must be the one that made the vectors of `row`."""
        asked = self.settings.encoder
        if row is not None and asked not in ("auto", row.name):
            raise EncoderMismatch(
                f"This library was made with the encoder {row.name}, not {asked}. Leave --encoder "
                f"out, or change the library: imgsearch rebuild --encoder {asked}"
            )
        choice = encoders.choose(name, self.settings.device)
        if row is None:
            self._tell(choice.why)
        if self._encoder is None or encoders.name_of(self._encoder.id) != choice.name:
            self._encoder = encoders.open_encoder(
                choice.name, self.settings.cache_dir, self.settings.device, self._on_download
            )
        if row is not None and self._encoder.id != row.encoder_id:
            raise EncoderMismatch(
                f"This library was made with {row.encoder_id}, and this imgsearch has "
                f"{self._encoder.id}: their vectors do not compare. Bring the library up to it: "
                f"imgsearch rebuild --encoder {row.name}"
            )
        return self._encoder

    def _roots(self, store: Store) -> tuple[Root, ...]:
        counts = store.photo_counts()
        return tuple(
            Root(
                root_id,
                Path(path),
                _is_there(path) or root_id not in counts,
                counts.get(root_id, 0),
            )
            for root_id, path in store.roots().items()
        )

    def _check_folder(self, folder: str) -> None:
        if Path(folder).is_dir():
            try:
                with os.scandir(folder):
                    return
            except OSError as error:
                raise FolderError(
                    f"The folder {folder} cannot be read ({error.strerror}). Check its permissions."
                ) from error
        if Path(folder).exists():
            raise FolderError(f"{folder} is not a folder. Name the folder that it lies in.")
        if not self._is_known(folder):
            raise FolderError(f"The folder {folder} does not exist. Check its name.")

    def _is_known(self, folder: str) -> bool:
        try:
            roots = self._reader().roots().values()
        except UsageError:
            return False
        return any(Path(folder).is_relative_to(root) for root in roots)


def _absolute(path: str | Path) -> str:
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  # keeps symbolic links


def _is_there(folder: str) -> bool:
    """Whether a folder can be reached: an empty one is a mount point without its drive."""
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
