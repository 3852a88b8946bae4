"""Answers to the last few queries, which several requests of one view ask for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

QUERIES_KEPT = 8
MAX_AGE_S = 60.0

_Value = TypeVar("_Value")


class RecentAnswers(Generic[_Value]):
    """What was computed for the last few lines of the query language. Thread-safe.

    A value is used for a minute at most, and only while the number of photos is the same. One
    thread computes at a time, so a page that asks twice at once has it computed once.
    """

    def __init__(self, compute: Callable[[str], _Value]) -> None:
        self._compute = compute
        self._values: OrderedDict[str, tuple[int, float, _Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, line: str, photos: int) -> _Value:
        """The value for `line`; `photos` is the number of photos in the library."""
        with self._lock:
            counted, computed_at, value = self._values.get(line, (-1, 0.0, None))
            if value is None or counted != photos or time.monotonic() - computed_at > MAX_AGE_S:
                value = self._compute(line)
                self._values[line] = (photos, time.monotonic(), value)
            self._values.move_to_end(line)
            while len(self._values) > QUERIES_KEPT:
                self._values.popitem(last=False)
            return value

    def kept(self, line: str) -> _Value | None:
        """The value that was computed last for `line`, whatever has changed since."""
        with self._lock:
            return self._values.get(line, (0, 0.0, None))[2]
