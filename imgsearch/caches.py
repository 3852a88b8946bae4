"""The two kinds of caches: in memory, by the version of what is read, and files with a bound.

A cache says only its key, its bound and the version. Functions that depend on nothing but their
arguments use `functools` instead (docs/decisions/0044-caches.md).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock, RLock
from typing import Any, Generic, TypeVar

from imgsearch import private_files
from imgsearch.errors import DiskError

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


def _one(value: object) -> int:
    return 1


class _Entry:
    """A value, the version of what it was computed from, its size, and when it was checked last."""

    __slots__ = ("checked_s", "size", "value", "version")

    def __init__(self, value: Any, version: Hashable, size: int, checked_s: float) -> None:
        self.value = value
        self.version = version
        self.size = size
        self.checked_s = checked_s


class _Turn:
    """The lock under which one thread computes the value of a key while others wait for it."""

    __slots__ = ("lock", "threads")

    def __init__(self) -> None:
        self.lock = RLock()
        self.threads = 0


class MemoryCache(Generic[_Key]):
    """Values that are computed once for each version of what they depend on. Safe in any thread.

    The sizes of all values add up to `most` at most; the least recently used values go first.
    With `keeps_outdated`, `latest` also gives values of earlier versions; else one value of a new
    version takes the place of all others. Values are shared, so nobody may change one.
    """

    def __init__(
        self,
        most: int,
        keeps_outdated: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._keeps_outdated = keeps_outdated
        self._version: Hashable = None  # of the value that was computed last
        self._now_s = now_s
        self._lock = Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._turns: dict[_Key, _Turn] = {}
        self._size = 0

    def get(
        self,
        key: _Key,
        compute: Callable[[], _Value],
        version: Callable[[], Hashable],
        size_of: Callable[[_Value], int] = _one,
        unchecked_s: float = 0.0,
    ) -> _Value:
        """Return the result of `compute` for this key, computed once at the current version.

        A value is used for `unchecked_s` seconds without asking for the version. Threads that want
        the same value at once have it computed once.
        """
        value: _Value
        entry = self._young(key, unchecked_s)
        if entry is None:
            # Asked for before computing: a change that comes meanwhile shows at the next request.
            now_s, current = self._now_s(), version()
            entry = self._at(key, current, now_s)
            if entry is None:
                with self._lock:
                    turn = self._turns.setdefault(key, _Turn())
                    turn.threads += 1
                try:
                    with turn.lock:
                        entry = self._at(key, current, now_s)
                        if entry is None:
                            value = compute()
                            entry = _Entry(value, current, size_of(value), now_s)
                            self._put(key, entry)
                finally:
                    with self._lock:
                        turn.threads -= 1
                        if not turn.threads:
                            del self._turns[key]
        value = entry.value
        return value

    def known(self, key: _Key, version: Hashable) -> object | None:
        """Return the value of a key at this version; None without one."""
        entry = self._at(key, version, self._now_s())
        return None if entry is None else entry.value

    def known_among(self, keys: Iterable[_Key], version: Hashable) -> dict[_Key, Any]:
        """Return the values of those of these keys that have one at this version."""
        now_s = self._now_s()
        entries = ((key, self._at(key, version, now_s)) for key in keys)
        return {key: entry.value for key, entry in entries if entry is not None}

    def keep_all(self, values: Mapping[_Key, object], version: Hashable) -> None:
        """Store many values of size 1, as `keep` does."""
        now_s = self._now_s()
        with self._lock:
            self._begin(version)
            for key, value in values.items():
                self._set(key, _Entry(value, version, 1, now_s))

    def keep(self, key: _Key, version: Hashable, value: object, size: int = 1) -> None:
        """Store a value that was computed at this version, as `get` does."""
        self._put(key, _Entry(value, version, size, self._now_s()))

    def latest(self, key: _Key) -> Any:
        """Return the value computed last for a key, also an outdated one; None without one.

        Does not wait while another is computed.
        """
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else entry.value

    def forget(self, *keys: _Key) -> None:
        """Compute the values of these keys anew."""
        with self._lock:
            for key in keys:
                self._remove(key)

    def clear(self) -> None:
        """Compute all values anew."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def _young(self, key: _Key, unchecked_s: float) -> _Entry | None:
        if not unchecked_s:
            return None
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or self._now_s() - entry.checked_s >= unchecked_s:
                return None
            self._entries.move_to_end(key)
            return entry

    def _at(self, key: _Key, version: Hashable, now_s: float) -> _Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.version != version:
                return None
            entry.checked_s = now_s
            self._entries.move_to_end(key)
            return entry

    def _put(self, key: _Key, entry: _Entry) -> None:
        with self._lock:
            self._begin(entry.version)
            self._set(key, entry)

    def _begin(self, version: Hashable) -> None:
        """Forget the values of an earlier version, unless outdated ones are kept."""
        if version != self._version and not self._keeps_outdated:
            self._entries.clear()
            self._size = 0
        self._version = version

    def _set(self, key: _Key, entry: _Entry) -> None:
        self._remove(key)
        if entry.size > self._most:
            return
        self._entries[key] = entry
        self._size += entry.size
        while self._size > self._most:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size


