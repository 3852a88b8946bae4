"""Threads that follow behind the work: in order, never far, and never past a piece that failed."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from imgsearch.concurrency import write_behind

PATIENCE_S = 10.0


class Counted:
    """Makes numbers, each only once it may, and counts how many are made at once."""

    def __init__(self) -> None:
        self.may = threading.Semaphore(0)
        self.begun: list[int] = []
        self.kept: list[int] = []

    def make(self, number: int) -> int:
        self.begun.append(number)
        assert self.may.acquire(timeout=PATIENCE_S)
        return number

    def begins(self, count: int) -> bool:
        """Whether so many are begun after a while, and no more."""
        pause = threading.Event()
        for _ in range(200):
            if len(self.begun) >= count:
                break
            pause.wait(PATIENCE_S / 200)
        pause.wait(0.05)
        return len(self.begun) == count


@pytest.mark.parametrize("many", [1, 2])
def test_so_many_are_made_at_once_and_all_are_kept_in_order(many: int) -> None:
    work = Counted()

    def give() -> None:
        with write_behind(many) as model:
            for number in range(20):
                model.do(partial(work.make, number), work.kept.append)

    giver = threading.Thread(target=give)
    giver.start()
    assert work.begins(many)
    for _ in range(20 - many):
        before = len(work.begun)
        work.may.release()
        assert work.begins(before + 1)
    work.may.release(many)
    giver.join(PATIENCE_S)
    assert work.kept == list(range(20))


@pytest.mark.parametrize("many", [1, 2])
def test_what_is_made_waits_for_what_is_kept_before(many: int) -> None:
    """However slow the keeping is: it lags by one piece, beside those that are made."""
    may_keep, made, kept = threading.Event(), [], []

    def keep(number: int) -> None:
        assert may_keep.wait(PATIENCE_S)
        kept.append(number)

    def make(number: int) -> int:
        made.append(number)
        return number

    def give() -> None:
        with write_behind(many) as model:
            for number in range(10):
                model.do(partial(make, number), keep)

    giver = threading.Thread(target=give)
    giver.start()
    giver.join(0.2)
    assert len(made) == many + 1 and not kept
    may_keep.set()
    giver.join(PATIENCE_S)
    assert kept == list(range(10))


@pytest.mark.parametrize("step", ["make", "keep"])
@pytest.mark.parametrize("many", [1, 2])
def test_nothing_is_kept_after_a_piece_that_failed(step: str, many: int) -> None:
    kept: list[int] = []

    def fail_at_three(number: int, at: str) -> int:
        if number == 3 and step == at:
            raise OSError(28, "No space left on device")
        return number

    def keep(number: int) -> None:
        kept.append(fail_at_three(number, "keep"))

    with pytest.raises(OSError, match="space"), write_behind(many) as model:
        for number in range(10):
            model.do(partial(fail_at_three, number, "make"), keep)
    assert kept == [0, 1, 2]


@pytest.mark.parametrize("many", [1, 2])
def test_what_was_given_is_kept_whatever_ends_the_block(many: int) -> None:
    work = Counted()
    work.may.release(many)
    with pytest.raises(KeyboardInterrupt), write_behind(many) as model:
        for number in range(many):
            model.do(partial(work.make, number), work.kept.append)
        raise KeyboardInterrupt
    assert work.kept == list(range(many))


def test_nothing_given_nothing_done() -> None:
    with write_behind(2) as model:
        model.settle()
