"""Filters by names that people have given, and hidden photos, in queries."""

from __future__ import annotations

from collections.abc import Iterable

from imgsearch.errors import QueryError
from imgsearch.features import installed
from imgsearch.features.declared import NamedFilter, ValueFilter, load
from imgsearch.records.query import Filter
from imgsearch.store.reading.definitions import DefinitionReads
from imgsearch.text import plain_text

_BY_HAND = frozenset({"favourite", "hidden", "picked"})  # values of `is:`


def with_known_names(definitions: DefinitionReads, condition: Filter) -> Filter:
    """Return the filter. Raises QueryError if it is one of a feature, with an unknown name."""
    declared = installed.filters().get(condition.field)
    if isinstance(declared, ValueFilter) and declared.check is not None:
        for value in condition.values:
            definitions.check(declared.check, str(value))
    if isinstance(declared, NamedFilter):
        names = definitions.names_for(condition.field)
        known = set(map(plain_text, names))
        for value in condition.values:
            if plain_text(str(value)) not in known:
                raise QueryError(load(declared.module).unknown(str(value), names))
    return condition


def left_out(definitions: DefinitionReads, filters: Iterable[Filter]) -> tuple[str, ...]:
    """Return the states whose pictures an answer with these filters leaves out.

    It has all pictures of a state that a filter names, and all that were put together by hand: in
    an album, in the tray, or with a mark.
    """
    states = definitions.left_out()
    if not states:
        return ()
    alone = [each for condition in filters for each in condition.alone]
    named = {str(value) for each in alone if each.field == "is" for value in each.values}
    if named & _BY_HAND or any(map(_is_by_hand, alone)):
        return ()
    return tuple(state for state in states if state not in named)


def _is_by_hand(condition: Filter) -> bool:
    declared = installed.filters().get(condition.field)
    is_named = isinstance(declared, NamedFilter) and declared.is_by_hand
    return is_named and not condition.negated


def names_hidden(filters: Iterable[Filter]) -> bool:
    """Return whether filters ask for hidden photos, which are left out otherwise."""
    return any(
        "hidden" in each.values
        for condition in filters
        for each in condition.alone
        if each.field == "is"
    )
