"""The key that signs the cookies of the page, in the data folder."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from imgsearch import private_files
from imgsearch.errors import DiskError

KEY_FILE = "page.key"
KEY_BYTES = 32


def page_key(data_dir: Path) -> bytes:
    """Return the key in the data folder, created if there is none, readable by this user only.

    One that others can read, or that is damaged, is replaced: every browser has to log in again
    then. Raises DiskError if it cannot be read or written.
    """
    file = data_dir / KEY_FILE
    new = secrets.token_bytes(KEY_BYTES)
    try:
        if private_files.create_whole(file, new):
            return new
        key = file.read_bytes()
        is_open = os.name != "nt" and stat.S_IMODE(file.stat().st_mode) & 0o077
        if len(key) == KEY_BYTES and not is_open:
            return key
        private_files.replace_file(file, new)
    except OSError as error:
        raise DiskError(
            f"Cannot keep the key of the page in {data_dir} ({error.strerror}). Make the folder "
            "writable, or choose another one with --data."
        ) from error
    return new
