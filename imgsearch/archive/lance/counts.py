"""Counts of the photos of an archive by day, place, folder and name, without reading columns.

They are published with the vocabulary, for the same fragments: see `vocabulary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from imgsearch.archive.lance.name_counts import NAME_COLUMNS, NameCounts, count_names
from imgsearch.archive.lance.tables import FACE_NAMES, View

_Key = TypeVar("_Key")

_Place: TypeAlias = tuple[str | None, str | None, str | None]  # country, region, town

TEXTS = ("people", "keywords")  # facts with several texts that are counted
VALUES = ("camera", "format", "lens", "creator")  # facts with one
_PLACE = ["country", "region", "town"]
COUNTED_COLUMNS = tuple(
    dict.fromkeys(("date", "date_source", "lat", *_PLACE, *TEXTS, *VALUES, *NAME_COLUMNS))
)
_DAY = len("2023-06-15")
_FOLDER = "/[^/]*$"
_ROWS_AT_ONCE = 65_536


def text_columns_of(fact: str) -> list[str]:
    """The columns with the texts of a fact: people are also those whose faces have a name."""
    return [fact, FACE_NAMES] if fact == "people" else [fact]


def texts_of(rows: Any, fact: str) -> Any:
    """The texts of a fact in rows (a pyarrow.Table) with `text_columns_of` it, one row after other.

    A text that a row has in two columns comes once.
    """
    pairs = [
        pa.table({"row": pc.list_parent_indices(column), "text": pc.list_flatten(column)})
        for column in (rows[name].combine_chunks() for name in text_columns_of(fact))
    ]
    if len(pairs) == 1 or not pairs[-1].num_rows:
        return pairs[0]["text"]
    return pa.concat_tables(pairs).group_by(["row", "text"]).aggregate([])["text"]


class PhotoCounts(Struct, frozen=True):
    """Numbers of photos, as the columns have the texts: by day, place, folder, person and so on.

    Of days, also the number of photos that are dated by their file alone; of places, that of those
    with coordinates. A value that is unknown counts under the empty text. `names` are the names to
    suggest: see `NameCounts`.
    """

    days: dict[str, tuple[int, int]] = {}
    places: tuple[tuple[_Place, int, int], ...] = ()
    folders: dict[str, int] = {}
    texts: dict[str, dict[str, int]] = {}
    values: dict[str, dict[str, int]] = {}
    names: NameCounts = {}

    @classmethod
    def of(cls, view: View, fragments: Sequence[Any]) -> Self:
        """The counts of the photos in these fragments (lance.LanceFragment)."""
        total = cls()
        if not fragments:
            return total
        batches = view.batches(
            list(COUNTED_COLUMNS), "part = 0", _ROWS_AT_ONCE, fragments=list(fragments)
        )
        for rows in batches:
            total = total.plus(cls.of_rows(rows))
        return total

    @classmethod
    def of_rows(cls, rows: Any) -> Self:
        """The counts of photos in rows (a pyarrow.Table) with `COUNTED_COLUMNS`."""
        by_file = pc.fill_null(pc.equal(rows["date_source"], "file"), False).cast("int64")
        dated = pa.table({"day": pc.utf8_slice_codeunits(rows["date"], 0, _DAY), "file": by_file})
        days = dated.group_by("day").aggregate([([], "count_all"), ("file", "sum")])
        places = rows.group_by(_PLACE).aggregate([([], "count_all"), ("lat", "count")])
        paths = pc.list_flatten(rows["paths"])
        return cls(
            {
                row["day"]: (row["count_all"], row["file_sum"])
                for row in days.to_pylist()
                if row["day"] is not None
            },
            tuple(
                ((row["country"], row["region"], row["town"]), row["count_all"], row["lat_count"])
                for row in places.to_pylist()
            ),
            _counted(pc.replace_substring_regex(paths, _FOLDER, "")),
            {fact: _counted(texts_of(rows, fact)) for fact in TEXTS},
            {fact: _counted(pc.fill_null(rows[fact], "")) for fact in VALUES},
            count_names(rows),
        )

    def plus(self, other: Self) -> Self:
        """The counts of the photos of both, which have none in common."""
        return self._with(other, 1)

    def minus(self, other: Self) -> Self:
        """The counts without those of photos that are among them."""
        return self._with(other, -1)

    def _with(self, other: Self, sign: int) -> Self:
        """The counts with those of other photos, added or taken away."""
        places = _sums(_by_place(self.places), _by_place(other.places), sign)
        return type(self)(
            _sums(self.days, other.days, sign),
            tuple((place, *numbers) for place, numbers in places.items()),
            _sum(self.folders, other.folders, sign),
            {fact: _sum(_of(self.texts, fact), _of(other.texts, fact), sign) for fact in TEXTS},
            {fact: _sum(_of(self.values, fact), _of(other.values, fact), sign) for fact in VALUES},
            {
                field: _sum_of_names(self.names.get(field, {}), other.names.get(field, {}), sign)
                for field in {**self.names, **other.names}
            },
        )


def _of(counts: Mapping[str, dict[str, int]], fact: str) -> dict[str, int]:
    return counts.get(fact, {})


def _by_place(places: Sequence[tuple[_Place, int, int]]) -> dict[_Place, tuple[int, int]]:
    return {place: (photos, located) for place, photos, located in places}


def _sums(
    one: Mapping[_Key, tuple[int, int]], other: Mapping[_Key, tuple[int, int]], sign: int
) -> dict[_Key, tuple[int, int]]:
    """The pairs of numbers of both; without what no photo has, which has the first number 0."""
    total = dict(one)
    for key, (first, second) in other.items():
        before = total.get(key, (0, 0))
        total[key] = before[0] + sign * first, before[1] + sign * second
        if not total[key][0]:
            del total[key]
    return total


def _sum(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    total = dict(one)
    for text, number in other.items():
        total[text] = total.get(text, 0) + sign * number
        if not total[text]:
            del total[text]
    return total


def _sum_of_names(
    one: Mapping[str, tuple[int, str]], other: Mapping[str, tuple[int, str]], sign: int
) -> dict[str, tuple[int, str]]:
    total = dict(one)
    for name, (number, spelling) in other.items():
        before, known = total.get(name, (0, spelling))
        total[name] = before + sign * number, known
        if not total[name][0]:
            del total[name]
    return total


def _counted(texts: Any) -> dict[str, int]:
    """Count each text; null is left out."""
    counted = pc.value_counts(texts.drop_null()).to_pylist()
    return {each["values"]: each["counts"] for each in counted}
