"""Long jobs of the page: each runs in a background thread, and a progress bar follows it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

import streamlit as st

from imgsearch import (
    ImgsearchError,
    Library,
    Progress,
    RateMeter,
    RunningJob,
    format_duration,
)
from ui.formatting import escape_markdown

Opened = TypeVar("Opened")

INDEX = "index"  # the name of the task that indexes
COPY = "copy"  # the name of the task that makes the first copy of an archive
_ADDING = {"Indexing", "Copying the archive"}  # what a process does when it adds photos


class LongJob(Protocol):
    """The interface of the jobs that `Library.index` and similar methods return."""

    def __iter__(self) -> Iterator[Progress]: ...
    @property
    def report(self) -> object: ...
    def close(self) -> None: ...


class Task:
    """A job in a background thread: its progress, then its report or its error."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self.total = 0  # 0 while unknown
        self.part: str | None = None
        self.step = ""
        self._left_s: float | None = None  # as a step says itself
        self.running = True
        self.stopping = False
        self.report: object = None
        self.error: ImgsearchError | None = None
        self._meter = RateMeter(clock)

    def advance(self, step: Progress) -> None:
        """Record a step."""
        self._meter.starts_part(step)
        self.done, self.total, self.part = step.done, step.total, step.part
        self.step, self._left_s = step.step, step.left_s

    def stop(self) -> None:
        """Let the job end after its present step."""
        self.stopping = True

    @property
    def rate(self) -> float:
        """Steps per second lately; 0 while unknown."""
        return self._meter.rate

    @property
    def left_s(self) -> float | None:
        """Estimated seconds left; None while unknown."""
        return self._left_s if self.step else self._meter.left_s


class _WaitingJob(NamedTuple):
    title: str
    start: Callable[[], Task]


class BackgroundTasks:
    """Starts jobs and keeps the latest task of each name. Thread-safe.

    A job that has a title waits while one of its name is running, and starts when that has ended;
    those that wait are forgotten when the program ends. `on_end` is called when a job has ended,
    just before its task stops running.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._tasks: dict[str, Task] = {}
        self._waiting: dict[str, list[_WaitingJob]] = {}
        self._starting = threading.Lock()

    def get(self, name: str) -> Task | None:
        """Return the latest task of this name, running or not."""
        return self._tasks.get(name)

    def running(self) -> list[str]:
        """Return the names of the tasks that are running, sorted."""
        return sorted(name for name, task in list(self._tasks.items()) if task.running)

    def waiting(self, name: str) -> list[str]:
        """Return the titles of the jobs that start when the running one of this name has ended."""
        return [job.title for job in self._waiting.get(name, [])]

    def take_back(self, name: str, title: str) -> None:
        """Forget a job that waits, unless it has started."""
        with self._starting:
            jobs = self._waiting.get(name, [])
            jobs[:] = [job for job in jobs if job.title != title]

    def dismiss(self, name: str) -> None:
        """Forget the latest task of this name, unless it is running."""
        with self._starting:
            task = self._tasks.get(name)
            if task is not None and not task.running:
                del self._tasks[name]

    def start(
        self,
        name: str,
        open_own: Callable[[], AbstractContextManager[Opened]],
        job_of: Callable[[Opened], LongJob],
        title: str = "",
    ) -> Task:
        """Start a job of what it opens for itself. Returns the running task of this name.

        If one is running already, a job with a title waits for its end, once for each title, and
        one without is not started. A library or archive of its own has a model of its own.
        """

        def start() -> Task:
            task = self._tasks[name] = Task()
            threading.Thread(
                target=self._run,
                args=(name, task, open_own, job_of),
                name=f"imgsearch-{name}",
                daemon=True,
            ).start()
            return task

        with self._starting:
            task = self._tasks.get(name)
            if task is None or not task.running:
                return start()
            if title and title not in self.waiting(name):
                self._waiting.setdefault(name, []).append(_WaitingJob(title, start))
            return task

    def _run(
        self,
        name: str,
        task: Task,
        open_own: Callable[[], AbstractContextManager[Opened]],
        job_of: Callable[[Opened], LongJob],
    ) -> None:
        try:
            with open_own() as opened:
                job = job_of(opened)
                for step in job:
                    task.advance(step)
                    if task.stopping:
                        job.close()
                        return
                task.report = job.report
        except ImgsearchError as error:
            task.error = error
        except Exception as error:  # noqa: BLE001  # the page shows it; nothing else would
            task.error = ImgsearchError(
                f"Unexpected error ({type(error).__name__}: {error}). The work done so far is "
                "kept; start it again to continue."
            )
        finally:
            self._on_end()
            with self._starting:
                task.running = False
                waiting = self._waiting.get(name)
                if waiting:
                    waiting.pop(0).start()


def progress_bar(task: Task, title: str, unit: str) -> None:
    """Show a live bar with rate and time left, and a button to stop."""
    st.fragment(_own_progress, run_every=1.0)(task, title, unit)


def _own_progress(task: Task, title: str, unit: str) -> None:
    bar, button = st.columns([6, 1], vertical_alignment="bottom")
    state = (
        "stopping after this batch; the work done so far is kept"
        if task.stopping
        else format_progress(task, unit)
    )
    bar.progress(progress_share(task), text=f"{task.part or title}: {state}")
    button.button(
        "Stop", key=f"stop {title}", disabled=task.stopping, width="stretch", on_click=task.stop
    )


def other_process_bar(library: Library) -> bool:
    """Follow what another process does with the library; whether one is at work now.

    Nothing is shown while none is.
    """
    is_busy = other_job(library) is not None
    if is_busy:
        st.fragment(_other_progress, run_every=1.0)(library)
    return is_busy


def _other_progress(library: Library) -> None:
    job = other_job(library)
    if job is not None:
        state = f"in another process: {format_progress(job, 'photos')}"
        st.progress(progress_share(job), text=f"{escape_markdown(job.doing)} {state}")


def is_indexing(library: Library, tasks: BackgroundTasks) -> bool:
    """Return whether this page or another process is adding photos to the library now."""
    return indexing_job(library, tasks) is not None


def indexing_job(library: Library, tasks: BackgroundTasks) -> Task | RunningJob | None:
    """Return the job that adds photos to the library now, of this page or of another process."""
    for name in (INDEX, COPY):
        task = tasks.get(name)
        if task is not None and task.running:
            return task
    job = other_job(library)
    return job if job is not None and job.doing in _ADDING else None


def other_job(library: Library) -> RunningJob | None:
    """Return the job of another process that changes the library now, if there is one."""
    job = library.running()
    return None if job is None or job.pid == os.getpid() else job


def progress_share(job: Task | RunningJob) -> float:
    """Return the share of a job that is done, from 0 to 1; 0 while its size is unknown."""
    return min(job.done / job.total, 1.0) if job.total else 0.0


def format_progress(job: Task | RunningJob, unit: str) -> str:
    """ "20 of 600 photos, 41 per second, about 14 s left"."""
    if job.step:
        return f"{job.step}, {format_duration(job.left_s)} left" if job.left_s else job.step
    if not job.total:
        return "preparing…"
    text = f"{job.done:,} of {job.total:,} {unit}"
    if job.done >= job.total:
        return f"{text}, finishing"
    if job.rate:
        if job.rate < 0.1:
            text += f", {60 * job.rate:.1f} per minute"
        else:
            text += f", {job.rate:,.0f}" if job.rate >= 10 else f", {job.rate:.1f}"
            text += " per second"
    if job.left_s:
        text += f", {format_duration(job.left_s)} left"
    return text
