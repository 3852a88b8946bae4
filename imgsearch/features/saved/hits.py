"""Runs saved searches and counts their new photos."""

from __future__ import annotations

from collections.abc import Collection

from imgsearch.errors import QueryError
from imgsearch.features.saved.queries import query_of
from imgsearch.features.saved.records import SavedSearch, SavedSearchSummary
from imgsearch.search.answers import MAX_RANKED, found_ids
from imgsearch.search.context import SearchContext
from imgsearch.search.prepared import prepare


def photos_of(context: SearchContext, search: SavedSearch) -> list[int]:
    """Return the ids of the photos that a saved search finds, in its order. Raises QueryError."""
    query = query_of(search)
    k = search.k or (MAX_RANKED if query.terms else None)
    return found_ids(prepare(context, query), k, search.include_weak)


def summary_of(
    context: SearchContext, search: SavedSearch, seen: Collection[int]
) -> SavedSearchSummary:
    """Return the summary of a saved search and its photos; those in `seen` are not new.

    A search that cannot be answered, for instance because its example is gone, has a message.
    """
    photos: list[int] = []
    problem = None
    try:
        photos = photos_of(context, search)
    except QueryError as error:
        problem = error.sentence
    return SavedSearchSummary(
        name=search.name,
        line=search.line,
        example_count=len(search.examples),
        k=search.k,
        include_weak=search.include_weak,
        saved_at=search.saved_at,
        looked_at=search.looked_at,
        photos=len(photos),
        new=len(set(photos).difference(seen)),
        cover_id=photos[0] if photos else None,
        problem=problem,
    )
