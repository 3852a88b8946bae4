"""Background work is written in order, never far ahead, and never after a task that failed."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from imgsearch.concurrency import ClaimedHashes, WriteBehind, prefetch, write_behind

PATIENCE_S = 60.0  # before a test gives up; nothing waits that long when all is well


class GatedWork:
    """Computes numbers, each when the test allows one more, and records the order."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.started: list[int] = []
        self.written: list[int] = []
        self._changed = threading.Condition()

    def compute(self, number: int) -> int:
        with self._changed:
            self.started.append(number)
            self._changed.notify_all()
        assert self.allowed.acquire(timeout=PATIENCE_S)
        return number

    def submit_to(self, tasks: WriteBehind, number: int) -> None:
        """Submit the computation of a number, which is recorded when it is written."""
        tasks.submit(partial(self.compute, number), self.written.append)

    def wait_for_started(self, count: int) -> None:
        """Wait until as many have started; that no more do is then seen over a short time."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.started) >= count, PATIENCE_S)
            self._changed.wait_for(lambda: len(self.started) > count, 0.05)
            assert len(self.started) == count


@pytest.mark.parametrize("width", [1, 2])
def test_as_many_as_allowed_are_computed_at_once_and_written_in_order(width: int) -> None:
    work = GatedWork()

    def submit_all() -> None:
        with write_behind(width) as tasks:
            for number in range(20):
                work.submit_to(tasks, number)

    thread = threading.Thread(target=submit_all)
    thread.start()
    work.wait_for_started(width)
    for _ in range(20 - width):
        before = len(work.started)
        work.allowed.release()
        work.wait_for_started(before + 1)
    work.allowed.release(width)
    thread.join(PATIENCE_S)
    assert work.written == list(range(20))


@pytest.mark.parametrize("width", [1, 2])
def test_computing_waits_for_slow_writing(width: int) -> None:
    may_write, all_computed = threading.Event(), threading.Event()
    computed: list[int] = []
    written: list[int] = []

    def write(number: int) -> None:
        assert may_write.wait(PATIENCE_S)
        written.append(number)

    def compute(number: int) -> int:
        computed.append(number)
        if len(computed) == width + 1:
            all_computed.set()
        return number

    def submit_all() -> None:
        with write_behind(width) as tasks:
            for number in range(10):
                tasks.submit(partial(compute, number), write)

    thread = threading.Thread(target=submit_all)
    thread.start()
    assert all_computed.wait(PATIENCE_S)
    thread.join(0.1)
    assert len(computed) == width + 1 and not written, "one is being written, the rest waits"
    may_write.set()
    thread.join(PATIENCE_S)
    assert written == list(range(10))


@pytest.mark.parametrize("step", ["compute", "write"])
@pytest.mark.parametrize("width", [1, 2])
def test_nothing_is_written_after_a_task_that_failed(step: str, width: int) -> None:
    written: list[int] = []

    def fail_at_three(number: int, at: str) -> int:
        if number == 3 and step == at:
            raise OSError(28, "No space left on device")
        return number

    def compute(number: int) -> int:
        return fail_at_three(number, "compute")

    def write(number: int) -> None:
        written.append(fail_at_three(number, "write"))

    with pytest.raises(OSError, match="space"), write_behind(width) as tasks:
        for number in range(10):
            tasks.submit(partial(compute, number), write)
    assert written == [0, 1, 2]


@pytest.mark.parametrize("width", [1, 2])
def test_submitted_tasks_are_written_when_an_error_ends_the_block(width: int) -> None:
    work = GatedWork()
    work.allowed.release(width)
    with pytest.raises(KeyboardInterrupt), write_behind(width) as tasks:
        for number in range(width):
            work.submit_to(tasks, number)
        raise KeyboardInterrupt
    assert work.written == list(range(width))


def test_waiting_without_tasks_returns() -> None:
    with write_behind(2) as tasks:
        tasks.wait()


def test_prefetched_results_come_in_order_and_stay_near() -> None:
    started: list[int] = []

    def square(number: int) -> int:
        started.append(number)
        return number * number

    with prefetch(4, 2, (partial(square, number) for number in range(10))) as results:
        assert next(results) == 0
        assert len(started) <= 4, "no more than `ahead` are started before one is taken"
        assert list(results) == [number * number for number in range(1, 10)]


def test_a_hash_is_claimed_once_until_it_is_released() -> None:
    hashes = ClaimedHashes()
    assert hashes.claim(b"a") and not hashes.claim(b"a")
    assert b"a" in hashes and b"b" not in hashes and None not in hashes
    hashes.release(b"a")
    assert b"a" not in hashes and hashes.claim(b"a")
