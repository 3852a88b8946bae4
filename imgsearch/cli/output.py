"""What all commands share: common options, safe printing, and progress for people and pipes."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.library import Library
    from imgsearch.progress import Download, Job
    from imgsearch.service.api import SearchAPI

_Command = TypeVar("_Command", bound=Callable[..., object])
_Report = TypeVar("_Report")
_Found = TypeVar("_Found")

PLAIN_PROGRESS_EVERY_S = 5.0
_SHOWN_AROUND = 60  # characters of a line, on either side of the one that is pointed at


def data_option(function: _Command) -> _Command:
    """`--data DIR`, which every command takes."""
    return click.option(
        "--data",
        "data_dir",
        metavar="DIR",
        type=click.Path(),
        help="Where the library lies. Else IMGSEARCH_DATA, else your user data folder.",
    )(function)


def json_option(function: _Command) -> _Command:
    """`--json`, for commands that print results."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the result as JSON, for programs."
    )(function)


def open_library(
    data_dir: str | None,
    encoder: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> Library:
    """The library that the options and the environment name.

    Its remarks go to standard error, unless `tell` takes them.
    """
    from imgsearch.config import Settings

    return _opened(Settings.load(data_dir=data_dir, encoder=encoder), tell or say)


def _opened(settings: Settings, tell: Callable[[str], None]) -> Library:
    from imgsearch.library import Library

    return Library.open(settings, tell=tell, on_download=DownloadLines())


def ask_library(data_dir: str | None, question: Callable[[SearchAPI], _Found]) -> _Found:
    """The answer of that library's resident service, or of the library where none runs."""
    from imgsearch.config import Settings
    from imgsearch.service.api import ask

    settings = Settings.load(data_dir=data_dir)
    return ask(settings, question, lambda: _opened(settings, say))


class DownloadLines:
    """Tells how a download goes: its size first, then every tenth of it."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, download: Download) -> None:
        """Hear of a step of a download, and say so if it is worth a line."""
        if not download.size_bytes:
            return
        tenth = 10 * download.done_bytes // download.size_bytes
        if self._said.get(download.file) != tenth:
            self._said[download.file] = tenth
            size_mb = download.size_bytes / 1e6
            say(f"Fetching {download.file}, {size_mb:.0f} MB: {10 * tenth} %")


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    click.echo(printable(sentence), err=True)


def complain(sentence: str) -> None:
    """Tell the person what went wrong."""
    click.echo(f"imgsearch: {printable(sentence)}", err=True)


def point_at(line: str, at: int) -> None:
    """Show the part of a line around one character, and an arrow below it."""
    start = max(0, at - _SHOWN_AROUND)
    before, rest = printable(line[start:at]), printable(line[at : at + _SHOWN_AROUND])
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)
    click.echo(f"  {before}{rest}\n  {' ' * width}^", err=True)


def print_json(value: object) -> None:
    """One JSON value. ASCII only, so that file names that are not UTF-8 survive, escaped."""
    click.echo(json.dumps(value, ensure_ascii=True, indent=2))


def follow(job: Job[_Report], doing: str) -> _Report:
    """Run a job: a bar with rate and time left on a terminal, a line now and then in a pipe."""
    return _with_bar(job, doing) if sys.stderr.isatty() else _with_lines(job, doing)


def _with_bar(job: Job[_Report], doing: str) -> _Report:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from imgsearch.progress import RateMeter

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.0f} photos/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    pace = RateMeter()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        for step in job:
            if pace.begins_with(step):
                bar.reset(task, description=step.part or doing, total=step.total)
            bar.update(task, completed=step.done)
    return job.report


def _with_lines(job: Job[_Report], doing: str) -> _Report:
    from imgsearch.progress import RateMeter

    pace = RateMeter()
    for step in job:
        now = time.monotonic()
        if pace.begins_with(step):
            said_s = now
        elif now - said_s >= PLAIN_PROGRESS_EVERY_S:
            said_s, rate = now, pace.rate
            left = f", {(step.total - step.done) / rate:.0f} s left" if rate else ""
            what = step.part or doing
            say(f"{what}: {step.done} of {step.total}, {rate:.0f} photos/s{left}")
    return job.report