_CHECKSUM_BYTES = 8
_TOUCH_AFTER_S = 3600.0  # a use is recorded at most once an hour
_KEPT_SHARE = 0.9  # of the bound, after deleting: the next file need not delete again


class FileCache:
    """A folder of files that takes `most_bytes` at most. Safe in any thread and any process.

    The least recently used files are deleted first, and files that were not used for `max_age_s`.
    Only this user can read them, each is written whole or not at all, and one whose content was
    damaged counts as absent. Nothing is synced to the disk.

    Files lie in `parts` folders by the beginning of their names, each with an equal share of the
    bound: with many small files, only one folder has to be listed to delete some.
    """

    def __init__(
        self, folder: Path, most_bytes: int, parts: int = 1, max_age_s: float | None = None
    ) -> None:
        """`parts` is 1, 16 or 256; with more than 1, names have to begin with hex digits."""
        self._folder = folder
        self._most_bytes = most_bytes // parts
        self._prefix_length = {1: 0, 16: 1, 256: 2}[parts]
        self._max_age_s = float("inf") if max_age_s is None else max_age_s
        self._lock = Lock()
        self._held_bytes: dict[Path, int] = {}  # by folder; missing until it was counted

    def get(self, name: str) -> bytes | None:
        """Return the content of a file, whose use is recorded.

        None if it is not there or damaged.
        """
        file = self._file(name)
        try:
            stored = file.read_bytes()
            age_s = time.time() - file.stat().st_mtime
            if age_s > self._max_age_s:
                return None
            content, checksum = stored[:-_CHECKSUM_BYTES], stored[-_CHECKSUM_BYTES:]
            if checksum != _checksum(content):
                return None
            if age_s > _TOUCH_AFTER_S:
                with suppress(OSError):  # a disk may be read-only
                    os.utime(file)  # not atime, which many systems do not record
        except OSError:
            return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Store a file, and delete what is too much. Raises OSError where it cannot be written."""
        file = self._file(name)
        private_files.replace_file(file, content + _checksum(content))
        with self._lock:
            held_bytes = self._held_bytes.get(file.parent)
            if held_bytes is None:
                private_files.delete_abandoned(file.parent)
                self._delete(file)  # counts, too
                return
            self._held_bytes[file.parent] = held_bytes + len(content) + _CHECKSUM_BYTES
            is_too_much = self._held_bytes[file.parent] > self._most_bytes
            if is_too_much or self._max_age_s < float("inf"):
                self._delete(file)

    def _file(self, name: str) -> Path:
        prefix = name[: self._prefix_length]
        return self._folder / prefix / name if prefix else self._folder / name

    def _delete(self, newest: Path) -> None:
        """Delete old files and, if all take too much, the least recently used ones.

        The newest one stays, whatever its size. Counts again: other processes write here, too.
        """
        files = sorted(_files_in(newest.parent))
        held_bytes = sum(size_bytes for _, size_bytes, _ in files)
        wanted_bytes = self._most_bytes
        if held_bytes > wanted_bytes:
            wanted_bytes = int(_KEPT_SHARE * wanted_bytes)
        oldest = time.time() - self._max_age_s
        for used_at, size_bytes, path in files:
            if used_at >= oldest and held_bytes <= wanted_bytes:
                break
            if path != str(newest):
                with suppress(OSError):
                    os.unlink(path)  # noqa: PTH108
                    held_bytes -= size_bytes
        self._held_bytes[newest.parent] = held_bytes


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()


def _files_in(folder: Path) -> list[tuple[float, int, str]]:
    """Return every file of a folder: its last use (Unix seconds), its size in bytes, its path."""
    files = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                about = entry.stat()
                files.append((about.st_mtime, about.st_size, entry.path))
    return files


def unwritable_cache(folder: Path, error: OSError) -> DiskError:
    """Return the error for a folder in the cache folder that cannot be written to."""
    return DiskError(
        f"Cannot write to {folder} ({error.strerror}). Choose another cache folder: IMGSEARCH_CACHE"
    )
