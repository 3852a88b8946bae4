"""The interface to a user's definitions, such as saved searches and taught concepts, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.saved import SavedSearch


_LISTED_NAMES = 10


def nearest_or_all(name: str, names: Sequence[str], to_list: str, title: str) -> str:
    """Return the sentence about the names that there are, for a message about one that is not.

    It asks for the nearest name, and says how `to_list` them all; if none is near, it lists the
    first of them after the `title`.
    """
    import difflib

    by_key = {plain_text(each): each for each in names}
    near = difflib.get_close_matches(plain_text(name), by_key, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {by_key[near[0]]!r}? {to_list}"
    listed = ", ".join([*names[:_LISTED_NAMES], *(["…"] if len(names) > _LISTED_NAMES else [])])
    return f"{title}: {listed}."


class Definitions(Protocol):
    """The saved searches, the concepts and the things of features that queries may name."""

    def saved_search(self, name: str) -> SavedSearch | None:
        """Return the saved search with this name; case and accents do not count."""

    def saved_search_names(self) -> list[str]:
        """Return the names of all saved searches."""

    def names_for(self, filter_name: str) -> list[str]:
        """Return all names that the filter of a feature finds: see `NamedFilter`."""

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
