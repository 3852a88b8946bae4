"""Controls how the C library of Linux (glibc) keeps free memory. No effect elsewhere."""

from __future__ import annotations

import sys
from contextlib import suppress

_M_ARENA_MAX = -8  # mallopt(3)


def share_between_threads() -> None:
    """Let all threads of this process take memory from two pools, instead of eight for each core.

    What one thread has freed is then there for the others. It holds for pools to come, so a job
    calls this before it starts its threads.
    """
    _call("mallopt", _M_ARENA_MAX, 2)


def give_back() -> None:
    """Give memory that is free back to the system."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    if sys.platform != "linux":  # Windows has no library without a name
        return
    import ctypes  # lazy: most commands start no job

    with suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), function)(*arguments)
