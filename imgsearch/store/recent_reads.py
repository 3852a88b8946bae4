"""What was read from a library last, until anything in it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids
    from imgsearch.store.database import Database

MOST_BYTES = 100_000_000  # of arrays: the ids of twelve filters that a million photos pass
_SMALL_BYTES = 10_000  # of anything else

_Read = TypeVar("_Read")


def _array_bytes(value: object) -> int:
    return int(getattr(value, "nbytes", _SMALL_BYTES))


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

    def get(
        self,
        key: Hashable,
        read: Callable[[], _Read],
        size_of: Callable[[_Read], int] = _array_bytes,
    ) -> _Read:
        """What `read` gives, or gave for this key since the last change. Never to be changed.

        `size_of` says how many bytes it takes.
        """
        version = self._database.version()  # before reading: later changes then show
        with self._lock:
            if version != self._version:
                self._kept.clear()
                self._version, self._bytes = version, 0
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(_Read, self._kept[key][0])
        value = read()
        size_bytes = size_of(value)
        with self._lock:
            if version == self._version and key not in self._kept:
                self._kept[key] = value, size_bytes
                self._bytes += size_bytes
                while self._bytes > self._most_bytes:
                    _, (_, oldest_bytes) = self._kept.popitem(last=False)
                    self._bytes -= oldest_bytes
        return value


def read_only(ids: Ids) -> Ids:
    """The same array, which nobody can change any more: several threads may be given it."""
    ids.flags.writeable = False
    return ids
