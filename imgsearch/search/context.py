"""SearchContext: everything that a query needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from imgsearch.records.query import Filter, Query, Selection
from imgsearch.search.concepts import checked
from imgsearch.search.places import located

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.reads import Reads


class SearchableVectors(Protocol):
    """Every committed vector of one encoder, searchable; never a photo without a path."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]: ...


def selection_of(
    reads: Reads,
    cache_dir: Path,
    filters: tuple[Filter, ...],
    online: frozenset[int],
    among: Ids | None = None,
) -> Selection:
    """The photos that pass these filters. Raises QueryError for an unknown town or concept.

    `online` are the ids of the roots that can be reached now.
    """
    conditions = tuple(located(reads, cache_dir, checked(reads, each)) for each in filters)
    return Selection(conditions, online, among)


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Everything that a query needs. `encoder` and `vectors` load on their first call.

    `row` is the encoder whose vectors are searched, `online` maps each root id to whether it can
    be reached now, and `cache_dir` holds the vectors of past queries. With `stack_raw`, the RAW
    file of a JPEG is not a result of its own.
    """

    reads: Reads
    row: EncoderRow
    encoder: Callable[[], Encoder]
    vectors: Callable[[], SearchableVectors]
    online: Mapping[int, bool]
    max_megapixels: float
    cache_dir: Path
    stack_raw: bool = False

    @property
    def online_roots(self) -> frozenset[int]:
        """The ids of the roots that can be reached now."""
        return frozenset(root_id for root_id, online in self.online.items() if online)

    def selection(self, filters: tuple[Filter, ...], among: Ids | None = None) -> Selection:
        """The photos that pass these filters. Raises QueryError for an unknown town or concept."""
        return selection_of(self.reads, self.cache_dir, filters, self.online_roots, among)

    def matching(self, query: Query) -> Ids | None:
        """The photos that pass the query's filters, sorted; None where it has no filters."""
        if not query.filters:
            return None
        return self.reads.matching(self.selection(query.filters))
