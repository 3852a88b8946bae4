"""Threads that prepare items ahead of their use, and threads that process and store them later."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@contextmanager
def prefetch(
    ahead: int, threads: int, tasks: Iterable[Callable[[], _Result]]
) -> Iterator[Iterator[_Result]]:
    """Provide the results of tasks, in order, computed by threads up to `ahead` tasks ahead.

    A task that has not started when the block ends is cancelled.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="imgsearch-decode")

    def results() -> Iterator[_Result]:
        pending: deque[Future[_Result]] = deque()
        for task in tasks:
            pending.append(pool.submit(task))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class WriteBehind:
    """Threads that compute results, and one that writes them in order. See `write_behind`."""

    def __init__(self, width: int, workers: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
        self._width, self._workers, self._writer = width, workers, writer
        self._tasks: deque[tuple[Future[Any], Future[None]]] = deque()  # computed, written

    def submit(self, compute: Callable[[], _Result], write: Callable[[_Result], object]) -> None:
        """Schedule the computation of a result, and then its writing.

        Waits while too many are under way, and raises what an earlier one raised. Once one has
        failed, none after it is written.
        """
        if len(self._tasks) > self._width:
            self._tasks.popleft()[1].result()
        if len(self._tasks) == self._width:
            self._tasks[0][0].result()
        previous = self._tasks[-1][1] if self._tasks else None
        computed = self._workers.submit(compute)

        def write_in_order() -> None:
            if previous is not None:
                previous.result()
            write(computed.result())

        self._tasks.append((computed, self._writer.submit(write_in_order)))

    def wait(self) -> None:
        """Wait until everything is written; raises what the first task to fail raised."""
        while self._tasks:
            self._tasks.popleft()[1].result()


@contextmanager
def write_behind(width: int) -> Iterator[WriteBehind]:
    """Compute up to `width` results at a time while those before them are written.

    Results are written in the order in which they were submitted. Everything that was submitted is
    finished when the block ends, also by an error.
    """
    with (
        ThreadPoolExecutor(1, thread_name_prefix="imgsearch-write") as writer,
        ThreadPoolExecutor(width, thread_name_prefix="imgsearch-compute") as workers,
    ):
        tasks = WriteBehind(width, workers, writer)
        yield tasks
        tasks.wait()


class ClaimedHashes:
    """The content hashes that some thread processes: a second file with one of them is a copy."""

    def __init__(self) -> None:
        self._claimed: set[bytes] = set()
        self._lock = threading.Lock()

    def claim(self, content_hash: bytes) -> bool:
        """Claim a hash; whether no other file had claimed it."""
        with self._lock:
            if content_hash in self._claimed:
                return False
            self._claimed.add(content_hash)
            return True

    def __contains__(self, content_hash: bytes | None) -> bool:
        with self._lock:
            return content_hash in self._claimed

    def release(self, content_hash: bytes) -> None:
        """Make a hash free to claim again."""
        with self._lock:
            self._claimed.discard(content_hash)
