"""Restores a backup, or writes one, in a process that is held before the change is complete.

python -m tests.held_backup restore DATA FILE REACHED
python -m tests.held_backup write DATA FILE REACHED
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from imgsearch.features.backup import file as backup_file
from imgsearch.features.backup.making import items_of
from imgsearch.features.backup.restoring import restore
from imgsearch.store.database import Database
from tests.factories import wait_until


@contextmanager
def killed_before_the_end(
    what: Literal["restore", "write"], data: Path, file: Path
) -> Iterator[None]:
    """Run the block while another process is held in the middle of its work; then kill that one."""
    reached = data / "reached"
    reached.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.held_backup", what, str(data), str(file), str(reached)]
    with subprocess.Popen(command, env={**os.environ}) as process:
        try:
            wait_until(lambda: reached.exists() or process.poll() is not None)
            assert reached.exists(), "it never came to the middle"
            yield
        finally:
            process.kill()


def _wait(reached: Path) -> None:
    reached.touch()
    time.sleep(3600)


@contextmanager
def _held_before_the_commit(reached: Path, connection: sqlite3.Connection) -> Iterator[None]:
    yield
    _wait(reached)


class _HeldLines(Sequence[bytes]):
    """The lines of a file, of which the last ones come never."""

    def __init__(self, lines: Sequence[bytes], reached: Path) -> None:
        self._lines = lines
        self._reached = reached

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, at: int | slice) -> bytes:  # type: ignore[override]
        assert isinstance(at, int)
        if at >= len(self._lines) // 2:
            _wait(self._reached)
        return self._lines[at]


def main() -> None:
    """Restore or write a backup, and wait in the middle of it."""
    what, data, file, reached = sys.argv[1:]
    hold = partial(_held_before_the_commit, Path(reached))
    with closing(Database.open(Path(data), around_transactions=hold)) as database:
        if what == "restore":
            backup, items = backup_file.read(Path(file))
            restore(database, backup, items, dry_run=False)
        else:
            content = backup_file.content_of(items_of(database))
            held = replace(content, lines=_HeldLines(content.lines, Path(reached)))
            backup_file.write(Path(file), held, datetime.now(UTC), ())


if __name__ == "__main__":
    main()
