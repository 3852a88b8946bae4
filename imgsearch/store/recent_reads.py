"""What was read from a library last, until anything in it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

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
        self._kept: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, read: Callable[[], _Read]) -> _Read:
        """What `read` gives, or gave for this key since the last change. Never to be changed."""
        version = self.version()  # before reading: later changes then show
        kept = self.known(key, version)
        if kept is not None:
            return cast(_Read, kept)
        value = read()
        self.keep(key, version, value, int(getattr(value, "nbytes", _SMALL_BYTES)))
        return value

    def version(self) -> tuple[int, int]:
        """The version of the library as it is now."""
        return self._database.version()

    def known(self, key: Hashable, version: tuple[int, int]) -> object | None:
        """What is kept under a key for this version of the library; None for an unknown key.

        What is kept of another version is forgotten. The value must not be changed.
        """
        with self._lock:
            if version != self._version:
                self._kept.clear()
                self._version, self._bytes = version, 0
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def keep(self, key: Hashable, version: tuple[int, int], value: object, size_bytes: int) -> None:
        """Keep what was read of a version of the library, unless the library has changed since."""
        with self._lock:
            if version == self._version and key not in self._kept:
                self._kept[key] = value, size_bytes
                self._bytes += size_bytes
                while self._bytes > self._most_bytes:
                    _, (_, oldest_bytes) = self._kept.popitem(last=False)
                    self._bytes -= oldest_bytes
