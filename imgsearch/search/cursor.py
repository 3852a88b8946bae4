"""Cursors: short texts that mark the end of a page of an answer.

A cursor holds the last hit itself rather than an offset, so photos that come or go do not shift
the pages: the next page begins with the first photo after that hit that has not been shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from imgsearch.errors import QueryError
from imgsearch.records.query import Query

# The score of a photo may differ by this much between two searches, with another order of sums or
# another index.
SCORE_NOISE = 1e-5


class ByScore(Struct, frozen=True):
    """The page ended at this score. `shown` are all hits so far with about the same score."""

    score: float
    shown: tuple[int, ...]
    count: int  # hits on all pages so far

    def is_after(self, photo_id: int, score: float) -> bool:
        """Return whether a photo comes after the pages shown so far."""
        return score <= self.score + SCORE_NOISE and photo_id not in self.shown


class ByTwoScores(Struct, frozen=True):
    """The page ended at these hits by name and by meaning; None where there was none yet."""

    named: ByScore | None
    others: ByScore | None


class ByKey(Struct, frozen=True):
    """The page of a sorted answer ended at the photo with this id and this key."""

    key: str
    id: int


def write(query: Query, end: ByScore | ByTwoScores | ByKey, learned: bytes = b"") -> str:
    """Return the cursor for the page after `end`.

    `learned` identifies the current versions of the query's directions. Learning one again changes
    all scores, which makes the cursor invalid.
    """
    fields: list[object] = [_fingerprint(query, learned)]
    if isinstance(end, ByScore):
        fields += _of_score(end)
    elif isinstance(end, ByTwoScores):
        fields += [None if each is None else _of_score(each) for each in (end.named, end.others)]
    else:
        fields += [end.key, end.id]
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def read_by_score(cursor: str | None, query: Query, learned: bytes = b"") -> ByTwoScores:
    """Return the end of the previous page of a ranked answer; without a cursor, the beginning.

    Raises QueryError for a cursor of another query, for a cursor older than the last version of a
    direction in the query (see `write`), and for text that is not a cursor.
    """
    if cursor is None:
        return ByTwoScores(None, None)
    with _cursor_errors(cursor):
        fields = _fields(cursor, query, learned)
        if len(fields) == 2 and all(each is None or isinstance(each, list) for each in fields):
            named, others = (None if each is None else _read_score(each) for each in fields)
            return ByTwoScores(named, others)
        end = _read_score(fields)
        return ByTwoScores(end, end)  # photos may have got names since that page


def _of_score(end: ByScore) -> list[object]:
    return [end.score, end.count, *end.shown]


def _read_score(fields: Any) -> ByScore:
    score, count, *shown = fields
    return ByScore(float(score), tuple(map(int, shown)), int(count))


def read_by_key(cursor: str | None, query: Query) -> ByKey | None:
    """Return the end of the previous page of a sorted answer; errors as in `read_by_score`."""
    if cursor is None:
        return None
    with _cursor_errors(cursor):
        key, photo_id = _fields(cursor, query)
        return ByKey(str(key), int(photo_id))


def position(end: ByKey) -> int:
    """Return the number of photos before the end of a page, in an order without keys of its own.

    Raises QueryError for a key that is no such number.
    """
    with _cursor_errors(end.key):
        return max(0, int(end.key))


def _fields(cursor: str, query: Query, learned: bytes = b"") -> list[Any]:
    fields: list[Any]
    fingerprint, *fields = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    if fingerprint != _fingerprint(query, learned):
        if learned:
            raise QueryError(
                "This cursor belongs to another query, or what it names was taught again since. "
                "Search again from the first page."
            )
        raise QueryError(
            "This cursor belongs to another query. Use it with the query it came from."
        )
    return fields


@contextmanager
def _cursor_errors(cursor: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        message = f"{cursor[:60]!r} is not a cursor. Use one that a search printed."
        raise QueryError(message) from error


def _fingerprint(query: Query, learned: bytes) -> str:
    # Cursors of older versions must stay valid, so the repr of a query must not change.
    text = repr(query).encode("utf-8", "backslashreplace") + learned
    quoted = [number for number, term in enumerate(query.terms) if term.is_quoted]
    if quoted:
        text += f" quoted {quoted}".encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()
