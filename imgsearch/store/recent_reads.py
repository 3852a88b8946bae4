"""What was read from a library last, until anything in it changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

from imgsearch.caches import MemoryCache

if TYPE_CHECKING:
    from imgsearch.store.database import Database

MOST_BYTES = 100_000_000  # of arrays: the ids of twelve filters that a million photos pass
_SMALL_BYTES = 10_000  # of anything else

_Read = TypeVar("_Read")


def _array_bytes(value: object) -> int:
    return int(getattr(value, "nbytes", _SMALL_BYTES))


class RecentReads:
    """Caches what was read from a database, until anything is committed to it.

    To read the ids of a filter that most of a million photos pass takes 0.1 s and more, and who
    searches with a filter asks for the same soon: for other words, or for the next page.
    """

    def __init__(self, database: Database, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._cache: MemoryCache[Hashable] = MemoryCache(most_bytes)

    def get(
        self,
        key: Hashable,
        read: Callable[[], _Read],
        size_of: Callable[[_Read], int] = _array_bytes,
    ) -> _Read:
        """What `read` gives, or gave for this key since the last change; nobody may change it.

        `size_of` says how many bytes it takes.
        """
        return self._cache.get(key, read, self.version, size_of)

    def version(self) -> tuple[int, int]:
        """The version of the library as it is now."""
        return self._database.version()

    def known(self, key: Hashable, version: tuple[int, int]) -> object | None:
        """The value of a key at this version of the library; None without one."""
        return self._cache.known(key, version)

    def keep(self, key: Hashable, version: tuple[int, int], value: object, size_bytes: int) -> None:
        """Cache a value that was read or computed at this version, which was asked for before."""
        self._cache.keep(key, version, value, size_bytes)
