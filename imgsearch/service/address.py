"""The socket of a service: in the data folder, or in the working folder of an archive."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET: Final = "serve.sock"
_MAX_ADDRESS_BYTES = 100  # what every system accepts as the path of a socket


@contextmanager
def socket_address(folder: Path) -> Iterator[str]:
    """A path of the service's socket that is short enough for the system. Raises OSError.

    It is valid within the block only: on Linux a long path is reached through an open folder.
    """
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield path
        return
    if not sys.platform.startswith("linux"):
        raise OSError(f"{path} is too long for the path of a socket")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
