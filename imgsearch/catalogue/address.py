"""Addresses of archives, and the folder on this machine that belongs to one.

Needs nothing of an archive's packages: a command that asks the running service starts fast.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_FOLDER = "archives"  # in the data folder; in it one for each address


def normal_address(address: str | Path) -> str:
    """A folder as an absolute path; an address with a scheme without the slash at its end."""
    text = str(address)
    if "://" in text:
        return text.rstrip("/")
    return str(Path(text).expanduser().absolute())


def working_folder(data_dir: Path, address: str | Path) -> Path:
    """Where this machine keeps lists of what was put into an archive, and a service's socket."""
    key = normal_address(address).encode("utf-8", "surrogateescape")
    return data_dir / _FOLDER / hashlib.blake2b(key, digest_size=8).hexdigest()
