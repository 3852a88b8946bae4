"""Counts of the photos of an archive by day, place, folder and name, without reading columns.

They are published with the vocabulary, for the same fragments: see `vocabulary`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from imgsearch.archive.lance.tables import View

_Place: TypeAlias = tuple[str | None, str | None, str | None]  # country, region, town

TEXTS = ("people", "keywords")  # facts with several texts that are counted
VALUES = ("camera", "format", "lens", "creator")  # facts with one
_PLACE = ["country", "region", "town"]
_COLUMNS = ("date", "date_source", "lat", "paths", *_PLACE, *TEXTS, *VALUES)
_DAY = len("2023-06-15")
_FOLDER = "/[^/]*$"
_ROWS_AT_ONCE = 65_536


class PhotoCounts(Struct, frozen=True):
    """Numbers of photos, as the columns have the texts: by day, place, folder, person and so on.

    Of days, also the number of photos that are dated by their file alone; of places, that of those
    with coordinates. A value that is unknown counts under the empty text.
    """

    days: dict[str, tuple[int, int]] = {}
    places: tuple[tuple[_Place, int, int], ...] = ()
    folders: dict[str, int] = {}
    texts: dict[str, dict[str, int]] = {}
    values: dict[str, dict[str, int]] = {}

    @classmethod
    def of(cls, view: View, fragments: Sequence[Any]) -> Self:
        """The counts of the photos in these fragments (lance.LanceFragment)."""
        total = cls()
        if not fragments:
            return total
        batches = view.batches(list(_COLUMNS), "part = 0", _ROWS_AT_ONCE, fragments=list(fragments))
        for rows in batches:
            total = total.plus(cls._of_rows(rows))
        return total

    @classmethod
    def _of_rows(cls, rows: Any) -> Self:
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
            {fact: _counted(pc.list_flatten(rows[fact])) for fact in TEXTS},
            {fact: _counted(pc.fill_null(rows[fact], "")) for fact in VALUES},
        )

    def plus(self, other: Self) -> Self:
        """The counts of the photos of both, which have none in common."""
        days = {
            day: (one[0] + two[0], one[1] + two[1])
            for day in {**self.days, **other.days}
            for one in [self.days.get(day, (0, 0))]
            for two in [other.days.get(day, (0, 0))]
        }
        places: dict[_Place, tuple[int, int]] = {}
        for place, photos, located in (*self.places, *other.places):
            before = places.get(place, (0, 0))
            places[place] = (before[0] + photos, before[1] + located)
        return type(self)(
            days,
            tuple((place, *numbers) for place, numbers in places.items()),
            _sum(self.folders, other.folders),
            {fact: _sum(self.texts.get(fact, {}), other.texts.get(fact, {})) for fact in TEXTS},
            {fact: _sum(self.values.get(fact, {}), other.values.get(fact, {})) for fact in VALUES},
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)


def _counted(texts: Any) -> dict[str, int]:
    """Count each text; null is left out."""
    counted = pc.value_counts(texts.drop_null()).to_pylist()
    return {each["values"]: each["counts"] for each in counted}
