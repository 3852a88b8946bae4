"""Identifies an example image by its content."""

from __future__ import annotations

import stat
from io import BytesIO
from pathlib import Path

from imgsearch.decode.request import content_hash
from imgsearch.errors import QueryError


def content_hash_of(source: Path | bytes) -> bytes:
    """Return the content hash of an example, comparable with the library's hashes.

    Raises QueryError.
    """
    if isinstance(source, bytes):
        return content_hash(BytesIO(source))
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise QueryError(f"The example image {source} is not a file. Name a photo in it.")
        with source.open("rb") as file:
            return content_hash(file)
    except FileNotFoundError:
        raise QueryError(f"The example image {source} does not exist. Check its name.") from None
    except OSError as error:
        raise QueryError(
            f"The example image {source} cannot be read ({error.strerror}). Check its permissions."
        ) from error
