"""Stores example images for a while, so that the address of a search can name one.

An image that was dropped on the page has no path. It is stored under a short id, in a folder
that only this user can open, until it is too old or the folder is full.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from imgsearch.caches import FileCache
from imgsearch.errors import DiskError, PhotoError, Reason

LIMIT_BYTES = 200 << 20
MAX_AGE_S = 30 * 86_400.0
_ID = re.compile(r"[0-9a-f]{16}")


class KeptExamples:
    """A folder of example images. Safe in any thread and any number of processes.

    Images that were not searched by for `max_age_s` are deleted, and so are the least recently used
    while the folder takes more than `limit_bytes`; the newest always stays.
    """

    def __init__(
        self, folder: Path, limit_bytes: int = LIMIT_BYTES, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._folder = folder
        self._files = FileCache(folder, limit_bytes, max_age_s=max_age_s)

    def keep(self, content: bytes) -> str:
        """Store the bytes of an image file; returns its id, which is the same for the same bytes.

        Raises DiskError where the folder cannot be written.
        """
        example_id = hashlib.sha256(content).hexdigest()[:16]
        try:
            self._files.put(example_id, content)
        except OSError as error:
            raise DiskError(
                f"Cannot keep the example image in {self._folder} ({error.strerror}). Make room "
                "there, or set cache_dir to a folder that can be written."
            ) from error
        return example_id

    def get(self, example_id: str) -> bytes:
        """Return the bytes of the image. Raises PhotoError if it is not stored, or no longer."""
        content = self._files.get(example_id) if _ID.fullmatch(example_id) else None
        if content is None:
            raise PhotoError(
                Reason.UNREADABLE,
                "The example image of this search is not on this machine, or no longer. Choose it "
                "again.",
            )
        return content
