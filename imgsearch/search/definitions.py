"""The interface to a user's definitions: saved searches, and concepts taught by examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.saved import SavedSearch


class Definitions(Protocol):
    """The saved searches and the concepts that queries may name."""

    def saved_search(self, name: str) -> SavedSearch | None:
        """The saved search with this name; case and accents do not count."""

    def saved_search_names(self) -> list[str]:
        """The names of all saved searches."""

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        """The concept with this name, as this encoder has learned it."""

    def concept_names(self) -> list[str]:
        """The names of all concepts."""

    def concept_photo_count(self, name: str) -> int:
        """The number of photos that show a concept."""

    def concept_judgements(self, name: str) -> dict[int, bool]:
        """The photos that are examples of a concept, and whether each is liked."""


class NoDefinitions:
    """Definitions without saved searches and concepts."""

    def saved_search(self, name: str) -> SavedSearch | None:
        return None

    def saved_search_names(self) -> list[str]:
        return []

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        return None

    def concept_names(self) -> list[str]:
        return []

    def concept_photo_count(self, name: str) -> int:
        return 0

    def concept_judgements(self, name: str) -> dict[int, bool]:
        return {}
