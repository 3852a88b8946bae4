"""Stores example images for a while, so that the address of a search can name one.

An image that was dropped on the page has no path. It is stored under a short id, in a folder
that only this user can open, until it is too old or the folder is full.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from imgsearch import private_files
from imgsearch.errors import DiskError, PhotoError, Reason

LIMIT_BYTES = 200 << 20
MAX_AGE_S = 30 * 86_400.0
_ID = re.compile(r"[0-9a-f]{16}")


class KeptExamples:
    """A folder of example images. Safe in any thread and any number of processes.

    Images older than `max_age_s` are deleted, and so are the oldest while the folder takes more
    than `limit_bytes`; the newest always stays. A search renews the age of its image.
    """

    def __init__(
        self, folder: Path, limit_bytes: int = LIMIT_BYTES, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._max_age_s = max_age_s

    def keep(self, content: bytes) -> str:
        """Store the bytes of an image file; returns its id, which is the same for the same bytes.

        Raises DiskError where the folder cannot be written.
        """
        example_id = hashlib.sha256(content).hexdigest()[:16]
        file = self._folder / example_id
        try:
            private_files.replace_file(file, content)
        except OSError as error:
            raise DiskError(
                f"Cannot keep the example image in {self._folder} ({error.strerror}). Make room "
                "there, or set cache_dir to a folder that can be written."
            ) from error
        private_files.delete_abandoned(self._folder)
        self._delete_old(file)
        return example_id

    def get(self, example_id: str) -> bytes:
        """The bytes of the image. Raises PhotoError if it is not stored, or no longer."""
        if _ID.fullmatch(example_id):
            file = self._folder / example_id
            with suppress(OSError):
                is_current = time.time() - file.stat().st_mtime < self._max_age_s
                content = file.read_bytes() if is_current else None
                if content is not None and hashlib.sha256(content).hexdigest()[:16] == example_id:
                    with suppress(OSError):
                        os.utime(file)
                    return content
        raise PhotoError(
            Reason.UNREADABLE,
            "The example image of this search is not on this machine, or no longer. Choose it "
            "again.",
        )

    def _delete_old(self, newest: Path) -> None:
        held_bytes = 0
        for modified_at, size_bytes, path in sorted(self._files(newest), reverse=True):
            held_bytes += size_bytes
            is_old = time.time() - modified_at > self._max_age_s
            if path != newest and (is_old or held_bytes > self._limit_bytes):
                with suppress(OSError):
                    path.unlink()
                    held_bytes -= size_bytes

    def _files(self, newest: Path) -> list[tuple[float, int, Path]]:
        """The last use (Unix seconds), size in bytes and path of each image.

        The newest comes first even if the clock was set back.
        """
        files = []
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    if _ID.fullmatch(entry.name):
                        about, path = entry.stat(), Path(entry.path)
                        used_at = float("inf") if path == newest else about.st_mtime
                        files.append((used_at, about.st_size, path))
        return files
