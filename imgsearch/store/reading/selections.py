"""Reads the photos that pass filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from imgsearch.records.query import Listed, Selection
from imgsearch.records.worth import PictureMeasures
from imgsearch.store import filters
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads, read_only

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids


class SelectionReads:
    """The part of `Reads` that applies filters."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def ids(self, selection: Selection) -> Ids:
        """Return the photos of a selection: ids, sorted, unique, and read-only."""

        def read() -> Ids:
            with self._database.reading() as connection:
                return read_only(filters.matching(connection, selection))

        if selection.among is not None:  # it has no hash, and few ask again
            return read()
        marks = (selection.with_hidden, selection.left_out, selection.rated_by_files)
        return self._recent.get((selection.filters, selection.online, marks), read)

    def listing(
        self,
        selection: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """Return the photos of a selection, newest first or by path; only those after `after`."""
        with self._database.reading() as connection:
            return filters.listing(connection, selection, sort, after, limit)

    def measures(self, selection: Selection) -> PictureMeasures:
        """Return the stored measures of the pictures of a selection, in the order of their ids."""
        with self._database.reading() as connection:
            return filters.measures(connection, selection)

    def without_value(self, known: str) -> int:
        """Count the photos without a value of a filter of a feature: see `ValueFilter.known`."""

        def count() -> int:
            with self._database.reading() as connection:
                return filters.without_value(connection, known)

        return self._recent.get(("without value", known), count)
