"""The one library of this page, and the long jobs that run beside it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, TypeVar, cast

from imgsearch import Answer, Counts, ImgsearchError, Library, Query, Settings, ask

Found = TypeVar("Found")

REMARKS_KEPT = 20


class Step(Protocol):
    """One step of a long job."""

    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...


class LongJob(Protocol):
    """What `Library.index` and its like return."""

    def __iter__(self) -> Iterator[Step]: ...
    @property
    def report(self) -> object: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Task:
    """A long job in a thread of its own, and how far it is."""

    name: str
    started: float = field(default_factory=time.monotonic)
    first_step: float | None = None  # making the model ready is no part of the rate
    done: int = 0
    total: int = 0
    running: bool = True
    stopping: bool = False
    report: object = None
    error: ImgsearchError | None = None

    @property
    def rate(self) -> float:
        """Steps a second, 0 where that is not known yet."""
        if self.first_step is None or self.done < 2:
            return 0.0
        return (self.done - 1) / max(time.monotonic() - self.first_step, 1e-3)

    @property
    def left_s(self) -> float | None:
        """Seconds to go, None where that is not known yet."""
        return (self.total - self.done) / self.rate if self.rate else None


class Door:
    """The library, for all visitors of this page. Safe in any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.remarks: deque[str] = deque(maxlen=REMARKS_KEPT)
        self.library = Library.open(settings, tell=self.remarks.append)
        self._asking = threading.Lock()
        self._starting = threading.Lock()
        self.tasks: dict[str, Task] = {}
        self._found: dict[str, tuple[float, object]] = {}

    def photo_count(self) -> int:
        """How many photos there are, as of a moment ago; 0 also where there is no library yet."""
        if not self.library.exists():
            return 0
        # An empty library is looked at each time: somebody waits for its first photos.
        return self._recent("photos", self.library.photo_count, 2.0) or self.library.photo_count()

    def counts(self) -> Counts:
        """What the photos can be narrowed down by, as of a minute ago."""
        return self._recent("counts", self.library.counts, 60.0)

    def _recent(self, name: str, find: Callable[[], Found], seconds: float) -> Found:
        """What `find` found, anew after so many seconds: every rerun of the page asks for it."""
        found_at, found = self._found.get(name, (0.0, None))
        if found is None or time.monotonic() - found_at > seconds:
            found = find()
            self._found[name] = (time.monotonic(), found)
        return cast(Found, found)

    def find(self, query: Query, k: int, cursor: str | None = None) -> Answer:
        """A page of the answer, from the resident service where one runs: it has a model ready."""
        return ask(self.settings, lambda library: library.find(query, k, cursor), self.asking)

    @contextmanager
    def asking(self) -> Iterator[Library]:
        """The library, for one question at a time: there is one model, and two cores."""
        with self._asking:
            yield self.library

    def start(self, name: str, job_of: Callable[[Library], LongJob]) -> Task:
        """Begin a job, unless it runs already. It has a library of its own, and so a model."""
        with self._starting:
            task = self.tasks.get(name)
            if task is None or not task.running:
                task = self.tasks[name] = Task(name)
                threading.Thread(
                    target=self._work, args=(task, job_of), name=f"imgsearch-{name}", daemon=True
                ).start()
            return task

    def _work(self, task: Task, job_of: Callable[[Library], LongJob]) -> None:
        try:
            with Library.open(self.settings, tell=self.remarks.append) as library:
                job = job_of(library)
                for step in job:
                    task.first_step = task.first_step or time.monotonic()
                    task.done, task.total = step.done, step.total
                    if task.stopping:
                        job.close()
                        return
                task.report = job.report
        except ImgsearchError as error:
            task.error = error
        except Exception as error:  # noqa: BLE001  # a thread has nobody else to tell
            task.error = ImgsearchError(
                f"Something went wrong that should not have ({type(error).__name__}: {error}). "
                "What was done so far is kept; start it again."
            )
        finally:
            self._found.clear()
            task.running = False


@cache
def _door_of(settings: Settings) -> Door:
    return Door(settings)


def door() -> Door:
    """The door to the library that the environment names."""
    return _door_of(Settings.load())
