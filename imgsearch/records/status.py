"""Whose the vectors of a library are, and the file that an index of them is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from imgsearch.errors import Reason


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder that a library has vectors of. `key` stands for its id in the database."""

    key: int
    encoder_id: str
    name: str
    dim: int


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One immutable index file: all vectors up to `last_seq`, with its size and checksum."""

    file_name: str
    encoder_id: str
    kind: str  # which VectorIndex wrote it
    last_seq: int
    vectors: int
    size_bytes: int
    sha256: str
    built_at: datetime
    details: dict[str, float | int | str] = field(default_factory=dict)  # nprobe, recall, …


@dataclass(frozen=True, slots=True)
class Counts:
    """How many photos of the library have what. Unknown is left out; keys are in order."""

    cameras: dict[str, int]
    formats: dict[str, int]
    months: dict[str, int]  # taken, "2023-06"
    added: dict[str, int]  # to the library, "2026-11-24"
    folders: dict[Path, int]  # files right below each root


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """One choice of model, as `imgsearch encoders` shows it."""

    name: str  # what --encoder takes: "lite", "openclip:ARCH/PRETRAINED"
    dim: int
    size_mb: int  # download, in megabytes
    licence: str
    accuracy: str  # published or measured, with what it was measured on
    weights_here: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a library at one moment."""

    data_dir: Path
    roots: tuple[Root, ...]
    photos: int
    vectors: int
    encoder: str | None
    snapshot: SnapshotInfo | None
    tail: int  # vectors not yet in the snapshot
    failures: tuple[Failure, ...]
    wants: tuple[MissingExtra, ...]  # what some of them wait for
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be indexed, and why.

    `extra` is the extra of imgsearch-photos that it wants, where nothing else is amiss. `read_by`
    says what decided how it was read: once that has changed, the file is worth another try.
    """

    path: Path
    reason: Reason
    message: str
    extra: str | None = None
    read_by: str | None = None
    failed_at: datetime | None = None  # UTC; None of a folder, which is looked into every time


@dataclass(frozen=True, slots=True)
class MissingExtra:
    """Files of one format that wait for an extra which is not installed."""

    extra: str
    format: str  # as people call it: "JPEG XL"
    files: int

    @property
    def cure(self) -> str:
        """The command that installs it."""
        return f"pip install 'imgsearch-photos[{self.extra}]'"


@dataclass(frozen=True, slots=True)
class Root:
    """A photo folder the library follows. Offline when it is not there now."""

    id: int
    path: Path
    online: bool
    photos: int
    missing: int = 0  # of these photos: vanished with many others at once, and held
