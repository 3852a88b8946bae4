"""Thumbnails: small WebP pictures of photos, made at first sight and kept in a bounded folder.

A file is named after the photo's content and its side, so it is true for ever, shared by all
libraries of this user, and still there when the photo's drive is not.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imgsearch.decode.reading import decode, decode_bytes, thumbnail
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.photo import Photo

LIMIT_BYTES = 2 << 30  # some 150,000 thumbnails of 320 px
_KEPT_SHARE = 0.9  # of the limit, after making room: not again at the next thumbnail
_TOUCH_AFTER_S = 3600.0  # a use is written down at most once an hour


class Thumbnails:
    """A folder of thumbnails that never holds more than `limit_bytes`. Safe in any thread.

    The least recently used ones go first. Where the folder cannot be written, thumbnails are made
    each time they are asked for.
    """

    def __init__(self, folder: Path, max_megapixels: float, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._max_megapixels = max_megapixels
        self._limit_bytes = limit_bytes
        self._held_bytes: int | None = None  # None: not counted yet
        self._counting = threading.Lock()
        # A page asks for sixty at once; more decoders than cores would only take memory.
        self._decoding = threading.BoundedSemaphore(os.cpu_count() or 1)

    def get(
        self, photo: Photo, paths: Iterable[Path], side_px: int, at_s: float | None = None
    ) -> bytes:
        """A WebP of the photo, upright, its long side at most `side_px`.

        Of a video it is the frame at `at_s` seconds, or the one in the middle. Made from the first
        of `paths` that can be read. Raises PhotoError where none can and no thumbnail was made
        before.
        """
        when = "" if at_s is None or photo.facts.duration_s is None else f"-{at_s:.3f}s"
        name = f"{photo.content_hash}-{side_px}{when}.webp"
        file = self._folder / photo.content_hash[:2] / name
        known = _read(file)
        if known is not None:
            return known
        with self._decoding:
            known = _read(file)  # another thread may have made it while this one waited
            if known is not None:
                return known
            made = self._make(paths, side_px, at_s if when else None)
        self._keep(file, made)
        return made

    def of_bytes(self, content: bytes, side_px: int) -> bytes:
        """A WebP of the image in `content`, which is kept nowhere. Raises PhotoError."""
        with self._decoding:
            decoded = decode_bytes(content, (side_px + 1) // 2, self._max_megapixels)
            return thumbnail(decoded, side_px)

    def _make(self, paths: Iterable[Path], side_px: int, at_s: float | None) -> bytes:
        failure = PhotoError(Reason.UNREADABLE, "The photo lies nowhere that can be read now.")
        for path in paths:
            try:
                decoded = decode(path, (side_px + 1) // 2, self._max_megapixels, at_s=at_s)
                return thumbnail(decoded, side_px)
            except PhotoError as error:
                failure = error
            except OSError as error:
                failure = PhotoError(Reason.UNREADABLE, f"It cannot be read ({error.strerror}).")
        raise failure

    def _keep(self, file: Path, content: bytes) -> None:
        with suppress(OSError):  # a full or read-only disk costs time at the next look, no more
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            part.write_bytes(content)
            part.replace(file)
            with self._counting:
                if self._held_bytes is None:
                    self._held_bytes = sum(size_bytes for _, size_bytes, _ in self._files())
                else:
                    self._held_bytes += len(content)
                if self._held_bytes > self._limit_bytes:
                    self._make_room()

    def _make_room(self) -> None:
        """Delete what was not used for longest. Counts anew: other processes write here too."""
        files = sorted(self._files())
        held_bytes = sum(size_bytes for _, size_bytes, _ in files)
        for _, size_bytes, path in files:
            if held_bytes <= _KEPT_SHARE * self._limit_bytes:
                break
            with suppress(OSError):
                Path(path).unlink()
                held_bytes -= size_bytes
        self._held_bytes = held_bytes

    def _files(self) -> list[tuple[float, int, str]]:
        """Every file with its last use (Unix seconds) and its size in bytes."""
        found = []
        for folder in self._folder.iterdir():
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    for entry in entries:
                        about = entry.stat()
                        found.append((about.st_mtime, about.st_size, entry.path))
        return found


def _read(file: Path) -> bytes | None:
    """What is in the file, and note that it was used; None where it is not."""
    try:
        content = file.read_bytes()
        if time.time() - file.stat().st_mtime > _TOUCH_AFTER_S:
            os.utime(file)  # not atime, which many systems do not keep
    except OSError:
        return None
    return content
