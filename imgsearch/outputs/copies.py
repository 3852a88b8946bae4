"""Copies of photos: in a zip file that is made while it is read, with names for every system.

Each copy is of a file that is still the photo (`Pictures.original`), never of what has taken its
place. Neither a photo nor the zip file is ever held in memory whole. Photos that cannot be copied
are told before, and listed in a text file inside.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import BinaryIO, TypeAlias, cast

from imgsearch.decode.original import OriginalFile
from imgsearch.errors import ImgsearchError, Sentence
from imgsearch.outputs.file_names import safe_name, unique_name
from imgsearch.text import format_count, printable

# Opens the file of a photo; None for an unknown id. Raises PhotoError.
Original: TypeAlias = Callable[[int], OriginalFile | None]

LIST_NAME = "photos that are not in this zip.txt"
_CHUNK_BYTES = 1 << 18
_FIRST_DATE, _LAST_DATE = datetime(1980, 1, 1), datetime(2107, 12, 31, 23, 59, 58)  # in a zip file


def unreadable_photos(
    original: Original, photos: Mapping[int, str], refused: Mapping[int, str] | None = None
) -> dict[str, str]:
    """Return why photos cannot be copied now, by their paths, which `photos` has by id.

    `refused` has why photos are not to be copied, by id; their files are not opened.
    """
    missing = {}
    for photo_id, path in photos.items():
        if refused is not None and photo_id in refused:
            missing[path] = refused[photo_id]
            continue
        found = opened(original, photo_id)
        if isinstance(found, str):
            missing[path] = found
        else:
            found.file.close()
    return missing


def zip_of_copies(
    original: Original, photos: Mapping[int, str], missing: dict[str, str] | None = None
) -> Iterator[bytes]:
    """Yield the zip file, piece by piece.

    Why photos are not in it is added to `missing`, by their paths.

    Raises ImgsearchError where a file ends before the photo does: a zip file that looks whole, with
    a part of a photo in it, would lose the photo of somebody who then deletes it.
    """
    sink = _Sink()
    missing = {} if missing is None else missing
    taken = {LIST_NAME.casefold()}
    with zipfile.ZipFile(cast(BinaryIO, sink), "w", zipfile.ZIP_STORED) as archive:
        for photo_id, path in photos.items():
            found = opened(original, photo_id)
            if isinstance(found, str):
                missing[path] = found
                continue
            with found.file:
                modified_at_s = os.fstat(found.file.fileno()).st_mtime
                name = unique_name(safe_name(found.name), taken)
                entry = zipfile.ZipInfo(name, zip_date(modified_at_s))
                entry.file_size = found.size_bytes
                with archive.open(entry, "w") as copy:
                    for chunk in chunks(found):
                        copy.write(chunk)
                        yield sink.take()
        if missing:
            archive.writestr(LIST_NAME, list_of(missing))
    yield sink.take()


def opened(original: Original, photo_id: int) -> OriginalFile | str:
    """Return the file of a photo, which the caller closes, or why there is none."""
    try:
        found = original(photo_id)
    except ImgsearchError as error:
        return error.sentence
    return "It is not in the library any more." if found is None else found


def copies_problem(missing: dict[str, str], copied: int) -> str:
    """Return a sentence about the photos that cannot be copied; empty if all can be."""
    if not missing:
        return ""
    names = [printable(PurePath(path).name) for path in missing]
    named = ", ".join([*names[:3], *([f"and {len(names) - 3:,} more"] if names[3:] else [])])
    reason = next(iter(missing.values()))
    if not copied:
        return Sentence(f"No copy can be made of {named}. ", reason)
    left_out = format_count(len(missing), "photo")
    return Sentence(
        f"Not in the zip file, which lists what it lacks: {left_out} ({named}). ", reason
    )


def list_of(missing: dict[str, str]) -> bytes:
    """Return the text file that lists the photos without a copy, and says why."""
    lines = [
        "These photos could not be read when this zip file was made, so it has no copy of them. "
        "Do not delete them because of it.",
        "",
        *(f"{printable(path)}: {reason}" for path, reason in missing.items()),
    ]
    return "\r\n".join([*lines, ""]).encode()


def zip_date(modified_at_s: float) -> tuple[int, int, int, int, int, int]:
    """Local date and time of a file as zip files state it, in years from 1980 to 2107."""
    try:
        date = datetime.fromtimestamp(modified_at_s)
    except (OverflowError, ValueError, OSError):  # beyond the years 1 to 9999
        date = _LAST_DATE if modified_at_s > 0 else _FIRST_DATE
    date = min(max(date, _FIRST_DATE), _LAST_DATE)
    return date.year, date.month, date.day, date.hour, date.minute, date.second


def chunks(found: OriginalFile) -> Iterator[bytes]:
    """Yield the bytes of the photo and no more, though the file may have grown meanwhile."""
    left = found.size_bytes
    while left:
        chunk = found.file.read(min(_CHUNK_BYTES, left))
        if not chunk:
            raise ImgsearchError(f"{found.name} became shorter while it was copied.")
        left -= len(chunk)
        yield chunk


class _Sink:
    """A file without positions for `zipfile` to write to, emptied after each piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._pieces.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
