"""Which photos a query may be answered with, and how a list of photos is paged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgsearch.terms import Filter

if TYPE_CHECKING:
    from imgsearch.records import Ids


@dataclass(frozen=True, slots=True)
class Selection:
    """Photos that some path points at and that pass all filters; with `among`, of these only.

    `online` are the ids of the roots that can be reached now.
    """

    filters: tuple[Filter, ...] = ()
    online: frozenset[int] = field(default_factory=frozenset)
    among: Ids | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One photo of a listing; `key` is what it is sorted by, and `id` after that."""

    id: int
    key: str
