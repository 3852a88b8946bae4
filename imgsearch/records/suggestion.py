"""Records for suggestions: a name in the library, a filter value, or a past query."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import force_setattr

from imgsearch.features import installed

SUGGESTIONS = 8  # by default
# The readable word for a kind, if it differs.
_KIND_NAMES: dict[str, str] = {
    "query": "past query",
    "source": "source of the date",
    "choice": "yes or no",
    "color": "colour",
    **{declared.suggested_as: declared.title for declared in installed.queries().values()},
}


class Suggestion(Struct, frozen=True):
    """One completion of a query line.

    `kind` is the word for what is suggested: query, person, place, country, folder, keyword,
    camera, lens, creator, format, shape, state, source, month, order,
    choice, color, or the word of a feature.
    `text` is the name, as the library spells it, the value, or the past query. `line` is the typed
    line with a filter in place of its unfinished words, or the past query. `photos` is the number
    of photos with the name of a person, a place, a country, a folder or a keyword; None for other
    kinds, and for a folder that is a value of `root:`. `kind_name` is the readable word for the
    kind: "past query".
    """

    kind: str
    text: str
    line: str
    photos: int | None = None
    kind_name: str = ""

    def __post_init__(self) -> None:
        """Name the kind."""
        force_setattr(self, "kind_name", _KIND_NAMES.get(self.kind, self.kind))
