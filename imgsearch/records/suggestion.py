"""What to type next: a name in the library, a value of a filter, or a past query."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

SUGGESTIONS = 8  # where no other number is given
SuggestionKind: TypeAlias = Literal[
    "query",
    "person",
    "place",
    "country",
    "folder",
    "keyword",
    "camera",
    "lens",
    "creator",
    "label",
    "concept",
    "saved",
    "format",
    "shape",
    "state",
    "source",
    "month",
    "order",
    "choice",
]
# What a kind is called for people, where that is another word.
_KIND_NAMES: dict[SuggestionKind, str] = {
    "query": "past query",
    "saved": "saved search",
    "source": "source of the date",
    "choice": "yes or no",
}


class Suggestion(Struct, frozen=True):
    """One way to go on with a query line.

    `text` is the name, as the library spells it, the value, or the past query. `line` is what was
    typed with the filter for it in place of the words that were being typed, or the past query.
    `photos` is how many photos have the name of a person, a place, a country, a folder or a
    keyword; None for the other kinds, and for a folder that is a value of `root:`.
    """

    kind: SuggestionKind
    text: str
    line: str
    photos: int | None = None

    @property
    def kind_name(self) -> str:
        """What this is, for people: "past query"."""
        return _KIND_NAMES.get(self.kind, self.kind)
