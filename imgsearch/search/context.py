"""What a query is answered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.status import EncoderRow
    from imgsearch.store.reads import Reads


class SearchableVectors(Protocol):
    """Every committed vector of one encoder, searchable; never a photo without a path."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]: ...


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a query is answered with. Model and index open when they are called for.

    `row` is the encoder whose vectors are asked, `online` says which roots can be reached now,
    and in `cache_dir` the vectors of past queries are kept. With `stack_raw`, the RAW file of a
    JPEG is no result of its own.
    """

    store: Reads
    row: EncoderRow
    encoder: Callable[[], Encoder]
    vectors: Callable[[], SearchableVectors]
    online: Mapping[int, bool]
    max_megapixels: float
    cache_dir: Path
    stack_raw: bool = False

    @property
    def roots_online(self) -> frozenset[int]:
        """The ids of the roots that can be reached now."""
        return frozenset(root_id for root_id, online in self.online.items() if online)
