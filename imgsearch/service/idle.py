"""Calls a function when nothing was used for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable


class IdleTimer:
    """Calls `release` after `idle_s` without a `restart`; with None, never."""

    def __init__(self, idle_s: float | None, release: Callable[[], None]) -> None:
        self._idle_s = idle_s
        self._release = release
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self.restart()

    def restart(self) -> None:
        if self._idle_s is None:
            return
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._idle_s, self._release)
            self._timer.daemon = True
            self._timer.start()
