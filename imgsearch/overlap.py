"""Work beside other work: threads that go ahead of it, and one that follows behind it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def look_ahead(
    ahead: int, threads: int, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[Iterator[_Result]]:
    """The results of `work`, in order, done by threads up to `ahead` items ahead."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="imgsearch-decode")

    def results() -> Iterator[_Result]:
        waiting: deque[Future[_Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class OneBehind:
    """A thread that does what it is given, in order, at most one piece behind. See `one_behind`."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._pending: Future[object] | None = None

    def do(self, work: Callable[[], object]) -> None:
        """Have this done once the piece before is; raises what that one raised."""
        self.settle()
        self._pending = self._pool.submit(work)

    def settle(self) -> None:
        """Wait until all is done; raises what the last piece raised."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


@contextmanager
def one_behind() -> Iterator[OneBehind]:
    """A thread for work that nobody waits for until the next piece of it, or the block's end.

    All that was given is done when the block ends, whatever ends it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="imgsearch-behind") as pool:
        behind = OneBehind(pool)
        yield behind
        behind.settle()


@dataclass
class Claims:
    """Which contents some thread has taken: the second file with the same bytes is a copy."""

    _taken: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first(self, content_hash: bytes) -> bool:
        with self._lock:
            if content_hash in self._taken:
                return False
            self._taken.add(content_hash)
            return True

    def holds(self, content_hash: bytes | None) -> bool:
        with self._lock:
            return content_hash in self._taken

    def release(self, content_hash: bytes) -> None:
        with self._lock:
            self._taken.discard(content_hash)
