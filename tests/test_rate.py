"""The rate of a job and the time left, with a clock made for the test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from imgsearch import Progress, RateMeter
from tests.factories import SimulatedClock

SURPLUS_S = 3.5  # a batch that is under way: its photos come together at its end


def steady(rate: float, seconds: float) -> Iterator[float]:
    """The times of steps that come evenly."""
    yield from (1 / rate for _ in range(round(rate * seconds)))


def in_batches(size: int, batch_s: float, batches: int) -> Iterator[float]:
    """The times of steps that come all at once, when a batch is done."""
    for _ in range(batches):
        yield batch_s
        yield from (0.0 for _ in range(size - 1))


def estimates(pauses_s: Iterable[float]) -> list[tuple[float, float, float | None]]:
    """Elapsed seconds, the seconds truly left and those estimated, whenever steps have come."""
    pauses_s = list(pauses_s)
    clock = SimulatedClock()
    meter = RateMeter(clock)
    meter.starts_part(Progress(0, len(pauses_s)))
    whole_s = sum(pauses_s)
    seen = []
    for done, pause_s in enumerate(pauses_s, 1):
        clock.sleep(pause_s)
        meter.starts_part(Progress(done, len(pauses_s)))
        if done == len(pauses_s) or pauses_s[done] > 0:  # of steps at one moment, the last is seen
            seen.append((clock(), whole_s - clock(), meter.left_s))
    return seen


def assert_true_from_a_fifth_on(pauses_s: Iterable[float], within: float = 0.25) -> None:
    seen = estimates(pauses_s)
    whole_s = seen[-1][0]
    later = [(left, estimate) for at, left, estimate in seen if at >= whole_s / 5]
    assert later
    for left_s, estimate_s in later:
        assert estimate_s is not None
        assert abs(estimate_s - left_s) <= within * left_s + SURPLUS_S, (left_s, estimate_s)


@pytest.mark.parametrize("whole_s", [30, 240, 3600])
def test_a_fast_beginning_does_not_spoil_the_estimate(whole_s: float) -> None:
    """19 a second at first, while batches are filled, and then 5 as long as it lasts."""
    start_s = whole_s / 25
    assert_true_from_a_fifth_on([*steady(19, start_s), *steady(5, whole_s - start_s)])


def test_a_slow_beginning_does_not_either() -> None:
    assert_true_from_a_fifth_on([*steady(1, 12), *steady(19, 228)])


@pytest.mark.parametrize("size", [4, 16, 64])
def test_photos_that_come_in_batches_do_not_make_the_estimate_jump(size: int) -> None:
    pauses_s = list(in_batches(size, 3.2, 75))
    assert_true_from_a_fifth_on(pauses_s)
    ends = [at + estimate for at, _, estimate in estimates(pauses_s) if estimate is not None]
    later = ends[len(ends) // 5 :]
    assert max(later) - min(later) <= 0.1 * sum(pauses_s)


@pytest.mark.parametrize("batch_s", [40, 90, 240])
@pytest.mark.parametrize("size", [16, 64])
def test_on_a_slow_machine_no_moment_of_a_batch_spoils_the_estimate(
    batch_s: float, size: int
) -> None:
    """Files are prepared ahead of the model, at first without waiting for it.

    The estimate is read at each step, also at the first of a batch, and between batches.
    """
    first, rest = 2 * size + size // 2, 8 * size
    clock = SimulatedClock()
    meter = RateMeter(clock)
    total = first + rest
    meter.starts_part(Progress(0, total))
    for done in range(1, first + 1):
        clock.sleep(0.06)
        meter.starts_part(Progress(done, total))
    seen: list[tuple[float, float]] = []

    def look(left_s: float) -> None:
        if meter.left_s is not None:
            seen.append((left_s, meter.left_s))

    for batch in range(8):
        for _ in range(20):
            clock.sleep(batch_s / 20)
            if batch >= 2:
                look((8 - batch) * batch_s)
        for place in range(1, size + 1):
            meter.starts_part(Progress(first + batch * size + place, total))
            if batch >= 2:
                look((7 - batch) * batch_s)
    assert len(seen) > 5 * size
    for left_s, estimate_s in seen:
        assert abs(estimate_s - left_s) <= 1.1 * batch_s, (left_s, estimate_s)


def test_one_step_after_a_long_pause_is_no_rate() -> None:
    clock = SimulatedClock()
    meter = RateMeter(clock)
    meter.starts_part(Progress(0, 451, part="Trying int8"))
    for done in (16, 32, 48):
        clock.sleep(60)
        meter.starts_part(Progress(done - 15, 451, part="Trying int8"))
        if done == 16:
            assert meter.rate == 0
        elif meter.rate:
            assert meter.rate == pytest.approx(16 / 60, rel=0.05)
        meter.starts_part(Progress(done, 451, part="Trying int8"))


def test_the_rate_is_alive() -> None:
    """It follows what happens: ten a second, two, and then a process that hangs."""
    clock = SimulatedClock()
    meter = RateMeter(clock)
    meter.starts_part(Progress(0, 10_000))
    for done, pause_s in enumerate((*steady(10, 120), *steady(2, 35)), 1):
        clock.sleep(pause_s)
        meter.starts_part(Progress(done, 10_000))
        if done == 1200:
            assert meter.rate == pytest.approx(10, rel=0.05)
    assert meter.rate == pytest.approx(2, rel=0.05)
    clock.sleep(5)
    assert meter.rate == pytest.approx(2, rel=0.05), "a pause of seconds is none"
    clock.sleep(300)
    assert meter.rate < 0.2


def test_nothing_is_known_at_first_and_each_part_is_measured_by_itself() -> None:
    clock = SimulatedClock()
    meter = RateMeter(clock)
    assert meter.starts_part(Progress(0, 100))
    assert meter.rate == 0 and meter.left_s is None
    clock.sleep(2)
    assert not meter.starts_part(Progress(10, 100))
    assert meter.rate == 0 and meter.left_s is None, "one step says nothing"
    clock.sleep(2)
    assert not meter.starts_part(Progress(20, 100))
    clock.sleep(2)
    assert meter.rate == 5
    assert meter.left_s == 16
    assert meter.starts_part(Progress(0, 50, part="Comparing int8"))
    assert meter.rate == 0 and meter.left_s is None


def test_at_the_end_nothing_is_left() -> None:
    assert estimates(steady(10, 30))[-1][2] == 0
