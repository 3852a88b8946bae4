"""A cache of recent reads from a library, until anything in it changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import local
from typing import TYPE_CHECKING, Any, TypeVar

from imgsearch.caches import MemoryCache

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.store.database import Database

MOST_BYTES = 100_000_000  # of arrays: the ids of twelve filters that a million photos pass
_SMALL_BYTES = 10_000  # of anything else

_Read = TypeVar("_Read")
_Array = TypeVar("_Array", bound="NDArray[Any]")


class _Pinned(local):
    """The version that the current thread works with in a block of `one_version`."""

    version: tuple[int, int] | None = None


class RecentReads:
    """Caches what was read from a database, until anything is committed to it.

    To read the ids of a filter that most of a million photos pass takes 0.1 s and more, and who
    searches with a filter asks for the same soon: for other words, or for the next page.
    """

    def __init__(self, database: Database, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._pinned = _Pinned()
        self._cache: MemoryCache[Hashable] = MemoryCache(most_bytes)

    def get(self, key: Hashable, read: Callable[[], _Read]) -> _Read:
        """Return the result of `read`, cached by key until the next change. Do not modify it."""
        return self._cache.get(key, read, self.version, _size_bytes)

    def get_each(
        self,
        kind: Hashable,
        ids: Sequence[int],
        read: Callable[[list[int]], Mapping[int, _Read]],
        size_bytes: int,
    ) -> dict[int, _Read]:
        """Return the values of `read` for these ids, each cached by kind and id as `get` does.

        Only those that are not cached are read, all at once. The values are in the order of the
        ids; an id without a value is left out. Each takes about `size_bytes`.
        """
        version = self.version()
        keys = {each: (kind, each) for each in ids}
        found = self._cache.known_among(keys.values(), version)
        unknown = [each for each, key in keys.items() if key not in found]
        if unknown:
            for each, value in read(unknown).items():
                found[keys[each]] = value
                self._cache.keep(keys[each], version, value, size_bytes)
        return {each: found[key] for each, key in keys.items() if key in found}

    def version(self) -> tuple[int, int]:
        """Return the version of the library as it is now, or as it was when `one_version` began."""
        return self._pinned.version or self._database.version()

    @contextmanager
    def one_version(self) -> Iterator[tuple[int, int]]:
        """Let the thread ask for the version of the library, which is given, once in this block.

        What changes meanwhile shows after the block at the latest.
        """
        outer = self._pinned.version
        self._pinned.version = version = self.version()
        try:
            yield version
        finally:
            self._pinned.version = outer

    def known(self, key: Hashable, version: Hashable) -> object | None:
        """Return the value of a key for this version of the library; None if there is none.

        Nobody may change the value.
        """
        return self._cache.known(key, version)

    def keep(self, key: Hashable, version: Hashable, value: object, size_bytes: int) -> None:
        """Cache what was computed from a version of the library."""
        self._cache.keep(key, version, value, size_bytes)


def read_only(array: _Array) -> _Array:
    """Return the same array, which nobody can change any more: several threads may be given it."""
    array.flags.writeable = False
    return array


def _size_bytes(value: object) -> int:
    if isinstance(value, tuple):
        return sum(map(_size_bytes, value)) + _SMALL_BYTES
    return int(getattr(value, "nbytes", _SMALL_BYTES))
