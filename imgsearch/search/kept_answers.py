"""Keeps the answers to queries until anything in the library changes."""

from __future__ import annotations

from collections.abc import Hashable

from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Query
from imgsearch.search.answers import search_page
from imgsearch.search.context import SearchContext
from imgsearch.search.prepared import prepare
from imgsearch.store.recent_reads import RecentReads

_ANSWER_BYTES = 10_000
_HIT_BYTES = 2_000  # with its paths and the facts of its photo


def kept_or_found(
    context: SearchContext, kept: RecentReads | None, query: Query, k: int, cursor: str | None
) -> Answer:
    """The page of an answer as it is kept, or else as `search_page` finds it, which is then kept.

    None are kept without `kept`.
    """
    key = key_of(context, query, k, cursor)
    if kept is None or key is None:
        return search_page(prepare(context, query), k, cursor)
    version = kept.version()  # before the search: what changes during it shows in the next one
    answer = kept.known(key, version)
    if not isinstance(answer, Answer):
        answer = search_page(prepare(context, query), k, cursor)
        kept.keep(key, version, answer, _ANSWER_BYTES + _HIT_BYTES * len(answer.hits))
    return answer


def key_of(context: SearchContext, query: Query, k: int, cursor: str | None) -> Hashable | None:
    """The key of an answer: all that it depends on besides the content of the library.

    None for a query with an example that is not a photo of the library: its file may change, and
    its bytes are too many to cache.
    """
    examples = [term.what for term in query.terms if isinstance(term.what, Example)]
    if not all(isinstance(example.source, int) for example in examples):
        return None
    # Only free words are searched for names and dates, and files are offline while their folder
    # cannot be reached.
    free = tuple(term.is_free for term in query.terms)
    return (query, free, k, cursor, context.row, context.online_roots, context.today)
