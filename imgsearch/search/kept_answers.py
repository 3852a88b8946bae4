"""Keeps the answers to queries until anything in the library changes."""

from __future__ import annotations

from collections.abc import Hashable

from imgsearch.records.answer import Answer
from imgsearch.records.query import Query
from imgsearch.search.answers import search_page
from imgsearch.search.context import SearchContext
from imgsearch.search.prepared import prepare
from imgsearch.search.vector import depends_on_files

_ANSWER_BYTES = 10_000
_HIT_BYTES = 2_000  # with its paths and the facts of its photo


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


def key_of(context: SearchContext, query: Query, k: int, cursor: str | None) -> Hashable | None:
    """Return the key of an answer: all that it depends on besides the content of the library.

    None for a query with an example that is not a photo of the library: its file may change, and
    its bytes are too many to cache.
    """
    if depends_on_files(query):
        return None
    # Only free words are searched for names and dates, and files are offline while their folder
    # cannot be reached.
    free = tuple(term.is_free for term in query.terms)
    return (query, free, k, cursor, context.row, context.online_roots, context.today)
