"""Records for encoders and index snapshots.

Every query reads these two records, but not the others of a library's state (docs/decisions/0015).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct, field

_ROW_BYTES = 60  # of a vector's row and its entries in two indexes, without the vector itself
_INDEX_BYTES = 4  # of a number in an index file of fewer than 100,000 vectors


def bytes_of_vector(dim: int) -> int:
    """Return the estimated disk space of a vector of this length in the database and the index."""
    return 2 * dim + _ROW_BYTES + _INDEX_BYTES * dim


class EncoderRow(Struct, frozen=True):
    """An encoder of a library's vectors. `key` identifies it in the database.

    `successor` is the name of the encoder that is to replace the current one as soon as it is on
    this machine and has embedded all photos; "" if none is.
    """

    key: int
    encoder_id: str
    name: str
    dim: int
    successor: str = ""


# "current" answers queries. "building" is embedding all photos, or was interrupted in that. "kept"
# answered queries before, or came with photos of another library.
EncoderState: TypeAlias = Literal["current", "building", "kept"]


class StoredVectors(Struct, frozen=True):
    """The stored data of one encoder: vectors, photos with vectors, bytes of its index."""

    row: EncoderRow
    state: EncoderState
    vectors: int
    photos: int
    index_bytes: int  # 0 without an index file

    @property
    def size_bytes(self) -> int:
        """Its size on the disk: fp16 vectors and the index file."""
        return self.vectors * self.row.dim * 2 + self.index_bytes


class SnapshotInfo(Struct, frozen=True):
    """One immutable index file of all vectors up to `last_seq`, with its size and checksum."""

    file_name: str
    encoder_id: str
    kind: str  # name of the index backend
    last_seq: int
    vectors: int
    size_bytes: int
    sha256: str
    built_at: datetime
    details: dict[str, float | int | str] = field(default_factory=dict)  # nprobe, recall, …
