"""The writer's lock, which one process at a time holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsearch import private_files
from imgsearch.errors import DiskError, LibraryLocked
from imgsearch.store.progress_file import LOCK_FILE
from imgsearch.store.store import Store

TIMEOUT_S = 0.3  # `running_job` holds the lock for a moment


def is_held(data_dir: Path) -> bool:
    """Return whether a process holds the writer's lock now. Creates nothing."""
    from filelock import FileLock, Timeout

    if not (data_dir / LOCK_FILE).exists():
        return False
    try:
        with FileLock(data_dir / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only folder: nobody writes
        return False


@contextmanager
def writing(data_dir: Path) -> Iterator[Store]:
    """Provide the store in `data_dir`, created if needed, under the lock until the block ends.

    The lock is one of the operating system, so it ends with the process, also with one that is
    killed. Raises LibraryLocked, DiskError and what `Store.open` raises.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / LOCK_FILE, timeout=TIMEOUT_S, mode=private_files.FILE_MODE)
    try:
        private_files.make_folder(data_dir)
        lock.acquire(poll_interval=0.02)
    except Timeout:
        raise LibraryLocked(
            f"Another imgsearch is writing to the library in {data_dir} (index, rebuild or "
            "watch). Wait for it to finish; searching works meanwhile."
        ) from None
    except OSError as error:
        raise DiskError(
            f"The data folder {data_dir} cannot be written ({error.strerror}). Make it "
            "writable, or choose another with --data."
        ) from error
    try:
        with Store.open(data_dir, writable=True) as store:
            yield store
    finally:
        lock.release()
