"""The records of a fleet, listed files and outcomes, and the interface of its workers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct

from imgsearch.errors import StorageUnreachable

if TYPE_CHECKING:
    from imgsearch.records.files import IngestResult
    from imgsearch.records.photo import Facts

_Result = TypeVar("_Result")

FILES_PER_TASK = 256  # at most


class ListedFile(Struct, frozen=True):
    """A file or object from a listing.

    `path` is absolute, or `s3://BUCKET/KEY`. Equal versions mean equal content: the etag of an
    object, size and modification time of a file. `beside` are the sidecar files and the other half
    of a Live Photo next to an object, which are fetched with it. If `is_done`, this version is in
    the archive already, and only its facts are read again.
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
    """The part of an `ArchiveWriter` that workers need."""

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        """Return the contents among these that have vectors already."""


class ArchiveWriter(Protocol):
    """The write side of an archive, for one encoder, as far as a fleet needs it.

    A fleet knows nothing of Lance: `imgsearch.archive.lance.writer` implements this. Photos are
    identified by their content: putting one twice, in one process or in two at once, adds nothing.
    The photos are stored when `put` returns.
    """

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        """Return the contents among these that have vectors already."""

    def lineage(self) -> str:
        """Return a value that changes when what was put may have been taken back since."""

    def put(self, results: Sequence[IngestResult]) -> None:
        """Record new photos with facts and vectors, known contents at new paths, and failures."""

    def put_facts(
        self, facts: Mapping[bytes, Facts], unread: Mapping[bytes, Collection[str]] = {}
    ) -> int:
        """Replace the facts of photos, by their content; returns how many changed.

        Facts that a photo was not read for, by their names in `unread`, stay. Unknown contents are
        skipped.
        """

    def forget(self, paths: Sequence[str]) -> int:
        """Remove paths; returns how many existed. A photo without a path is not found any more.

        Its vectors stay: when a path points at it again, it returns without being embedded.
        """

    def settle(self) -> None:
        """Compact, index and calibrate new photos, and publish the result to readers."""


def patiently(action: Callable[[], _Result], attempts: int = 8) -> _Result:
    """Ask an archive, and ask again while its storage is unreachable.

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
