"""A replica: a library on this machine that follows an archive, and is searched in its place.

It is an ordinary library in a folder of its own. Before it answers, it takes the archive's changes,
which it looks for once a second at most. One process at a time does so; others answer from what is
there.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.addresses import is_folder, normal_address, replicas_folder, working_folder
from imgsearch.archive.fleet.objects import is_object
from imgsearch.archive.originals import Originals, absolute_place
from imgsearch.caches import FileCache
from imgsearch.errors import LibraryLocked, Sentence, StorageUnreachable, StoreError, UsageError
from imgsearch.indexer.roots import folders_of_library
from imgsearch.progress import Job, Progress, ReplicaReport
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.records.status import ArchiveCopy, Status, ThumbnailCounts
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.progress_file import publish_progress, running_job
from imgsearch.store.reads import Reads
from imgsearch.text import path_text

if TYPE_CHECKING:
    from imgsearch.archive.items.table import ArchiveItems
    from imgsearch.archive.replica.changes import ArchiveTables
    from imgsearch.archive.replica.pictures import SmallPictures
    from imgsearch.archive.replica.sending import ItemSending
    from imgsearch.archive.replica.state import ReplicaState
    from imgsearch.config import Settings
    from imgsearch.indexer.opening import Indexing
    from imgsearch.records.files import Picture
    from imgsearch.store.store import Store

_CHECKED_S = 1.0  # until changes are looked for again
_UNREACHABLE_S = 30.0  # the same, of an archive that cannot be reached
_PICTURES_SHARE = 10  # a tenth of `archive_cache_mb` is for pictures
_DOING = "Copying"


def replica_folder(settings: Settings, address: str) -> Path:
    """Return the folder for the replica of the archive at an address."""
    digest = hashlib.blake2b(path_text(address).encode("utf-8", "surrogateescape"), digest_size=16)
    return replicas_folder(settings.replica_dir, settings.cache_dir) / digest.hexdigest()


class Replica:
    """Implements `imgsearch.opened.origin.Origin` for the replica of an archive."""

    parts = frozenset({"fleet"})

    def __init__(
        self,
        address: str | Path,
        settings: Settings,
        folder: Path,
        notify: Callable[[str], None],
        checked_s: float = _CHECKED_S,
    ) -> None:
        """Nothing is read before it is needed. For `checked_s` seconds, nothing is looked for.

        `settings` are those that the archive was opened with. Raises SettingsError for `mounts`
        that cannot be understood.
        """
        self._address = normal_address(address)
        self.settings = settings
        self._folder = folder
        self._notify = notify
        self.checked_s = checked_s
        self.originals = Originals(settings.mounts)
        self._picture_files: FileCache | None = None
        if settings.archive_cache_mb and not is_folder(self._address):
            most_bytes = settings.archive_cache_mb * 1_000_000 // _PICTURES_SHARE
            kept = settings.cache_dir / "archives" / "pictures"
            self._picture_files = FileCache(kept, most_bytes, parts=256)
        self._small_pictures: SmallPictures | None = None
        self._lock = Lock()  # one thread at a time looks for changes
        self._due_s = 0.0
        self._tables: ArchiveTables | None = None
        self._opened_items: ArchiveItems | None = None
        self._sending: ItemSending | None = None
        self._opening = Lock()  # what is opened when it is first needed
        self._taken: tuple[int, ...] | None = None  # the versions that were taken last
        self._is_complete = False  # the first copy, as far as is known
        self._is_copied_elsewhere = False  # another process made it when that was looked at last
        self._has_told = False
        self._is_use_noted = False

    @property
    def address(self) -> str:
        return self._address

    @property
    def working_folder(self) -> Path:
        return working_folder(self.settings.data_dir, self._address)

    def exists(self) -> bool:
        from imgsearch.archive.lance.tables import exists

        return self._is_there() or exists(self._address)

    def _pictures(self) -> SmallPictures:
        with self._opening:
            if self._small_pictures is None:
                from imgsearch.archive.replica.pictures import SmallPictures

                self._small_pictures = SmallPictures(self._address, self._picture_files)
            return self._small_pictures

    def _is_there(self) -> bool:
        return (self._folder / DATABASE_FILE).exists()

    # ------------------------------------------------------------------ what people make

    def _items(self) -> ArchiveItems:
        with self._opening:
            if self._opened_items is None:
                from imgsearch.archive.items.table import ArchiveItems

                self._opened_items = ArchiveItems(self._address)
            return self._opened_items

    def _item_sending(self) -> ItemSending:
        shared = self._items()
        with self._opening:
            if self._sending is None:
                from imgsearch.archive.replica.sending import ItemSending

                self._sending = ItemSending(self._folder, shared, self._notify)
            return self._sending

    @contextmanager
    def around_transactions(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Send what people make in a transaction to the archive, right after it."""
        with self._item_sending().around(connection):
            yield

    def waiting_changes(self) -> int:
        """Return the number of changes that people made here and the archive does not have yet."""
        return self._item_sending().waiting_count() if self._is_there() else 0

    def send_waiting(self) -> None:
        """Begin to send what was made here and the archive does not have yet."""
        self._item_sending().send_waiting()

    def close(self) -> None:
        """Send what people have made, as far as the storage can be reached."""
        if self._sending is not None:  # else nothing was made or looked for here
            self._sending.close()

    # ------------------------------------------------------------------ taking changes

    def refresh(self, indexing: Indexing) -> None:
        """Take the changes of the archive, if it is time to look for some.

        While another process takes them, and while the storage cannot be reached, what is there
        answers. Raises LibraryLocked and ObjectStorageError where nothing is there yet, and
        StoreError for a damaged copy.
        """
        if not self._is_due():
            return
        # A thread that finds another one at it waits for the first copy only.
        if not self._lock.acquire(blocking=not self._is_complete):
            return
        try:
            if self._is_due():
                self._refresh(indexing)
        finally:
            self._lock.release()

    def _is_due(self) -> bool:
        """Return whether changes are to be looked for now.

        If another process made the first copy and has ended before its end, that is at once.
        """
        if time.monotonic() >= self._due_s:
            return True
        if not self._is_copied_elsewhere:
            return False
        from imgsearch.store.lock import is_held

        return not is_held(self._folder)

    def _refresh(self, indexing: Indexing) -> None:
        wait_s = self.checked_s
        try:
            for _ in self._steps(indexing):
                pass
            self._is_complete, self._is_copied_elsewhere = True, False
            self._item_sending().send_waiting()
        except LibraryLocked:
            if not self._is_there():
                raise
            self._is_complete = self._state().is_complete
            self._is_copied_elsewhere = not self._is_complete
            if not self._is_complete:
                self._tell_of_first_copy()
        except StorageUnreachable as error:
            if not self._is_there():
                raise
            wait_s = _UNREACHABLE_S
            self._tell(Sentence(error, " Until then, the copy on this machine answers."))
        self._due_s = time.monotonic() + wait_s
        if not self._is_use_noted:
            self._is_use_noted = True
            with suppress(OSError):  # it may be read-only
                os.utime(self._folder)  # `doctor` names copies that are used no more

    def _tell_of_first_copy(self) -> None:
        """Say that answers are of some photos only while another process makes the first copy."""
        job = running_job(self._folder)
        done = "" if job is None else f" ({job.done:,} of {job.total:,} photos)"
        self._tell(
            f"Another process is copying the archive {self._address} to this machine{done}. "
            "Until it has finished, only the photos that it has copied are found."
        )

    def _tell(self, sentence: str) -> None:
        """Tell a person something, once."""
        if not self._has_told:
            self._notify(sentence)
            self._has_told = True

    def _state(self) -> ReplicaState:
        """Return the state of the replica, which is there. Raises StoreError for a damaged one."""
        from imgsearch.archive.replica.state import read_state
        from imgsearch.store.database import Database

        try:
            database = Database.open(self._folder)
            try:
                return read_state(database, self._address)
            finally:
                database.close()
        except StoreError as error:
            if not isinstance(error.__cause__, sqlite3.Error | UnicodeDecodeError):
                raise  # it was written by a newer imgsearch
            raise StoreError(
                f"The copy of the archive {self._address} in {self._folder} is damaged. Delete "
                "that folder: the archive is copied again, with all changes that were sent to it."
            ) from error

    def updating(self, indexing: Indexing) -> Job[ReplicaReport]:
        """Take the changes of the archive now, as a job: the first copy takes a while.

        It can be stopped at any step, and goes on from there. Raises LibraryLocked while another
        process does so, ObjectStorageError, DiskError and EncoderMismatch.
        """
        return Job(self._updating(indexing))

    def _updating(self, indexing: Indexing) -> Generator[Progress, None, ReplicaReport]:
        with self._lock:
            return (yield from self._steps(indexing))

    def _steps(self, indexing: Indexing) -> Generator[Progress, None, ReplicaReport]:
        from imgsearch.archive.replica.changes import ArchiveTables
        from imgsearch.archive.replica.updating import take_changes
        from imgsearch.store.lock import writing

        self._tables = self._tables or ArchiveTables(self._address)
        version = self._tables.newest()
        if version.numbers == self._taken and self._is_there():
            return ReplicaReport(0, 0, 0.0)
        if self._is_there():  # another process may have taken them
            state = self._state()
            if state.underway is None and state.taken == version.reached():
                self._taken = version.numbers
                return ReplicaReport(0, 0, 0.0)
        with writing(self._folder) as store:
            steps = take_changes(indexing.context(), store, version, self._items())
            report = yield from publish_progress(self._folder, _DOING, steps)
        self._taken = version.numbers
        return report

    def check_at_once(self) -> None:
        """Look for changes before the next answer: this process has made some."""
        self._due_s = 0.0

    def require_folders(self, what: str) -> None:
        raise UsageError(
            f"The archive {self._address} has no {what}: only a library on one machine has."
        )

    def describe(self, status: Status) -> Status:
        """Return the status of the archive, with that of its copy here."""
        state = self._state()
        taken = state.taken.of("photos").version if state.is_complete else 0
        return replace(
            status,
            kind="archive",
            address=self._address,
            roots=(),
            thumbnails=ThumbnailCounts(None, 0),
            copy=ArchiveCopy(
                self._folder,
                taken,
                state.is_complete and state.underway is None,
                self.waiting_changes(),
            ),
        )

    def why_unknown(self, store: Store, path: Path) -> str:
        return f"The archive {self._address} has no photo there."

    # ------------------------------------------------------------------ photos

    def photo_folders(self, reads: Reads) -> list[str]:
        """Return those of the library in the data folder: an archive does not know its own."""
        return folders_of_library(self.settings.data_dir)

    def online(self, reads: Reads) -> dict[int, bool]:
        """Return that all are online: shared storage has no drives that come and go."""
        return dict.fromkeys(reads.roots.all(), True)

    def note_shown(self, content_hashes: Sequence[str]) -> None:
        self._pictures().note_shown(content_hashes)

    def small_picture(self, content_hash: bytes) -> bytes | None:
        return self._pictures().get(content_hash.hex())

    def files_of(
        self, reads: Reads, photo_id: int, with_video: bool
    ) -> Generator[IndexedFile, None, None]:
        """Yield the files of a photo. Objects that are not mounted here are fetched.

        That takes the credentials of this process. Raises PhotoError where one cannot be.
        """
        for each in reads.photos.indexed_files([photo_id]).get(photo_id, ()):
            yield from self.originals.opened(each.path, each.mtime_ns, with_video)

    def pictures_of(self, reads: Reads, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """Return each photo with its first file, or its small picture if all are objects."""
        stored = reads.photos.with_files(ids)
        found = [stored[each] for each in ids if each in stored]
        files: dict[int, Picture] = {}
        for each in found:
            here = (self.originals.file_at(path_text(file.path)) for file in each.files)
            first = next((file for file in here if file is not None), None)
            if first is not None:
                files[each.photo.id] = first
        objects = [each.photo.content_hash for each in found if each.photo.id not in files]
        images: Mapping[str, Picture] = self._pictures().of(objects)
        pictures = [
            (each.photo, files.get(each.photo.id) or images.get(each.photo.content_hash))
            for each in found
        ]
        return [(photo, picture) for photo, picture in pictures if picture is not None]

    def reachable_files(
        self, reads: Reads, photo_ids: Iterable[int]
    ) -> Iterator[tuple[Photo, IndexedFile]]:
        has_files, has_objects = False, False
        photos = reads.photos.with_files(photo_ids)
        indexed = reads.photos.indexed_files(photos)
        for photo_id, found in photos.items():
            for each in indexed.get(photo_id, ()):
                if is_object(path_text(each.path)):
                    has_objects = True
                elif each.path.is_file():
                    has_files = True
                    yield found.photo, IndexedFile(each.path, None, each.mtime_ns)
        if has_objects and not has_files:
            raise UsageError(
                f"The photos of the archive {self._address} are in object storage, and imgsearch "
                "writes no file there. XMP files are written beside photos that are files of this "
                "machine."
            )

    def absolute(self, place: str | Path) -> str:
        """Return an absolute path, or the address of an object as it is."""
        return absolute_place(place)
