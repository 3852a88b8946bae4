"""Suggests a replacement for a filter that no photo passes: the nearest name, a larger circle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.paths import is_absolute, with_slashes
from imgsearch.place_names import place_names
from imgsearch.records.query import Filter, NamedPlace, Place
from imgsearch.text import format_count, words_of

if TYPE_CHECKING:
    from imgsearch.records.names import KnownName, NameField
    from imgsearch.search.context import SearchContext

# The filters that take names, and the word for one such name.
_FIELDS: dict[str, tuple[tuple[NameField, ...], str]] = {
    "person": (("people",), "person"),
    "place": (("place", "country"), "place"),
    "country": (("country",), "country"),
    "in": (("folder",), "folder"),
    "keyword": (("keywords",), "keyword"),
}
_PLACE_FIELDS = ("place", "country")
_COMPARED_NAMES = 1000  # at most, those with the most photos
_NAMED = 3  # names listed where none is similar
_LEAST_SIMILARITY = 0.6  # of a suggested name: one wrong letter of three, two of five
_RADII_KM = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 20_000.0)


class Alternative(Struct, frozen=True):
    """A sentence about what the library has instead, and a filter that finds photos."""

    sentence: str
    filter: Filter | None = None


def alternative_to(context: SearchContext, condition: Filter) -> Alternative | None:
    """Return an alternative to a filter that no photo passes; None if there is none.

    Only filters with a single value, a name or a place, have alternatives.
    """
    if condition.negated or len(condition.values) != 1:
        return None
    (value,) = condition.values
    if condition.field == "near":
        return _larger_circle(context, condition)
    is_name = condition.field in _FIELDS and isinstance(value, str)
    if not is_name or is_absolute(with_slashes(str(value))):  # a path
        return None
    value = str(value)
    fields, kind = _FIELDS[condition.field]
    suggested = context.reads.suggestions
    if condition.field in _PLACE_FIELDS:
        others = place_names(context.cache_dir).others(value)
        for name in suggested.names_called([each.name for each in others], fields):
            found = format_count(name.photos, "photo")
            return Alternative(
                f"{value} is called {name.text} here, and has {found}.",
                Filter(condition.field, (name.text,)),
            )
    known = suggested.names_beginning(("",), fields, _COMPARED_NAMES)
    if not known:
        return Alternative(f"No {kind} is named in any photo.")
    nearest = _nearest(value, known)
    if nearest is None:
        names = ", ".join(name.text for name in known[:_NAMED])
        more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
        return Alternative(f"No {kind} is called {value} or nearly so. Known: {names}{more}.")
    return Alternative(
        f"No {kind} is called {value}. The nearest name is {nearest.text}, with "
        f"{format_count(nearest.photos, 'photo')}.",
        Filter(condition.field, (nearest.text,)),
    )


def _nearest(value: str, known: Sequence[KnownName]) -> KnownName | None:
    """Return the name most similar to a value, as a whole or by one of its words.

    The first of equals.
    """
    from imgsearch.language.spelling import similarity  # lazy: only an empty answer needs it

    wanted = " ".join(words_of(value))

    def best_similarity(name: KnownName) -> float:
        words = words_of(name.text)
        return max(similarity(wanted, each) for each in (*words, " ".join(words)))

    best = max(known, key=best_similarity)
    return best if best_similarity(best) >= _LEAST_SIMILARITY else None


def _larger_circle(context: SearchContext, condition: Filter) -> Alternative | None:
    """Return the filter with the smallest larger circle around its place that contains photos."""
    (place,) = condition.values
    assert isinstance(place, Place | NamedPlace)
    for radius_km in _RADII_KM:
        if radius_km <= place.radius_km:
            continue
        wider = Filter("near", (replace(place, radius_km=radius_km),))
        photos = context.photos.count(context.selection((wider,))).photos
        if photos:
            found = format_count(photos, "photo")
            return Alternative(
                f"Within {radius_km:,.0f} km {'is' if photos == 1 else 'are'} {found}.", wider
            )
    return Alternative("No photo of the library states where it was taken.")
