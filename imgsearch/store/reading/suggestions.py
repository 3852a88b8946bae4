"""Reads the names with which a query line can be completed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.names import KnownName, NameField
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.reading.definitions import DefinitionReads
from imgsearch.store.reading.roots import RootReads
from imgsearch.store.sql import IS_LIVE


class SuggestionReads:
    """The part of `Reads` with the names and values from which lines are completed."""

    def __init__(self, database: Database, definitions: DefinitionReads, roots: RootReads) -> None:
        self._database = database
        self._definitions = definitions
        self._roots = roots

    def names_beginning(
        self, phrases: Sequence[str], fields: Collection[NameField], limit: int
    ) -> list[KnownName]:
        """Return the names in these fields with words that begin with these phrases, best first.

        The phrases are words as in `words_of`, the longest first, and each ends with the next. The
        last word of a phrase may be the beginning of one, unless a space follows it. The fields are
        those of `knows_name`. Names with a longer phrase come first, then those that begin with it,
        then those of the most photos.
        """
        with self._database.reading() as connection:
            return names.beginning(connection, phrases, fields, limit)

    def names_called(self, called: Sequence[str], fields: Collection[NameField]) -> list[KnownName]:
        """Return the names in these fields that are exactly one of these, most photos first.

        Case, accents and punctuation do not matter.
        """
        with self._database.reading() as connection:
            return names.called(connection, called, fields)

    def distinct_values(self, kind: Literal["camera", "lens", "creator"]) -> list[str]:
        """Return the cameras, the lenses or the creators of the photos of the library, sorted."""
        # Each step is one look-up in the index of the column: far fewer than there are photos.
        query = (
            f"WITH RECURSIVE each (value) AS (SELECT min({kind}) FROM photos UNION ALL "
            f"SELECT (SELECT min({kind}) FROM photos WHERE {kind} > value) FROM each "
            "WHERE value IS NOT NULL) SELECT value FROM each WHERE value IS NOT NULL AND "
            f"EXISTS (SELECT 1 FROM photos WHERE {kind} = value AND {IS_LIVE})"
        )
        return [value for (value,) in self._database.fetch_all(query)]

    def names_for(self, filter_name: str) -> list[str]:
        """Return all names that a filter of a feature takes."""
        return self._definitions.names_for(filter_name)

    def suggested_for(self, filter_name: str, line: str) -> list[str]:
        """Return the values that a filter of a feature suggests for a line: see `ValueFilter`."""
        function = installed.suggested_filters()[filter_name].suggested
        assert function is not None  # see `suggested_filters`
        values: list[str] = load(function)(self._database, line)
        return values

    def roots(self) -> dict[int, str]:
        """Return the photo folders that the library follows: id to absolute path."""
        return self._roots.all()
