"""Limits the number of answers that the service computes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets `at_once` tasks run at a time, in the order in which they came.

    Threads hinder one another under Python's lock: three answer more searches a second than
    sixteen. One that takes long must not keep the others waiting, so after `long_s` seconds it does
    not count any more.
    """

    def __init__(self, at_once: int, long_s: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._long_s = long_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, which ends with the block."""
        await self._free.acquire()
        counts = True

        def end() -> None:
            nonlocal counts
            if counts:
                counts = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._long_s, end)
        try:
            yield
        finally:
            timer.cancel()
            end()
