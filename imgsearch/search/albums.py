"""Albums and hidden photos in queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from imgsearch.errors import QueryError
from imgsearch.search.definitions import Definitions, nearest_or_all
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.query import Filter


def with_known_albums(definitions: Definitions, condition: Filter) -> Filter:
    """Return the filter. Raises QueryError if it is `album:` with an unknown name."""
    if condition.field == "album":
        names = definitions.album_names()
        known = set(map(plain_text, names))
        for value in condition.values:
            if plain_text(str(value)) not in known:
                raise QueryError(unknown_album(str(value), names))
    return condition


def names_hidden(filters: Iterable[Filter]) -> bool:
    """Whether filters ask for hidden photos, which are left out otherwise."""
    return any("hidden" in each.values for each in filters if each.field == "is")


def unknown_album(name: str, names: Sequence[str]) -> str:
    """The message about an unknown album; `names` are those of all albums."""
    if not names:
        return (
            f"There is no album {name!r}, and none at all. To make one: imgsearch album make "
            "Book 'sunset over water'"
        )
    meant = nearest_or_all(name, names, "To list the albums: imgsearch album", "Albums")
    return f"There is no album {name!r}. {meant}"
