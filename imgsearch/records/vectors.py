"""Whose the vectors of a library are, and the file that an index of them is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


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
