"""The command that opens a file in the desktop of each system."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

Find = Callable[[str], str | None]


def opening(path: Path, system: str = sys.platform, find: Find = shutil.which) -> list[str]:
    """Return the command that opens a file in its usual program.

    Empty where the system has none.
    """
    if system == "win32":
        # `start` is a command of a shell, which would take names of files apart.
        return ["rundll32", "url.dll,FileProtocolHandler", str(path)]
    opener = "open" if system == "darwin" else "xdg-open"
    return [opener, str(path)] if find(opener) else []
