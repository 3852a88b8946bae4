"""Records for queries: terms, filters, sort order, and selections of photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.text import in_usual_characters

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids


class NamedPhrase(Struct, frozen=True):
    """Words in sequence in the names of photos or in the text in them.

    With `is_whole`, they are a whole name, or a big part of the text. A whole name is the name of a
    file without its suffix, a folder, a title, a headline or a keyword. `misread` are the phrases
    with one wrong letter that text in photos has instead.
    """

    text: str
    is_whole: bool
    misread: tuple[str, ...] = ()


class Selection(Struct, frozen=True):
    """The photos that have a path and pass all filters; `among` restricts them to these ids.

    `named` restricts it to photos with all of these phrases in their names, or with `any_named`,
    any of them. `online` are the ids of the roots that are reachable now. Without `with_hidden`,
    photos that a person has hidden are left out, and so are those in the states `left_out`, which
    are values of the filter `is:`. A rating is that which a person has given here or,
    with `rated_by_files`, that of the files; the other one counts where there is none.
    """

    filters: tuple[Filter, ...] = ()
    online: frozenset[int] = field(default_factory=frozenset)
    among: Ids | None = None
    named: tuple[NamedPhrase, ...] = ()
    any_named: bool = False
    with_hidden: bool = True
    left_out: tuple[str, ...] = ()
    rated_by_files: bool = False


class Listed(Struct, frozen=True):
    """One photo of a sorted list: `key` is the sort key, ties are sorted by `id`."""

    id: int
    key: str


class Region(Struct, frozen=True):
    """A rectangle of an upright image: left and top edge, width and height, in pixels.

    With `percent`, all four are in percent of the image's sides.
    """

    x: float
    y: float
    width: float
    height: float
    percent: bool = False


class Example(Struct, frozen=True):
    """An image to search by: a file, a photo of the library by id, or the bytes of a file."""

    source: Path | int | bytes
    region: Region | None = None  # use only this part


# A path, the id of a photo of the library, or the bytes of an image file.
ExampleSource: TypeAlias = str | Path | int | bytes


class DirectionName(Struct, frozen=True):
    """A name that stands for a direction among vectors: `concept:max`. Features have the kinds.

    `field` is the word before the colon. A kind is a class of its own, since cursors are made of
    the `repr` of a query.
    """

    field: ClassVar[str]

    name: str


MINUS_WEIGHT = 1.0  # of a term with a minus and no number


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """A text, an example or a named direction, and its weight; a negative one asks for the unlike.

    `is_free` marks words typed outside of quotes, which a search first checks for names and dates.
    The mark does not count when terms are compared. `is_quoted` marks words in quotes without a
    weight: photos with exactly these words in a name or in their text come first. Neither mark is
    in the `repr` of a term, from which cursors are made. Full-width letters and similar characters
    are replaced (`in_usual_characters`), so that every reader of the text sees the same words.
    """

    what: str | Example | DirectionName
    weight: float = 1.0
    is_free: bool = dataclasses.field(default=False, repr=False, compare=False)
    is_quoted: bool = dataclasses.field(default=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.what, str):
            object.__setattr__(self, "what", in_usual_characters(self.what))
        if self.is_quoted and (self.weight != 1 or not isinstance(self.what, str)):
            object.__setattr__(self, "is_quoted", False)  # a weight says that it is one of several


class Place(Struct, frozen=True):
    """A circle on the Earth: degrees (WGS 84), south and west negative."""

    lat: float
    lon: float
    radius_km: float


class NamedPlace(Struct, frozen=True):
    """A circle around a town: "Paris", or "Paris, Texas" if there are several.

    Of several towns, the one with the most photos of the library around it is chosen; without
    photos, the most populous.
    """

    name: str
    radius_km: float


class Interval(Struct, frozen=True):
    """The numbers from `low` to `high`; None is no limit, an open end is excluded."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, number: float) -> bool:
        low, high = self.low, self.high
        above = low is None or number > low or (number == low and not self.low_open)
        below = high is None or number < high or (number == high and not self.high_open)
        return above and below

    def widened(self, tolerance: float) -> Interval:
        """Move each end by this share of its value: outwards, or inwards if it is open."""
        low_factor = 1 + tolerance if self.low_open else 1 - tolerance
        high_factor = 1 - tolerance if self.high_open else 1 + tolerance
        return replace(
            self,
            low=None if self.low is None else self.low * low_factor,
            high=None if self.high is None else self.high * high_factor,
        )


# The tolerance of filters for facts that are no whole numbers: 1/3 s is not exact in binary, and
# cameras round; their steps are far larger than 0.1 %.
FACT_TOLERANCE = 0.001


