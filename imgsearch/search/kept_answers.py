"""What an answer depends on besides the library: it is given again until any of that changes."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date

from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Query
from imgsearch.search.context import SearchContext

_ANSWER_BYTES = 10_000
_HIT_BYTES = 2_000  # with its paths and the facts of its photo


def key_of(context: SearchContext, query: Query, k: int, cursor: str | None) -> Hashable | None:
    """What the answer to a query depends on besides the content of the library.

    None for a query with an example that is not a photo of the library: its file may change, and
    its bytes are too many to keep.
    """
    examples = [term.what for term in query.terms if isinstance(term.what, Example)]
    if not all(isinstance(example.source, int) for example in examples):
        return None
    # Names and dates are taken out of free words only, "last summer" counts from today, and
    # files are offline while their folder cannot be reached.
    free = tuple(term.is_free for term in query.terms)
    return (query, free, k, cursor, context.row, context.online_roots, date.today())


def size_bytes(answer: Answer) -> int:
    """About how much memory an answer takes."""
    return _ANSWER_BYTES + _HIT_BYTES * len(answer.hits)
