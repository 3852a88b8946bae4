"""Work beside other work: threads that go ahead of it, and threads that follow behind it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def prefetch(
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


class WriteBehind:
    """Threads that make what they are given, and one that keeps it, in order. See `behind`."""

    def __init__(self, makers: ThreadPoolExecutor, keeper: ThreadPoolExecutor, many: int) -> None:
        self._makers, self._keeper, self._many = makers, keeper, many
        self._pieces: deque[tuple[Future[object], Future[None]]] = deque()  # made, kept

    def do(self, make: Callable[[], _Result], keep: Callable[[_Result], object]) -> None:
        """Have this made and then kept; waits for room, and raises what an earlier piece raised.

        Once a piece failed, none after it is kept.
        """
        if len(self._pieces) > self._many:
            self._pieces.popleft()[1].result()
        if len(self._pieces) == self._many:
            self._pieces[0][0].result()
        before = self._pieces[-1][1] if self._pieces else None
        made = self._makers.submit(make)

        def in_turn() -> None:
            if before is not None:
                before.result()
            keep(made.result())

        self._pieces.append((cast("Future[object]", made), self._keeper.submit(in_turn)))

    def settle(self) -> None:
        """Wait until all is kept; raises what the first piece to fail raised."""
        while self._pieces:
            self._pieces.popleft()[1].result()


@contextmanager
def write_behind(many: int) -> Iterator[WriteBehind]:
    """Threads for work that nobody waits for: `many` pieces are made while one before is kept.

    All that was given is done when the block ends, whatever ends it.
    """
    with (
        ThreadPoolExecutor(1, thread_name_prefix="imgsearch-keep") as keeper,
        ThreadPoolExecutor(many, thread_name_prefix="imgsearch-make") as makers,
    ):
        following = WriteBehind(makers, keeper, many)
        yield following
        following.settle()


@dataclass
class ClaimedHashes:
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
