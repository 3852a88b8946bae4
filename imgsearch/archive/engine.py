"""The engine of an archive: a library that outgrew one machine, in Lance tables at an address.

A fleet fills it: see `filling`. An archive has nothing that belongs to one machine: no drives, no
watched folders, no saved searches and no concepts. Its people are those of all who search it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NoReturn, TypeVar

from msgspec import Struct

from imgsearch.addresses import is_folder, normal_address
from imgsearch.archive.definitions import ArchiveDefinitions
from imgsearch.archive.filling import Filling
from imgsearch.archive.fleet.objects import is_object
from imgsearch.archive.operations import Fleet
from imgsearch.archive.originals import Originals, absolute_place
from imgsearch.archive.small_pictures import SmallPictures
from imgsearch.caches import FileCache, MemoryCache
from imgsearch.decode.thumbnails import Thumbnails
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.errors import FolderError, MissingPackage, Reason, UsageError
from imgsearch.installation import install_command
from imgsearch.records.photo import IndexedFile
from imgsearch.records.query import Filter, Selection
from imgsearch.records.status import Failure, Finding, Status, UnfinishedJob
from imgsearch.search.answers import matching_ids
from imgsearch.search.context import SearchContext
from imgsearch.search.kept_answers import KeptAnswers
from imgsearch.search.prepared import prepare
from imgsearch.text import path_text, shell_word

if TYPE_CHECKING:
    from imgsearch.archive.lance.browsing import LanceBrowsing
    from imgsearch.archive.lance.name_list import NameList
    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.people import ArchivePeople
    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.remote import ProcessGroup
    from imgsearch.progress import (
        FaceReport,
        Job,
        MergeReport,
        OnDownload,
        PackReport,
        Progress,
        RunningJob,
        SyncReport,
        TextReport,
    )
    from imgsearch.records.browse import EventTitle
    from imgsearch.records.faces import FaceCounts
    from imgsearch.records.files import Picture
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.photo import Photo
    from imgsearch.records.picture_text import TextCounts
    from imgsearch.records.query import Query, Understanding
    from imgsearch.records.worth import BestOrder
    from imgsearch.store.people_stores import PeopleStores

_Result = TypeVar("_Result")

_PACKAGE = "lance"
_CACHE_FOLDER = "archives"  # in the cache folder: vectors and pictures of all archives
_PICTURES_SHARE = 10  # a tenth of it is for pictures
_ANSWERS_BYTES = 100_000_000  # of answers that are kept, by all processes that serve it
_UNCHECKED_S = 1.0  # until changes by other processes are looked for again
_MOST_LISTED = 100_000  # a page can show that many, and an archive may have a thousand million


class _BestOrders(Struct, frozen=True):
    """Implements `KeptOrders` for one version of an archive."""

    cache: MemoryCache[Hashable]
    version: Hashable

    def get(self, key: Hashable, read: Callable[[], BestOrder]) -> BestOrder:
        """Return the result of `read`, cached by key until the next change."""
        return self.cache.get(key, read, lambda: self.version, lambda order: order.nbytes)


class ArchiveEngine:
    """Implements `imgsearch.engines.base.Engine`, which describes the methods without a docstring.

    A search sees what this process has put before it began, and what others had put a second ago.
    Safe in any thread.
    """

    most_listed: int | None = _MOST_LISTED
    capabilities = frozenset({"changes", "fleet", "packs", "people"})

    def __init__(
        self,
        address: str,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None,
        group: ProcessGroup | None = None,
    ) -> None:
        """Nothing is read before it is needed.

        Of the settings count those for encoders, `cache_dir`, `max_megapixels`, `stack_raw`,
        `mounts`, `index_cache_mb`, `archive_cache_mb`, and whether `thumbnails_mb` is 0. Raises
        MissingPackage without the extra `scale`, and SettingsError for `mounts` that cannot be
        understood.
        """
        if find_spec(_PACKAGE) is None:
            raise MissingPackage(f"Archives need more packages: {install_command('scale')}")
        self.address = normal_address(address)
        self.settings = settings
        self._encoders = EncoderLoader(
            settings, notify, on_download, encoder, None if group is None else group.open_encoder
        )
        self._originals = Originals(settings.mounts)
        self._filling = Filling(self.address, settings, notify, self._encoders, encoder)
        self._thumbnails = Thumbnails(settings.cache_dir / "thumbnails", settings.max_megapixels)
        self._vector_bytes, pictures = 0, None
        if settings.archive_cache_mb:
            picture_bytes = settings.archive_cache_mb * 1_000_000 // _PICTURES_SHARE
            self._vector_bytes = settings.archive_cache_mb * 1_000_000 - picture_bytes
            if not is_folder(self.address):  # pictures in a folder are on the disk
                folder = settings.cache_dir / _CACHE_FOLDER / "pictures"
                pictures = FileCache(folder, picture_bytes, parts=256)
        self._small_pictures = SmallPictures(self.catalogue, pictures)
        self._lock = RLock()  # the page and the service call from many threads
        self._catalogue: LanceCatalogue | None = None
        self._people: ArchivePeople | None = None
        self._names: NameList | None = None
        self._answers: MemoryCache[Hashable] = MemoryCache(
            _ANSWERS_BYTES // (1 if group is None else group.processes)
        )

    @property
    def working_folder(self) -> Path:
        return self._filling.working_folder

    def on_this_machine(self, what: str) -> NoReturn:
        raise UsageError(
            f"The archive {self.address} has no {what}: only a library on one machine has."
        )

    def photo_folders(self) -> list[str]:
        """Those of the library in the data folder: an archive does not know its own."""
        return self._filling.library_roots()

    def fleet(self) -> Fleet:
        return Fleet(self._filling, self._originals, self.catalogue, self._opened_people)

    def exists(self) -> bool:
        return self._filling.exists()

    def close(self) -> None:
        self._encoders.close()
        if self._people is not None:
            self._people.close()

    def raise_if_closed(self) -> None:
        """Do nothing: an archive has nothing open that cannot be opened again."""

    def raise_if_damaged(self, error: Exception) -> None:
        """Do nothing: what is damaged raises where it is read."""

    def warm_up(self) -> None:
        self.catalogue().warm_up()
        self.context().encoder().encode_texts(["a photo"])

    @property
    def encoder_is_loaded(self) -> bool:
        return self._encoders.is_loaded

    def release_encoder(self) -> None:
        self._encoders.release()

    # ------------------------------------------------------------------ contents

    def status(self) -> Status:
        """The contents of the archive and the state of its index. Raises StoreError."""
        catalogue = self.catalogue()
        count, index = catalogue.count(), catalogue.search_settings
        return Status(
            kind="archive",
            address=self.address,
            photos=count.photos,
            vectors=count.vectors,
            encoder=catalogue.encoder.name,
            tail=count.vectors - catalogue.indexed_vectors(),
            recall_text=None if index is None or index.text is None else index.text.recall,
            recall_image=None if index is None else index.image.recall,
            failed=catalogue.failure_count(),
        )

    def running(self) -> RunningJob | None:
        """A job of this machine: those of others are not seen."""
        from imgsearch.store.progress_file import running_job

        return running_job(self.working_folder)

    def unfinished(self) -> tuple[UnfinishedJob, ...]:
        """None: the next run of any machine goes on with what a fleet has not embedded."""
        return ()

    def photo_count(self) -> int:
        """The number of photos that can be found. Raises StoreError where there is no archive."""
        return self.catalogue().count().photos

    def version(self) -> tuple[int, ...]:
        decided = () if self._people is None else self._people.version()
        return (*self.catalogue().version(), *decided)

    def event_titles(self) -> tuple[EventTitle, ...]:
        """None: titles are kept in a library on one machine."""
        return ()

    def browsing(self) -> LanceBrowsing:
        from imgsearch.archive.lance.browsing import LanceBrowsing

        return LanceBrowsing(self.catalogue())

    def suggested_names(self) -> NameList:
        """The names of up to a minute ago. Reading them takes longer than a suggestion."""
        with self._lock:
            if self._names is None:
                from imgsearch.archive.lance.name_list import NameList

                self._names = NameList(self.catalogue())
            return self._names

    def past_queries(self) -> None:
        """None: an archive keeps no queries."""
        return

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this path or address."""
        return self.catalogue().photo_at(path)

    def why_unknown(self, path: Path) -> str:
        return f"The archive {self.address} has no photo there."

    def labels(self, classes: Classes, query: Query | None, k: int) -> list[Label]:
        """The likeliest class of each photo that a query finds; of filters alone, the newest."""
        from imgsearch.labels.labels import label_catalogued

        if query is None:
            raise UsageError(
                "Say which photos of the archive to label: imgsearch label CLASSES QUERY --library "
                f"{shell_word(self.address)}"
            )
        context = self.context()
        ids = matching_ids(prepare(context, query), k, _MOST_LISTED)
        return label_catalogued(context.catalogue, context.encoder(), classes, ids)

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """The context of a query, which sees one version of the archive.

        Raises EncoderMismatch, and StoreError without an archive.
        """
        row = self.catalogue().encoder
        self._encoders.check(row)
        pinned = self.catalogue().pinned()
        return SearchContext(
            pinned,
            ArchiveDefinitions(self.address, "hidden" in pinned.marked()),
            self._encoders,
            frozenset(),
            self.settings.max_megapixels,
            self.settings.cache_dir,
            self.suggested_names,
            date.today(),
            self.settings.stack_raw,
            best_orders=_BestOrders(self._answers, pinned.version()),
        )

    def catalogue(self) -> LanceCatalogue:
        with self._lock:
            if self._catalogue is None:
                from imgsearch.archive.lance.reader import LanceCatalogue
                from imgsearch.archive.lance.vector_files import VectorFiles

                vector_files = None
                if self._vector_bytes:
                    folder = self.settings.cache_dir / _CACHE_FOLDER / "vectors"
                    vector_files = VectorFiles(
                        folder,
                        self._vector_bytes,
                        # One search of a folder takes less time than making copies for it.
                        made_by_searches=not is_folder(self.address),
                    )
                self._catalogue = LanceCatalogue(
                    self.address,
                    index_cache_bytes=self.settings.index_cache_mb * 1_000_000,
                    unchecked_s=_UNCHECKED_S,
                    vector_files=vector_files,
                )
            return self._catalogue

    def _opened_people(self) -> ArchivePeople:
        with self._lock:
            if self._people is None:
                from imgsearch.archive.people import ArchivePeople

                folder = self.settings.cache_dir / _CACHE_FOLDER / "people"
                self._people = ArchivePeople(
                    self.address, folder, self.catalogue, self._filling.writer
                )
            return self._people

    def understood(self, query: Query) -> Understanding:
        """The exact query that a query stands for."""
        return self.context().understood(query)

    @contextmanager
    def kept_answers(self) -> Iterator[KeptAnswers]:
        yield KeptAnswers(self.catalogue().version(), self._answers)

    # ------------------------------------------------------------------ pictures

    def thumbnails(self) -> Thumbnails:
        return self._thumbnails

    def kept_thumbnail(self, content_hash: bytes) -> bytes | None:
        return self._small_pictures.get(content_hash.hex())

    def photo(self, photo_id: int) -> Photo | None:
        found = self.catalogue().photos([photo_id]).get(photo_id)
        return None if found is None else found.photo

    def files_of(
        self, photo_id: int, with_video: bool = False
    ) -> Generator[IndexedFile, None, None]:
        """The files of a photo. Objects that are not mounted here are fetched.

        That takes the credentials of this process. Raises PhotoError where one cannot be.
        """
        found = self.catalogue().photos([photo_id]).get(photo_id)
        if found is None:
            return
        times = self.catalogue().file_times([found.photo.content_hash])
        for each in found.files:
            time_ns = times.get(path_text(each.path))
            yield from self._originals.opened(each.path, time_ns, with_video)

    def pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """The first file of each photo, or its small picture where all are objects elsewhere."""
        found = self.catalogue().photos(ids).values()
        files = {
            each.photo.id: path
            for each in found
            for file in reversed(each.files)
            if (path := self._originals.file_at(path_text(file.path))) is not None
        }
        objects = [each.photo.content_hash for each in found if each.photo.id not in files]
        images = self._small_pictures.of(objects)
        pictures = [
            (each.photo, files.get(each.photo.id) or images.get(each.photo.content_hash))
            for each in found
        ]
        return [(photo, picture) for photo, picture in pictures if picture is not None]

    def reachable_files(self, photo_ids: Iterable[int]) -> Iterator[tuple[Photo, IndexedFile]]:
        has_files, has_objects = False, False
        photos = self.catalogue().photos(photo_ids)
        times = self.catalogue().file_times([each.photo.content_hash for each in photos.values()])
        for found in photos.values():
            for each in found.files:
                if is_object(path_text(each.path)):
                    has_objects = True
                elif each.path.is_file():
                    has_files = True
                    yield found.photo, IndexedFile(each.path, None, times.get(path_text(each.path)))
        if has_objects and not has_files:
            raise UsageError(
                f"The photos of the archive {self.address} are in object storage, and imgsearch "
                "writes no file there. XMP files are written beside photos that are files of this "
                "machine."
            )

    def absolute(self, place: str | Path) -> str:
        """An absolute path, or the address of an object as it is."""
        return absolute_place(place)

    # ------------------------------------------------------------------ upkeep

    def failures(self, reasons: tuple[Reason, ...]) -> tuple[Failure, ...]:
        failures = self.catalogue().failures()
        return tuple(each for each in failures if not reasons or each.reason in reasons)

    def photos_in(self, folder: str) -> int:
        below = Selection((Filter("in", (folder.rstrip("/"),)),))
        photos = self.catalogue().count(below).photos
        if not photos:
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.")
        return photos

    def forget(self, folder: str) -> int:
        """Remove all photos below a folder or `s3://BUCKET/FOLDER`; see `Filling.forget`."""
        self.photos_in(folder)
        return self._filling.forget(folder.rstrip("/"), self.catalogue())

    def prune(self, days: float) -> int:
        return self._filling.writer().prune(datetime.now(UTC) - timedelta(days=days))

    def examine(self) -> Iterator[Finding]:
        from imgsearch.archive.examination import examine

        return examine(self.address, self.catalogue)

    def repair(self) -> list[str]:
        """Settle the archive, which completes interrupted changes and indexes what is new."""
        self._opened_people().follow()
        self._filling.writer().settle()
        return [f"Settled the archive {self.address}."]

    def read_text(
        self, folders: Sequence[str], everything: bool, again: bool
    ) -> Generator[Progress, None, TextReport]:
        from imgsearch.ocr import open_reader

        reader = open_reader(self.settings.thread_count)
        return self._filling.read_texts(
            self.catalogue(), self._originals, reader, folders, everything, again
        )

    def text_counts(self) -> TextCounts:
        from imgsearch.archive.lance.unread import count_texts

        return count_texts(self.catalogue().pinned())

    # ------------------------------------------------------------------ people

    def people(self) -> PeopleStores:
        return self._opened_people().stores()

    def names_in_files(self, photo_ids: Iterable[int]) -> Mapping[int, Sequence[str]]:
        return self.catalogue().stated_names(photo_ids)

    def deciding(self, decide: Callable[[PeopleStores], _Result]) -> _Result:
        return self._opened_people().deciding(decide)

    def find_faces(
        self, folders: Sequence[str], again: bool
    ) -> Generator[Progress, None, FaceReport]:
        from imgsearch.faces.reader import open_reader

        reader = open_reader(self.settings.cache_dir)
        return self._filling.find_faces(
            self.catalogue(), self._opened_people(), self._originals, reader, folders, again
        )

    def regroup_faces(self) -> None:
        self._opened_people().regroup()

    def forget_faces(self, with_names: bool) -> int:
        return self._opened_people().forget(with_names)

    def face_counts(self) -> FaceCounts:
        return self._opened_people().counts()

    # ------------------------------------------------------------------ filling

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders and `s3://BUCKET/FOLDER`; made if need be.

        What was listed and done is kept in the working folder, so that the next run goes on where
        this one is stopped. Nothing is written among photos: the job raises UsageError for an
        archive in one of these folders or in one of the library's.
        """
        if verify:
            raise UsageError("Files of an archive cannot be verified. Leave --verify out.")
        return self._filling.index(sources, accept_removals, ray)

    def pack(
        self, folder: str, file: Path | None, photos_only: bool, faces: bool
    ) -> Generator[Progress, None, PackReport]:
        """Write the photos below a folder or `s3://BUCKET/FOLDER` into a pack."""
        from imgsearch.archive.lance.packing import PhotosToPack
        from imgsearch.indexer.packs import check_destination, describe, write_pack
        from imgsearch.store.pack_format import PHOTOS_AT_ONCE

        if file is None:
            raise UsageError("An archive cannot write into its photo folders. Name a file.")
        photos = PhotosToPack(self.catalogue().address, folder)
        if not len(photos):
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.")
        check_destination(file, [] if is_object(folder) else [folder])
        info = describe(Path(folder).name, {self.catalogue().encoder: True})
        some = photos.read(PHOTOS_AT_ONCE)
        if not faces:
            steps = write_pack(file, info, some, len(photos), has_marks=photos.have_marks)
            return (yield from steps)
        with self._opened_people().to_pack() as packed:
            steps = write_pack(file, info, some, len(photos), packed, photos.have_marks)
            return (yield from steps)

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack into the archive, which is made if there is none."""
        if beside:
            raise UsageError("An archive has vectors of one encoder. Leave --beside out.")
        if place is not None and is_object(place):
            raise UsageError(
                f"Photos of a pack are looked for in folders of this machine, and {place} is none. "
                "To read photos there: imgsearch index PLACE"
            )
        people = self._opened_people() if faces else None
        return self._filling.merge(pack, place, offline, people)

    def verify_pack(self, pack: Path) -> Generator[Progress, None, PackInfo]:
        """Read a whole pack and compare it with its checksums."""
        from imgsearch.indexer.packs import verify_pack

        return verify_pack(pack, {}, self._encoders.dim_of)
