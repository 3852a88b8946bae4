"""What the queries of an archive may name: hidden photos, and none of a library's definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct

from imgsearch.errors import QueryError
from imgsearch.features import installed

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.saved import SavedSearch


class ArchiveDefinitions(Struct, frozen=True):
    """Implements `imgsearch.search.definitions.Definitions` for the archive at an address.

    A query that names a saved search, a concept or a thing of a feature raises QueryError.
    """

    address: str
    has_hidden: bool

    def saved_search(self, name: str) -> SavedSearch | None:
        self._refuse("saved searches", "saved:")

    def saved_search_names(self) -> list[str]:
        return []

    def names_for(self, filter_name: str) -> list[str]:
        self._refuse(installed.filters()[filter_name].of, f"{filter_name}:")

    def hides_photos(self) -> bool:
        return self.has_hidden

    def concept(self, name: str, encoder_key: int) -> ConceptProbe | None:
        self._refuse("concepts", "shows:")

    def concept_names(self) -> list[str]:
        self._refuse("concepts", "shows:")

    def concept_photo_count(self, name: str) -> int:
        return 0

    def concept_judgements(self, name: str) -> dict[int, bool]:
        return {}

    def _refuse(self, what: str, filter_name: str) -> NoReturn:
        raise QueryError(
            f"The archive {self.address} has no {what}: only a library on one machine has. Leave "
            f"{filter_name} out, or search the library, without --library."
        )
