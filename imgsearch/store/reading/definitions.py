"""Reads the definitions of users, such as queries with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.features import installed
from imgsearch.features.declared import NamedDirection, NamedFilter, NamedQuery, load
from imgsearch.records.query import DirectionName, StoredQuery
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads

if TYPE_CHECKING:
    from imgsearch.records.directions import CalibratedDirection
    from imgsearch.records.index import EncoderRow


class DefinitionReads:
    """The part of `Reads` that knows what users have defined, and queries may name."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def stored_query(self, field: str, name: str) -> StoredQuery:
        """Return the query that a name stands for. Raises QueryError for an unknown name."""
        stored: StoredQuery = load(installed.queries()[field].module).query(self._database, name)
        return stored

    def names_for(self, filter_name: str) -> list[str]:
        """Return all names that a filter or another word before a colon takes, of a feature."""
        named: dict[str, NamedFilter | NamedQuery | NamedDirection] = {
            **installed.named_filters(),
            **installed.queries(),
            **installed.directions(),
        }
        names: list[str] = load(named[filter_name].module).names(self._database)
        return names

    def check(self, named: str, value: str) -> None:
        """Raise QueryError for a value that a filter cannot take: see `ValueFilter.check`."""
        load(named)(self._database, value)

    def hides_photos(self) -> bool:
        """Return whether any photo is hidden."""
        query = "SELECT 1 FROM marks WHERE kind = 'hidden' LIMIT 1"
        return self._recent.get(query, lambda: self._database.fetch_one(query) is not None)

    def left_out(self) -> tuple[str, ...]:
        """Return the states, values of the filter `is:`, whose pictures answers leave out."""

        def read() -> tuple[str, ...]:
            named = installed.left_out()
            return tuple(state for each in named for state in load(each)(self._database))

        return self._recent.get("left out", read)

    def favourites(self) -> list[int]:
        """Return the photos that are marked as favourites: ids, sorted."""
        query = "SELECT photo_id FROM marks WHERE kind = 'favourite' ORDER BY photo_id"
        return [photo_id for (photo_id,) in self._database.fetch_all(query)]

    def direction(self, what: DirectionName, encoder: EncoderRow) -> CalibratedDirection:
        """Return the direction that a name stands for, as an encoder has learned it.

        Raises QueryError for an unknown name.
        """
        module = load(installed.directions()[what.field].module)
        found: CalibratedDirection = module.direction(self._database, encoder, what.name)
        return found
