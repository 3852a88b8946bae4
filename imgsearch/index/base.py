"""Vector indexes over one encoder's vectors: the VectorIndex protocol and the table of kinds.

An index is read-only once built. Scores are inner products of rows of length 1, so cosines.
A photo may have several vectors (its parts); then its id may come more than once in an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from imgsearch.errors import SnapshotError

if TYPE_CHECKING:
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vectors

# How hard an approximate index looks: as calibrated for text or for image queries, or everywhere.
Effort: TypeAlias = Literal["text", "image", "exact"]
Details: TypeAlias = Mapping[str, float | int | str]  # of a SnapshotInfo

KINDS = {
    "flat": "imgsearch.index.flat:FlatIndex",
    "ivf": "imgsearch.index.ivf:IvfIndex",
}


class VectorIndex(Protocol):
    """Nearest vectors by inner product. Any number of threads may search at once."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """The k nearest of each query row, best first, each at most k long.

        `only` restricts the answer to these ids (sorted, unique). With effort "exact" the answer
        is shorter than k only when fewer vectors qualify.
        """

    @classmethod
    def open(cls, path: Path, details: Details, ladder: IndexPolicy) -> VectorIndex:
        """The index in a file, memory-mapped. SnapshotError when it cannot be read as one."""


def open_index(kind: str, path: Path, details: Details, ladder: IndexPolicy) -> VectorIndex:
    """The index that `kind` wrote to `path`, memory-mapped."""
    if kind not in KINDS:
        raise SnapshotError(
            f"{path.name} is an index of the unknown kind {kind!r}, perhaps from a newer "
            "imgsearch. Make one that this version reads: imgsearch rebuild"
        )
    module, _, name = KINDS[kind].partition(":")
    index = cast("type[VectorIndex]", getattr(import_module(module), name))
    return index.open(path, details, ladder)
