"""What a fleet works with: listed files, what became of them, and who does the work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsearch.records.files import IngestResult


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file or object as it was listed.

    `path` is absolute, or `s3://BUCKET/KEY`. Equal versions mean equal content: the etag of an
    object, size and modification time of a file. `beside` are the metadata files and the other half
    of a Live Photo that lie beside an object, which are fetched with it.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    version: str
    beside: tuple[ListedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of a listed file.

    Without a result it is no photo of its own (the video of a Live Photo), or was gone when it was
    its turn: then `is_gone`. A new photo may have a thumbnail, WebP.
    """

    file: ListedFile
    result: IngestResult | None = None
    thumbnail: bytes | None = None
    is_gone: bool = False


class KnownContents(Protocol):
    """The part of a `CatalogueWriter` that workers need."""

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]: ...


class Workers(Protocol):
    """Whoever embeds listed files: the processes of a cluster, or this one."""

    def embed(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        """The outcome of each file once, in any order. Raises ImgsearchError."""
