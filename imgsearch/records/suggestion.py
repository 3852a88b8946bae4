"""What to type next: a name in the library, or a past query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

SUGGESTIONS = 8  # where no other number is given
SuggestionKind: TypeAlias = Literal[
    "query", "person", "place", "country", "folder", "keyword", "camera", "lens"
]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on with a query line.

    `text` is the name, as the library spells it, or the past query. `line` is what was typed with
    the filter for that name in place of the words that were being typed, or the past query.
    `photos` is how many photos have the name; None for a past query, a camera and a lens.
    """

    kind: SuggestionKind
    text: str
    line: str
    photos: int | None = None
