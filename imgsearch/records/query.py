"""Which photos a query may be answered with, and how a list of photos is paged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids


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


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an upright image: its left and top edge, its width and height, in pixels.

    With `percent`, all four are in percent of the image's own sides.
    """

    x: float
    y: float
    width: float
    height: float
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """An image to look for: a file, a photo of the library by its id, or an image's bytes."""

    source: Path | int | bytes
    region: Region | None = None  # only this part of it counts


@dataclass(frozen=True, slots=True)
class Term:
    """Words or an example, and how much they count; below 0: photos unlike it."""

    what: str | Example
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """All that lies within `radius_km` of a point; degrees (WGS 84), south and west negative."""

    lat: float
    lon: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers from `low` to `high`; None is no limit, an open end does not belong to it."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, number: float) -> bool:
        low, high = self.low, self.high
        above = low is None or number > low or (number == low and not self.low_open)
        below = high is None or number < high or (number == high and not self.high_open)
        return above and below


FilterValue: TypeAlias = str | Place | Interval


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on photos, named in `imgsearch.query.fields.FIELDS`: any of `values` will do.

    Dates are text, "2023", "2023-06" or "2023-06-15T14:30", and mean that whole span of time.
    """

    field: str
    values: tuple[FilterValue, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """A filter that compares one fact of a photo with a text or a number.

    `meaning` completes the sentence "Photos …" of the help text. `units` maps the suffixes that a
    number may have to their size in the unit of the fact, for example {"s": 1, "ms": 0.001}; a
    number without a suffix is in that unit. With `fractions`, 1/250 is a number, too. A photo that
    lacks the fact passes no filter, unless `missing_as` is the value to assume.
    """

    name: str
    kind: Literal["text", "number"]
    meaning: str
    units: Mapping[str, float] = field(default_factory=dict)
    fractions: bool = False
    missing_as: float | None = None


Sort: TypeAlias = Literal["relevance", "date", "path"]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: the terms add up to one vector, and all filters must hold.

    The sum is brought back to length 1, so that a score stays a cosine. Without terms, the photos
    that pass the filters are listed, newest first.
    """

    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
    min_score: float | None = None
    sort: Sort = "relevance"


@dataclass(frozen=True, slots=True)
class Share:
    """What one term of a query adds to a photo's score: the shares add up to it."""

    term: Term
    cosine: float  # of the term alone with the photo
    share: float
