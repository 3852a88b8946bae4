"""Where the photos of a library on this machine come from: its folders, or an archive."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgsearch.indexer.roots import online_roots, photos_in
from imgsearch.paths import absolute
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.store.database import DATABASE_FILE, AroundTransactions
from imgsearch.store.reads import Reads

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.indexer.opening import Indexing
    from imgsearch.records.files import Picture
    from imgsearch.records.status import Status
    from imgsearch.store.store import Store


class Origin(Protocol):
    """The source of a library's photos. Any number of threads may use it at once."""

    parts: frozenset[str]  # the capabilities that only a library of this kind has

    @property
    def settings(self) -> Settings:
        """Return the settings that the library was opened with."""

    @property
    def around_transactions(self) -> AroundTransactions:
        """Return the context manager around each brief transaction of the library."""

    def close(self) -> None:
        """Finish what was begun in the background."""

    @property
    def address(self) -> str:
        """Return the place of the library: see `Library.address`."""

    @property
    def working_folder(self) -> Path:
        """Return the folder where a service of the library keeps files."""

    def exists(self) -> bool:
        """Return whether there is a library."""

    def refresh(self, indexing: Indexing) -> None:
        """Bring the database up to date before it answers, if that is due."""

    def require_folders(self, what: str) -> None:
        """Raise UsageError where there is no `what`: only a library with folders has it."""

    def describe(self, status: Status) -> Status:
        """Return the status of the library, from that of its database."""

    def why_unknown(self, store: Store, path: Path) -> str:
        """Return a sentence that says why there is no photo at this path."""

    def photo_folders(self, reads: Reads) -> list[str]:
        """Return the folders of photos that this machine knows, where nothing may be written."""

    def online(self, reads: Reads) -> dict[int, bool]:
        """Return whether each root (by id) can be reached now."""

    def note_shown(self, content_hashes: Sequence[str]) -> None:
        """Note the contents (hexadecimal) of photos that are read at once."""

    def small_picture(self, content_hash: bytes) -> bytes | None:
        """Return the small picture of a photo, where the library itself does not store it."""

    def files_of(
        self, reads: Reads, photo_id: int, with_video: bool
    ) -> Generator[IndexedFile, None, None]:
        """Yield the files of a photo: each readable until the next one is asked for."""

    def pictures_of(self, reads: Reads, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """Return the photos that can be read now, each with the picture to read."""

    def reachable_files(
        self, reads: Reads, photo_ids: Iterable[int]
    ) -> Iterator[tuple[Photo, IndexedFile]]:
        """Yield the files of photos that this machine can reach, each with its photo.

        A file is as it was when it was indexed; it may have changed since. Raises UsageError where
        there is none because all are objects of a storage.
        """

    def absolute(self, place: str | Path) -> str:
        """Return a path of this machine, or an address where the library has those, in full."""


class LocalFolders:
    """Implements `Origin` for a library whose photos lie in folders of this machine."""

    parts = frozenset({"encoders", "folders", "upkeep", "watch"})
    around_transactions: AroundTransactions = nullcontext

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def close(self) -> None:
        """Do nothing: nothing is done in the background."""

    @property
    def address(self) -> str:
        return str(self.settings.data_dir)

    @property
    def working_folder(self) -> Path:
        return self.settings.data_dir

    def exists(self) -> bool:
        return (self.settings.data_dir / DATABASE_FILE).exists()

    def refresh(self, indexing: Indexing) -> None:
        """Do nothing: `index` and `watch` bring the library up to date."""

    def require_folders(self, what: str) -> None:
        """Do nothing: there are folders."""

    def describe(self, status: Status) -> Status:
        """Return the status as it is."""
        return status

    def why_unknown(self, store: Store, path: Path) -> str:
        from imgsearch.indexer.absence import why_not_indexed

        return why_not_indexed(store, path)

    def photo_folders(self, reads: Reads) -> list[str]:
        return list(reads.roots.all().values())

    def online(self, reads: Reads) -> dict[int, bool]:
        return online_roots(reads)

    def note_shown(self, content_hashes: Sequence[str]) -> None:
        """Do nothing: the library stores small pictures itself."""

    def small_picture(self, content_hash: bytes) -> None:
        """Return None: the library stores small pictures itself."""
        return

    def files_of(
        self, reads: Reads, photo_id: int, with_video: bool
    ) -> Generator[IndexedFile, None, None]:
        yield from reads.photos.indexed_files([photo_id]).get(photo_id, ())

    def pictures_of(self, reads: Reads, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """Return the photos with a readable file, each with its first one."""
        online = {root_id for root_id, is_online in online_roots(reads).items() if is_online}
        return list(photos_in(reads, online, ids))

    def reachable_files(
        self, reads: Reads, photo_ids: Iterable[int]
    ) -> Iterator[tuple[Photo, IndexedFile]]:
        online: Mapping[int, bool] = online_roots(reads)
        photos = reads.photos.with_files(photo_ids)
        indexed = reads.photos.indexed_files(photos)
        for photo_id, found in photos.items():
            here = {
                each.path
                for each in found.files
                if online.get(each.root_id, True) and not each.is_held
            }
            for file in indexed.get(photo_id, ()):
                if file.path in here:
                    yield found.photo, file

    def absolute(self, place: str | Path) -> str:
        return absolute(place)
