"""What was read from a library last, until anything in it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from imgsearch.store.database import Database

MOST_BYTES = 100_000_000  # of arrays: the ids of twelve filters that a million photos pass
_SMALL_BYTES = 10_000  # of anything else

_Read = TypeVar("_Read")


class RecentReads:
    """Keeps what was read last. Safe to use from several threads.

    To read the ids of a filter that most of a million photos pass takes 0.1 s and more, and who
    searches with a filter asks for the same soon: for other words, or for the next page.
    """

    def __init__(self, database: Database, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._version: tuple[int, int] | None = None
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, read: Callable[[], _Read]) -> _Read:
        """What `read` gives, or gave for this key since the last change. Never to be changed."""
        version = self._database.version()  # before reading: later changes then show
        with self._lock:
            if version != self._version:
                self._kept.clear()
                self._version, self._bytes = version, 0
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(_Read, self._kept[key])
        value = read()
        with self._lock:
            if version == self._version and key not in self._kept:
                self._kept[key] = value
                self._bytes += _size_bytes(value)
                while self._bytes > self._most_bytes:
                    _, oldest = self._kept.popitem(last=False)
                    self._bytes -= _size_bytes(oldest)
        return value


def _size_bytes(value: Any) -> int:
    return int(getattr(value, "nbytes", _SMALL_BYTES))
