"""Publishes the progress of the process that writes, in a small file beside its lock.

The file is replaced a few times a second at most, and removed when the work ends. A process that
was killed leaves it behind, but never its lock: if the lock is free, the file is stale.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from imgsearch import private_files
from imgsearch.progress import Progress, RateMeter, RunningJob

PROGRESS_FILE = "writer.json"
LOCK_FILE = "writer.lock"
MIN_INTERVAL_S = 0.3
_SHORT_WAIT_S = 0.3  # `running_job` holds the lock for a moment

_Report = TypeVar("_Report")


def publish_progress(
    data_dir: Path, doing: str, steps: Generator[Progress, None, _Report]
) -> Generator[Progress, None, _Report]:
    """Yield the same job, with progress that other processes can see.

    The caller must hold the lock.
    """
    file = _ProgressFile(data_dir, doing)
    try:
        file.publish(Progress(0, 0))
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            file.publish(step)
            yield step
    finally:
        steps.close()
        file.remove()


def announced(
    folder: Path, doing: str, steps: Generator[Progress, None, _Report]
) -> Generator[Progress, None, _Report]:
    """Yield the same job, with progress that other processes can see in `folder`, which is made.

    It takes the lock there. Where another job has it, or the folder cannot be written, the job runs
    all the same and is not seen: for jobs of which several may run at once.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE, timeout=_SHORT_WAIT_S, mode=private_files.FILE_MODE)
    try:
        private_files.make_folder(folder)
        lock.acquire(poll_interval=0.02)
    except (Timeout, OSError):
        return (yield from steps)
    try:
        return (yield from publish_progress(folder, doing, steps))
    finally:
        lock.release()


def running_job(data_dir: Path) -> RunningJob | None:
    """Return the job that a process, perhaps this one, is doing with the library, or None."""
    try:
        fields = json.loads((data_dir / PROGRESS_FILE).read_bytes())
        job = RunningJob(
            doing=str(fields["doing"]),
            done=int(fields["done"]),
            total=int(fields["total"]),
            pid=int(fields["pid"]),
            rate=float(fields["rate"]),
            step=str(fields.get("step", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if _remove_if_stale(data_dir) else job


class _ProgressFile:
    """The file of one job, and when it was last replaced."""

    def __init__(self, data_dir: Path, doing: str) -> None:
        self._path = data_dir / PROGRESS_FILE
        self._doing = doing
        self._published_s = -MIN_INTERVAL_S
        self._meter = RateMeter()

    def publish(self, step: Progress) -> None:
        """Replace the file, unless that was just done for the same part. Never raises OSError."""
        now = time.monotonic()
        starts_part = self._meter.starts_part(step)
        too_soon = now - self._published_s < MIN_INTERVAL_S
        if too_soon and step.done < step.total and not starts_part:
            return
        self._published_s = now
        fields = {
            "doing": step.part or self._doing,
            "done": step.done,
            "total": step.total,
            "pid": os.getpid(),
            "rate": self._meter.rate,
            "step": step.step,
        }
        with suppress(OSError):  # the job itself reports a full disk
            private_files.replace_file(self._path, json.dumps(fields).encode())

    def remove(self) -> None:
        """Remove the file at the end of the job."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _remove_if_stale(data_dir: Path) -> bool:
    """Return whether no process holds the lock; if so, the file is removed."""
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / LOCK_FILE, timeout=0, mode=private_files.FILE_MODE)
    try:
        with lock:
            (data_dir / PROGRESS_FILE).unlink(missing_ok=True)
            return True
    except (Timeout, OSError):  # OSError: the data folder is read-only
        return False
