"""A long job, what it tells while it runs, and what it reports at its end."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.jobs.news import Download, News, OnDownload, Progress, Running, Watching
    from imgsearch.jobs.pace import Pace
    from imgsearch.jobs.reports import MetadataReport, RebuildReport, SyncReport

__all__ = [
    "Download",
    "Job",
    "MetadataReport",
    "News",
    "OnDownload",
    "Pace",
    "Progress",
    "RebuildReport",
    "Running",
    "SyncReport",
    "Watching",
]

Result = TypeVar("Result")


class Job(Generic[Result]):
    """A long job that is under way only while somebody iterates over its progress.

    `run()` goes through all of it. Either way `report` is there afterwards. Stopping early is
    safe: what was committed stays.
    """

    def __init__(self, steps: Generator[Progress, None, Result]) -> None:
        self._steps = steps
        self._report: Result | None = None

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        try:
            return next(self._steps)
        except StopIteration as stop:
            if self._report is None:
                self._report = stop.value
            raise StopIteration(self._report) from None

    def run(self) -> Result:
        """Do the whole job and return its report."""
        for _ in self:
            pass
        return self.report

    @property
    def report(self) -> Result:
        """What the job did. Raises RuntimeError before it has ended."""
        if self._report is None:
            raise RuntimeError("The job has not ended: iterate over it, or call run().")
        return self._report

    def close(self) -> None:
        """Stop now; what was committed stays."""
        self._steps.close()


_HOMES = {
    "Download": "news",
    "MetadataReport": "reports",
    "News": "news",
    "OnDownload": "news",
    "Pace": "pace",
    "Progress": "news",
    "RebuildReport": "reports",
    "Running": "news",
    "SyncReport": "reports",
    "Watching": "news",
}

# A library offers jobs, and a query is none.
__getattr__ = door(__name__, _HOMES)
