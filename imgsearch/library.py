"""Library: the one object that the command line, the page, the service and a notebook hold.

A library on this machine and an archive are searched and shown alike. The methods of one subject
are a part: `library.browse`, `library.marks`, `library.folders` and others.
Methods import what they need, beyond records, when they are called: a client of the service only
reads the declarations, and has to start fast.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Self

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.addresses import as_path
from imgsearch.config import Settings
from imgsearch.errors import CommandLine, ImgsearchError, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import (
    Cursor,
    PhotoId,
    PhotoIds,
    ResultCount,
    operation,
)
from imgsearch.paths import absolute
from imgsearch.records.answer import (
    Answer,
    Explanation,
    FoundPhotos,
    Hit,
    Hits,
    PhotoDetails,
    with_thumbnails,
)
from imgsearch.records.extended import explanation_type
from imgsearch.records.ids import as_ids
from imgsearch.records.query import Example, Query, Term
from imgsearch.records.status import Status, UnfinishedJob

if TYPE_CHECKING:
    from imgsearch.archive.operations import Fleet
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.remote import ProcessGroup
    from imgsearch.features.albums.operations import Albums
    from imgsearch.features.around.operations import Around
    from imgsearch.features.ask.operations import Questions
    from imgsearch.features.ask.records import QuestionAnswer
    from imgsearch.features.backup.operations import Backups
    from imgsearch.features.concepts.operations import Concepts
    from imgsearch.features.corrections.operations import Corrections
    from imgsearch.features.duplicates.operations import Duplicates
    from imgsearch.features.events.operations import Events
    from imgsearch.features.imports.operations import Imports
    from imgsearch.features.kinds.operations import Kinds
    from imgsearch.features.labels.operations import Labels
    from imgsearch.features.labels.records import Classes, Label
    from imgsearch.features.meaning.operations import Meaning
    from imgsearch.features.narrowing.operations import Narrowing
    from imgsearch.features.people.operations import People
    from imgsearch.features.places.operations import Places
    from imgsearch.features.saved.operations import Saved
    from imgsearch.features.sequences.operations import Sequences
    from imgsearch.features.strips.operations import Strips
    from imgsearch.features.text.operations import PictureText
    from imgsearch.features.vectors.reading import LibraryVectors
    from imgsearch.features.wall.operations import Walls
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.watch_loop import WatchSchedule
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.operations.browse import Browse
    from imgsearch.operations.changes import ChangeHistory
    from imgsearch.operations.encoders import Encoders
    from imgsearch.operations.folders import Folders
    from imgsearch.operations.lines import Lines
    from imgsearch.operations.marks import Marks
    from imgsearch.operations.memory import Memory
    from imgsearch.operations.packs import Packs
    from imgsearch.operations.pictures import Pictures
    from imgsearch.operations.tray import Tray
    from imgsearch.operations.upkeep import Upkeep
    from imgsearch.progress import (
        Job,
        OnDownload,
        RebuildReport,
        RunningJob,
        SyncReport,
        WatchEvent,
    )

# The parts of all libraries besides those of features, which an installation may lack.
_ALWAYS = frozenset(
    {
        *("changes", "choices", "marks", "packs", "tray"),
    }
)
_NOTEBOOK_SIDE_PX = 160  # of the thumbnail of a hit in a notebook


class Library:
    """A photo library: `index` brings it up to date, `search` answers queries.

    Use it as a context manager, from any number of threads. Any number of libraries may be open at
    one address, in any number of processes; one process at a time writes, and readers never wait.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        """Use `Library.open`."""
        self._opened = opened

    @classmethod
    def open(
        cls,
        place: Settings | str | os.PathLike[str],
        notify: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
        *,
        encoder: Encoder | None = None,
        index_policy: IndexPolicy | None = None,
        group: ProcessGroup | None = None,
    ) -> Self:
        """Open a library; nothing is read or created before it is needed.

        `place` is its data folder, the address of an archive, or settings that name the data
        folder: `Library.open("my-library")` opens `Settings.load(data_dir="my-library")`.

        `notify` is called with a sentence for a person now and then: which encoder was chosen and
        why, a folder that cannot be read, an index that was rebuilt. `on_download` is called with
        the progress of a model download. `encoder` is used in place of the one that the settings
        name, and `index_policy` in place of the usual sizes and thresholds of the index.
        `group` are the processes that serve the library together, of which this is one.

        Raises UsageError for what is neither settings nor a path, and as `Settings.load` and
        `open_archive` do.
        """
        from imgsearch.addresses import names_archive

        if isinstance(place, Settings):
            settings = place
        elif not isinstance(place, str | os.PathLike):
            raise UsageError(
                f"A library is opened by its data folder, the address of an archive or Settings, "
                f'not by {place!r}. For example: Library.open("my-library")'
            )
        elif names_archive(os.fspath(place)):
            return cls.open_archive(
                os.fspath(place),
                Settings.load(),
                notify,
                on_download,
                encoder=encoder,
                index_policy=index_policy,
                group=group,
            )
        else:
            settings = Settings.load(data_dir=Path(place))
        from imgsearch.opened.library import open_library

        return cls(
            open_library(
                settings,
                notify or _say_nothing,
                on_download,
                encoder,
                index_policy,
                group,
            )
        )

    @classmethod
    def open_archive(
        cls,
        address: str | Path,
        settings: Settings,
        notify: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
        *,
        encoder: Encoder | None = None,
        index_policy: IndexPolicy | None = None,
        group: ProcessGroup | None = None,
    ) -> Self:
        """Open the archive at an address, a folder or `s3://BUCKET/NAME`, also one to be made.

        A copy on this machine answers: a library in the folder of the setting `replica_dir`, else
        in the cache folder. It takes the changes of the archive before each answer, at most once a
        second. The first time, that takes a while: `fleet.update_copy` does so with progress.
        Nothing is read before it is needed; the rest is as for `open`. Raises MissingPackage
        without the extra `scale`, and SettingsError for `mounts` that cannot be understood.
        """
        from imgsearch.opened.replicas import open_replica

        opened, _ = open_replica(
            address,
            settings,
            notify or _say_nothing,
            on_download,
            encoder,
            index_policy,
            group,
        )
        return cls(opened)

    def __enter__(self) -> Self:
        self._opened.raise_if_closed()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if isinstance(error, Exception) and not isinstance(error, ImgsearchError | OSError):
                self._opened.raise_if_damaged(error)
        finally:
            self.close()

    def close(self) -> None:
        """Close files and release the encoder. A closed library answers no more; open another."""
        self._opened.close()

    def exists(self) -> bool:
        """Return whether there is a library at this address; the first `index` creates one."""
        return self._opened.origin.exists()

    @property
    def settings(self) -> Settings:
        """The settings that the library was opened with."""
        return self._opened.origin.settings

    @property
    def address(self) -> str:
        """The place of the library: its data folder, or the address of an archive."""
        return self._opened.origin.address

    @property
    def working_folder(self) -> Path:
        """The folder of this machine where a service of the library has its files."""
        return self._opened.origin.working_folder

    @property
    def capabilities(self) -> frozenset[str]:
        """The names of the parts that this library has, and "watch" if it can follow folders.

        Not named are the parts that every library has: `browse`, `lines`, `memory` and `pictures`,
        and some methods of `folders` and `upkeep`. Using what it lacks raises UsageError.
        """
        return _ALWAYS | installed.parts().keys() | self._opened.origin.parts

    # ------------------------------------------------------------------ parts

    # Parts of features: type checkers read those of our own here, and Python asks for them.
    if TYPE_CHECKING:
        albums: Albums
        around: Around
        backups: Backups
        concepts: Concepts
        corrections: Corrections
        duplicates: Duplicates
        events: Events
        imports: Imports
        labels: Labels
        meaning: Meaning
        kinds: Kinds
        narrowing: Narrowing
        people: People
        places: Places
        questions: Questions
        saved: Saved
        sequences: Sequences
        strips: Strips
        text: PictureText
        vectors: LibraryVectors
        walls: Walls

        def ask(self, question: str, k: ResultCount = 20) -> QuestionAnswer: ...

        def label(
            self, classes: Classes, query: str | Query | None = None, k: ResultCount = 100
        ) -> list[Label]: ...

    else:

        def __getattr__(self, name: str) -> object:
            """Return the part, or a method of one, that a feature brings.

            Raises AttributeError for an unknown name.
            """
            if name in installed.methods():
                return getattr(getattr(self, installed.methods()[name]), name)
            part = installed.parts().get(name)
            if part is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return load(part.made_by)(self._opened)

    @property
    def browse(self) -> Browse:
        """Counts and lists of photos by time, place and name."""
        from imgsearch.operations.browse import Browse

        return Browse(self._opened)

    @property
    def pictures(self) -> Pictures:
        """Thumbnails and files of photos, and example images that are kept."""
        from imgsearch.operations.pictures import Pictures

        return Pictures(self._opened)

    @property
    def lines(self) -> Lines:
        """Query lines: the exact form of a query, and lines that were typed before."""
        from imgsearch.operations.lines import Lines

        return Lines(self._opened)

    @property
    def memory(self) -> Memory:
        """The encoder and the index in the memory of this process: loading and releasing them."""
        from imgsearch.operations.memory import Memory

        return Memory(self._opened)

    @property
    def tray(self) -> Tray:
        """The tray: the photos that were picked."""
        from imgsearch.operations.tray import Tray

        return Tray(self._opened)

    @property
    def marks(self) -> Marks:
        """Favourites, stars and hidden photos."""
        from imgsearch.operations.marks import Marks

        return Marks(self._opened)

    @property
    def changes(self) -> ChangeHistory:
        """The last changes that people have made: undoing them."""
        from imgsearch.operations.changes import ChangeHistory

        return ChangeHistory(self._opened)

    @property
    def encoders(self) -> Encoders:
        """Encoders to choose from, and the encoders with vectors in the library."""
        from imgsearch.operations.encoders import Encoders

        self._opened.origin.require_folders("choice of encoders")
        return Encoders(self._opened)

    @property
    def folders(self) -> Folders:
        """The photo folders that the library follows, and photos that could not be read."""
        from imgsearch.operations.folders import Folders

        return Folders(self._opened)

    @property
    def packs(self) -> Packs:
        """Packs, which carry photos to other libraries."""
        from imgsearch.operations.packs import Packs

        return Packs(self._opened)

    @property
    def upkeep(self) -> Upkeep:
        """Reading metadata and text again, and repairs."""
        from imgsearch.operations.upkeep import Upkeep

        return Upkeep(self._opened)

    @property
    def fleet(self) -> Fleet:
        """Filling an archive, and opening its originals."""
        return self._opened.photo_changes.fleet()

    # ------------------------------------------------------------------ search

    def search(
        self, text: str | Query | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> Hits:
        """Find the k photos that best match a query, an example image, or both; best first.

        A list; a notebook shows it as a table with pictures, and its `to_dataframe` is for pandas.
        `text` is in the query language of docs/query-language.md, such as "sunset -people
        after:2023 camera:canon".

        Raises QueryError for an empty or invalid query, for an image that cannot be read and for a
        k below 1, UsageError if there is no library yet, and StoreError where there is no archive.
        """
        query = Query()
        if text is not None:
            query = resolve_query(text)
        if image is not None:
            example = Term(Example(Path(absolute(image))))
            query = replace(query, terms=(*query.terms, example))
        answer = self.find(query, k)
        return Hits(answer.hits)

    @operation("POST /search", tool="Search photos")
    def find(self, query: str | Query, k: ResultCount = 20, cursor: Cursor = None) -> Answer:
        """Find photos by what they show and by their metadata: one page of the answer to a query.

        With the cursor of a page, the page after it. The answer is kept, and given again until
        anything in the library changes. Raises as `Library.search` does, and QueryError for a
        cursor of another query.
        """
        from imgsearch.search.kept_answers import kept_or_found

        opened, resolved = self._opened, resolve_query(query)
        # What is cached counts as of one version of the library in this block.
        with opened.reads().recent.one_version() as version:
            answer = kept_or_found(opened.context(), version, resolved, k, cursor)
        return replace(answer, hits=tuple(self._shown(answer.hits)))

    @operation("POST /similar", tool="Find similar photos")
    def similar(self, example: Example, k: ResultCount = 20, cursor: Cursor = None) -> Answer:
        """Find photos that look like an example image, other than that photo.

        The pages are those of `find` for a query of the example alone.
        """
        return self.find(Query((Term(example),)), k, cursor)

    def find_all(self, query: str | Query, k: int = 10_000) -> FoundPhotos:
        """Find all photos of the answer to a query, in its order, as ids with scores.

        With words or an example, all that are not weak and some weak ones, about k at most. Raises
        as `search` does.
        """
        from imgsearch.search.answers import find_all
        from imgsearch.search.prepared import prepare

        context = self._opened.context()
        resolved = resolve_query(query)
        return find_all(prepare(context, resolved), k)

    def hits_of(self, found: FoundPhotos, ids: Sequence[int]) -> Hits:
        """Return these photos of what `find_all` found, in this order, as an answer has them.

        Photos that were deleted since are left out.
        """
        from imgsearch.search.hits import hits_of

        return Hits(self._shown(hits_of(self._opened.context(), found, as_ids(ids))))

    @operation("POST /explain", tool="Explain a result")
    def explain(self, photo: int | str | Path, query: str | Query) -> Explanation:
        """Explain why a photo has its rank in the answer to a query, or why it is not in it.

        `photo` is an id or a path. Raises UsageError for an unknown id, and as `search` does.
        """
        from imgsearch.search.explain import explain
        from imgsearch.search.prepared import prepare

        resolved, context = resolve_query(query), self._opened.context()
        if isinstance(photo, int):
            hit = self._hit_of(photo)
            photo_id: int | None = photo
            path = hit.path
        else:
            path = as_path(self._opened.origin.absolute(photo))
            photo_id = context.photos.photo_at(path)
        if photo_id is None:
            reason = self._opened.origin.why_unknown(self._opened.store(), path)
            return explanation_type()(path, reason=reason)
        return explain(prepare(context, resolved), photo_id, path)

    # ------------------------------------------------------------------ photos

    @operation("GET /status")
    def status(self) -> Status:
        """Return what the library has and its state. Raises UsageError if there is none yet."""
        from imgsearch.analysis.status import status_of

        return self._opened.origin.describe(status_of(self._opened.store()))

    def unfinished(self) -> tuple[UnfinishedJob, ...]:
        """Return the jobs that were begun and not finished: interrupted, failed, or running now.

        Such a library lacks photos, faces or text. An archive has none: the next run of any machine
        goes on. Raises UsageError if there is no library yet.
        """
        from imgsearch.store.unfinished import UnfinishedStore

        return UnfinishedStore(self._opened.database()).all()

    def running(self) -> RunningJob | None:
        """Return what a process, perhaps this one, is changing in the library now, and how far.

        None if nothing is running, also after a process was killed. Of an archive, which any number
        of machines may fill at once, one of the jobs of this machine.
        """
        from imgsearch.store.progress_file import running_job

        # Those of an archive are two: jobs that fill it, and its copy.
        places = dict.fromkeys((self.working_folder, self._opened.settings.data_dir))
        return next(filter(None, map(running_job, places)), None)

    def photo_count(self) -> int:
        """Count the photos of the library."""
        return self._opened.reads().photos.count()

    def version(self) -> Hashable:
        """Return a value that changes whenever anything in the library changes, in any process."""
        return self._opened.database().version()

    @operation("POST /photos", reads=True)
    def photos(self, ids: PhotoIds) -> Hits:
        """Return these photos, in this order, with their paths; unknown ids are left out."""
        from imgsearch.search.hits import make_hits

        photos, stack_raw = self._opened.photos(), self.settings.stack_raw
        return Hits(self._shown(make_hits(photos, as_ids(ids), stack_raw=stack_raw)))

    @operation("GET /photo/{photo_id}", tool="Describe a photo")
    def photo(self, photo_id: PhotoId) -> PhotoDetails:
        """Return the data of a photo: facts, files, text in it, marks and more.

        Raises UsageError for an unknown id.
        """
        from imgsearch.operations.details import details_of

        return details_of(self._opened, self._hit_of(photo_id))

    # ------------------------------------------------------------------ filling

    def index(
        self,
        folders: Iterable[str | Path] = (),
        *,
        accept_removals: bool = False,
        verify: bool = False,
        ray: str | None = None,
    ) -> Job[SyncReport]:
        """Bring folders up to date, adding them to the library if needed; all of it if none given.

        Paused folders are left out; naming one raises UsageError.
        Originals are only read. `accept_removals` confirms removals that are held; `verify` reads
        every file, to find edits that kept size and time. Iterate over the job for its progress, or
        call `run()`. Raises FolderError, also if none of the folders can be read, UsageError if
        there is neither a folder nor a library, LibraryLocked, DiskError, and the errors of the
        store and the encoder.

        An archive takes folders and `s3://BUCKET/FOLDER`. With `ray`, the address of a Ray cluster
        or `auto` for the one of this machine, its processes embed the photos and index their
        vectors. The job raises ObjectStorageError and FleetError as well.
        """
        sources = [self._opened.origin.absolute(folder) for folder in folders]
        return self._opened.photo_changes.index(sources, accept_removals, verify, ray)

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Rebuild the index from the stored vectors; with `encoder`, embed all photos again.

        The old encoder answers queries until every photo has a vector of the new one, and its
        vectors are kept: `encoders.use` goes back, `encoders.drop` deletes them. An interrupted run
        continues where it stopped. Photos that are offline delay the change: the report says how
        many. An archive keeps its encoder. Raises UsageError for an unknown encoder, and as `index`
        does.
        """
        from imgsearch.indexer.rebuild import rebuild
        from imgsearch.progress import Job

        if encoder is not None and not encoder.strip():
            raise UsageError(
                Sentence(
                    "The name of the encoder is empty. To list them: ", CommandLine("encoders")
                )
            )
        if encoder is not None:
            self._opened.origin.require_folders("choice of encoders")
        return Job(rebuild(self._opened.existing(), encoder))

    def watch(
        self,
        folders: Iterable[str | Path] = (),
        *,
        stop: Event | None = None,
        schedule: WatchSchedule | None = None,
    ) -> Iterator[WatchEvent]:
        """Keep the library in sync with the disk, all folders of it, until `stop` is set.

        Yields the folders that are watched, the progress of each round of work, and its report.
        Searching and writing by other processes work meanwhile: the writer's lock is held only
        during a round. Raises as `index` does.
        """
        from imgsearch.indexer.watch_loop import watch

        paths = tuple(absolute(folder) for folder in folders)
        self._opened.origin.require_folders("folders to watch")
        context = self._opened.new_or_existing()
        return watch(context, paths, stop or Event(), schedule)

    def _shown(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """Return the hits, with what makes their pictures in a notebook."""
        if "fleet" in self.capabilities:  # opening an archive for each picture is too slow
            return iter(hits)
        return with_thumbnails(hits, NotebookThumbnails(self.settings))

    def _hit_of(self, photo_id: int) -> Hit:
        hits = self.photos([photo_id])
        if not hits:
            raise UsageError(
                f"The library has no photo with the id {photo_id}. A search returns ids."
            )
        return hits[0]


class NotebookThumbnails(Struct, frozen=True):
    """Finds the picture of a hit for a notebook, also after the library has been closed.

    It opens the library for each picture: a hit can be copied, pickled and kept.
    """

    settings: Settings

    def __call__(self, photo_id: int, at_s: float | None) -> bytes | None:
        """Return a WebP image; None where none can be made now, as for an offline photo."""
        try:
            with Library.open(self.settings) as library:
                return library.pictures.thumbnail(photo_id, _NOTEBOOK_SIDE_PX, at_s)
        except (ImgsearchError, OSError):
            return None


def _say_nothing(sentence: str) -> None:
    """Ignore a sentence for a person."""
