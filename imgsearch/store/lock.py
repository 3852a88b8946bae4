"""The right to write: held by one process at a time, and never left behind by a dead one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsearch.errors import DiskError, LibraryLocked
from imgsearch.store.progress_file import LOCK_FILE
from imgsearch.store.store import Store

# Who asks whether the lock is free (see `notice`) holds it for a moment.
PATIENCE_S = 0.3


@contextmanager
def writing(data_dir: Path) -> Iterator[Store]:
    """The store of `data_dir`, made if need be, to write to until the end of the block.

    The lock is the operating system's own, so it ends with its process, however that ends.
    Raises LibraryLocked, DiskError and what `Store.open` raises.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / LOCK_FILE, timeout=PATIENCE_S)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
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
