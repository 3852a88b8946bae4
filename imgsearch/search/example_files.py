"""What an example image is known by."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from imgsearch.errors import QueryError

_HASH_BYTES = 32  # as the content hashes of photos


def content_hash_of(source: Path | bytes) -> bytes:
    """The hash of an example's bytes, as the library has that of a photo. Raises QueryError."""
    if isinstance(source, bytes):
        return hashlib.blake2b(source, digest_size=_HASH_BYTES).digest()
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise QueryError(f"The example image {source} is not a file. Name a photo in it.")
        with source.open("rb") as file:
            return hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_HASH_BYTES)
            ).digest()
    except FileNotFoundError:
        raise QueryError(f"The example image {source} does not exist. Check its name.") from None
    except OSError as error:
        raise QueryError(
            f"The example image {source} cannot be read ({error.strerror}). Check its permissions."
        ) from error
