"""What the process that writes is doing, told to all others: a small file beside its lock.

The file is replaced whole, a few times a second at most, and goes when the work ends. A process
that was killed leaves it behind; but not its lock, so a notice under a lock that is free is stale.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from imgsearch.progress import Progress, RateMeter, RunningJob

NOTICE_FILE = "writer.json"
EVERY_S = 0.3
LOCK_FILE = "writer.lock"

_Report = TypeVar("_Report")


def publish_progress(
    data_dir: Path, doing: str, steps: Generator[Progress, None, _Report]
) -> Generator[Progress, None, _Report]:
    """The same job, whose progress other processes can see. Only for who holds the lock."""
    notice = _ProgressFile(data_dir, doing)
    try:
        notice.show(Progress(0, 0))
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            notice.show(step)
            yield step
    finally:
        steps.close()
        notice.take_away()


def running_job(data_dir: Path) -> RunningJob | None:
    """What some process, perhaps this one, is doing with the library, or None."""
    try:
        said = json.loads((data_dir / NOTICE_FILE).read_bytes())
        found = RunningJob(
            str(said["doing"]), int(said["done"]), int(said["total"]), int(said["pid"]),
            float(said["rate"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if _is_stale(data_dir) else found


class _ProgressFile:
    """The file, and when it was last replaced."""

    def __init__(self, data_dir: Path, doing: str) -> None:
        self._file = data_dir / NOTICE_FILE
        self._doing = doing
        self._shown_s = -EVERY_S
        self._pace = RateMeter()

    def show(self, step: Progress) -> None:
        """Tell of a step, unless one of the same part was told of a moment ago. Never raises."""
        now = time.monotonic()
        is_news = self._pace.starts_part(step)
        if now - self._shown_s < EVERY_S and step.done < step.total and not is_news:
            return
        self._shown_s = now
        said = {
            "doing": step.part or self._doing,
            "done": step.done,
            "total": step.total,
            "pid": os.getpid(),
            "rate": self._pace.rate,
        }
        new = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk is told of by the work itself
            new.write_text(json.dumps(said))
            new.replace(self._file)

    def take_away(self) -> None:
        """There is nothing to tell any more."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def _is_stale(data_dir: Path) -> bool:
    """Whether no process holds the lock; then what was left behind is cleared away."""
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / LOCK_FILE, timeout=0)
    try:
        with lock:
            (data_dir / NOTICE_FILE).unlink(missing_ok=True)
            return True
    except (Timeout, OSError):  # OSError: a library that we may only read
        return False
