"""The key of a cached answer: everything that it depends on besides the library."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date

from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Query
from imgsearch.search.context import SearchContext

_ANSWER_BYTES = 10_000
_HIT_BYTES = 2_000  # with its paths and the facts of its photo


def key_of(context: SearchContext, query: Query, k: int, cursor: str | None) -> Hashable | None:
    """Everything that the answer to a query depends on besides the content of the library.

    None for a query with an example that is not a photo of the library: its file may change, and
    its bytes are too many to cache.
    """
    examples = [term.what for term in query.terms if isinstance(term.what, Example)]
    if not all(isinstance(example.source, int) for example in examples):
        return None
    # Only free words are searched for names and dates, "last summer" counts from today, and
    # files are offline while their folder cannot be reached.
    free = tuple(term.is_free for term in query.terms)
    return (query, free, k, cursor, context.row, context.online_roots, date.today())


def size_bytes(answer: Answer) -> int:
    """The approximate memory of an answer in bytes."""
    return _ANSWER_BYTES + _HIT_BYTES * len(answer.hits)
