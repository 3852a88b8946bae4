"""Long jobs: their progress, the events of the watcher, and their reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct

_Report = TypeVar("_Report")

WINDOW_S = 30.0  # over which a rate is measured, once a job is a minute old
_MIN_WINDOW_S = 5.0
_SAMPLE_S = 0.5  # between two remembered moments
_PAUSE_S = 10.0  # without a step, before the rate sinks
_MIN_S = 0.3  # a rate over less says nothing
_MIN_BATCHES = 2
_PAUSE_SHARE = 0.25  # of the longest pause: a shorter one does not end a burst
_REMEMBERED_S = 900.0


class Progress(Struct, frozen=True):
    """One step of a long job: `done` of `total`, and the file just processed.

    `part` names the current part of the job if it differs from the job itself. Each part counts
    its own steps. With `step`, a text for people, `done` and `total` are no photos but shares of
    the work, and `left_s` are the estimated seconds until its end, None while they are unknown.
    """

    done: int
    total: int
    path: Path | None = None
    part: str | None = None
    step: str = ""  # "downloading 254 of 605 MB, 4.1 MB/s"
    left_s: float | None = None

    def continues(self, before: Progress) -> bool:
        """Return whether this is a later step of the same part.

        A part has one total and one rate.
        """
        return (self.part, self.total) == (before.part, before.total) and self.done >= before.done


class RateMeter:
    """The rate of a job over its last half minute, from its steps. Safe to read in any thread.

    Each part of a job has its own rate, measured from its first step: setup time is excluded. Of a
    part that is younger than a minute, its second half counts: it begins faster than it goes on,
    while batches are filled. Steps may come in bursts, one a batch, with pauses between them: the
    rate is measured from the end of one burst to that of another, over two batches at least, and is
    unknown before. `clock` gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last: Progress | None = None
        self._samples: list[_Sample] = []  # of the current part
        self._started_s = 0.0

    def starts_part(self, step: Progress) -> bool:
        """Record a step; whether a part of the job starts with it."""
        now = self._clock()
        with self._lock:
            before, self._last = self._last, step
            if before is None or not step.continues(before):
                self._samples, self._started_s = [_Sample(now, step.done)], now
                return True
            if step.done > before.done:
                self._add(_Sample(now, step.done))
            return False

    def _add(self, sample: _Sample) -> None:
        samples = self._samples
        if len(samples) > 1 and sample.at_s - samples[-2].at_s < _SAMPLE_S:
            samples[-1] = sample
        else:
            samples.append(sample)
        while len(samples) > 2 and samples[1].at_s <= sample.at_s - _REMEMBERED_S:
            del samples[0]

    @property
    def rate(self) -> float:
        """Steps per second; 0 while it is unknown. It sinks where no more steps come."""
        with self._lock:
            now, samples = self._clock(), self._samples
            if len(samples) < 2:
                return 0.0
            age_s = samples[-1].at_s - self._started_s
            window_s = min(max(age_s / 2, _MIN_WINDOW_S), WINDOW_S)
            while True:  # with twice the window, until it has two batches
                start = 0
                while samples[start + 1].at_s <= samples[-1].at_s - window_s:
                    start += 1
                rate = _rate_of(samples[start:], now)
                if rate is not None or start == 0:
                    return rate or 0.0
                window_s *= 2

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until the end of this part; None while they are unknown."""
        rate, last = self.rate, self._last
        return None if last is None or not rate else (last.total - last.done) / rate


class _Sample(NamedTuple):
    """The number of steps that were done at a moment."""

    at_s: float
    done: int


def _rate_of(samples: list[_Sample], now_s: float) -> float | None:
    """Return the rate between the first and the last end of a burst; None without three of them.

    A burst ends before a pause. Steps that come evenly are bursts of one. Steps that come for
    longer than any pause lasts are no burst, so the last of them ends them, too.
    """
    last = samples[-1]
    pauses_s = [b.at_s - a.at_s for a, b in pairwise(samples)]
    longest_s = max(pauses_s)
    is_pause = [pause_s >= _PAUSE_SHARE * longest_s for pause_s in (*pauses_s, now_s - last.at_s)]
    ends = [sample for sample, pauses in zip(samples, is_pause, strict=True) if pauses]
    if ends and ends[-1] != last and last.at_s - ends[-1].at_s >= 2 * longest_s:
        ends.append(last)
    if len(ends) <= _MIN_BATCHES:
        return None
    # A pause as long as those before is none.
    end_s = max(ends[-1].at_s, now_s - max(_PAUSE_S, 1.5 * longest_s))
    measured_s = end_s - ends[0].at_s
    return (ends[-1].done - ends[0].done) / measured_s if measured_s >= _MIN_S else None


class Job(Generic[_Report]):
    """A long job, which makes progress only while its steps are iterated over.

    `run()` does all of it. Either way `report` is available at the end. A job can be stopped at
    any step: what was committed stays.
    """

    def __init__(self, steps: Generator[Progress, None, _Report]) -> None:
        self._steps = steps
        self._report: _Report | None = None

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        try:
            return next(self._steps)
        except StopIteration as stop:
            if self._report is None:
                self._report = stop.value
            raise StopIteration(self._report) from None

    def run(self) -> _Report:
        """Do the whole job and return its report."""
        for _ in self:
            pass
        return self.report

    @property
    def report(self) -> _Report:
        """The report of the job. Raises RuntimeError before its end."""
        if self._report is None:
            raise RuntimeError("The job has not ended: iterate over it, or call run().")
        return self._report

    def close(self) -> None:
        """Stop the job; what was committed stays."""
        self._steps.close()


class RunningJob(Struct, frozen=True):
    """A job of the process that writes to a library now."""

    doing: str  # "Indexing", "Rebuilding", "Reading metadata"
    done: int
    total: int  # 0 while it is unknown
    pid: int
    rate: float  # steps per second, 0 while it is unknown
    step: str = ""  # as in `Progress`: then `done` and `total` are no photos

    @property
    def left_s(self) -> float | None:
        """Remaining seconds, None while they are unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


