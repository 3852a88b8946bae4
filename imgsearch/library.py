"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Self

from imgsearch.config import PRUNE_DAYS
from imgsearch.encoders import registry
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.registry import EncoderChoice
from imgsearch.errors import DiskError, LibraryLocked, Reason, SnapshotError, UsageError
from imgsearch.index import check, live
from imgsearch.indexer import diff, volumes
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.progress import (
    Job,
    MetadataReport,
    RebuildReport,
    RunningJob,
    SyncReport,
    WatchEvent,
)
from imgsearch.query.grammar import absolute, resolve_query
from imgsearch.records.answer import Answer, Explanation, Hit, Pairs
from imgsearch.records.labels import Classes, Confusion, Evaluation, Facet, Label
from imgsearch.records.query import Example, Query, Term
from imgsearch.records.status import Counts, EncoderInfo, Failure, Root, Status
from imgsearch.search import context, engine
from imgsearch.store import progress_file
from imgsearch.store.connecting import DATABASE
from imgsearch.store.reads import QueryStore

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.indexer import Indexer
    from imgsearch.progress import OnDownload
    from imgsearch.records.status import EncoderRow
    from imgsearch.search.context import SearchContext
    from imgsearch.store.store import Store


class Library:
    """A photo library: `index` brings it up to date, `search` asks it.

    Use it as a context manager. Any number of libraries may be open on one data folder, in any
    number of processes; one at a time writes, and readers never wait.
    """

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[str], None],
        on_download: OnDownload | None,
        index_policy: IndexPolicy | None,
    ) -> None:
        self.settings = settings
        self._tell = tell
        self._index_policy = index_policy
        self._models = EncoderLoader(settings, tell, on_download)
        self._store: Store | None = None
        self._query_store: QueryStore | None = None
        self._opening = Lock()
        self._vectors: live.LiveIndex | None = None
        self._opening_vectors = Lock()

    @classmethod
    def open(
        cls,
        settings: Settings,
        tell: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
        index_policy: IndexPolicy | None = None,
    ) -> Self:
        """Open the library in `settings.data_dir`; nothing is read or made before it is needed.

        `tell` is called with a sentence for a person now and then: which encoder was chosen and
        why, a folder that cannot be read, an index file made anew. `on_download` hears how far
        the download of a model is. `index_policy` decides which index suits how many vectors.
        """
        return cls(settings, tell or (lambda sentence: None), on_download, index_policy)

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
    def _upkeep(self) -> Indexer:
        from imgsearch.indexer.indexer import Indexer

        return Indexer(self.settings, self._models, self._tell, self._index_policy)

    @cached_property
    def _thumbnails(self) -> Thumbnails:
        from imgsearch.decode.thumbnails import Thumbnails

        return Thumbnails(self.settings.cache_dir / "thumbnails", self.settings.max_megapixels)

    def _reader(self) -> Store:
        from imgsearch.store.store import Store

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

    def _desk(self) -> SearchContext:
        store = self._asked()
        row = store.encoder_in_use()
        self._models.check(row)
        return context.SearchContext(
            store,
            row,
            lambda: self._models.shared(row),
            lambda: self._live_vectors(store, row),
            volumes.online_roots(store),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            self.settings.stack_raw,
        )

    def _live_vectors(self, store: QueryStore, row: EncoderRow) -> live.LiveIndex:
        with self._opening_vectors:
            vectors = self._vectors
            if vectors is None or vectors.encoder_key != row.key:
                self._vectors = vectors = self._open_vectors(store, row)
                return vectors
        vectors.refresh()
        return vectors

    def _open_vectors(self, store: QueryStore, row: EncoderRow) -> live.LiveIndex:
        """Open the index; a damaged file is made anew, or left aside where we may not write."""
        try:
            return live.LiveIndex(store, row.key, self._index_policy)
        except SnapshotError as error:
            damage = str(error)
        try:
            self._upkeep.build(row)
            self._tell(f"{damage} It was made anew from the stored vectors; nothing was lost.")
            return live.LiveIndex(store, row.key, self._index_policy)
        except (LibraryLocked, DiskError):
            self._tell(f"{damage} Searching the stored vectors instead, which is slower.")
            return live.LiveIndex(store, row.key, self._index_policy, use_snapshot=False)

    def search(
        self, text: str | Query | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> list[Hit]:
        """The k photos that answer best to a query, to an example image, or to both.

        A text is read as docs/search.md describes: "sunset -people after:2023 camera:canon".
        Raises QueryError for a query that is empty or makes no sense, for an image that cannot be
        read and a k below 1, and UsageError where there is no library yet.
        """
        asked = Query() if text is None else resolve_query(text)
        if image is not None:
            example = Term(Example(Path(absolute(image))))
            asked = replace(asked, terms=(*asked.terms, example))
        return list(self.find(asked, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the one after it.

        Raises what `search` raises, and QueryError for a cursor of another query.
        """
        return engine.run(self._desk(), resolve_query(query), k, cursor)

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path is where it is in the answer, or why it is not there."""
        from imgsearch.search.explain import explain

        path, asked = Path(absolute(photo)), resolve_query(query)
        desk = self._desk()
        photo_id = desk.store.photo_at(path)
        if photo_id is None:
            from imgsearch.indexer.absence import why_not_indexed

            return Explanation(path, reason=why_not_indexed(self._reader(), path))
        return explain(desk, photo_id, path, asked)

        store = self._reader()
        return explain(self._desk(), store, Path(absolute(photo)), resolve_query(query))

    def status(self) -> Status:
        """What the library holds, and how it is. Raises UsageError where there is none yet."""
        from imgsearch.analysis import status

        return status.status_of(self._reader())

    def running(self) -> RunningJob | None:
        """What some process, perhaps this one, is changing in the library right now, and how far.

        None where nothing is: also after a process that was killed.
        """
        return progress_file.running_job(self.settings.data_dir)

    def check_recall(self) -> check.RecallReport:
        """How much of the exact answer the index finds, for words and for examples.

        Raises SnapshotError when its file is not, byte for byte, what was written.
        """
        reader = self._reader()
        row = reader.encoder_in_use()
        encode_texts = self._models.of(row).encode_texts
        return check.check_recall(reader, row.key, encode_texts, self._index_policy)

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The models to choose from."""
        return registry.encoder_choices()

    def encoder_in_use(self) -> EncoderChoice:
        """The encoder that a query or a first run would use, and why that one."""
        return self._models.choose(self._reader().current_encoder() if self.exists() else None)

    def photos(self, ids: Sequence[int]) -> list[Hit]:
        """These photos, in this order, with where each lies; those that are gone are left out."""
        reader = self._reader()
        online = volumes.online_roots(reader)
        return engine.hits_of(reader, online, ids, stack_raw=self.settings.stack_raw)

    def thumbnail(
        self, source: int | bytes, side_px: int = 320, at_s: float | None = None
    ) -> bytes | None:
        """A WebP of a photo of the library, by id, or of the image in a file's bytes.

        Upright, its long side at most `side_px`; of a video the frame at `at_s` seconds, or the
        one in the middle; None where no photo has that id. That of a photo is made at first sight
        and kept in the cache folder. Raises PhotoError for what cannot be read and was not made
        before.
        """
        if isinstance(source, bytes):
            return self._thumbnails.of_bytes(source, side_px)
        photo = self._reader().photos([source]).get(source)
        if photo is None:
            return None
        places = self._reader().paths([source]).get(source, [])
        return self._thumbnails.get(photo, [path for _, path in places], side_px, at_s)

    def photo_count(self) -> int:
        """How many photos the library has."""
        return self._reader().photo_count()

    def counts(self) -> Counts:
        """What the library's photos can be narrowed down by, and how many have it."""
        return self._reader().counts()

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """Every two photos at least that alike, best first; `groups` sorts them.

        Exact, so it takes a while: about a minute for 100,000 photos on two cores.
        """
        from imgsearch.analysis import duplicates

        row = self._reader().encoder_in_use()
        return Job(duplicates.find_pairs(self._reader(), row.key, min_score))

    def groups(self, pairs: Pairs, min_score: float) -> tuple[tuple[int, ...], ...]:
        """The ids of photos that such pairs link, those with the most alike pair first."""
        from imgsearch.analysis import duplicates

        return duplicates.groups(pairs, min_score)

    def label(
        self, classes: Classes, query: str | Query | None = None, k: int = 100
    ) -> list[Label]:
        """The likeliest class of every photo, or of those that answer a query and are not weak.

        At most the best k of the latter; a query of filters alone has no such limit.
        Raises UsageError for classes that make no sense.
        """
        from imgsearch.labels import labels

        store, desk = self._reader(), self._desk()
        among = None if query is None else engine.ids_of(desk, resolve_query(query), k)
        return labels.label(store, desk.row, desk.encoder(), classes, among)

    def save_labels(self, name: str, classes: Classes) -> dict[str, int]:
        """Label every photo, now and whenever new ones come; how many photos have each label.

        `label:NAME` finds them from then on. Raises UsageError and LibraryLocked.
        """
        self._desk()  # says so where there is nothing to label
        facet = self._upkeep.save_labels(name, classes)
        return self._reader().label_counts(facet.id)

    def forget_labels(self, name: str) -> bool:
        """Drop labels that were saved under a name; whether there were any."""
        return self._upkeep.forget_labels(name)

    def saved_labels(self) -> dict[Facet, dict[str, int]]:
        """The labels that were saved, and how many photos have each."""
        store = self._reader()
        return {facet: store.label_counts(facet.id) for facet in store.facets()}

    def labels_of(self, photo_id: int) -> dict[str, Label]:
        """The saved labels of a photo, by the name they were saved under."""
        return self._reader().labels_of(photo_id)

    def try_labels(self, folder: str | Path, more: Classes | None = None) -> Job[Confusion]:
        """Label photos whose class is known, for they lie in folders named by it, and count.

        `more` may add classes, a template and "none of these". Raises FolderError.
        """
        from imgsearch.labels import labels

        desk = self._desk()
        trial = labels.LabelTrial(Path(absolute(folder)), more, self.settings.max_megapixels)
        return Job(labels.evaluate(trial, desk.row, desk.encoder()))

    def evaluate(self, captions: str | Path) -> Evaluation:
        """How well photos of the library are found by captions, from a CSV of photo and caption.

        Raises UsageError for a file that cannot be used.
        """
        from imgsearch.analysis import captions as evaluation

        store, desk = self._reader(), self._desk()
        asked = evaluation.read(store, Path(absolute(captions)))
        return evaluation.evaluate(store, desk.row, desk.encoder(), desk.vectors(), asked)

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
        named = tuple(absolute(folder) for folder in folders)
        return Job(self._upkeep.index(named, accept_removals, verify))

    def read_metadata(self) -> Job[MetadataReport]:
        """Read again what the files of all photos say, and the XMP files beside them.

        Dates, places, stars, keywords and the like change; no model is loaded, nothing embedded.
        """
        self._reader()  # says so where there is no library, and makes none
        return Job(self._upkeep.read_metadata())

    def failures(self, reasons: Iterable[str] = ()) -> tuple[Failure, ...]:
        """The files that could not be read, by path; with `reasons`, those of these codes only.

        Raises UsageError for a code that is none.
        """
        return self._reader().failures(tuple(reason_of(code) for code in reasons))

    def retry(self, reasons: Iterable[str] = ()) -> Job[SyncReport]:
        """Read again, now, the files that failed; with `reasons`, those of these codes only.

        Indexing does so by itself once a file changes, or what reads it, and where the reason may
        pass. Raises UsageError for a code that is none, and what `index` raises.
        """
        known = tuple(reason_of(code) for code in reasons)
        self._reader()
        return Job(self._upkeep.retry(known))

    def watch(
        self,
        folders: Iterable[str | Path] = (),
        *,
        stop: Event | None = None,
        rhythm: WatchSchedule | None = None,
    ) -> Iterator[WatchEvent]:
        """Keep the library equal to the disk, all roots of it, until `stop` is set.

        Yields what happens: the roots that are watched, the progress of each round of work, and
        its report. Searching, also from other processes, works meanwhile; so does all that writes,
        since the writer's lock is held only during a round. Raises what `index` raises.
        """
        named = tuple(absolute(folder) for folder in folders)
        return self._upkeep.watch(named, stop or Event(), rhythm)

    def root(self, folder: str | Path) -> Root:
        """The photo folder of the library at `folder`. Raises UsageError when it is none."""

        store = self._reader()
        root_id = diff.root_at(store, absolute(folder))
        return next(root for root in diff.roots_of(store) if root.id == root_id)

    def forget(self, folder: str | Path) -> int:
        """Follow a root no more, on purpose; how many photos left the library with it.

        Photos that also lie in another root stay. Nothing on the disk changes, and until `prune`
        nothing is embedded again if the folder comes back. Raises UsageError for a folder that is
        not a root, and LibraryLocked.
        """
        self._reader()  # says so where there is no library, and makes none
        return self._upkeep.forget(absolute(folder))

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Drop photos and vectors that no path has pointed at for so many days; how many photos.

        Photos of folders that are offline, and photos held as missing, have paths, and stay.
        """
        self._reader()
        return self._upkeep.prune(days)

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Make the index file anew from the stored vectors; with `encoder`, embed all again.

        The old encoder goes on answering until every photo that can be reached has a vector of
        the new one; a run that was stopped goes on where it was. Photos that are offline hold the
        change back: the report says how many.
        """
        self._reader()
        return Job(self._upkeep.rebuild(encoder))


def reason_of(code: str) -> Reason:
    """The reason that goes by this code. Raises UsageError when there is none."""
    try:
        return Reason(code)
    except ValueError:
        known = ", ".join(Reason)
        raise UsageError(f"{code!r} is no reason a file can fail for. They are: {known}") from None
