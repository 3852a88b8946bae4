"""The records of a fleet, listed files and outcomes, and the interface of its workers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct

from imgsearch.errors import StorageUnreachable

if TYPE_CHECKING:
    from imgsearch.records.files import IngestResult

_Result = TypeVar("_Result")

FILES_PER_TASK = 256  # at most


class ListedFile(Struct, frozen=True):
    """A file or object from a listing.

    `path` is absolute, or `s3://BUCKET/KEY`. Equal versions mean equal content: the etag of an
    object, size and modification time of a file. `beside` are the sidecar files and the other half
    of a Live Photo next to an object, which are fetched with it. If `is_done`, this version is in
    the catalogue already, and only its facts are read again.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    version: str
    beside: tuple[ListedFile, ...] = ()
    is_done: bool = False


class FileOutcome(Struct, frozen=True):
    """The outcome of a listed file.

    A file without a result is no photo of its own (the video of a Live Photo), or it was deleted
    meanwhile: `is_gone`. A new photo may have a thumbnail, WebP. A known photo whose facts were
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
    """Ask a catalogue, and ask again while its storage is unreachable.

    Raises the error of the last attempt, after about a minute, and any other error at once.
    """
    for attempt in range(attempts - 1):
        try:
            return action()
        except StorageUnreachable:
            time.sleep(min(20.0, 2.0**attempt) * (0.5 + random.random() / 2))
    return action()


class Workers(Protocol):
    """Embeds listed files, in this process or on a cluster."""

    def embed(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        """Yield the outcome of each file once, in any order. Raises ImgsearchError."""
