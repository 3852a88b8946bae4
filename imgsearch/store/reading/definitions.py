"""Reads the definitions of users, such as concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.query import StoredQuery


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
        """Return all names that a filter of a feature takes."""
        modules = {
            name: declared.module
            for of_features in (installed.named_filters(), installed.queries())
            for name, declared in of_features.items()
        }
        names: list[str] = load(modules[filter_name]).names(self._database)
        return names

    def hides_photos(self) -> bool:
        """Return whether any photo is hidden."""
        query = "SELECT 1 FROM marks WHERE kind = 'hidden' LIMIT 1"
        return self._recent.get(query, lambda: self._database.fetch_one(query) is not None)

    def favourites(self) -> list[int]:
        """Return the photos that are marked as favourites: ids, sorted."""
        query = "SELECT photo_id FROM marks WHERE kind = 'favourite' ORDER BY photo_id"
        return [photo_id for (photo_id,) in self._database.fetch_all(query)]

    def concept_names(self) -> list[str]:
        """Return the names of all concepts, sorted."""
        return [
            name
            for (name,) in self._database.fetch_all("SELECT name FROM concepts ORDER BY plain_name")
        ]

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        """Return the concept of this name, in any case and accents, as this encoder has learned it.

        None for an unknown one, and for one that the encoder has not learned.
        """
        import numpy as np

        from imgsearch.records.concepts import ConceptProbe  # lazy: few queries name one

        row = self._database.fetch_one(
            "SELECT name, direction, slope, intercept, sure_from, likely_from FROM concepts "
            "WHERE plain_name = ? AND encoder_key = ?",
            plain_text(name),
            encoder_key,
        )
        if row is None:
            return None
        name, direction, slope, intercept, *bounds = row
        sure_from, likely_from = (float("inf") if each is None else each for each in bounds)
        vector = np.frombuffer(direction, "<f4")
        return ConceptProbe(name, vector, slope, intercept, sure_from, likely_from)

    def concept_photo_count(self, name: str) -> int:
        """Count the photos in which a concept is likely or sure to be."""
        query = (
            "SELECT count(*) FROM concept_photos JOIN concepts ON id = concept_id "
            "WHERE plain_name = ?"
        )
        return int(self._database.fetch_one(query, plain_text(name))[0])

    def concept_judgements(self, name: str) -> dict[int, bool]:
        """Return the library's photos that are examples of a concept, and whether each is liked."""
        query = (
            "SELECT photo_id, is_like FROM concept_examples JOIN concepts ON id = concept_id "
            "WHERE plain_name = ? AND photo_id IS NOT NULL ORDER BY photo_id"
        )
        rows = self._database.fetch_all(query, plain_text(name))
        return {photo_id: bool(is_like) for photo_id, is_like in rows}
