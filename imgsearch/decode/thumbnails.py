"""Thumbnails: small WebP images of photos.

Two kinds: `Thumbnails` makes one of any size on its first use, and keeps the latest in a folder of
limited size. A file is named after the photo's content and its side, so it never becomes outdated;
it is shared by all libraries of this user. `kept_thumbnail` makes the small one that the library
keeps of each photo (`imgsearch.store.thumbnails`), from the pixels that are embedded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from imgsearch.caches import FileCache
from imgsearch.cores import usable_cores
from imgsearch.decode.original import no_unchanged_file, open_unchanged
from imgsearch.decode.reader import decode, decode_bytes
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import IndexedFile, Photo

KEPT_SIDE_PX = 256
# Of thumbnails for screens with two pixels or more in the place of one: losses are hardly seen
# there, so such a thumbnail has about half again the bytes of one of 360 px, not twice as many.
DENSE_SIDE_PX = 540
LIMIT_BYTES = 2 << 30  # some 150,000 thumbnails of 320 px


class Thumbnails:
    """A folder of thumbnails that takes `limit_bytes` at most. Safe in any thread.

    The least recently used ones are deleted first. Where the folder cannot be written, thumbnails
    are made each time they are needed.
    """

    def __init__(self, folder: Path, max_megapixels: float, limit_bytes: int = LIMIT_BYTES) -> None:
        self._files = FileCache(folder, limit_bytes, parts=256)
        self._max_megapixels = max_megapixels
        # A page requests sixty at once; more decoders than cores would only take memory.
        self._decoding = threading.BoundedSemaphore(usable_cores())

    def get(
        self, photo: Photo, files: Iterable[IndexedFile], side_px: int, at_s: float | None = None
    ) -> bytes:
        """Return a WebP of the photo, upright, its long side at most `side_px`.

        A video gives the frame at `at_s` seconds, or the one in the middle. The first of `files`
        that can be read, and has not changed since it was indexed, is used. Raises PhotoError where
        none can and no thumbnail is kept.
        """
        at_s = None if photo.facts.duration_s is None else at_s
        suffix = "" if at_s is None else f"-{at_s:.3f}s"
        name = f"{photo.content_hash}-{side_px}{suffix}.webp"
        kept = self._files.get(name)
        if kept is not None:
            return kept
        with self._decoding:
            kept = self._files.get(name)  # another thread may have made it while this one waited
            if kept is not None:
                return kept
            made = self._make(photo, files, side_px, at_s)
        with suppress(OSError):  # on a full or read-only disk it is made again next time
            self._files.put(name, made)
        return made

    def of_bytes(self, content: bytes, side_px: int) -> bytes:
        """Return a WebP of the image in `content`, which is not kept. Raises PhotoError."""
        with self._decoding:
            decoded = decode_bytes(content, side_px, self._max_megapixels)
            return encode_thumbnail(decoded, side_px)

    def _make(
        self, photo: Photo, files: Iterable[IndexedFile], side_px: int, at_s: float | None
    ) -> bytes:
        failure = no_unchanged_file()
        for file in files:
            unchanged = open_unchanged(photo, file)
            if unchanged is None:
                continue
            unchanged.close()
            try:
                decoded = decode(file.path, side_px, self._max_megapixels, at_s=at_s)
                return encode_thumbnail(decoded, side_px)
            except PhotoError as error:
                failure = error
            except OSError as error:
                failure = PhotoError(Reason.UNREADABLE, f"It cannot be read ({error.strerror}).")
        raise failure


def encode_thumbnail(decoded: Decoded, side_px: int) -> bytes:
    """Return a WebP of the image, its long side at most `side_px`."""
    return _encode(_scaled(decoded.image, side_px), quality=60 if side_px == DENSE_SIDE_PX else 80)


def kept_thumbnail(decoded: Decoded) -> bytes:
    """Return the small WebP that a library stores of a photo: ~8 kB, long side `KEPT_SIDE_PX`."""
    # Every photo that is indexed pays for this: the fastest ways, at 5 % more bytes.
    small = _scaled(decoded.image, KEPT_SIDE_PX, is_fast=True)
    return _encode(small, quality=60, method=0)


def reduce_thumbnail(content: bytes, side_px: int) -> bytes:
    """Return a kept thumbnail with a long side of at most `side_px`."""
    if side_px >= KEPT_SIDE_PX:
        return content
    with Image.open(BytesIO(content), formats=("WEBP",)) as image:
        return _encode(_scaled(image.convert("RGB"), side_px), quality=80)


def photo_thumbnail(
    photo: Photo,
    files: Callable[[], Iterable[IndexedFile]],
    kept: Callable[[], bytes | None],
    thumbnails: Thumbnails,
    side_px: int,
    at_s: float | None,
    or_kept: bool,
) -> bytes:
    """Return a WebP of a photo: the stored one if large enough, else one made from its files.

    `files` and `kept` are called only when they are needed. Where no file can be read, the kept
    one takes its place if `or_kept`; else raises PhotoError.
    """
    is_middle = at_s is None or photo.facts.duration_s is None
    if is_middle and side_px <= KEPT_SIDE_PX and (small := kept()) is not None:
        return reduce_thumbnail(small, side_px)
    try:
        return thumbnails.get(photo, files(), side_px, at_s)
    except PhotoError:
        small = kept() if or_kept else None
        if small is None:
            raise
        return reduce_thumbnail(small, side_px)


def _scaled(image: Image.Image, side_px: int, is_fast: bool = False) -> Image.Image:
    """Return the image with a long side of at most `side_px`; if fast, in a third of the time."""
    scale = side_px / max(image.size)
    if scale >= 1:
        return image
    width_px, height_px = (max(1, round(px * scale)) for px in image.size)
    resampling = Image.Resampling.HAMMING if is_fast else Image.Resampling.BICUBIC
    reducing_gap = 1.0 if is_fast else 2.0
    return image.resize((width_px, height_px), resampling, reducing_gap=reducing_gap)


def _encode(image: Image.Image, quality: int, method: int = 2) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=method)
    return buffer.getvalue()
