"""Photos that operations change: those that are given, and those that a query finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.language.grammar import resolve_query
from imgsearch.records.ids import as_ids
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


def chosen_photos(
    opened: OpenedLibrary,
    photo_ids: Sequence[int],
    query: str | Query | None,
    k: int | None,
    include_weak: bool,
) -> list[int]:
    """Return the ids of the given photos, and of those that a query finds. Raises QueryError."""
    ids = as_ids(photo_ids)
    if query is None:
        return ids
    from imgsearch.search.answers import MAX_RANKED, found_ids
    from imgsearch.search.prepared import prepare

    prepared = prepare(opened.context(), resolve_query(query))
    most = k if k is not None else MAX_RANKED if prepared.exact.terms else None
    return [*ids, *found_ids(prepared, most, include_weak)]


def known_photos(
    opened: OpenedLibrary,
    photo_ids: Sequence[int],
    query: str | Query | None,
    k: int | None,
    include_weak: bool,
) -> list[int]:
    """Return the ids as `chosen_photos` does, of photos that the library must have.

    Raises UsageError where photos are given and the library has none of them, and QueryError.
    """
    _require_any(opened, as_ids(photo_ids))
    return chosen_photos(opened, photo_ids, query, k, include_weak)


def _require_any(opened: OpenedLibrary, ids: Sequence[int]) -> None:
    if ids and not opened.reads().photos.has_any(ids):
        which = f"photo {ids[0]}" if len(ids) == 1 else f"one of these {len(ids):,} photos"
        raise UsageError(
            Sentence(
                f"The library does not have {which}. ",
                CommandLine("search --json"),
                " prints the ids of photos.",
            )
        )
