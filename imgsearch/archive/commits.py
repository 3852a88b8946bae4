"""When a job that reads photos of an archive commits what it has read.

A commit takes a tenth of a second and more, and a run that is killed has the photos since the last
one read again.
"""

from __future__ import annotations

import time

PHOTOS_AT_ONCE = 256  # whose facts are looked up together
_PHOTOS_PER_COMMIT = 256
_COMMIT_EVERY_S = 30.0


class CommitClock:
    """Says when to commit: when many photos are waiting, or when the last commit was long ago."""

    def __init__(self) -> None:
        self.restart()

    def is_due(self, waiting: int) -> bool:
        """Return whether to commit now that so many photos are waiting."""
        is_late = time.monotonic() - self._committed_s >= _COMMIT_EVERY_S
        return waiting >= _PHOTOS_PER_COMMIT or is_late

    def restart(self) -> None:
        """Note that all that was waiting is committed."""
        self._committed_s = time.monotonic()
