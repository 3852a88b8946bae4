"""Counts and lists the photos of an archive, or some of them, by date and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from imgsearch.addresses import as_path
from imgsearch.archive.lance.counts import VALUES, text_columns_of, texts_of
from imgsearch.archive.lance.tables import loaded
from imgsearch.records.browse import Moments, MonthCount

if TYPE_CHECKING:
    from imgsearch.archive.lance.counts import PhotoCounts
    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.records.arrays import Ids

_TO_THE_MONTH, _TO_THE_DAY = len("2023-06"), len("2023-06-15")


class LanceBrowsing:
    """Implements `imgsearch.analysis.browse.BrowsedPhotos`, as `store.reads.Reads` does.

    Counts of all photos are those that were published, with what has changed since. Lists of all
    photos are made of columns that are copied to this machine, where the archive is in object
    storage. Else, and for some photos, a method reads a few columns.
    """

    def __init__(self, catalogue: LanceCatalogue) -> None:
        self._catalogue = catalogue

    def month_counts(self, ids: Ids | None = None) -> list[MonthCount]:
        """Count these photos, or all, by month, in order."""
        counts = self._counts(ids)
        if counts is not None:
            months: dict[str, tuple[int, int]] = {}
            for day, (photos, by_file) in sorted(counts.days.items()):
                before = months.get(day[:_TO_THE_MONTH], (0, 0))
                months[day[:_TO_THE_MONTH]] = before[0] + photos, before[1] + by_file
            return [MonthCount(month, *numbers) for month, numbers in months.items()]
        rows = self._catalogue.whole_photos(["date", "date_source"], ids)
        month = pc.utf8_slice_codeunits(rows["date"], 0, _TO_THE_MONTH)
        by_file = pc.fill_null(pc.equal(rows["date_source"], "file"), False).cast("int64")
        counted = rows.append_column("month", month).append_column("by_file", by_file)
        counts = counted.group_by("month").aggregate([([], "count_all"), ("by_file", "sum")])
        return [
            MonthCount(row["month"], row["count_all"], row["by_file_sum"])
            for row in counts.sort_by("month").to_pylist()
        ]

    def dated(self, ids: Ids | None = None) -> list[tuple[int, str, bool]]:
        """The day of each of these photos, or of all, newest first: (id, day as ISO text, …).

        The last says whether only the file has a date. The order is that of `listing` by date.
        """
        rows = self._newest_first(["date_source"], ids)
        days = pc.utf8_slice_codeunits(rows["date"], 0, _TO_THE_DAY)
        return _tuples(rows["id"], days, pc.equal(rows["date_source"], "file"))

    def positions(self, ids: Ids | None = None) -> list[tuple[int, float | None, float | None]]:
        """The coordinates of these photos, or of all, newest first: (id, latitude, longitude).

        Both are None where the photo has none. Photos of old libraries may have impossible ones.
        """
        rows = self._newest_first(["lat", "lon"], ids)
        return _tuples(rows["id"], rows["lat"], rows["lon"])

    def place_counts(
        self, ids: Ids | None = None
    ) -> list[tuple[tuple[str | None, str | None, str | None], int, int]]:
        """Count these photos, or all, by place: ((country, region, town), …).

        With each, the number of photos and how many of them have coordinates.
        """
        counted = self._counts(ids)
        if counted is not None:
            return [
                ((_loaded(country), _loaded(region), _loaded(town)), photos, located)
                for (country, region, town), photos, located in counted.places
            ]
        place = ["country", "region", "town"]
        rows = self._catalogue.whole_photos([*place, "lat"], ids)
        counts = rows.group_by(place).aggregate([([], "count_all"), ("lat", "count")])
        return [
            (
                (_loaded(row["country"]), _loaded(row["region"]), _loaded(row["town"])),
                row["count_all"],
                row["lat_count"],
            )
            for row in counts.to_pylist()
        ]

    def folder_counts(self) -> dict[Path, int]:
        """Count the photo files of each folder without its subfolders; sorted."""
        counted = self._counts()
        if counted is not None:
            return dict(
                sorted((as_path(loaded(text) or "/"), n) for text, n in counted.folders.items())
            )
        paths = pc.list_flatten(self._catalogue.whole_photos(["paths"])["paths"])
        folders = pc.replace_substring_regex(paths, "/[^/]*$", "")
        return dict(sorted((as_path(loaded(folder) or "/"), n) for folder, n in _counted(folders)))

    def text_counts_of(self, fact: str) -> dict[str, int]:
        """Count the photos of each person or keyword; most first, then by text.

        People are also those whose faces have a name.
        """
        counted = self._counts()
        if counted is not None:
            pairs: Iterable[tuple[str, int]] = counted.texts.get(fact, {}).items()
        else:
            rows = self._catalogue.whole_photos(text_columns_of(fact))
            pairs = _counted(texts_of(rows, fact))
        counts = [(loaded(text), number) for text, number in pairs]
        return dict(sorted(counts, key=lambda count: (-count[1], count[0])))

    def value_counts(self, fact: str, ids: Ids | None = None) -> list[tuple[str | None, int]]:
        """Count these photos, or all, by the value of a fact; None where it is unknown."""
        counts = self._counts(ids)
        if counts is not None and fact in VALUES:
            of_fact = counts.values.get(fact, {})
            return [(loaded(text) or None, number) for text, number in of_fact.items()]
        values = self._catalogue.whole_photos([fact], ids)[fact]
        counted = pc.value_counts(values).to_pylist()
        return [(_loaded(row["values"]), row["counts"]) for row in counted]

    def moments(self, ids: Ids | None = None) -> Moments:
        """When and where these photos, or all, were taken, in order of time.

        Photos whose metadata has no date are left out.
        """
        columns = ["id", "taken_at", "lat", "lon", "town", "country"]
        rows = self._catalogue.whole_photos(columns, ids)
        rows = rows.filter(pc.is_valid(rows["taken_at"]))
        facts = [rows[column].to_pylist() for column in columns]
        names = ([_loaded(name) for name in column] for column in facts[4:])
        return Moments.of(*facts[:4], *names)

    def _counts(self, ids: Ids | None = None) -> PhotoCounts | None:
        """The counts of all photos; None for some, and where there are none that are right."""
        return self._catalogue.counts() if ids is None else None

    def _newest_first(self, columns: list[str], ids: Ids | None) -> Any:
        rows = self._catalogue.whole_photos(["id", "date", *columns], ids)
        return rows.sort_by([("date", "descending"), ("id", "descending")])


def _counted(texts: Any) -> Iterator[tuple[str, int]]:
    """Count each text; None is left out."""
    for row in pc.value_counts(texts.drop_null()).to_pylist():
        yield row["values"], row["counts"]


def _tuples(*columns: Any) -> list[Any]:
    """The rows of these columns of equal length."""
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def _loaded(text: str | None) -> str | None:
    return None if text is None else loaded(text)
