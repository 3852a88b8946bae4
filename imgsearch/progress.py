"""A long job, what it tells while it runs, and what it reports at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one indexing run did, in files; `photos` is the size of the library afterwards."""

    new: int = 0
    moved: int = 0  # known content at a new path: a move, a copy or a restore
    unchanged: int = 0
    gone: int = 0
    offline: int = 0  # files under folders that are not there now; nothing is forgotten
    missing: int = 0  # files that vanished with many others at once; held, not forgotten
    failed: int = 0
    reread: int = 0  # photos whose facts changed with an XMP file beside them
    seconds: float = 0.0
    photos: int = 0


@dataclass(frozen=True, slots=True)
class MetadataReport:
    """What reading the metadata again did, in photos."""

    read: int
    changed: int
    failed: int  # could not be read now; what is known of them stays


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild did. With `missing` above 0 the old encoder is still the one that answers."""

    encoder: str
    vectors: int
    missing: int  # photos that could not be read, so not embedded again
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long job: `done` of `total`, and the file it has just dealt with.

    `part` says what is being done where that is not what the job is for, and counts by itself.
    """

    done: int
    total: int
    path: Path | None = None
    part: str | None = None

    def goes_on(self, before: Progress) -> bool:
        """Whether this is a later step of the same part, which has one total and one pace."""
        return (self.part, self.total) == (before.part, before.total) and self.done >= before.done


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What a process that writes to a library is doing; `total` is 0 while it is not known."""

    doing: str  # "Indexing", "Rebuilding", "Reading metadata"
    done: int
    total: int
    pid: int
    rate: float  # photos a second, 0 while it is not known

    @property
    def left_s(self) -> float | None:
        """Seconds to go, None while that is not known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class Watching:
    """Which roots are watched from now on. `polled` ones give no events, and why that is."""

    roots: tuple[Path, ...]
    polled: tuple[tuple[Path, str], ...]  # looked at every `poll_s` instead
    poll_s: float


WatchEvent: TypeAlias = Progress | SyncReport | Watching  # what `Library.watch` tells


@dataclass(frozen=True, slots=True)
class Download:
    """How far one file has come. The first report has `done_bytes` 0 and tells the size."""

    file: str
    done_bytes: int
    size_bytes: int


OnDownload: TypeAlias = Callable[[Download], None]


class RateMeter:
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
