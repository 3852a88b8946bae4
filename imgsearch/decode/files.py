"""Opens files for reading, and nothing but files: a pipe or a device would be waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from imgsearch.errors import PhotoError, Reason


def opened(path: Path) -> BinaryIO:
    """The regular file at `path`, for reading. Raises PhotoError (UNREADABLE) for anything else."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise PhotoError(Reason.UNREADABLE, "It is a folder, pipe or device, not a file.")
    return os.fdopen(number, "rb")


def unreadable(error: OSError) -> PhotoError:
    """What it means for a photo that the system does not let its file be read."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return PhotoError(Reason.UNREADABLE, f"It cannot be read ({why}); check its permissions.")
