"""Lists photos of folders and object storage, page by page, and fetches objects to disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from imgsearch.archive.fleet.base import ListedFile
from imgsearch.archive.fleet.objects import ObjectStorage, S3Address, is_object, name_of
from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.motion import live_photo_paths
from imgsearch.decode.sidecars import is_sidecar_name, sidecar_paths
from imgsearch.errors import FolderError
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.scan import scan, stat_of
from imgsearch.paths import absolute
from imgsearch.records.files import FileStat
from imgsearch.written_beside import recover

_FILES_AT_ONCE = 10_000


class ListedPage(Struct, frozen=True):
    """A page of the files of a source: photos, and possible sidecar files.

    An interrupted listing continues after the path `after`; if that is empty, it begins again.
    `unreadable` are folders whose photos may still exist.
    """

    photos: tuple[ListedFile, ...]
    beside: tuple[ListedFile, ...] = ()
    after: str = ""
    unreadable: tuple[str, ...] = ()


class PhotoSource(Protocol):
    """A source of photos: a folder, or part of a bucket."""

    @property
    def address(self) -> str:
        """The name of the source: a folder, or `s3://BUCKET/PREFIX`."""

    @property
    def is_listed_anew(self) -> bool:
        """Whether each run lists it, even if the work of its last listing is not done."""

    def pages(self, after: str) -> Iterator[ListedPage]:
        """Yield the files whose path sorts after `after`. Raises ImgsearchError."""


def source_of(address: str) -> PhotoSource:
    """Return the source at an address. Raises UsageError, FolderError and MissingPackage."""
    if is_object(address):
        return _Objects(S3Address.parse(address))
    folder = absolute(address)
    if not os.path.isdir(folder):  # noqa: PTH112  # Path raises for long names
        raise FolderError(
            f"{folder} is not a folder that can be read. Check its name and permissions."
        )
    return _Folder(folder)


class _Folder:
    """A folder that every worker sees under the same path."""

    is_listed_anew = True  # a walk takes minutes at most

    def __init__(self, folder: str) -> None:
        self.address = folder

    def pages(self, after: str) -> Iterator[ListedPage]:
        del after  # a walk has no order to go on in
        found = scan(self.address, is_photo_name, is_sidecar=is_sidecar_name)
        for left in found.left:
            recover(Path(left))
        missing = (*found.unreadable, *found.dangling)
        if self.address in found.unreadable:
            raise FolderError(f"The folder {self.address} cannot be read; check its permissions.")
        paths = sorted(found.files)
        for start in range(0, max(1, len(paths)), _FILES_AT_ONCE):
            at_once = paths[start : start + _FILES_AT_ONCE]
            photos = tuple(_listed(found.files[path]) for path in at_once)
            beside = () if start else tuple(map(_listed, found.sidecars.values()))
            yield ListedPage(photos, beside, unreadable=missing)


def _listed(stat: FileStat) -> ListedFile:
    version = f"{stat.size_bytes} {stat.mtime_ns}"
    return ListedFile(stat.path, stat.size_bytes, stat.mtime_ns, version)


class _Objects:
    """The objects of a bucket with a common key prefix."""

    is_listed_anew = False  # 100 million keys take hours

    def __init__(self, address: S3Address) -> None:
        self.address = str(address)
        self._address = address
        self._storage = ObjectStorage()

    def pages(self, after: str) -> Iterator[ListedPage]:
        start = len(self.address)
        for page in self._storage.pages(self._address, after):
            wanted = [
                file
                for file in page
                if not any(is_ignored(part) for part in file.path[start:].split("/"))
            ]
            photos = (file for file in wanted if is_photo_name(name_of(file.path)))
            beside = (file for file in wanted if is_sidecar_name(name_of(file.path)))
            yield ListedPage(tuple(photos), tuple(beside), page[-1].path if page else after)


def beside_paths(path: str) -> tuple[str, ...]:
    """Return possible paths of sidecar files of an object; none for a file."""
    return (*sidecar_paths(path), *live_photo_paths(path)) if is_object(path) else ()


class Fetcher:
    """Makes listed files readable: files in place, objects in temporary folders."""

    def __init__(self, folder: Path, connections: int) -> None:
        self._folder = folder
        self._connections = connections
        self._storage: ObjectStorage | None = None

    def prepare(self) -> None:
        """Connect to object storage, once. Raises ImgsearchError."""
        if self._storage is None:
            self._storage = ObjectStorage(self._connections)

    def fetch(self, file: ListedFile, number: int) -> FileStat:
        """Make a file readable and return its stat; `number` differs for each.

        Raises PhotoError if it has changed, FileNotFoundError if it is gone, and
        ObjectStorageError.
        """
        if self._storage is None or not is_object(file.path):
            return FileStat(file.path, file.size_bytes, file.mtime_ns, 0)
        folder = self._folder / str(number)
        folder.mkdir()
        for beside in file.beside:
            try:
                self._storage.fetch(beside, folder / name_of(beside.path))
            except FileNotFoundError:
                continue  # deleted since the listing, so ignored
        path = folder / name_of(file.path)
        self._storage.fetch(file, path)
        return stat_of(path)

    def release(self, number: int) -> None:
        """Delete the files fetched under this number."""
        shutil.rmtree(self._folder / str(number), ignore_errors=True)
