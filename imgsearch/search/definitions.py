"""The interface to a user's definitions, such as taught concepts, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.query import StoredQuery


class Definitions(Protocol):
    """The concepts and the things of features that queries may name."""

    def stored_query(self, field: str, name: str) -> StoredQuery:
        """Return the query that a name stands for, as `saved:NAME` does: see `NamedQuery`.

        Raises QueryError for an unknown name.
        """

    def names_for(self, filter_name: str) -> list[str]:
        """Return all names that a filter of a feature takes: see `NamedFilter`, `NamedQuery`."""

    def hides_photos(self) -> bool:
        """Return whether any photo is hidden."""

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        """Return the concept with this name, as this encoder has learned it."""

    def concept_names(self) -> list[str]:
        """Return the names of all concepts."""

    def concept_photo_count(self, name: str) -> int:
        """Return the number of photos that show a concept."""

    def concept_judgements(self, name: str) -> dict[int, bool]:
        """Return the photos that are examples of a concept, and whether each is liked."""