# ------------------------------------------------------------------------- reports


class SyncReport(Struct, frozen=True):
    """The report of an indexing run, in files; `photos` is the size of the library afterwards."""

    new: int = 0
    moved: int = 0  # known content at a new path: a move, a copy or a restore
    copied: int = 0  # of these: the content is still at another path as well
    unchanged: int = 0
    gone: int = 0
    offline: int = 0  # files in folders that are not reachable now; they stay in the library
    missing: int = 0  # files that disappeared with many others at once; they stay, too
    failed: int = 0
    reread: int = 0  # photos whose facts changed with their XMP file
    seconds: float = 0.0
    photos: int = 0
    awaited: str = ""  # the encoder that is to replace the one in use, and could not yet


class MetadataReport(Struct, frozen=True):
    """The report of rereading metadata, in photos."""

    read: int
    changed: int
    failed: int  # could not be read now; their known metadata stays


class FeatureReport(Struct, frozen=True):
    """The end of a long job of a feature, with its numbers by name and a sentence about them."""

    job: str
    values: Mapping[str, int]
    sentence: str


class ThumbnailReport(Struct, frozen=True):
    """The report of making missing thumbnails, in photos."""

    kept: int  # photos that have one now
    made: int
    failed: int  # could not be read now


class RebuildReport(Struct, frozen=True):
    """The report of a rebuild. With `missing` above 0 the library still uses its old encoder."""

    encoder: str
    vectors: int
    missing: int  # photos that could not be read, so not embedded again
    seconds: float


class PackReport(Struct, frozen=True):
    """The report of making a pack."""

    file: Path
    photos: int
    files: int
    size_bytes: int
    seconds: float


class MergeReport(Struct, frozen=True):
    """The report of merging a pack. New photos and files are new to the library."""

    folder: Path  # that the paths of the pack are below
    photos: int  # of the pack
    new: int
    newer_facts: int  # known photos whose facts were older than those of the pack
    embedded: int  # photos that got vectors
    texts: int  # photos whose text was read later than here, or only there
    files: int  # added
    missing: int  # files that are not in the folder, have another size, or are no photos of it
    to_verify: int  # files that have another time; the next indexing run reads them
    beside: tuple[str, ...] = ()  # ids of encoders whose vectors are kept and not searched
    faces: int = 0  # that were added
    seconds: float = 0.0
    marks: int = 0  # favourites, stars and hidden marks that were added
    of_features: Mapping[str, int] = {}  # things that were added, such as albums, by feature


class ReplicaReport(Struct, frozen=True):
    """The report of bringing the copy of an archive up to date."""

    photos: int  # that were new or had changed
    gone: int  # that are not in the archive any more
    seconds: float


class CopyReport(Struct, frozen=True):
    """The report of copying a library into an archive."""

    photos: int = 0  # of the library
    new: int = 0  # the archive did not have
    files: int = 0
    texts: int = 0  # photos whose text was carried over
    failures: int = 0
    lacking: int = 0  # have no vectors of the archive's encoder, and were left out
    reread: int = 0  # the archive had, with other facts
    seconds: float = 0.0
    faces: int = 0
    marked: int = 0  # photos whose marks differed from those of the library
    made: int = 0  # other things that people made, such as albums, and that have changed there

    def plus(self, other: CopyReport) -> CopyReport:
        """Return the counts of both."""
        return CopyReport(
            self.photos + other.photos,
            self.new + other.new,
            self.files + other.files,
            self.texts + other.texts,
            self.failures + other.failures,
            self.lacking + other.lacking,
            self.reread + other.reread,
            self.seconds + other.seconds,
            self.faces + other.faces,
            self.marked + other.marked,
            self.made + other.made,
        )


class SettleReport(Struct, frozen=True):
    """The contents of an archive after it was settled."""

    photos: int
    vectors: int
    indexed: int  # vectors in the index; searches compare the others one by one
    seconds: float


# ------------------------------------------------------------------------- watching


class Watching(Struct, frozen=True):
    """The roots that are watched from now on.

    `polled` are those without file system events, each with the reason. They are scanned every
    `poll_s` seconds instead.
    """

    roots: tuple[Path, ...]
    polled: tuple[tuple[Path, str], ...]
    poll_s: float


# What `Library.watch` yields.
WatchEvent: TypeAlias = Progress | SyncReport | FeatureReport | Watching


# ------------------------------------------------------------------------- downloads


class Download(Struct, frozen=True):
    """The progress of getting a model: of downloading one file, or of preparing the model.

    The first report of a file has the size, 0 if it is unknown, and the bytes that are there from
    an earlier attempt. With `preparing`, a step of the work on this machine begins that follows:
    `file` names the model, and there are no bytes. `later_s` are the estimated seconds of
    preparing that are left, with a step that begins; 0 if that is unknown.
    """

    file: str
    done_bytes: int
    size_bytes: int
    preparing: str = ""  # "converting its towers"
    later_s: float = 0.0


OnDownload: TypeAlias = Callable[[Download], None]
