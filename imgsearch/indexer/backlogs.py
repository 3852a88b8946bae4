"""The interface of work on photos that a watcher does in pieces, while there is nothing else."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

from imgsearch.progress import Progress
from imgsearch.store.store import Store


class Backlog(Protocol):
    """Photos that a job of a feature has still to look at. It is planned again for new photos.

    `doing` says what it does, for other processes, and `job` is the name of the job.
    """

    @property
    def doing(self) -> str: ...

    @property
    def job(self) -> str: ...

    def renew(self, everything: bool) -> None:
        """Look for photos before the next is done: among new ones, or in the whole library."""

    def steps(self, store: Store) -> Generator[Progress, None, Any]:
        """Do all that is left, one Progress a photo; returns the report that `told` takes.

        It may be closed at any step; the next call continues there.
        """
