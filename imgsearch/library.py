"""Library: the one object that the command line, the page and a notebook hold.

It opens and wires everything: settings, database, index, encoder. Modules that a query does not
need are imported where they are used, because the first of them brings SQLAlchemy, whose import
takes 0.2 s, as long as a whole one-shot query (docs/decisions/0015).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch import private_files
from imgsearch.catalogue.local import LocalCatalogue
from imgsearch.config import PRUNE_DAYS, Settings
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.errors import (
    DiskError,
    ImgsearchError,
    LibraryLocked,
    QueryError,
    Reason,
    SnapshotError,
    UsageError,
)
from imgsearch.indexer.roots import list_roots, online_roots, root_id_of
from imgsearch.query.grammar import absolute, is_expressible, resolve_query
from imgsearch.records.answer import Answer, Explanation, FoundPhotos, Hit, Hits
from imgsearch.records.query import Example, Query, Term, Understanding
from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.search import engine, kept_answers
from imgsearch.search.context import SearchContext
from imgsearch.search.kept_examples import KeptExamples
from imgsearch.search.saved_queries import with_saved
from imgsearch.search.stacking import stacks_of
from imgsearch.search.understanding import exact_line, understand
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.reads import Reads

if TYPE_CHECKING:
    from imgsearch.decode.original import OriginalFile
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.registry import EncoderChoice
    from imgsearch.index.check import RecallReport
    from imgsearch.index.live import LiveIndex
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.indexer import Indexer
    from imgsearch.indexer.watch_loop import WatchSchedule
    from imgsearch.progress import (
        Job,
        MergeReport,
        MetadataReport,
        OnDownload,
        PackReport,
        Progress,
        RebuildReport,
        RunningJob,
        SyncReport,
        TextReport,
        ThumbnailReport,
        WatchEvent,
    )
    from imgsearch.records.arrays import Ids
    from imgsearch.records.browse import (
        DayPhotos,
        NameCounts,
        PhotoEvent,
        PhotoPositions,
        PlaceCounts,
        Timeline,
    )
    from imgsearch.records.concepts import Concept, ExampleSource
    from imgsearch.records.duplicates import DuplicateGroup, Pairs
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.labels import Classes, Confusion, Evaluation, Facet, Label
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.picture_text import PhotoText, TextCounts
    from imgsearch.records.saved import (
        OutputsReport,
        SavedSearch,
        SavedSearchOutputs,
        SavedSearchSummary,
    )
    from imgsearch.records.status import (
        Counts,
        DroppedEncoder,
        EncoderInfo,
        Failure,
        Finding,
        Root,
        Status,
        StoredEncoder,
    )
    from imgsearch.records.suggestion import Suggestion
    from imgsearch.records.trial import EncoderTrial
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.saved import SavedSearchStore
    from imgsearch.store.store import Store
    from imgsearch.store.thumbnails import ThumbnailStore

MAX_PRUNE_DAYS = 36_500
_RECENT = 50  # past queries that a trial of an encoder may use
_NOTEBOOK_SIDE_PX = 160  # of the thumbnail of a hit in a notebook

_Found = TypeVar("_Found")
_Report = TypeVar("_Report")


class Library:
    """A photo library: `index` brings it up to date, `search` answers queries.

    Use it as a context manager, from any number of threads. Any number of libraries may be open on
    one data folder, in any number of processes; one process at a time writes, and readers never
    wait.
    """

    def __init__(
        self,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
        index_policy: IndexPolicy | None,
    ) -> None:
        self.settings = settings
        self._notify = notify
        self._encoders = EncoderLoader(settings, notify, on_download, encoder)
        self._index_policy = index_policy
        self._database: Database | None = None
        self._reads_object: Reads | None = None
        self._index: LiveIndex | None = None
        self._indexer_object: Indexer | None = None
        self._thumbnails_object: Thumbnails | None = None
        self._kept_object: ThumbnailStore | None = None
        self._database_lock = Lock()
        self._index_lock = Lock()
        self._is_closed = False

    @classmethod
    def open(
        cls,
        settings: Settings | str | os.PathLike[str],
        notify: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
        *,
        encoder: Encoder | None = None,
        index_policy: IndexPolicy | None = None,
    ) -> Self:
        """Open the library in `settings.data_dir`; nothing is read or created before it is needed.

        Instead of settings, the path of the data folder will do: `Library.open("my-library")` is
        `Library.open(Settings.load(data_dir="my-library"))`.

        `notify` is called with a sentence for a person now and then: which encoder was chosen and
        why, a folder that cannot be read, an index that was rebuilt. `on_download` is called with
        the progress of a model download. `encoder` is used in place of the one that the settings
        name, and `index_policy` in place of the usual sizes and thresholds of the index.

        Raises UsageError for what is neither settings nor a path, and as `Settings.load` does.
        """
        if isinstance(settings, str | os.PathLike):
            settings = Settings.load(data_dir=Path(settings))
        elif not isinstance(settings, Settings):
            raise UsageError(
                f"A library is opened by its data folder or by Settings, not by {settings!r}. For "
                'example: Library.open("my-library")'
            )
        return cls(settings, notify or (lambda sentence: None), on_download, encoder, index_policy)

    def __enter__(self) -> Self:
        self._raise_if_closed()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            is_unexpected = not isinstance(error, ImgsearchError | OSError)
            is_open = not self._is_closed and self.exists()
            if isinstance(error, Exception) and is_unexpected and is_open:
                self._open_database().raise_if_damaged(error)
        finally:
            self.close()

    def close(self) -> None:
        """Close files and release the encoder. A closed library answers no more; open another."""
        self._is_closed = True
        if self._database is not None:
            self._database.close()
        if self._kept_object is not None:
            self._kept_object.close()
        self._database = self._reads_object = self._index = self._kept_object = None
        self._encoders.close()

    def exists(self) -> bool:
        """Whether there is a library in the data folder; the first `index` creates one."""
        return (self.settings.data_dir / DATABASE_FILE).exists()

    @property
    def working_folder(self) -> Path:
        """Where the service of the library has its files: the data folder."""
        return self.settings.data_dir

    def warm_up(self) -> None:
        """Load everything that a text query needs, so that the first one is as fast as others."""
        context = self._context()
        self._live_index(self._reads(), context.row)
        context.encoder().encode_texts(["a photo"])

    def release_encoder(self) -> None:
        """Release the encoder and its memory; the next query that needs it loads it again."""
        self._encoders.release()

    @property
    def encoder_is_loaded(self) -> bool:
        """Whether the encoder is in memory."""
        return self._encoders.is_loaded

    # ------------------------------------------------------------------ search

    def search(
        self, text: str | Query | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> Hits:
        """The k photos that best match a query, an example image, or both; best first.

        A list; a notebook shows it as a table with pictures, and its `to_dataframe` is for pandas.
        `text` is in the query language of docs/search.md: "sunset -people after:2023 camera:canon".
        Raises QueryError for an empty or invalid query, for an image that cannot be read and for a
        k below 1, and UsageError if there is no library yet.
        """
        query = Query() if text is None else resolve_query(text)
        if image is not None:
            example = Term(Example(Path(absolute(image))))
            query = replace(query, terms=(*query.terms, example))
        return Hits(self.find(query, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the page after it.

        The answer is kept, and given again until anything in the library changes. Raises as
        `search` does, and QueryError for a cursor of another query.
        """
        context, resolved = self._context(), resolve_query(query)
        page = partial(engine.search_page, context, resolved, k, cursor)
        compute = partial(self._with_sound_index, context, page)
        key = kept_answers.key_of(context, resolved, k, cursor)
        recent = self._reads().recent
        answer = compute() if key is None else recent.get(key, compute, kept_answers.size_bytes)
        return replace(answer, hits=tuple(self._with_thumbnails(answer.hits)))

    def find_all(self, query: str | Query, k: int = 10_000) -> FoundPhotos:
        """All photos of the answer to a query, in its order, as ids with scores.

        With words or an example, all that are not weak and some weak ones, about k at most. Raises
        as `search` does.
        """
        context, resolved = self._context(), resolve_query(query)
        find = partial(engine.find_all, context, resolved, k)
        return self._with_sound_index(context, find)

    def hits_of(self, found: FoundPhotos, ids: Sequence[int]) -> Hits:
        """These photos of what `find_all` found, in this order, as an answer has them.

        Photos that were deleted since are left out.
        """
        hits = engine.hits_of(self._context(), found, ids)
        return Hits(self._with_thumbnails(hits))

    def stacks_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Which of these photos are nearly the same as one before them, or of the same burst.

        By the id of the photo on top, which is the first of its stack: the ids of those behind it.
        """
        return stacks_of(self._context(), photo_ids)

    def understand(self, query: str | Query) -> Understanding:
        """How `find` understands a query: exactly, and which of its words stand for filters.

        Raises QueryError for an invalid query, and UsageError if there is no library yet.
        """
        return self._understood(resolve_query(query))

    def exact_line(self, query: str | Query) -> str:
        """The exact form of a query, in the query language: nothing in it has to be understood.

        Raises QueryError for an invalid query and for an example that a line cannot express.
        """
        reads = self._reads()
        exact = self._understood(resolve_query(query)).query
        if not all(map(is_expressible, exact.terms)):
            raise QueryError(
                "A query line cannot express a part of an image, or one without a file."
            )
        return exact_line(reads, exact)

    def suggest(self, line: str, k: int = SUGGESTIONS) -> tuple[Suggestion, ...]:
        """How to go on with a query line that is typed to its end: names, and past queries.

        Names are those of people, places, folders, keywords, cameras and lenses of the library;
        case and accents do not matter. Without text, the newest past queries. At most k, the best
        first. Raises UsageError for a k below 1 and if there is no library yet.
        """
        from imgsearch.search.suggestions import suggest

        return tuple(suggest(self._reads(), self._past_queries(), line, k))

    def remember_query(self, line: str) -> None:
        """Keep a query line, so that `suggest` suggests it. The page does so with what is typed.

        The newest are kept in the data folder, as many as the setting `past_queries` says.
        """
        self._past_queries().add(line)

    def forget_queries(self) -> int:
        """Delete the past queries; returns how many there were. Raises DiskError.

        The last trial of an encoder is deleted as well, since it may have used some.
        """
        from imgsearch.indexer.encoder_trial import delete_trial

        delete_trial(self.settings.data_dir)
        return self._past_queries().clear()

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path has its rank in the answer, or why it is not in it."""
        path, resolved = Path(absolute(photo)), resolve_query(query)
        context = self._context()
        photo_id = context.catalogue.photo_at(path)
        if photo_id is None:
            from imgsearch.indexer.absence import why_not_indexed

            return Explanation(path, reason=why_not_indexed(self._store(), path))
        from imgsearch.search.explain import explain

        return explain(context, photo_id, path, engine.searched_query(context, resolved))

    # ------------------------------------------------------------------ saved searches

    def save_search(
        self,
        name: str,
        query: str | Query,
        k: int | None = None,
        *,
        include_weak: bool = False,
        replace: bool = False,
    ) -> SavedSearch:
        """Keep a query under a name: `find("saved:NAME")` and other queries may use it then.

        It keeps words, filters, order and the least score. Example images are looked up in the
        library, and copied where they are none of its photos; saved searches in the query
        are copied as well. The photos that it finds now count as seen. It has at most `k` photos:
        by default 1,000 with words or an example, and else no limit. Weak ones are left out.

        Works while another process writes. Raises QueryError as `find` does, UsageError for a name
        that is taken, unless `replace` is set, or that cannot be used, and DiskError.
        """
        from imgsearch.search.saved_hits import photos_of
        from imgsearch.search.saved_queries import new_search, with_kept_examples

        context, store = self._context(), self._saved_searches()
        kept = with_kept_examples(context.catalogue, resolve_query(query))
        search = new_search(context.definitions, name, kept, k, include_weak)
        if not store.save(search, photos_of(context, search), replace):
            taken = store.named(search.name)
            line = "" if taken is None else f" It is: {taken.line}."
            raise UsageError(
                f"A search is saved as {search.name!r} already.{line} Choose another name, or "
                "replace it: imgsearch save --replace"
            )
        return search

    def saved_search(self, name: str) -> SavedSearch:
        """The search that is saved under this name; case and accents do not count.

        Raises QueryError, with a similar name if there is one.
        """
        from imgsearch.search.saved_queries import find_saved

        return find_saved(self._reads(), name)

    def saved_searches(self) -> tuple[SavedSearchSummary, ...]:
        """The saved searches by name, how many photos each finds, and how many of them are new.

        New are those that it did not find when `mark_looked_at` was called last.
        """
        from imgsearch.search.saved_hits import summary_of

        store = self._saved_searches()
        searches = store.all()
        if not searches:
            return ()
        context = self._context()
        return tuple(summary_of(context, each, store.seen(each.name)) for each in searches)

    def mark_looked_at(self, name: str) -> tuple[int, ...]:
        """Record that the user has looked at a saved search now; returns the photos new in it.

        These are ids, in the order of the search. Works while another process writes. Raises
        QueryError as `saved_search` does, and DiskError where the library cannot be written.
        """
        from imgsearch.search.saved_hits import photos_of

        search, store = self.saved_search(name), self._saved_searches()
        photos, seen = photos_of(self._context(), search), store.seen(name)
        store.set_seen(name, photos)
        return tuple(photo_id for photo_id in photos if photo_id not in seen)

    def rename_saved_search(self, name: str, new_name: str) -> None:
        """Give a saved search another name.

        Raises QueryError for an unknown name, and UsageError for a new one that is taken or cannot
        be used.
        """
        from imgsearch.search.saved_queries import read_name

        search, wanted = self.saved_search(name), read_name(new_name)
        if not self._saved_searches().rename(search.name, wanted):
            raise UsageError(f"A search is saved as {wanted!r} already. Choose another name.")

    def remove_saved_search(self, name: str) -> None:
        """Delete a saved search; no photo is touched. Raises QueryError for an unknown name."""
        self._saved_searches().remove(self.saved_search(name).name)

    def update_outputs(
        self, outputs: SavedSearchOutputs, stop: Event | None = None
    ) -> OutputsReport:
        """Bring a folder of links, a list and a command in step with a saved search, once.

        Only links that are its own are made, moved and removed, in a folder that was empty, and
        never where there is anything else. The command is told about each photo once, and again if
        it fails; it is ended when `stop` is set. Nothing is written into an indexed folder. Photos
        that cannot be reached now are left out, and links to them stay.

        Raises QueryError for an unknown name; UsageError for a place in an indexed folder, a folder
        with other files, a list that another program wrote, and a command that cannot be found;
        DiskError where a place cannot be written; and ImgsearchError for a command that fails.
        """
        from imgsearch.outputs.update import update_outputs
        from imgsearch.search.saved_hits import photos_of

        context, store = self._context(), self._saved_searches()
        search = self.saved_search(outputs.name)
        hits = self.photos(photos_of(context, search))
        return update_outputs(
            replace(outputs, name=search.name),
            hits,
            store,
            list(self._reads().roots().values()),
            (self.settings.data_dir, self.settings.cache_dir),
            stop or Event(),
        )

    # ------------------------------------------------------------------ contents

    def status(self) -> Status:
        """The contents and the state of the library. Raises UsageError if there is none yet."""
        from imgsearch.analysis.status import status_of

        return status_of(self._store())

    def doctor(self) -> tuple[Finding, ...]:
        """Findings about files, database, index, cache and encoder; reads all of them, slowly.

        Damage is a finding, not an error. Nothing is changed, and no photo is opened.
        """
        from imgsearch.analysis.doctor import examine

        return tuple(examine(self.settings))

    def repair(self) -> list[str]:
        """Repair what `doctor` finds and what is safe to repair; returns what was done.

        Raises LibraryLocked, DiskError where the disk lacks the space to write the database anew,
        and StoreError for a damaged database, which is left as it is.
        """
        from imgsearch.analysis.doctor import repair_cache

        done = repair_cache(self.settings.cache_dir)
        if self.exists():
            self._reads()
            done += self._indexer().repair()
        return done

    def running(self) -> RunningJob | None:
        """What a process, perhaps this one, is changing in the library now, and how far it is.

        None if nothing is running, also after a process was killed.
        """
        from imgsearch.store.progress_file import running_job

        return running_job(self.settings.data_dir)

    def photo_count(self) -> int:
        """How many photos the library has."""
        return self._reads().photo_count()

    def baseline_vectors(self) -> int:
        """How many vectors of photos the verdicts of answers were calibrated with.

        0 while the library is too small for a verdict. It grows while the first index runs.
        """
        row = self._reads().current_encoder()
        baseline = None if row is None else self._reads().baseline(row.key)
        return 0 if baseline is None else baseline.vectors

    def counts(self) -> Counts:
        """How many photos each camera, format, month, day added and folder has."""
        return self._store().photos.counts()

    def timeline(self, query: str | Query | None = None, k: int = 1000) -> Timeline:
        """How many photos each year and month has: of all, or of those that a query finds.

        A query with terms finds at most its best k photos, and those that are not weak; one of
        filters alone has no such limit. Dates are those of `Hit.date`: a photo whose metadata has
        none counts by the date of its file. Raises as `search` does.
        """
        from imgsearch.analysis.browse import timeline_of

        return timeline_of(self._reads(), self._counted(query, k))

    def days(self, query: str | Query | None = None, k: int = 1000) -> tuple[DayPhotos, ...]:
        """The photos of each day, newest first: all of them, or as for `timeline`."""
        from imgsearch.analysis.browse import days_of

        return days_of(self._reads(), self._counted(query, k))

    def days_of(self, photo_ids: Ids) -> tuple[DayPhotos, ...]:
        """These photos by day, newest first, as `sort:date` has them."""
        from imgsearch.analysis.browse import days_of

        return days_of(self._reads(), photo_ids)

    def positions(self, query: str | Query | None = None, k: int = 1000) -> PhotoPositions:
        """Where the photos were taken: all of them, or as for `timeline`."""
        from imgsearch.analysis.browse import positions_of

        return positions_of(self._reads(), self._counted(query, k))

    def places(self, query: str | Query | None = None, k: int = 1000) -> PlaceCounts:
        """How many photos each country, region and town has: of all, or as for `timeline`."""
        from imgsearch.analysis.browse import places_of

        return places_of(self._reads(), self._counted(query, k))

    def name_counts(self) -> NameCounts:
        """How many photos each folder, person and keyword has."""
        from imgsearch.analysis.browse import name_counts_of

        return name_counts_of(self._reads())

    def events(self, query: str | Query | None = None, k: int = 1000) -> tuple[PhotoEvent, ...]:
        """Occasions and trips, in order: of all photos, or as for `timeline`.

        Photos whose metadata has no date are in no event. docs/search.md states the rule.
        """
        from imgsearch.analysis.events import find_events

        return find_events(self._reads().moments(self._counted(query, k)))

    def photos(self, ids: Sequence[int]) -> Hits:
        """These photos, in this order, with their paths; unknown ids are left out."""
        stack_raw = self.settings.stack_raw
        hits = engine.make_hits(self._present_catalogue(), ids, stack_raw=stack_raw)
        return Hits(self._with_thumbnails(hits))

    def thumbnail(
        self,
        source: int | bytes,
        side_px: int = 320,
        at_s: float | None = None,
        *,
        or_kept: bool = True,
    ) -> bytes | None:
        """A WebP image of a photo of the library, by id, or of the image in a file's bytes.

        Upright, the long side at most `side_px`; of a video, the frame at `at_s` seconds or the
        one in the middle; None for an unknown id. A side of 256 px or less is that of the picture
        that the library keeps of each photo; larger ones are made from the photo and cached. Where
        no file of the photo can be read, the kept picture takes their place, unless `or_kept` is
        False. Raises PhotoError for a source that cannot be read and has no picture at all.
        """
        if isinstance(source, bytes):
            return self._thumbnails().of_bytes(source, side_px)
        photo = self._reads().photos([source]).get(source)
        if photo is None:
            return None
        from imgsearch.decode.thumbnails import photo_thumbnail

        content_hash = bytes.fromhex(photo.content_hash)
        return photo_thumbnail(
            photo,
            lambda: [path for _, path in self._reads().paths([source]).get(source, [])],
            lambda: self._kept_thumbnails().get(content_hash),
            self._thumbnails(),
            side_px,
            at_s,
            or_kept,
        )

    def original(self, photo_id: int, *, moving_part: bool = False) -> OriginalFile | None:
        """The file of a photo of the library as it is, open for reading; None for an unknown id.

        With `moving_part`, the video of a motion photo or Live Photo. Raises PhotoError if there
        is none, or if no file of the photo can be read or all have changed since they were indexed.
        """
        from imgsearch.decode.original import open_moving_part, open_original

        photo = self._reads().photos([photo_id]).get(photo_id)
        if photo is None:
            return None
        paths = [path for _, path in self._reads().paths([photo_id]).get(photo_id, [])]
        return (open_moving_part if moving_part else open_original)(photo, paths)

    def keep_example(self, content: bytes) -> str:
        """Keep the bytes of an example image for `kept_example`; returns a short id.

        It is kept in the cache folder, where only this user can read it: up to 30 days after its
        last use, and up to 200 MB of images. Raises DiskError if the folder cannot be written.
        """
        return self._kept_examples().keep(content)

    def kept_example(self, example_id: str) -> bytes:
        """The bytes of a kept example image. Raises PhotoError if it is not kept, or no longer."""
        return self._kept_examples().get(example_id)

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """All pairs of photos with at least this score, best first, and how sharp the photos are.

        Up to 100,000 photos the comparison is exact: about a minute on two cores. Of more photos
        those are compared that resemble the same ones (docs/benchmarks.md). Then the photos of
        these pairs are read to measure their sharpness, about 30 a second. `groups` sorts them into
        groups.
        """
        return _job(self._near_duplicates(self._store(), self._present_catalogue(), min_score))

    def groups(
        self, pairs: Pairs, min_score: float = 0.9, prefer: Iterable[str | Path] = ()
    ) -> tuple[DuplicateGroup, ...]:
        """The photos that pairs of at least this score connect, with a proposal which to keep.

        The group with the best pair comes first. Every photo that need not be kept resembles one
        that is, with at least this score. Preferred is a photo in one of the folders `prefer`, a
        RAW file, the sharper photo, the larger, the older, the one in the better folder, in this
        order. A photo and a video never replace each other. Nothing is read but the database.
        """
        from imgsearch.analysis.proposal import propose_among

        folders = [Path(absolute(folder)) for folder in prefer]
        return propose_among(self._present_catalogue(), pairs, min_score, folders)

    def failures(self, reasons: Iterable[str] = ()) -> tuple[Failure, ...]:
        """The folders and files that could not be read; with `reasons`, only for these.

        Folders first, both sorted by path.

        Raises UsageError for an unknown reason.
        """
        known, failures = tuple(reason_of(code) for code in reasons), self._store().failures
        folders = failures.of_folders() if not known or Reason.UNREADABLE in known else ()
        return (*folders, *failures.of_files(known))

    def roots(self) -> tuple[Root, ...]:
        """The folders of the library. Raises UsageError if there is no library."""
        return list_roots(self._reads())

    def root(self, folder: str | Path) -> Root:
        """The root of the library at `folder`. Raises UsageError if it is not a root."""
        reads = self._reads()
        root_id = root_id_of(reads, absolute(folder))
        return next(root for root in list_roots(reads) if root.id == root_id)

    # ------------------------------------------------------------------ encoders and index

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The encoders to choose from."""
        from imgsearch.encoders.registry import encoder_choices

        return encoder_choices()

    def encoder_in_use(self) -> EncoderChoice:
        """The encoder that a query or a first indexing run would use, and why."""
        return self._encoders.choose(self._reads().current_encoder() if self.exists() else None)

    def stored_encoders(self) -> tuple[StoredEncoder, ...]:
        """The encoders whose vectors the library has: in use, kept, or being built."""
        from imgsearch.analysis.status import stored_encoders

        return stored_encoders(self._store())

    def use_encoder(self, name: str) -> StoredEncoder:
        """Let an encoder whose vectors the library has, by name or id, answer queries from now on.

        Returns what the library has of it. No photo is read. Photos without a vector of it, as
        those indexed since, are not found by what they show until `rebuild(name)` has embedded
        them. Raises UsageError for an encoder of which there are no vectors, and LibraryLocked.
        """
        self._reads()
        self._indexer().use_encoder(name)
        return next(each for each in self.stored_encoders() if each.state == "current")

    def drop_encoder(self, name: str) -> DroppedEncoder:
        """Delete the vectors and index of an encoder, by name or id.

        The database is written anew without them if they were a tenth of it or more and the disk
        has the space for that; else their space is used for what is indexed next. Raises UsageError
        for the encoder in use, and for one of which there are no vectors; and LibraryLocked.
        """
        self._reads()
        return self._indexer().drop_encoder(name)

    def check_recall(self) -> RecallReport:
        """How much of the exact answer the index finds, for texts and for example images.

        Raises SnapshotError if the index file is not, byte for byte, what was written.
        """
        from imgsearch.index.check import check_recall

        store = self._store()
        row = store.reads.encoder_in_use()
        encoder = self._encoders.of(row)
        return check_recall(store, row.key, encoder.encode_texts, self._index_policy)

    # ------------------------------------------------------------------ labels and evaluation

    def label(
        self, classes: Classes, query: str | Query | None = None, k: int = 100
    ) -> list[Label]:
        """The most probable class of every photo, or of those that match a query and are not weak.

        A query with terms labels at most its best k photos; one of filters alone has no such limit.
        Raises UsageError for invalid classes.
        """
        from imgsearch.labels.labels import label_photos

        context = self._context()
        among = None if query is None else engine.matching_ids(context, resolve_query(query), k)
        return label_photos(self._store(), context.row, context.encoder(), classes, among)

    def save_labels(self, name: str, classes: Classes) -> dict[str, int]:
        """Label every photo, now and when photos are added; returns how many have each label.

        `label:NAME` finds them from then on. Raises UsageError and LibraryLocked.
        """
        self._context()  # raises if there is nothing to label
        facet = self._indexer().save_labels(name, classes)
        return self._store().labels.counts(facet.id)

    def forget_labels(self, name: str) -> bool:
        """Delete saved labels; returns whether there were any of this name."""
        return self._indexer().forget_labels(name)

    def saved_labels(self) -> dict[Facet, dict[str, int]]:
        """The saved labels, and how many photos have each."""
        labels = self._store().labels
        return {facet: labels.counts(facet.id) for facet in labels.facets()}

    def labels_of(self, photo_id: int) -> dict[str, Label]:
        """The saved labels of a photo, by the name they were saved under."""
        return self._store().labels.of_photo(photo_id)

    def text_of(self, photo_id: int) -> PhotoText | None:
        """What reading the text of a photo gave; None if that was not tried yet."""
        return self._reads().texts([photo_id]).get(photo_id)

    def text_counts(self) -> TextCounts:
        """How many photos have text, have none, could not be read, and were not tried yet."""
        return self._store().picture_text.counts()

    def try_labels(self, folder: str | Path, more: Classes | None = None) -> Job[Confusion]:
        """Label photos whose class is known, because their folder is named after it, and count.

        `more` adds classes, a template and "none of these". Raises FolderError.
        """
        from imgsearch.labels.evaluate import evaluate_labels

        context, max_megapixels = self._context(), self.settings.max_megapixels
        path = Path(absolute(folder))
        return _job(evaluate_labels(path, more, context.row, context.encoder(), max_megapixels))

    def evaluate(self, captions: str | Path) -> Evaluation:
        """How well the library finds photos by captions, from a CSV file of photo and caption.

        Raises UsageError for a file that cannot be used.
        """
        from imgsearch.analysis.captions import evaluate_captions, read_captions

        context, store = self._context(), self._store()
        parsed = read_captions(store, Path(absolute(captions)))
        index = self._live_index(store.reads, context.row)
        return evaluate_captions(store, context.catalogue, context.encoder(), index, parsed)

    # ------------------------------------------------------------------ concepts

    def teach(
        self,
        name: str,
        like: Iterable[ExampleSource] = (),
        unlike: Iterable[ExampleSource] = (),
        *,
        withdraw: Iterable[ExampleSource] = (),
        words: str | None = None,
        new: bool = False,
    ) -> Concept:
        """Teach a concept by photos that show it and photos that do not; `concept:NAME` finds it.

        An example is a path, the id of a photo of the library, or the bytes of an image file. For a
        concept that was taught before, they are added to its examples; a photo that is judged again
        changes sides, and `withdraw` takes examples back. `words` describe the concept, for what
        words can name; "" takes them back. With `new`, the name must not be taken.

        Nothing is embedded but pictures from elsewhere. Photos that are indexed later are judged as
        they come. Raises UsageError for an empty list of examples, for a name that is not valid or
        taken, and if no liked example is left; QueryError for an unknown photo and an image that
        cannot be read; LibraryLocked.
        """
        from imgsearch.concepts.teaching import Lesson
        from imgsearch.search.judging import example_hash, judged_example

        context = self._context()
        judged = [judged_example(context, source, True) for source in _listed(like)]
        judged += [judged_example(context, source, False) for source in _listed(unlike)]
        withdrawn = frozenset(example_hash(context, source) for source in _listed(withdraw))
        self._indexer().teach(Lesson(name, tuple(judged), withdrawn, words, new))
        return self.concept(name)

    def concepts(self) -> tuple[Concept, ...]:
        """The concepts that were taught, sorted by name."""
        return self._store().concepts.all(self._reads().encoder_in_use().key)

    def concept(self, name: str) -> Concept:
        """The concept of this name. Raises QueryError for an unknown one, with a similar name."""
        from imgsearch.search.concepts import require_concept

        known = require_concept(self._reads(), name)
        return next(each for each in self.concepts() if each.name == known)

    def judged_photos(self, name: str) -> dict[int, bool]:
        """The photos of the library that are examples of a concept, and whether each is liked.

        Raises QueryError for an unknown concept.
        """
        return self._reads().concept_judgements(self.concept(name).name)

    def photos_to_judge(self, name: str, k: int = 12) -> Hits:
        """The photos whose judgement would help a concept most, the first most.

        Raises QueryError for an unknown concept, and for a k below 1.
        """
        from imgsearch.search.judging import photos_to_judge

        if k < 1:
            raise QueryError(f"The number of photos must be 1 or more, not {k}.")
        return self.photos(photos_to_judge(self._context(), self.concept(name).name, k))

    def forget_concept(self, name: str) -> bool:
        """Delete a concept with its examples; returns whether there was one of this name."""
        self._reads()
        return self._indexer().forget_concept(name)

    # ------------------------------------------------------------------ indexing

    def index(
        self,
        folders: Iterable[str | Path] = (),
        *,
        accept_removals: bool = False,
        verify: bool = False,
    ) -> Job[SyncReport]:
        """Bring folders up to date, adding them to the library if needed; all roots if none given.

        Paused roots are left out; naming one raises UsageError.
        Originals are only read. `accept_removals` confirms removals that are held; `verify` reads
        every file, to find edits that kept size and time. Iterate over the job for its progress, or
        call `run()`. Raises FolderError, also if none of the folders can be read, UsageError if
        there is neither a folder nor a library, LibraryLocked, DiskError, and the errors of the
        store and the encoder.
        """
        paths = tuple(absolute(folder) for folder in folders)
        return _job(self._indexer().index(paths, accept_removals, verify))

    def read_metadata(self) -> Job[MetadataReport]:
        """Read the metadata of all photos again, from their files and those beside them.

        Dates, places, ratings, keywords and other facts change; nothing is embedded.
        """
        self._reads()  # raises if there is no library, and creates none
        return _job(self._indexer().read_metadata())

    def read_text(
        self,
        folders: Iterable[str | Path] = (),
        *,
        everything: bool = False,
        again: bool = False,
    ) -> Job[TextReport]:
        """Read the text in photos, so that `text:` finds it; in all folders if none are given.

        Each photo is read once, the likeliest first. Photos in whose small copy no text is seen are
        passed over, unless `everything` is set. `again` includes photos that another version of the
        reader has read or passed over. Needs the extra `ocr`. Raises MissingPackage, FolderError
        for a folder without photos of the library, UsageError if there is no library, and
        LibraryLocked.
        """
        paths = tuple(absolute(folder) for folder in folders)
        self._reads()
        return _job(self._indexer().read_text(paths, everything, again))

    def make_thumbnails(self) -> Job[ThumbnailReport]:
        """Make the kept thumbnails of all photos that have none, as those indexed before.

        Raises UsageError where the settings keep none, StoreError for a damaged file of thumbnails,
        LibraryLocked and DiskError.
        """
        self._reads()
        if not self.settings.thumbnails_mb:
            raise UsageError("The setting thumbnails_mb is 0, so no thumbnails are kept.")
        return _job(self._indexer().make_thumbnails())

    def retry(self, reasons: Iterable[str] = ()) -> Job[SyncReport]:
        """Try the files that failed again now; with `reasons`, only those that failed for these.

        `index` does so by itself when the file or the decoders have changed, and for reasons that
        may be transient. Raises UsageError for an unknown reason, and as `index` does.
        """
        known = tuple(reason_of(code) for code in reasons)
        self._reads()
        return _job(self._indexer().retry(known))

    def watch(
        self,
        folders: Iterable[str | Path] = (),
        *,
        stop: Event | None = None,
        schedule: WatchSchedule | None = None,
    ) -> Iterator[WatchEvent]:
        """Keep the library in sync with the disk, all roots of it, until `stop` is set.

        Yields the roots that are watched, the progress of each round of work, and its report.
        Searching and writing by other processes work meanwhile: the writer's lock is held only
        during a round. Raises as `index` does.
        """
        paths = tuple(absolute(folder) for folder in folders)
        return self._indexer().watch(paths, stop or Event(), schedule)

    def forget(self, folder: str | Path) -> int:
        """Remove a root from the library; returns how many photos left the library with it.

        Photos that are also in another root stay. Nothing on the disk changes, and until `prune`
        nothing is embedded again if the folder is added again. Raises UsageError for a folder that
        is not a root, and LibraryLocked.
        """
        self._reads()
        return self._indexer().forget(absolute(folder))

    def pause(self, folder: str | Path) -> None:
        """Leave a root as it is, when indexing and watching, until it is resumed.

        Its photos stay in the library and are found as before, and their text, metadata and
        thumbnails are not read either. `rebuild` still embeds them. A watcher in another process
        follows within seconds. Pausing a paused folder changes nothing. Raises UsageError for a
        folder that is not a root, and LibraryLocked.
        """
        self._reads()
        self._indexer().set_paused(absolute(folder), True)

    def resume(self, folder: str | Path) -> None:
        """End the pause of a root: the next `index`, or a running watcher, brings it up to date.

        Raises as `pause` does.
        """
        self._reads()
        self._indexer().set_paused(absolute(folder), False)

    def prune(self, days: float = PRUNE_DAYS) -> int:
        """Delete photos and vectors that have had no path for this many days; returns how many.

        Photos of offline folders and photos whose removal is held have paths, and stay. Raises
        UsageError for a number of days below 0 or above 36,500.
        """
        if not 0 <= days <= MAX_PRUNE_DAYS:
            raise UsageError(
                f"The number of days must be from 0 to {MAX_PRUNE_DAYS:,}, not {days:,}."
            )
        self._reads()
        return self._indexer().prune(days)

    def pack(
        self,
        folder: str | Path,
        pack: str | Path | None = None,
        *,
        inside: bool = False,
        photos_only: bool = False,
    ) -> Job[PackReport]:
        """Write all that is known of the photos below a folder into a pack for other machines.

        `pack` is the file to write, whole or not at all; it may not be in a photo folder. With
        `inside`, the folder carries its pack in a hidden folder. Saved searches and concepts go
        with it, unless `photos_only` is set. docs/packs.md describes the file. Raises UsageError,
        FolderError for a folder without photos of the library, LibraryLocked while another process
        writes this pack, DiskError and MissingPackage.
        """
        if (pack is None) != inside:
            raise UsageError("Name the file of the pack, or use inside=True; one of the two.")
        from imgsearch.indexer.packs import make_pack

        file = None if pack is None else Path(absolute(pack))
        store, thumbnails = self._store(), self._kept_thumbnails()
        return _job(make_pack(store, thumbnails, absolute(folder), file, photos_only))

    def verify_pack(self, pack: str | Path) -> Job[PackInfo]:
        """Read a whole pack and compare every checksum; the report is what it states about itself.

        Needs no library. Raises PackError, UsageError and MissingPackage.
        """
        from imgsearch.indexer.packs import verify_pack

        return _job(verify_pack(Path(absolute(pack))))

    def unpack(
        self,
        pack: str | Path,
        *,
        at: str | Path | None = None,
        offline: bool = False,
        beside: bool = False,
    ) -> Job[MergeReport]:
        """Merge a pack into the library, which is created if needed.

        Photos are recognised by their content, facts that were read later win, and what is there
        already stays: merging again, also after an interruption, adds nothing twice. Saved searches
        and concepts of the pack are added where their names are free. `pack` may be a folder that
        carries its pack. `at` is the folder where its photos are; without it they are looked for.
        With `offline` they are taken to be there though it is not connected now. `beside` keeps
        vectors of an encoder that the library does not use. Raises PackError, PhotosNotFound,
        EncoderMismatch, UsageError, LibraryLocked, DiskError and MissingPackage.
        """
        place = None if at is None else absolute(at)
        return _job(self._indexer().unpack(Path(absolute(pack)), place, offline, beside))

    def rebuild(self, encoder: str | None = None) -> Job[RebuildReport]:
        """Rebuild the index from the stored vectors; with `encoder`, embed all photos again.

        The old encoder answers queries until every photo has a vector of the new one, and its
        vectors are kept: `use_encoder` goes back, `drop_encoder` deletes them. An interrupted run
        continues where it stopped. Photos that are offline delay the change: the
        report says how many. Raises UsageError for an unknown encoder, and as `index` does.
        """
        if encoder is not None and not encoder.strip():
            raise UsageError("The name of the encoder is empty. To list them: imgsearch encoders")
        self._reads()
        return _job(self._indexer().rebuild(encoder))

    def try_encoder(
        self, encoder: str, photos: int = 2000, queries: Sequence[str] = ()
    ) -> Job[EncoderTrial]:
        """Embed a sample of the photos with another encoder, and compare it with the one in use.

        The report says how long all photos would take, what they would take on the disk, and how
        both answer the same ten queries among the photos of the sample: `queries` first, then
        recent ones of the page and saved searches, then captions and keywords of the photos, of
        which the right answer is known. Nothing changes for searches; the vectors are kept, and
        `rebuild(encoder)` goes on from there. Raises UsageError for an unknown encoder, for that in
        use, and for a sample of fewer than 20 photos; and as `index` does.
        """
        if photos < 1:
            raise UsageError(f"The number of photos to try must be above 0, not {photos}.")
        if not encoder.strip():
            raise UsageError("The name of the encoder is empty. To list them: imgsearch encoders")
        if any(not text.strip() for text in queries):
            raise UsageError("A query is empty. Name what to look for, such as: a dog in snow")
        from imgsearch.records.trial import SourcedQuery

        recent = [SourcedQuery(line, "recent") for line in self._past_queries().newest(_RECENT)]
        saved = [SourcedQuery(each.line, "saved") for each in self._saved_searches().all()]
        past = (*recent, *saved)
        return _job(self._indexer().try_encoder(encoder, photos, tuple(queries), past))

    def last_trial(self) -> EncoderTrial | None:
        """What the last `try_encoder` found out; None without one, or if its encoder is gone."""
        from imgsearch.indexer.encoder_trial import read_trial

        trial = read_trial(self.settings.data_dir)
        stored = self.stored_encoders() if trial is not None else ()
        names = {each.name for each in stored if each.state != "current"}
        return trial if trial is not None and trial.encoder in names else None

    # ------------------------------------------------------------------ wiring

    def _raise_if_closed(self) -> None:
        if self._is_closed:
            raise UsageError(
                f"The library in {self.settings.data_dir} was closed, by close() or at the end of "
                "its `with` block. Open it again: Library.open(folder)"
            )

    def _with_thumbnails(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        thumbnails = NotebookThumbnails(self.settings)
        return (dataclasses.replace(hit, thumbnails=thumbnails) for hit in hits)

    def _open_database(self) -> Database:
        with self._database_lock:  # the page and the service call from many threads
            self._raise_if_closed()
            if self._database is None:
                self._make_private()
                self._database = Database.open(self.settings.data_dir)
            return self._database

    def _make_private(self) -> None:
        """Close the library to other users: older versions left that to the umask."""
        private_files.make_private(self.settings.data_dir)
        private_files.make_private(self.settings.cache_dir)

    def _reads(self) -> Reads:
        database = self._open_database()
        reads = self._reads_object  # another thread may close the library
        if reads is None:
            reads = self._reads_object = Reads(database)
        return reads

    def _saved_searches(self) -> SavedSearchStore:
        from imgsearch.store.saved import SavedSearchStore

        return SavedSearchStore(self._open_database())

    def _store(self) -> Store:
        from imgsearch.store.store import Store

        return Store(self._open_database())

    def _indexer(self) -> Indexer:
        self._raise_if_closed()
        if self._indexer_object is None:
            from imgsearch.indexer.indexer import Indexer

            self._make_private()
            for folder in (self.settings.data_dir, self.settings.cache_dir):
                private_files.delete_abandoned(folder)
            self._indexer_object = Indexer(
                self.settings, self._encoders, self._notify, self._index_policy
            )
        return self._indexer_object

    def _thumbnails(self) -> Thumbnails:
        if self._thumbnails_object is None:
            from imgsearch.decode.thumbnails import Thumbnails

            folder = self.settings.cache_dir / "thumbnails"
            self._thumbnails_object = Thumbnails(folder, self.settings.max_megapixels)
        return self._thumbnails_object

    def _kept_thumbnails(self) -> ThumbnailStore:
        if self._kept_object is None:
            from imgsearch.store.thumbnails import ThumbnailStore

            self._kept_object = ThumbnailStore(self.settings.data_dir)
        return self._kept_object

    def _past_queries(self) -> PastQueries:
        from imgsearch.store.past_queries import PastQueries

        return PastQueries(self.settings.data_dir, self.settings.past_queries)

    def _kept_examples(self) -> KeptExamples:
        return KeptExamples(self.settings.cache_dir / "examples")

    def _near_duplicates(
        self, store: Store, catalogue: LocalCatalogue, min_score: float
    ) -> Generator[Progress, None, Pairs]:
        from imgsearch.analysis.duplicates import find_pairs, measure_photos, photos_to_measure
        from imgsearch.indexer.metadata import readable_photos

        pairs = yield from find_pairs(catalogue, self.settings.cache_dir, min_score)
        online = {root_id for root_id, online in online_roots(store.reads).items() if online}
        photos = readable_photos(store, online, photos_to_measure(pairs))
        return (yield from measure_photos(pairs, photos, self.settings))

    def _with_sound_index(self, context: SearchContext, search: Callable[[], _Found]) -> _Found:
        """What a search finds; where its scores show that the index is damaged, with another."""
        try:
            return search()
        except SnapshotError as error:
            with self._index_lock:
                self._index = self._replace_index(self._reads(), context.row, str(error))
            return search()

    def _context(self) -> SearchContext:
        reads = self._reads()
        row = reads.encoder_in_use()
        self._encoders.check(row)
        online = online_roots(reads)
        return SearchContext(
            self._catalogue(reads, row, online),
            reads,
            lambda: self._encoders.shared(row),
            frozenset(root_id for root_id, is_online in online.items() if is_online),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            lambda: reads,
            self.settings.stack_raw,
        )

    def _catalogue(
        self, reads: Reads, row: EncoderRow, online: Mapping[int, bool]
    ) -> LocalCatalogue:
        return LocalCatalogue(reads, row, lambda: self._live_index(reads, row), online)

    def _present_catalogue(self) -> LocalCatalogue:
        reads = self._reads()
        return self._catalogue(reads, reads.encoder_in_use(), online_roots(reads))

    def _understood(self, query: Query) -> Understanding:
        reads = self._reads()
        return understand(reads, with_saved(reads, query))

    def _counted(self, query: str | Query | None, k: int) -> Ids | None:
        resolved = None if query is None else resolve_query(query)
        return engine.counted_ids(self._context(), resolved, k)

    def _live_index(self, reads: Reads, row: EncoderRow) -> LiveIndex:
        with self._index_lock:
            index = self._index
            if index is None or index.encoder_key != row.key:
                self._index = index = self._open_index(reads, row)
                return index
        index.refresh()
        return index

    def _open_index(self, reads: Reads, row: EncoderRow) -> LiveIndex:
        """Open the index; a damaged file is rebuilt, or ignored if we may not write."""
        from imgsearch.index.live import LiveIndex

        try:
            return LiveIndex(reads, row.key, self._index_policy)
        except SnapshotError as error:
            return self._replace_index(reads, row, str(error))

    def _replace_index(self, reads: Reads, row: EncoderRow, damage: str) -> LiveIndex:
        from imgsearch.index.live import LiveIndex

        try:
            self._indexer().build_index(row)
            self._notify(f"{damage} It was rebuilt from the stored vectors; nothing was lost.")
            return LiveIndex(reads, row.key, self._index_policy)
        except (LibraryLocked, DiskError):
            self._notify(f"{damage} Searching the stored vectors instead, which is slower.")
            return LiveIndex(reads, row.key, self._index_policy, use_snapshot=False)


class NotebookThumbnails(Struct, frozen=True):
    """Finds the picture of a hit for a notebook, also after the library has been closed.

    It opens the library for each picture: a hit can be copied, pickled and kept.
    """

    settings: Settings

    def __call__(self, photo_id: int, at_s: float | None) -> bytes | None:
        """A WebP image; None where none can be made now, as for a photo of an offline drive."""
        try:
            with Library.open(self.settings) as library:
                return library.thumbnail(photo_id, _NOTEBOOK_SIDE_PX, at_s)
        except (ImgsearchError, OSError):
            return None


def _listed(examples: Iterable[ExampleSource]) -> list[ExampleSource]:
    """The examples. Raises UsageError for one alone, whose characters would be taken for many."""
    if isinstance(examples, str | bytes | int):
        raise UsageError("Examples are given as a list: library.teach(name, like=[photo])")
    return list(examples)


def _job(steps: Generator[Progress, None, _Report]) -> Job[_Report]:
    from imgsearch.progress import Job

    return Job(steps)


def reason_of(code: str) -> Reason:
    """The failure reason with this code. Raises UsageError for an unknown one."""
    try:
        return Reason(code)
    except ValueError:
        raise UsageError(f"Unknown failure reason {code!r}. Known: {', '.join(Reason)}") from None
