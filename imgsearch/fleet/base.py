"""What a fleet works with: listed files, what became of them, and who does the work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct

from imgsearch.errors import ObjectStorageError, StoreError

if TYPE_CHECKING:
    from imgsearch.records.files import IngestResult

_Result = TypeVar("_Result")

FILES_PER_TASK = 256  # at most


class ListedFile(Struct, frozen=True):
    """A file or object as it was listed.

    `path` is absolute, or `s3://BUCKET/KEY`. Equal versions mean equal content: the etag of an
    object, size and modification time of a file. `beside` are the metadata files and the other half
    of a Live Photo that lie beside an object, which are fetched with it. If `is_done`, this version
    is in the catalogue already, and its facts alone are read again.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    version: str
    beside: tuple[ListedFile, ...] = ()
    is_done: bool = False


class FileOutcome(Struct, frozen=True):
    """What became of a listed file.

    Without a result it is no photo of its own (the video of a Live Photo), or was gone when it was
    its turn: then `is_gone`. A new photo may have a thumbnail, WebP. A known one whose facts were
    read again has a result with facts and without vectors.
    """

    file: ListedFile
    result: IngestResult | None = None
    thumbnail: bytes | None = None
    is_gone: bool = False


class KnownContents(Protocol):
    """The part of a `CatalogueWriter` that workers need."""

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]: ...


def patiently(action: Callable[[], _Result], attempts: int = 8) -> _Result:
    """The result of asking a catalogue, which may be asked again: its storage may be away a while.

    Raises the error of the last attempt, after about a minute.
    """
    for attempt in range(attempts - 1):
        try:
            return action()
        except (ObjectStorageError, StoreError):
            time.sleep(min(20.0, 2.0**attempt) * (0.5 + random.random() / 2))
    return action()


class Workers(Protocol):
    """Whoever embeds listed files: the processes of a cluster, or this one."""

    def embed(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        """The outcome of each file once, in any order. Raises ImgsearchError."""
