"""Filters that change the order of an answer, and not what it finds: `liked:12`, of a feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import is_expressible, to_text
from imgsearch.records.query import Filter, Query

if TYPE_CHECKING:
    from imgsearch.search.context import SearchContext

REORDERED = 2_000  # of the best photos of an answer; those after them are left out
RAISED = 50  # of the first photos in the new order: not weak, whatever their words score


def without_reordering(query: Query) -> tuple[Query, tuple[Filter, ...]]:
    """Return the query without the filters that reorder its answer, and these.

    Raises QueryError where there is nothing to reorder: a query without words or an example.
    """
    reorders = installed.reorders()
    found = tuple(each for each in query.filters if each.field in reorders)
    if not found:
        return query, ()
    if not query.terms:
        names = _names_of(found)
        raise QueryError(
            f"{names} reorder the answer to words or an example, and this query has none. To find "
            "photos like the photo 12, write photo:12."
        )
    rest = tuple(each for each in query.filters if each not in found)
    return replace(query, filters=rest), found


def refuse_reordering(query: Query, reordering: tuple[Filter, ...]) -> None:
    """Raise QueryError, with the line to use instead, if a query has filters that reorder.

    For what counts photos or has them in another order, such as a timeline.
    """
    if not reordering:
        return
    rest = tuple(each for each in query.filters if each not in reordering)
    terms = tuple(filter(is_expressible, query.terms))
    raise QueryError(
        f"{_names_of(reordering)} reorder the photos of an answer, and have no effect where photos "
        "are counted, or stand by date or place. Leave them out here.",
        suggestion=to_text(replace(query, terms=terms, filters=rest)) or None,
    )


def _names_of(filters: Sequence[Filter]) -> str:
    return " and ".join(dict.fromkeys(f"{each.field}:" for each in filters))


def reordered_ids(
    context: SearchContext, filters: Sequence[Filter], photos: Sequence[tuple[int, float]]
) -> list[int]:
    """Return the ids of photos, given as (id, score), in the order of these filters."""
    reorders = installed.reorders()
    ids = [photo_id for photo_id, _ in photos]
    for function in dict.fromkeys(reorders[each.field] for each in filters):
        own = [each for each in filters if reorders[each.field] == function]
        scores = dict(photos)
        ids = load(function)(context, own, [(photo_id, scores[photo_id]) for photo_id in ids])
    return ids
