"""Vector indexes over one encoder's vectors: the VectorIndex protocol and the table of kinds.

An index is read-only once built. Scores are inner products of rows of length 1, so cosines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsearch.records import Ids, Neighbours, Vectors


class VectorIndex(Protocol):
    """Nearest vectors by inner product. Any number of threads may search at once."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    def search(self, queries: Vectors, k: int, only: Ids | None = None) -> list[Neighbours]:
        """The k nearest of each query row, best first, each at most k long.

        `only` restricts the answer to these ids (sorted, unique).
        """
