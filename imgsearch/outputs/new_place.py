"""Makes a file or a folder that appears under its name when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsearch.errors import DiskError, UsageError

_PART = ".imgsearch.part"  # behind the name of what is not complete


@contextmanager
def new_place(place: Path) -> Iterator[Path]:
    """Provide a path beside `place`, which gets that name at the end; it is removed after an error.

    Raises UsageError where there is anything at `place`, or no folder to make it in.
    """
    part = place.with_name(f".{place.name}{_PART}")
    try:
        if os.path.lexists(place):
            raise UsageError(
                f"There is {place} already, and it is left as it is. Choose another name."
            )
        if not place.parent.is_dir():
            raise UsageError(f"There is no folder {place.parent} to make {place.name} in.")
        _remove(part)  # of a process that was killed
        yield part
        part.rename(place)
    except OSError as error:
        raise DiskError(
            f"Cannot write {place} ({error.strerror}). Make room there and make the folder "
            "writable, or choose another place."
        ) from error
    finally:
        with suppress(OSError):
            _remove(part)


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
