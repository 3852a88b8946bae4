"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Self

from imgsearch import (
    duplicates,
    encoders,
    evaluation,
    labels,
    overview,
    reconcile,
    search,
    snapshots,
)
from imgsearch.errors import DiskError, LibraryLocked, SnapshotError
from imgsearch.models import Models
from imgsearch.query import parse
from imgsearch.records import (
    Answer,
    Counts,
    EncoderInfo,
    EncoderRow,
    Explanation,
    Hit,
    Job,
    MetadataReport,
    Pairs,
    RebuildReport,
    Root,
    Status,
    SyncReport,
)
from imgsearch.store import DATABASE, Store
from imgsearch.terms import Example, Query, Term
from imgsearch.thumbnails import Thumbnails
from imgsearch.upkeep import PRUNE_DAYS, Upkeep

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders import Choice
    from imgsearch.findings import Classes, Confusion, Evaluation, Facet, Label
    from imgsearch.reconcile.follow import Rhythm
    from imgsearch.records import News, OnDownload
    from imgsearch.search import Desk


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
        self._upkeep = Upkeep(settings, self._models, tell)
        self._store: Store | None = None
        self._opening = Lock()
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
        return Job(self._upkeep.index(named, accept_removals, verify))

    def read_metadata(self) -> Job[MetadataReport]:
        """Read again what the files of all photos say, and the XMP files beside them.

        Dates, places, stars, keywords and the like change; no model is loaded, nothing embedded.
        """
        self._reader()  # says so where there is no library, and makes none
        return Job(self._upkeep.read_metadata())

    def watch(
        self,
        folders: Iterable[str | Path] = (),
        *,
        stop: Event | None = None,
        rhythm: Rhythm | None = None,
    ) -> Iterator[News]:
        """Keep the library equal to the disk, all roots of it, until `stop` is set.

        Yields what happens: the roots that are watched, the progress of each round of work, and
        its report. Searching, also from other processes, works meanwhile; so does all that writes,
        since the writer's lock is held only during a round. Raises what `index` raises.
        """
        named = tuple(_absolute(folder) for folder in folders)
        return self._upkeep.watch(named, stop or Event(), rhythm)

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
        self._reader()  # says so where there is no library, and makes none
        return self._upkeep.forget(_absolute(folder))

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Drop photos and vectors that no path has pointed at for so many days; how many photos.

        Photos of folders that are offline, and photos held as missing, have paths, and stay.
        """
        self._reader()
        return self._upkeep.prune(days)

    # ------------------------------------------------------------------ searching

    def search(
        self, text: str | Query | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> list[Hit]:
        """The k photos that answer best to a query, to an example image, or to both.

        A text is read as docs/search.md describes: "sunset -people after:2023 camera:canon".
        Raises QueryError for a query that is empty or makes no sense, for an image that cannot be
        read and a k below 1, and UsageError where there is no library yet.
        """
        asked = Query() if text is None else _query(text)
        if image is not None:
            example = Term(Example(Path(_absolute(image))))
            asked = replace(asked, terms=(*asked.terms, example))
        return list(self.find(asked, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the one after it.

        Raises what `search` raises, and QueryError for a cursor of another query.
        """
        return search.run(self._desk(), _query(query), k, cursor)

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path is where it is in the answer, or why it is not there."""
        return search.explain(self._desk(), Path(_absolute(photo)), _query(query))

    def _desk(self) -> Desk:
        store = self._reader()
        row = store.encoder_in_use()
        self._models.check(row)
        return search.Desk(
            store,
            row,
            lambda: self._models.of(row),
            lambda: self._live_vectors(store, row),
            {root.id: root.online for root in reconcile.roots_of(store)},
            self.settings.max_megapixels,
            self.settings.cache_dir,
        )

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
            self._upkeep.build(row)
            self._tell(f"{damage} It was made anew from the stored vectors; nothing was lost.")
            return snapshots.LiveIndex(store, row.key)
        except (LibraryLocked, DiskError):
            self._tell(f"{damage} Searching the stored vectors instead, which is slower.")
            return snapshots.LiveIndex(store, row.key, use_snapshot=False)

    # ------------------------------------------------------------------ labels

    def label(
        self, classes: Classes, query: str | Query | None = None, k: int = 100
    ) -> list[Label]:
        """The likeliest class of every photo, or of those that answer a query and are not weak.

        At most the best k of the latter; a query of filters alone has no such limit.
        Raises UsageError for classes that make no sense.
        """
        desk = self._desk()
        among = None if query is None else search.ids_of(desk, _query(query), k)
        return labels.label(desk.store, desk.row, desk.encoder(), classes, among)

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
        desk = self._desk()
        trial = labels.Trial(Path(_absolute(folder)), more, self.settings.max_megapixels)
        return Job(labels.evaluate(trial, desk.row, desk.encoder()))

    def evaluate(self, captions: str | Path) -> Evaluation:
        """How well photos of the library are found by captions, from a CSV of photo and caption.

        Raises UsageError for a file that cannot be used.
        """
        desk = self._desk()
        asked = evaluation.read(desk.store, Path(_absolute(captions)))
        return evaluation.evaluate(desk.store, desk.row, desk.encoder(), desk.vectors(), asked)

    # ------------------------------------------------------------------ rebuilding

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Make the index file anew from the stored vectors; with `encoder`, embed all again.

        The old encoder goes on answering until every photo that can be reached has a vector of
        the new one; a run that was stopped goes on where it was. Photos that are offline hold the
        change back: the report says how many.
        """
        self._reader()
        return Job(self._upkeep.rebuild(encoder))

    # ------------------------------------------------------------------ looking

    def status(self) -> Status:
        """What the library holds, and how it is. Raises UsageError where there is none yet."""
        return overview.status_of(self._reader())

    def check_recall(self) -> snapshots.RecallReport:
        """How much of the exact answer the index finds, for words and for examples.

        Raises SnapshotError when its file is not, byte for byte, what was written.
        """
        store = self._reader()
        row = store.encoder_in_use()
        return snapshots.check_recall(store, row.key, self._models.of(row).encode_texts)

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The models to choose from."""
        return encoders.encoder_choices()

    def encoder_in_use(self) -> Choice:
        """The encoder that a query or a first run would use, and why that one."""
        return self._models.choose(self._reader().current_encoder() if self.exists() else None)

    def photos(self, ids: Sequence[int]) -> list[Hit]:
        """These photos, in this order, with where each lies; those that are gone are left out."""
        store = self._reader()
        online = {root.id: root.online for root in reconcile.roots_of(store)}
        return search.hits_of(store, online, ids)

    def thumbnail(self, source: int | bytes, side_px: int = 320) -> bytes | None:
        """A WebP of a photo of the library, by id, or of the image in a file's bytes.

        Upright, its long side at most `side_px`; None where no photo has that id. That of a photo
        is made at first sight and kept in the cache folder. Raises PhotoError for what cannot be
        read and was not made before.
        """
        if isinstance(source, bytes):
            return self._thumbnails.of_bytes(source, side_px)
        photo = self._reader().photos([source]).get(source)
        if photo is None:
            return None
        places = self._reader().paths([source]).get(source, [])
        return self._thumbnails.get(photo, [path for _, path in places], side_px)

    def photo_count(self) -> int:
        """How many photos the library has."""
        return self._reader().photo_count()

    def counts(self) -> Counts:
        """What the library's photos can be narrowed down by, and how many have it."""
        return self._reader().counts()

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """Every two photos at least that alike, best first; `groups` sorts them.

        Exact, so it takes a while: minutes for 100,000 photos on two cores.
        """
        row = self._reader().encoder_in_use()
        return Job(duplicates.find_pairs(self._reader(), row.key, min_score))

    def groups(self, pairs: Pairs, min_score: float) -> tuple[tuple[int, ...], ...]:
        """The ids of photos that such pairs link, those with the most alike pair first."""
        return duplicates.groups(pairs, min_score)

    # ------------------------------------------------------------------ parts

    def exists(self) -> bool:
        """Whether there is a library in the data folder yet; the first `index` makes one."""
        return (self.settings.data_dir / DATABASE).exists()

    def _reader(self) -> Store:
        with self._opening:  # the page asks from many threads at once
            if self._store is None:
                self._store = Store.open(self.settings.data_dir, writable=False)
            return self._store


def _query(query: str | Query) -> Query:
    """The query that a line says, with the paths of its examples made absolute."""
    asked = parse(query) if isinstance(query, str) else query
    terms = tuple(
        replace(term, what=replace(term.what, source=Path(_absolute(term.what.source))))
        if isinstance(term.what, Example) and isinstance(term.what.source, Path)
        else term
        for term in asked.terms
    )
    return replace(asked, terms=terms)


def _absolute(path: str | Path) -> str:
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  # keeps symbolic links
