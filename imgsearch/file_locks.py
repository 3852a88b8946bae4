"""Locks on open files and folders. They end when these are closed, also by a killed process.

filelock keeps a lock file of its own beside what is locked. These locks need none, so they leave
nothing in a folder of links or beside a pack. Windows has no such locks: there filelock is used,
whose lock file is removed with the lock.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

CAN_LOCK_OPEN_FILES = sys.platform != "win32"


def lock_open_file(descriptor: int, *, wait: bool) -> None:
    """Lock an open file or folder until it is closed.

    Raises BlockingIOError if another process has it, unless `wait`; OSError where the disk has no
    locks, as some network drives.
    """
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    else:
        raise NotImplementedError("Windows has no locks on open files.")


@contextmanager
def lock_file_beside(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file `path` while the block runs, and remove it on Windows.

    Raises BlockingIOError and OSError as `lock_open_file` does.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire(poll_interval=0.02)
    except Timeout:
        raise BlockingIOError(f"{path} is locked by another process") from None
    try:
        yield
    finally:
        lock.release()
