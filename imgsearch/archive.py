"""Archive: a library that outgrew one machine, in Lance tables at an address.

It is searched in the same query language, and gives the same answers, as `Library`; what belongs to
one machine (watching folders, drives, saved searches, concepts) it does not have. A fleet fills it:
see `imgsearch.fleet`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from imgsearch.analysis import browse
from imgsearch.analysis.events import find_events
from imgsearch.catalogue.address import normal_address, working_folder
from imgsearch.config import default_cache_dir
from imgsearch.decode.thumbnails import Thumbnails, photo_thumbnail
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import FolderError, MissingPackage, QueryError, UsageError
from imgsearch.fleet.mounts import MountPoints
from imgsearch.fleet.objects import ShownObjects, is_object
from imgsearch.installation import install_command
from imgsearch.query.grammar import absolute, is_expressible, resolve_query
from imgsearch.records.answer import Answer, Explanation, FoundPhotos, Hits
from imgsearch.records.query import Query, Understanding
from imgsearch.records.status import ArchiveStatus
from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.search import engine
from imgsearch.search.baseline import new_baseline
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.search.context import SearchContext
from imgsearch.search.definitions import NoDefinitions
from imgsearch.search.kept_examples import KeptExamples
from imgsearch.search.stacking import stacks_of
from imgsearch.search.understanding import exact_line
from imgsearch.text import SCHEME, path_text

if TYPE_CHECKING:
    from imgsearch.analysis.duplicates import Picture
    from imgsearch.catalogue.base import CataloguedPhoto
    from imgsearch.catalogue.lance.browsing import LanceBrowsing
    from imgsearch.catalogue.lance.name_list import NameList
    from imgsearch.catalogue.lance.reader import LanceCatalogue
    from imgsearch.catalogue.lance.writer import BuildIndex, LanceWriter
    from imgsearch.config import Settings
    from imgsearch.decode.original import OriginalFile
    from imgsearch.encoders.base import Encoder
    from imgsearch.fleet.base import Workers
    from imgsearch.fleet.worker import WorkPlan
    from imgsearch.progress import (
        CopyReport,
        Job,
        OnDownload,
        PackReport,
        Progress,
        SyncReport,
    )
    from imgsearch.records.answer import ScoreBaseline
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.browse import (
        DayPhotos,
        NameCounts,
        PhotoEvent,
        PhotoPositions,
        PlaceCounts,
        Timeline,
    )
    from imgsearch.records.duplicates import DuplicateGroup, Pairs
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.photo import Photo
    from imgsearch.records.picture_text import PhotoText
    from imgsearch.records.suggestion import Suggestion

_PACKAGE = "lance"
_MOST_LISTED = 100_000  # a page can show that many, and an archive may have a thousand million


class Archive:
    """Photos in Lance tables: `find` answers queries. Any number of threads may use it at once.

    Use it as a context manager. A search sees what writers have put or forgotten before it began.
    """

    def __init__(
        self,
        address: str,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
    ) -> None:
        self.address = address
        self.settings = settings
        self._notify = notify
        self._given = encoder
        self._encoders = EncoderLoader(settings, notify, on_download, encoder)
        self._objects = ShownObjects()
        self._mounts = MountPoints.parse(settings.mounts)

    @classmethod
    def open(
        cls,
        address: str | Path,
        settings: Settings,
        notify: Callable[[str], None] | None = None,
        on_download: OnDownload | None = None,
        *,
        encoder: Encoder | None = None,
    ) -> Self:
        """The archive at an address: a folder, or object storage such as s3://bucket/archive.

        Nothing is read before it is needed. Of the settings count those for encoders, `cache_dir`,
        `max_megapixels`, `stack_raw`, `mounts`, `index_cache_mb`, and whether `thumbnails_mb` is 0;
        `notify`, `on_download` and `encoder` are as in `Library.open`. Raises MissingPackage
        without the extra `scale`, and SettingsError for `mounts` that cannot be understood.
        """
        if find_spec(_PACKAGE) is None:
            raise MissingPackage(f"Archives need more packages: {install_command('scale')}")
        tell = notify or (lambda sentence: None)
        return cls(str(address), settings, tell, on_download, encoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the encoder."""
        self._encoders.close()

    @property
    def working_folder(self) -> Path:
        """Where this machine keeps lists of what was put there, and the socket of a service."""
        return working_folder(self.settings.data_dir, self.address)

    def release_encoder(self) -> None:
        """Release the encoder and its memory; the next query that needs it loads it again."""
        self._encoders.release()

    def status(self) -> ArchiveStatus:
        """What the archive has, and how its vectors are indexed. Raises StoreError."""
        catalogue = self._catalogue
        count, index = catalogue.count(), catalogue.search_settings
        return ArchiveStatus(
            address=self.address,
            photos=count.photos,
            vectors=count.vectors,
            encoder=catalogue.encoder.name,
            indexed=catalogue.indexed_vectors(),
            recall_text=None if index is None or index.text is None else index.text.recall,
            recall_image=None if index is None else index.image.recall,
            failures=catalogue.failure_count(),
        )

    def warm_up(self) -> None:
        """Load everything that a text query needs, so that the first one is as fast as others."""
        self._catalogue.warm_up()
        self._context().encoder().encode_texts(["a photo"])

    def search(self, text: str | Query, *, k: int = 20) -> Hits:
        """The k photos that best match a query, best first. Raises as `find` does."""
        return Hits(self.find(text, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the page after it.

        Raises as `Library.find` does, StoreError where there is no archive, or one that cannot be
        read, and QueryError for filters that make no sense in an archive.
        """
        return engine.search_page(self._context(), resolve_query(query), k, cursor)

    def find_all(self, query: str | Query, k: int = 10_000) -> FoundPhotos:
        """All photos of the answer to a query, as `Library.find_all` gives them.

        Of those that filters alone find, the first 100,000.
        """
        return engine.find_all(self._context(), resolve_query(query), k, _MOST_LISTED)

    def hits_of(self, found: FoundPhotos, ids: Sequence[int]) -> Hits:
        """These photos of what `find_all` found, in this order, as an answer has them."""
        return Hits(engine.hits_of(self._context(), found, ids))

    def stacks_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Which of these photos are nearly the same, as `Library.stacks_of` says it."""
        return stacks_of(self._context(), photo_ids)

    def timeline(self, query: str | Query | None = None, k: int = 1000) -> Timeline:
        """How many photos each year and month has, as `Library.timeline` counts them."""
        return browse.timeline_of(self._browsing, self._counted(query, k))

    def days(self, query: str | Query | None = None, k: int = 1000) -> tuple[DayPhotos, ...]:
        """The photos of each day, newest first: all of them, or as for `timeline`."""
        return browse.days_of(self._browsing, self._counted(query, k))

    def days_of(self, photo_ids: Ids) -> tuple[DayPhotos, ...]:
        """These photos by day, newest first, as `sort:date` has them."""
        return browse.days_of(self._browsing, photo_ids)

    def positions(self, query: str | Query | None = None, k: int = 1000) -> PhotoPositions:
        """Where the photos were taken: all of them, or as for `timeline`."""
        return browse.positions_of(self._browsing, self._counted(query, k))

    def places(self, query: str | Query | None = None, k: int = 1000) -> PlaceCounts:
        """How many photos each country, region and town has: of all, or as for `timeline`."""
        return browse.places_of(self._browsing, self._counted(query, k))

    def name_counts(self) -> NameCounts:
        """How many photos each folder, person and keyword has, as `Library.name_counts` has it."""
        return browse.name_counts_of(self._browsing)

    def value_counts(self, fact: Literal["camera", "format"]) -> dict[str, int]:
        """How many photos have each value of a fact, most first; unknown values are left out."""
        return self._browsing.text_counts_of(fact)

    def events(self, query: str | Query | None = None, k: int = 1000) -> tuple[PhotoEvent, ...]:
        """Occasions and trips, as `Library.events` finds them."""
        return find_events(self._browsing.moments(self._counted(query, k)))

    def suggest(self, line: str, k: int = SUGGESTIONS) -> tuple[Suggestion, ...]:
        """How to go on with a query line, as `Library.suggest`, but no past queries.

        The names are those of up to a minute ago. To read them takes longer than a suggestion, so
        the first call is slower. Raises UsageError for a k below 1, and StoreError.
        """
        from imgsearch.search.suggestions import suggest

        return tuple(suggest(self._names, None, line, k))

    def text_of(self, photo_id: int) -> PhotoText | None:
        """What reading the text of a photo gave; None if that was not tried yet."""
        return self._catalogue.texts([photo_id]).get(photo_id)

    def photo_count(self) -> int:
        """How many photos can be found. Raises StoreError where there is no archive."""
        return self._catalogue.count().photos

    def baseline_vectors(self) -> int:
        """How many vectors the verdicts of answers were calibrated with, see `Library`."""
        baseline = self._catalogue.baseline()
        return 0 if baseline is None else baseline.vectors

    def photos(self, ids: Sequence[int]) -> Hits:
        """These photos, in this order, with their paths; unknown ids are left out."""
        return Hits(engine.make_hits(self._catalogue, ids, stack_raw=self.settings.stack_raw))

    def label(
        self, classes: Classes, query: str | Query | None = None, k: int = 100
    ) -> list[Label]:
        """The likeliest class of each photo that a query finds, as `Library.label` gives it.

        Of those that filters alone find, of the newest 100,000. Raises UsageError for invalid
        classes and without a query.
        """
        from imgsearch.labels.labels import label_catalogued

        if query is None:
            raise UsageError(
                "Say which photos of the archive to label: imgsearch label CLASSES QUERY --library "
                "ADDRESS"
            )
        context = self._context()
        ids = engine.matching_ids(context, resolve_query(query), k, _MOST_LISTED)
        return label_catalogued(context.catalogue, context.encoder(), classes, ids)

    def thumbnail(
        self,
        source: int | bytes,
        side_px: int = 320,
        at_s: float | None = None,
        *,
        or_kept: bool = True,
    ) -> bytes | None:
        """A WebP image of a photo, by id, or of the image in a file's bytes.

        As `Library.thumbnail` gives it: up to 256 px from the archive, above that from the photo,
        where this machine has its folder or may fetch its object, and else from the archive, too.
        """
        if isinstance(source, bytes):
            return self._thumbnails.of_bytes(source, side_px)
        found = self._catalogue.photos([source]).get(source)
        if found is None:
            return None
        content_hash = bytes.fromhex(found.photo.content_hash)
        with closing(self._readable_files(found)) as files:
            return photo_thumbnail(
                found.photo,
                lambda: files,
                lambda: self._catalogue.thumbnail(content_hash),
                self._thumbnails,
                side_px,
                at_s,
                or_kept,
            )

    def original(self, photo_id: int, *, moving_part: bool = False) -> OriginalFile | None:
        """The file of a photo as it is, open for reading, as `Library.original` gives it.

        An object is fetched with the credentials of this process.
        """
        from imgsearch.decode.original import open_moving_part, open_original

        found = self._catalogue.photos([photo_id]).get(photo_id)
        if found is None:
            return None
        with closing(self._readable_files(found, with_video=moving_part)) as files:
            return (open_moving_part if moving_part else open_original)(found.photo, files)

    def openable(self, path: str | Path, valid_s: int = 3_600) -> str:
        """What opens the original at a path of this archive, for other programs.

        A file, also that of an object below a mount point of the settings; else an address that
        opens the object without credentials for `valid_s` seconds, at most seven days. Whoever has
        it can open it. Raises ObjectStorageError without credentials.
        """
        address = path_text(path)
        file = self._file_at(address)
        return self._objects.signed_address(address, valid_s) if file is None else str(file)

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """All pairs of photos with at least this score, and how sharp these are.

        As `Library.near_duplicates` does it. Photos in folders that this machine has are read to
        measure their sharpness. Objects that are not mounted here are not fetched for that: their
        small pictures are measured, which shows heavy blur only. Raises StoreError and DiskError.
        """
        from imgsearch.progress import Job

        return Job(self._near_duplicates(min_score))

    def groups(
        self, pairs: Pairs, min_score: float = 0.9, prefer: Iterable[str | Path] = ()
    ) -> tuple[DuplicateGroup, ...]:
        """The photos that pairs of at least this score connect, as `Library.groups` gives them."""
        from imgsearch.analysis.proposal import propose_among

        folders = [Path(_absolute(folder)) for folder in prefer]
        return propose_among(self._catalogue, pairs, min_score, folders)

    def keep_example(self, content: bytes) -> str:
        """Keep the bytes of an example image on this machine, as `Library.keep_example` does."""
        return self._kept_examples.keep(content)

    def kept_example(self, example_id: str) -> bytes:
        """The bytes of a kept example image. Raises PhotoError if it is not kept, or no longer."""
        return self._kept_examples.get(example_id)

    def _near_duplicates(self, min_score: float) -> Generator[Progress, None, Pairs]:
        from imgsearch.analysis.duplicates import find_pairs, measure_photos, photos_to_measure

        pairs = yield from find_pairs(self._catalogue, self.settings.cache_dir, min_score)
        pictures = self._pictures_of(photos_to_measure(pairs))
        return (yield from measure_photos(pairs, pictures, self.settings))

    def _pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """The first file of each photo, or its small picture where all are objects elsewhere."""
        found = self._catalogue.photos(ids).values()
        files = {
            each.photo.id: path
            for each in found
            for file in reversed(each.files)
            if (path := self._file_at(path_text(file.path))) is not None
        }
        objects = [each.photo.content_hash for each in found if each.photo.id not in files]
        images = self._catalogue.thumbnails(objects)
        pictures = [
            (each.photo, files.get(each.photo.id) or images.get(each.photo.content_hash))
            for each in found
        ]
        return [(photo, picture) for photo, picture in pictures if picture is not None]

    @cached_property
    def _kept_examples(self) -> KeptExamples:
        return KeptExamples(self.settings.cache_dir / "examples")

    def _file_at(self, path: str) -> Path | None:
        """The file at a path of this archive; None for an object that is not mounted here."""
        return self._mounts.file_of(path) if is_object(path) else Path(path)

    def _readable_files(
        self, photo: CataloguedPhoto, with_video: bool = False
    ) -> Generator[Path, None, None]:
        """The files of a photo, each readable until the next one is asked for.

        Objects that are not mounted here are fetched; `with_video` says whether the other half of a
        Live Photo is, too. Raises PhotoError where one cannot be.
        """
        for each in photo.files:
            address = path_text(each.path)
            file = self._file_at(address)
            if file is not None:
                yield file
            else:
                with self._objects.fetched(address, with_video) as path:
                    yield path

    def understand(self, query: str | Query) -> Understanding:
        """How `find` understands a query: exactly, and which of its words stand for filters."""
        return self._context().understood(resolve_query(query))

    def exact_line(self, query: str | Query) -> str:
        """The exact form of a query, in the query language. Raises as `Library.exact_line` does."""
        exact = self.understand(query).query
        if not all(map(is_expressible, exact.terms)):
            raise QueryError(
                "A query line cannot express a part of an image, or one without a file."
            )
        return exact_line(self._catalogue.names, exact)

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path has its rank in the answer, or why it is not in it."""
        from imgsearch.search.explain import explain

        context = self._context()
        path = Path(_absolute(photo))
        photo_id = context.catalogue.photo_at(path)
        if photo_id is None:
            return Explanation(path, reason=f"The archive {self.address} has no photo there.")
        searched = engine.searched_query(context, resolve_query(query))
        return explain(context, photo_id, path, searched)

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """What writes to the archive; with `encoder`, the archive is made if there is none.

        Settling embeds sample queries. Raises EncoderMismatch for vectors of another encoder, and
        StoreError where there is no archive.
        """
        return self._writer(self._catalogue.encoder if encoder is None else encoder)

    def _writer(self, row: EncoderRow, build_large_index: BuildIndex | None = None) -> LanceWriter:
        from imgsearch.catalogue.lance.writer import LanceWriter

        self._encoders.check(row)

        def embed_queries(texts: Sequence[str]) -> Vectors:
            return embed_texts(self._encoders.shared(row), row.name, texts)

        def make_baseline(photos: Vectors, mean: Vector, vectors: int) -> ScoreBaseline | None:
            if vectors < MIN_PHOTOS:
                return None
            return new_baseline(photos, mean, vectors, embed_queries)

        return LanceWriter.open(
            self.address,
            row,
            embed_queries,
            make_baseline,
            build_large_index=build_large_index,
        )

    # ------------------------------------------------------------------ filling

    def index(
        self,
        sources: Sequence[str | Path],
        *,
        ray: str | None = None,
        accept_removals: bool = False,
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be.

        Photos are embedded, and their vectors indexed, by the processes of the Ray cluster at an
        address, `auto` for the one of this machine; without one, by this process. What was listed
        and done is kept in the data folder, so that the next run goes on where this one is stopped.
        When more than a fifth of a source's photos are gone they are kept, unless
        `accept_removals`.

        The job raises FolderError for a source without photos, ObjectStorageError, FleetError,
        EncoderMismatch and StoreError.
        """
        from imgsearch.progress import Job

        return Job(self._index([str(source) for source in sources], ray, accept_removals))

    def _index(
        self, sources: list[str], ray: str | None, accept_removals: bool
    ) -> Generator[Progress, None, SyncReport]:
        from imgsearch.fleet.cluster import index_vectors, ray_workers
        from imgsearch.fleet.embedding import FleetRun, embed_photos
        from imgsearch.fleet.here import workers_here

        if not sources:
            raise UsageError("Name the folders or buckets whose photos the archive is to have.")
        start: Callable[[WorkPlan], AbstractContextManager[Workers]]
        row = self._catalogue.encoder if self._exists() else self._new_encoder()
        if ray is None:
            start = partial(workers_here, threads=self.settings.thread_count)
            writer = self._writer(row)
        else:
            start = partial(ray_workers, address=ray)
            writer = self._writer(row, build_large_index=partial(index_vectors, ray))
        keep_thumbnails = writer.put_thumbnails if self.settings.thumbnails_mb else None
        run = FleetRun(
            writer,
            self._plan(writer.encoder),
            self.working_folder,
            self._notify,
            keep_thumbnails,
        )
        return (yield from embed_photos(run, sources, start, accept_removals))

    def copy_from(self, data_dir: str | Path) -> Job[CopyReport]:
        """Carry the library in a data folder over, with its vectors; nothing is embedded.

        An archive that does not exist is made for the encoder of the library. What it has is not
        put again. The job raises EncoderMismatch where the library has no vectors of the archive's
        encoder, and StoreError.
        """
        from imgsearch.progress import Job

        return Job(self._copy_from(Path(data_dir)))

    def _copy_from(self, data_dir: Path) -> Generator[Progress, None, CopyReport]:
        from imgsearch.indexer.copying import check_encoder, copy_library
        from imgsearch.store.store import Store
        from imgsearch.store.thumbnails import ThumbnailStore

        with Store.open(data_dir) as store, ThumbnailStore(data_dir) as thumbnails:
            row = self._catalogue.encoder if self._exists() else store.reads.encoder_in_use()
            check_encoder(store, row)
            writer = self.writer(row)
            return (
                yield from copy_library(
                    store, writer, row, writer.put_texts, thumbnails, writer.put_thumbnails
                )
            )

    def pack(self, folder: str | Path, pack: str | Path) -> Job[PackReport]:
        """Write all that is known of the photos below a folder, or `s3://BUCKET/FOLDER`, into a
        pack, which `Library.unpack` merges into a library.

        Raises FolderError where the archive has no photo there, StoreError, and as `Library.pack`
        does.
        """
        from imgsearch.progress import Job

        return Job(self._pack(_absolute(folder), Path(absolute(pack))))

    def _pack(self, folder: str, file: Path) -> Generator[Progress, None, PackReport]:
        from imgsearch.catalogue.lance.packing import PhotosToPack
        from imgsearch.indexer.packs import check_destination, describe, write_pack
        from imgsearch.pack_file import PHOTOS_AT_ONCE, require_pyarrow

        require_pyarrow()
        photos = PhotosToPack(self._catalogue.address, folder)
        if not len(photos):
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.")
        check_destination(file, [] if is_object(folder) else [folder])
        info = describe(Path(folder).name, {self._catalogue.encoder: True})
        return (yield from write_pack(file, info, photos.read(PHOTOS_AT_ONCE), len(photos)))

    def _exists(self) -> bool:
        from imgsearch.catalogue.lance.tables import exists

        return exists(normal_address(self.address))

    def _new_encoder(self) -> EncoderRow:
        from imgsearch.records.index import EncoderRow

        encoder = self._encoders.open(self._encoders.choose_new())
        return EncoderRow(1, encoder.id, self._encoders.name_of(encoder), encoder.dim)

    def _plan(self, row: EncoderRow) -> WorkPlan:
        from imgsearch.catalogue.lance.writer import LanceWriter
        from imgsearch.encoders import registry
        from imgsearch.fleet.worker import WorkPlan, given_encoder, open_named_encoder

        settings = self.settings
        is_usual = settings.cache_dir == default_cache_dir()
        cache_dir = None if is_usual else settings.cache_dir
        if self._given is None:
            name = registry.name_of(row.encoder_id)
            opening = partial(
                open_named_encoder, name, cache_dir, settings.device, settings.batch_size
            )
        else:
            opening = partial(given_encoder, self._given)
        known = partial(LanceWriter, self.address)
        return WorkPlan(row.encoder_id, opening, known, settings.max_megapixels, cache_dir)

    @cached_property
    def _catalogue(self) -> LanceCatalogue:
        from imgsearch.catalogue.lance.reader import LanceCatalogue

        return LanceCatalogue(
            self.address, index_cache_bytes=self.settings.index_cache_mb * 1_000_000
        )

    @cached_property
    def _browsing(self) -> LanceBrowsing:
        from imgsearch.catalogue.lance.browsing import LanceBrowsing

        return LanceBrowsing(self._catalogue)

    @cached_property
    def _names(self) -> NameList:
        from imgsearch.catalogue.lance.name_list import NameList

        return NameList(self._catalogue)

    @cached_property
    def _thumbnails(self) -> Thumbnails:
        return Thumbnails(self.settings.cache_dir / "thumbnails", self.settings.max_megapixels)

    def _counted(self, query: str | Query | None, k: int) -> Ids | None:
        resolved = None if query is None else resolve_query(query)
        return engine.counted_ids(self._context(), resolved, k)

    def _context(self) -> SearchContext:
        row = self._catalogue.encoder
        self._encoders.check(row)
        return SearchContext(
            self._catalogue,
            NoDefinitions(),
            lambda: self._encoders.shared(row),
            frozenset(),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            lambda: self._names,
            self.settings.stack_raw,
        )


def _absolute(place: str | Path) -> str:
    """An absolute path, or the address of an object as it is."""
    text = path_text(place)
    return text if SCHEME.match(text) else absolute(text)
