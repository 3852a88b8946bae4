"""Where a page of an answer ended, as a short text that asks for the next one.

It holds no offset but the last hit itself, so photos that come or go move nothing: what is still
there and was not shown comes next.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from imgsearch.errors import QueryError
from imgsearch.records.query import Query

# Scores of one photo may differ so much between two searches: other blocks, other index.
SCORE_NOISE = 1e-5


@dataclass(frozen=True, slots=True)
class ByScore:
    """After a hit of this score. `shown` are all hits up to then that scored about the same."""

    score: float
    shown: tuple[int, ...]
    count: int  # hits up to then, in all pages

    def is_behind(self, photo_id: int, score: float) -> bool:
        """Whether a photo was not on this page or one before."""
        return score <= self.score + SCORE_NOISE and photo_id not in self.shown


@dataclass(frozen=True, slots=True)
class ByKey:
    """After the photo with this id, sorted by this key."""

    key: str
    id: int


def write(query: Query, end: ByScore | ByKey) -> str:
    """The cursor for the page after `end`."""
    if isinstance(end, ByScore):
        content = [_fingerprint(query), end.score, end.count, *end.shown]
    else:
        content = [_fingerprint(query), end.key, end.id]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def read(cursor: str, query: Query) -> ByScore | ByKey:
    """Where the page before ended. Raises QueryError for a cursor of another query, or none."""
    try:
        fingerprint, place, *rest = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        numbers = [int(number) for number in rest]
        if isinstance(place, str):
            (photo_id,) = numbers
            end: ByScore | ByKey = ByKey(place, photo_id)
        else:
            end = ByScore(float(place), tuple(numbers[1:]), numbers[0])
    except (ValueError, TypeError, IndexError, binascii.Error) as error:
        raise QueryError(f"{cursor!r} is no cursor. Use one that a search has printed.") from error
    if fingerprint != _fingerprint(query):
        raise QueryError("This cursor belongs to another query. Use it with the very same one.")
    return end


def _fingerprint(query: Query) -> str:
    text = repr(query).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=6).hexdigest()
