"""The small pictures of an archive, read a page at a time and kept on the machine that shows them.

A page asks for the picture of each of its photos. The pictures lie far apart in the archive, and
each request to object storage takes as long as many at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Protocol

from imgsearch.caches import FileCache, MemoryCache

_MEMORY_BYTES = 20_000_000  # some 2,400 pictures
_SUFFIX = ".webp"


class StoredPictures(Protocol):
    """The small pictures in an archive."""

    def shown_with(self, content_hash: str) -> list[str]:
        """Return the contents, in hexadecimal, of the photos of a page, and this one."""

    def thumbnails(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the pictures (WebP) of these photos, where there are any."""


class SmallPictures:
    """Implements looking up pictures by content. Safe in any thread.

    A picture is named after the content of its photo, so it never becomes outdated. `files` are
    kept on the disk, where the archive is in object storage.
    """

    def __init__(self, archive: Callable[[], StoredPictures], files: FileCache | None) -> None:
        self._archive = archive
        self._files = files
        self._memory: MemoryCache[str] = MemoryCache(_MEMORY_BYTES)
        self._reading = Lock()  # the other pictures of a page wait until the first has read all

    def get(self, content_hash: str) -> bytes | None:
        """Return the picture (WebP) of the photo with this content, in hexadecimal.

        None without one.
        """
        known = self._known(content_hash)
        if known is not None:
            return known
        with self._reading:
            known = self._known(content_hash)
            if known is not None:
                return known
            page = self._archive().shown_with(content_hash)
            lacking = [each for each in page if self._known(each) is None]
            images = self._archive().thumbnails(lacking)
            self._keep(images)
            return images.get(content_hash)

    def of(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the pictures of these photos, where there are any."""
        known = {each: self._known(each) for each in content_hashes}
        images = self._archive().thumbnails([each for each in known if known[each] is None])
        self._keep(images)
        return {each: image for each, image in known.items() if image is not None} | images

    def _known(self, content_hash: str) -> bytes | None:
        image = self._memory.known(content_hash, None)
        if isinstance(image, bytes):
            return image
        stored = None if self._files is None else self._files.get(f"{content_hash}{_SUFFIX}")
        if stored is not None:
            self._memory.keep(content_hash, None, stored, len(stored))
        return stored

    def _keep(self, images: Mapping[str, bytes]) -> None:
        for content_hash, image in images.items():
            self._memory.keep(content_hash, None, image, len(image))
            if self._files is not None:
                with suppress(OSError):  # the disk is full, or it is read-only
                    self._files.put(f"{content_hash}{_SUFFIX}", image)
