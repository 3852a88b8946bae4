"""Shows the progress of long jobs."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TypeVar

from imgsearch import c_memory
from imgsearch.cli.remarks import info
from imgsearch.cli.stopping import ending_soon
from imgsearch.progress import Job, Progress, RateMeter

LINE_EVERY_S = 5.0  # if standard error is not a terminal
_BAR_WIDTH, _NARROW_BAR_WIDTH = 20, 10  # characters, of a line that fits into the terminal
_WIDE_TERMINAL = 100  # characters

_Report = TypeVar("_Report")


def run_with_progress(job: Job[_Report], title: str, *, ends_soon: bool = False) -> _Report:
    """Run a job and return its report.

    Progress goes to standard error: a bar on a terminal, otherwise a line every few seconds. With
    `ends_soon`, Ctrl-C does not wait for a batch in work: for jobs that may be killed at any
    moment, and leave nothing beside the library.
    """
    c_memory.share_between_threads()  # else 65 MB that decoders free stay reserved for them
    with ending_soon() if ends_soon else nullcontext():
        return _run_with_bar(job, title) if sys.stderr.isatty() else _run_with_lines(job, title)


def _run_with_bar(job: Job[_Report], title: str) -> _Report:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
    from rich.progress import Progress as ProgressBars
    from rich.table import Column
    from rich.text import Text

    meter = RateMeter()
    latest: Progress | None = None

    class StateColumn(ProgressColumn):
        """The work done, rate and time left, from our own meter, as on the page."""

        def render(self, task: Task) -> Text:
            return Text("" if latest is None else _state_text(latest, meter))

    console = Console(stderr=True)
    width = _BAR_WIDTH if console.width >= _WIDE_TERMINAL else _NARROW_BAR_WIDTH
    columns = (
        TextColumn("{task.description}"),
        BarColumn(width),
        StateColumn(table_column=Column(no_wrap=True)),
    )
    with ProgressBars(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        for step in job:
            latest = step
            if meter.starts_part(step):
                bar.reset(task, description=step.part or title, total=step.total)
            bar.update(task, completed=step.done)
    return job.report


def _run_with_lines(job: Job[_Report], title: str) -> _Report:
    meter = RateMeter()
    for step in job:
        now = time.monotonic()
        if meter.starts_part(step):
            printed_s = now
        elif now - printed_s >= LINE_EVERY_S:
            printed_s = now
            info(f"{step.part or title}: {_state_text(step, meter)}")
    return job.report


def _state_text(step: Progress, meter: RateMeter) -> str:
    """Return "40 of 600, 212 photos/s, 14 s left", or the text of the step and the time left.

    What is unknown is left out.
    """
    if step.step:
        left = "" if step.left_s is None else f", {step.left_s:.0f} s left"
        return step.step + left
    rate, left_s = meter.rate, meter.left_s
    counts = f"{step.done} of {step.total}"
    if not rate or left_s is None:
        return counts
    return f"{counts}, {format_rate(rate)}, {left_s:.0f} s left"


def format_rate(rate: float) -> str:
    """Return "212 photos/s"; a slow rate with a decimal: "0.4 photos/s", or by the minute."""
    if rate < 0.1:
        return f"{60 * rate:.1f} photos/min"
    return f"{rate:.0f} photos/s" if rate >= 10 else f"{rate:.1f} photos/s"
