"""Answers to the last few searches, which several requests of one view ask for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache, partial
from typing import Any, Generic, TypeVar

from imgsearch import MemoryCache
from ui.session import Session

QUERIES_KEPT = 8

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class RecentAnswers(Generic[_Key, _Value]):
    """A cache of the results of the last few searches or other keys. Thread-safe."""

    def __init__(self, compute: Callable[[_Key], _Value]) -> None:
        self._compute = compute
        self._cache: MemoryCache[_Key] = MemoryCache(QUERIES_KEPT, keeps_outdated=True)

    def get(self, key: _Key, state: Hashable) -> _Value:
        """Return the value for `key`.

        `state` is that of the library, see `Session.content_state`.
        """
        return self._cache.get(key, partial(self._compute, key), lambda: state)

    def keep(self, key: _Key, state: Hashable, value: _Value) -> None:
        """Store a value for `key` that was computed in this state of the library, as `get` does."""
        self._cache.keep(key, state, value)

    def clear(self) -> None:
        """Compute all values anew."""
        self._cache.clear()

    def kept(self, key: _Key) -> _Value | None:
        """Return the value that was computed last for `key`, whatever has changed since.

        Does not wait while another is computed: a grid goes on scrolling while somebody searches.
        """
        value: _Value | None = self._cache.latest(key)
        return value


def recent_answers(here: Session, compute: Callable[[_Key], _Value]) -> RecentAnswers[_Key, _Value]:
    """Return the cache of the results of a function in a session."""
    return _recent_answers(here, compute)


@cache
def _recent_answers(here: Session, compute: Callable[..., Any]) -> RecentAnswers[Any, Any]:
    return RecentAnswers(compute)
