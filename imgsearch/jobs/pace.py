"""How fast a long job goes on."""

from __future__ import annotations

import time

from imgsearch.jobs.news import Progress


class Pace:
    """The rate of a job, which hears of each of its steps.

    Each part of a job has a pace of its own, which counts from its first step: making ready for
    that one is no part of it.
    """

    def __init__(self) -> None:
        self._first: Progress | None = None  # step of the part in hand
        self._last: Progress | None = None
        self._first_s = 0.0

    def begins_with(self, step: Progress) -> bool:
        """Hear of a step; whether a part of the job begins with it."""
        begins = self._last is None or not step.goes_on(self._last)
        if begins:
            self._first, self._first_s = step, time.monotonic()
        self._last = step
        return begins

    @property
    def rate(self) -> float:
        """Steps a second in this part until now; 0 while that is not known."""
        if self._first is None or self._last is None:
            return 0.0
        since_s = max(time.monotonic() - self._first_s, 1e-3)
        return (self._last.done - self._first.done) / since_s
