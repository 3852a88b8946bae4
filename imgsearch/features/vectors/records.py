"""Records of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vectors


class VectorBatch(Struct, frozen=True):
    """Vectors of photos: float32 of shape (n, dim), each of length 1, for n ids.

    Vectors of different encoders, which have different ids, cannot be compared.
    """

    encoder_id: str
    ids: Ids
    vectors: Vectors