class AllOf(Struct, frozen=True):
    """Filters that must all match: one of the alternatives of brackets in a query."""

    filters: tuple[Filter, ...]


FilterValue: TypeAlias = str | Place | NamedPlace | Interval | AllOf
# The field of a filter that stands for brackets, whose values are all `AllOf`. Nobody can type it.
IN_BRACKETS = "()"


class Filter(Struct, frozen=True):
    """A condition on photos, named as in `imgsearch.language.fields`: one of `values` must match.

    Dates are text, "2023", "2023-06" or "2023-06-15T14:30", and stand for the whole period.
    """

    field: str
    values: tuple[FilterValue, ...]
    negated: bool = False

    @property
    def alone(self) -> tuple[Filter, ...]:
        """The filter itself, or those within its brackets at any depth."""
        if self.field != IN_BRACKETS:
            return (self,)
        inside = (
            each for value in self.values if isinstance(value, AllOf) for each in value.filters
        )
        return tuple(each for one in inside for each in one.alone)

    def map(self, changed: Callable[[Filter], Filter]) -> Filter:
        """Return what `changed` makes of this filter, or of each within its brackets."""
        if self.field != IN_BRACKETS:
            return changed(self)
        values = tuple(
            AllOf(tuple(each.map(changed) for each in value.filters))
            for value in self.values
            if isinstance(value, AllOf)
        )
        return replace(self, values=values)


class FilterSpec(Struct, frozen=True):
    """A filter that compares one fact of a photo with words, a text or a number.

    "words" finds the value's words in the fact, whole and in their order; "text" any part of it;
    "yes/no" is for facts that are true or false, and takes yes or no; "share" finds one of `names`
    in a fact such as "blue 42 %, green 20 %".

    `meaning` completes the sentence "Photos …" of the help text. `units` maps the suffixes that a
    number may have to their size in the unit of the fact, for example {"s": 1, "ms": 0.001}; a
    number without a suffix is in that unit. With `fractions`, 1/250 is a number as well. A photo
    that lacks the fact does not match, unless `missing_as` gives the value to assume. Where a value
    narrows a long answer, `question` asks for it, with {} for the value: "Was it in {}?";
    `asked_about` are the values that it asks for, if not all.
    """

    name: str
    kind: Literal["words", "text", "number", "yes/no", "share"]
    meaning: str
    units: Mapping[str, float] = field(default_factory=dict)
    fractions: bool = False
    missing_as: float | None = None
    names: tuple[str, ...] = ()
    question: str | None = None
    asked_about: tuple[str, ...] = ()


Sort: TypeAlias = Literal["relevance", "date", "path", "best"]
PeriodLength: TypeAlias = Literal["month", "year"]  # of a strip


class Query(Struct, frozen=True):
    """A query: the weighted terms form one vector, and all filters must match.

    The vector has length 1, so that a score is a cosine. Without terms, the photos that pass the
    filters are listed, newest first. `best` is the order of `imgsearch.search.worth`.
    """

    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
    min_score: float | None = None
    sort: Sort = "relevance"


class StoredQuery(Struct, frozen=True):
    """A query that a name in another query stands for, and how many photos it finds.

    `line` is it in the query language, without the example images that a line cannot express. `k`
    is the maximum number of photos, if it has one. With `include_weak`, photos with a weak score
    are included.
    """

    name: str
    line: str
    query: Query
    k: int | None = None
    include_weak: bool = False


class UnderstoodPart(Struct, frozen=True):
    """Words of a query that stand for a filter: `words` as typed, `filters` as a query line.

    `undo` is the query line in which these words are plain ones (`plain:`), in which nothing is
    understood, and `rest` the line without them; examples that a line cannot express are left out
    of both.
    """

    words: str
    filters: str
    undo: str
    rest: str


class Clause(Struct, frozen=True):
    """A clause of a line with several, and what it does.

    `words` are the clause as typed, and `ranked` the words of it that photos are ranked by.
    `filters` are what its other words stand for, and `set_aside` those that do not filter, since no
    photo passes them beside what stands before them. Each is "" where the clause has none. `rest`
    is the query line without the clause; examples that a line cannot express are left out of it.
    """

    words: str
    ranked: str
    filters: str
    set_aside: str
    rest: str


class Understanding(Struct, frozen=True):
    """The result of understanding a query: the exact query, and the parts that were words.

    `empty_dates` are dates in words without photos in the library; a part of them, mostly the year,
    is understood instead. `clauses` are those of a line with several. Of these, `set_aside` are
    parts that do not filter, since no photo passes them beside what stands before them.
    """

    query: Query
    parts: tuple[UnderstoodPart, ...] = ()
    empty_dates: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()
    set_aside: tuple[UnderstoodPart, ...] = ()
