"""Shows the progress of long jobs."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TypeVar

from imgsearch import c_memory
from imgsearch.cli.remarks import info
from imgsearch.cli.stopping import ending_soon
from imgsearch.progress import Job, RateMeter

LINE_EVERY_S = 5.0  # if standard error is not a terminal

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
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
    )
    from rich.text import Text

    meter = RateMeter()

    class RateColumn(ProgressColumn):
        """Rate and time left, from our own meter, as on the page."""

        def render(self, task: Task) -> Text:
            return Text(_speed_text(meter))

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        for step in job:
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
            speed = _speed_text(meter)
            counts = f"{step.part or title}: {step.done} of {step.total}"
            info(f"{counts}, {speed}" if speed else counts)
    return job.report


def _speed_text(meter: RateMeter) -> str:
    """Return "212 photos/s, 14 s left"; empty while it is unknown."""
    rate, left_s = meter.rate, meter.left_s
    return f"{format_rate(rate)}, {left_s:.0f} s left" if rate and left_s is not None else ""


def format_rate(rate: float) -> str:
    """Return "212 photos/s"; a slow rate with a decimal: "0.4 photos/s", or by the minute."""
    if rate < 0.1:
        return f"{60 * rate:.1f} photos/min"
    return f"{rate:.0f} photos/s" if rate >= 10 else f"{rate:.1f} photos/s"
