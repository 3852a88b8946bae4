"""What long jobs tell while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from imgsearch.jobs.reports import SyncReport


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
class Running:
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


News: TypeAlias = Progress | SyncReport | Watching  # what `Library.watch` tells


@dataclass(frozen=True, slots=True)
class Download:
    """How far one file has come. The first report has `done_bytes` 0 and tells the size."""

    file: str
    done_bytes: int
    size_bytes: int


OnDownload: TypeAlias = Callable[[Download], None]
