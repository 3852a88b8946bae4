"""Keeps answers to queries, and what is computed of their photos, until the library changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from imgsearch.language.grammar import resolve_query
from imgsearch.records.answer import Answer, FoundPhotos
from imgsearch.records.query import Example, Query, Term
from imgsearch.search.answers import counted_ids, find_all, search_page
from imgsearch.search.context import SearchContext
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.prepared import prepare

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_ANSWER_BYTES = 10_000
_HIT_BYTES = 2_000  # with its paths and the facts of its photo
_FOUND_BYTES = 100  # of a photo without them: its id and score, and that it was found by name

_Value = TypeVar("_Value")


def kept_or_found(
    context: SearchContext,
    version: Hashable,
    query: Query,
    k: int,
    cursor: str | None,
) -> Answer:
    """Return the cached page of an answer, or find it by `search_page` and cache it.

    `version` is the newest one of the library when the answer was asked for. The context is opened
    after that and may see a later one: what changes meanwhile shows in the next answer at the
    latest.
    """
    key = key_of(context, query, k, cursor)
    if key is None:
        return search_page(prepare(context, query), k, cursor)
    answer = context.reads.recent.known(key, version)
    if not isinstance(answer, Answer):
        answer = search_page(prepare(context, query), k, cursor)
        size_bytes = _ANSWER_BYTES + _HIT_BYTES * len(answer.hits)
        context.reads.recent.keep(key, version, answer, size_bytes)
    return answer


def kept_for_counted(
    context: SearchContext,
    what: str,
    query: str | Query | None,
    k: int,
    compute: Callable[[Ids | None], _Value],
) -> _Value:
    """Return what `compute` makes of the photos that count, the same until anything changes.

    `what` tells apart what is computed of the same photos. One view asks for it several times, and
    events of 100,000 photos take a second to find. See `counted_ids`.
    """
    resolved = None if query is None else resolve_query(query)
    key = key_of(context, Query() if resolved is None else resolved, k, None)
    if key is None:
        return compute(counted_ids(context, resolved, k))
    return context.reads.recent.get(
        (what, resolved is None, key), lambda: compute(counted_ids(context, resolved, k))
    )


def kept_for_found(
    context: SearchContext,
    what: str,
    query: Query,
    k: int,
    compute: Callable[[FoundPhotos], _Value],
) -> _Value:
    """Return what `compute` makes of all photos of an answer, the same until anything changes.

    `what` tells apart what is computed of the same answer, which is found once: see `find_all`.
    """
    key = key_of(context, query, k, None)
    if key is None:
        return compute(find_all(prepare(context, query), k))
    return context.reads.recent.get(
        (what, "found", key), lambda: compute(_kept_or_found_all(context, query, k, key))
    )


def _kept_or_found_all(context: SearchContext, query: Query, k: int, key: Hashable) -> FoundPhotos:
    recent = context.reads.recent
    version = recent.version()
    found = recent.known(("found", key), version)
    if not isinstance(found, FoundPhotos):
        found = find_all(prepare(context, query), k)
        size_bytes = _ANSWER_BYTES + _FOUND_BYTES * len(found.ids)
        recent.keep(("found", key), version, found, size_bytes)
    return found


def key_of(context: SearchContext, query: Query, k: int, cursor: str | None) -> Hashable | None:
    """Return the key of an answer: all that it depends on besides the content of the library.

    None for a query with an example that is a file, which may change.
    """
    examples = (term.what.source for term in query.terms if isinstance(term.what, Example))
    if any(isinstance(source, Path) for source in examples):
        return None
    asked = (replace(query, terms=()), tuple(map(_told_apart, query.terms)))
    # Files are offline while their folder cannot be reached.
    return (*asked, k, cursor, context.row, context.online_roots, context.today)


def _told_apart(term: Term) -> Hashable:
    """Return what tells a term from others: only free words are searched for names and dates.

    The bytes of an image, which may be many, stand as their hash.
    """
    what = term.what
    if isinstance(what, Example) and isinstance(what.source, bytes):
        return ("image", content_hash_of(what.source), what.region, term.weight)
    return (term, term.is_free)
