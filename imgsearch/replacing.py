"""Gives a finished file the name of another one, which it replaces.

On Windows that fails while anybody has the other file open, such as a search, a virus scanner or a
backup, so it is tried again for a moment.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

_WAITS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # 1.6 seconds in all


def rename_over(
    source: str | Path,
    target: str | Path,
    *,
    can_be_busy: bool = sys.platform == "win32",
    rename: Callable[[str | Path, str | Path], None] = os.replace,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Replace `target` by `source`, or rename it where there is none. Raises OSError."""
    for wait_s in _WAITS_S if can_be_busy else ():
        try:
            rename(source, target)
        except PermissionError:
            sleep(wait_s)
        else:
            return
    rename(source, target)
