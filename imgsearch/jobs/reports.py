"""What long jobs report at their end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one indexing run did, in files; `photos` is the size of the library afterwards."""

    new: int = 0
    moved: int = 0  # known content at a new path: a move, a copy or a restore
    unchanged: int = 0
    gone: int = 0
    offline: int = 0  # files under folders that are not there now; nothing is forgotten
    missing: int = 0  # files that vanished with many others at once; held, not forgotten
    failed: int = 0
    reread: int = 0  # photos whose facts changed with an XMP file beside them
    seconds: float = 0.0
    photos: int = 0


@dataclass(frozen=True, slots=True)
class MetadataReport:
    """What reading the metadata again did, in photos."""

    read: int
    changed: int
    failed: int  # could not be read now; what is known of them stays


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild did. With `missing` above 0 the old encoder is still the one that answers."""

    encoder: str
    vectors: int
    missing: int  # photos that could not be read, so not embedded again
    seconds: float
