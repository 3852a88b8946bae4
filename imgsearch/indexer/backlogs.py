"""Work on photos that a watcher does in pieces, while there is nothing else to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.roots import readable_photos
from imgsearch.progress import Job, Progress
from imgsearch.records.photo import Photo
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


class SummedReport(Protocol):
    """The report of looking at photos, which adds up."""

    def plus(self, other: Self) -> Self: ...


_Report = TypeVar("_Report", bound=SummedReport)


class PhotoWork(Protocol[_Report]):
    """The work of a `PhotoBacklog`: which photos are left, and what is done with one of them."""

    def renew(self, everything: bool) -> None:
        """Be prepared to plan for new photos, or for the whole library."""

    def plan(self, store: Store, left: deque[int], report: _Report) -> _Report:
        """Bring the ids that are left up to date; returns the report with the plan."""

    def look_at(
        self, store: Store, photos: Sequence[tuple[Photo, Path]]
    ) -> Generator[Progress, None, _Report]:
        """Look at a photo and record what is found; there is none if it cannot be read now."""

    def end(self, store: Store, report: _Report) -> None:
        """Do what follows when no photo is left."""


class PhotoBacklog(Generic[_Report]):
    """The photos that are left of a job, of which each step does one. It implements `Backlog`.

    `nothing` is the report of a job that looked at no photo.
    """

    def __init__(
        self,
        context: IndexingContext,
        doing: str,
        job: str,
        work: PhotoWork[_Report],
        nothing: _Report,
    ) -> None:
        self.doing = doing
        self.job = job
        self._context = context
        self._work = work
        self._nothing = nothing
        self._report = nothing
        self._left: deque[int] = deque()
        self._done = 0
        self._is_due = True  # to be planned

    def renew(self, everything: bool) -> None:
        """Look for photos before the next is done: among new ones, or in the whole library."""
        self._is_due = True
        self._work.renew(everything)

    def steps(self, store: Store) -> Generator[Progress, None, _Report]:
        """Do all that is left, one Progress a photo.

        It may be closed at any step; the next call continues there. The report covers all calls
        since the last one that came to its end.
        """
        if self._is_due:
            self._report = self._work.plan(store, self._left, self._report)
            self._is_due = False
        while self._left:
            photos = readable_photos(store.reads, [self._left[0]], self._context.mounts)
            report = Job(self._work.look_at(store, photos)).run()
            self._left.popleft()
            self._done += 1
            self._report = self._report.plus(report)
            yield Progress(self._done, self._done + len(self._left), None, self.doing)
        self._work.end(store, self._report)
        self._done = 0
        report, self._report = self._report, self._nothing
        return report
