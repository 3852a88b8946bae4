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
    """A cache of the results of the last few searches or other keys. Thread-safe.

    A value is used for a minute at most, and only while the content of the library is the same. One
    thread computes at a time, so a page that asks twice at once has it computed once.
    """

    def __init__(self, compute: Callable[[_Key], _Value]) -> None:
        self._compute = compute
        self._values: OrderedDict[_Key, tuple[Hashable, float, _Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key, state: Hashable) -> _Value:
        """The value for `key`; `state` is that of the library, see `Session.content_state`."""
        with self._lock:
            before, computed_at, value = self._values.get(key, (None, 0.0, None))
            if value is None or before != state or time.monotonic() - computed_at > MAX_AGE_S:
                value = self._compute(key)
                self._values[key] = (state, time.monotonic(), value)
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
        return self._values.get(key, (None, 0.0, None))[2]
