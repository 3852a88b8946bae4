"""The interface to a user's definitions: saved searches, albums and taught concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.saved import SavedSearch


class Definitions(Protocol):
    """The saved searches, albums and concepts that queries may name."""

    def saved_search(self, name: str) -> SavedSearch | None:
        """The saved search with this name; case and accents do not count."""

    def saved_search_names(self) -> list[str]:
        """The names of all saved searches."""

    def album_names(self) -> list[str]:
        """The names of all albums."""

    def hides_photos(self) -> bool:
        """Whether any photo is hidden."""

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        """The concept with this name, as this encoder has learned it."""

    def concept_names(self) -> list[str]:
        """The names of all concepts."""

    def concept_photo_count(self, name: str) -> int:
        """The number of photos that show a concept."""

    def concept_judgements(self, name: str) -> dict[int, bool]:
        """The photos that are examples of a concept, and whether each is liked."""


class NoDefinitions:
    """Definitions without saved searches, albums and concepts."""

    def saved_search(self, name: str) -> SavedSearch | None:
        return None

    def saved_search_names(self) -> list[str]:
        return []

    def album_names(self) -> list[str]:
        return []

    def hides_photos(self) -> bool:
        return False

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        return None

    def concept_names(self) -> list[str]:
        return []

    def concept_photo_count(self, name: str) -> int:
        return 0

    def concept_judgements(self, name: str) -> dict[int, bool]:
        return {}
