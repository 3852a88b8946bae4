"""Answers to the last few searches, which several requests of one view ask for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

QUERIES_KEPT = 8
MAX_AGE_S = 60.0

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class RecentAnswers(Generic[_Key, _Value]):
    """What was computed for the last few searches, or whatever else is a key. Thread-safe.

    A value is used for a minute at most, and only while the number of photos is the same. One
    thread computes at a time, so a page that asks twice at once has it computed once.
    """

    def __init__(self, compute: Callable[[_Key], _Value]) -> None:
        self._compute = compute
        self._values: OrderedDict[_Key, tuple[int, float, _Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key, photos: int) -> _Value:
        """The value for `key`; `photos` is the number of photos in the library."""
        with self._lock:
            counted, computed_at, value = self._values.get(key, (-1, 0.0, None))
            if value is None or counted != photos or time.monotonic() - computed_at > MAX_AGE_S:
                value = self._compute(key)
                self._values[key] = (photos, time.monotonic(), value)
            self._values.move_to_end(key)
            while len(self._values) > QUERIES_KEPT:
                self._values.popitem(last=False)
            return value

    def clear(self) -> None:
        """Compute all values anew."""
        with self._lock:
            self._values.clear()

    def kept(self, key: _Key) -> _Value | None:
        """The value that was computed last for `key`, whatever has changed since.

        Does not wait while another is computed: a grid goes on scrolling while somebody searches.
        """
        return self._values.get(key, (0, 0.0, None))[2]
