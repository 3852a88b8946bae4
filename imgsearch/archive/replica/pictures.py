"""The small pictures of an archive, for a replica, which has none of its own.

A page asks for the picture of each of its photos. The pictures lie far apart in the archive, and
each request to object storage takes as long as many at once: they are read a page at a time, and
kept on the machine that shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock

from imgsearch.archive.lance.rows import images_by_hash
from imgsearch.archive.lance.tables import Table, lance_errors
from imgsearch.caches import FileCache, MemoryCache

_MEMORY_BYTES = 20_000_000  # some 2,400 pictures
_SUFFIX = ".webp"
_LARGEST_PAGE = 200
_MOST_SHOWN = 10_000  # photos: 1 MB
_UNCHECKED_S = 1.0  # until pictures that others have put are seen


class SmallPictures:
    """The pictures in the archive at an address, by the content of their photos (hexadecimal).

    A picture is named after the content of its photo, so it never becomes outdated. `files` are
    kept on the disk, where the archive is in object storage. Safe in any thread.
    """

    def __init__(self, address: str, files: FileCache | None) -> None:
        """Nothing is read before it is needed."""
        self._address = address
        self._files = files
        self._memory: MemoryCache[str] = MemoryCache(_MEMORY_BYTES)
        self._pages: MemoryCache[str] = MemoryCache(_MOST_SHOWN)
        self._reading = Lock()  # the other pictures of a page wait until the first has read all
        self._opening = Lock()
        self._table: Table | None = None

    def note_shown(self, content_hashes: Sequence[str]) -> None:
        """Note photos that are shown together. More of them are a list, without pictures."""
        if len(content_hashes) <= _LARGEST_PAGE:
            self._pages.keep_all(dict.fromkeys(content_hashes, tuple(content_hashes)), None)

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
            page = self._shown_with(content_hash)
            lacking = [each for each in page if self._known(each) is None]
            images = self._read(lacking)
            self._keep(images)
            return images.get(content_hash)

    def of(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the pictures of these photos, where there are any."""
        known = {each: self._known(each) for each in content_hashes}
        images = self._read([each for each in known if known[each] is None])
        self._keep(images)
        return {each: image for each, image in known.items() if image is not None} | images

    def _shown_with(self, content_hash: str) -> list[str]:
        """Return the photos of a page, and this one."""
        page = self._pages.known(content_hash, None)
        return [*page] if isinstance(page, tuple) else [content_hash]

    def _read(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the pictures (WebP) of these photos in the archive, where there are any."""
        with lance_errors(self._address):
            with self._opening:
                if self._table is None:
                    self._table = Table.if_there(self._address, "thumbnails", _UNCHECKED_S)
                if self._table is None:
                    return {}
            rows = self._table.newest().read_with("hash", content_hashes, ["hash", "image"])
        return images_by_hash(rows)

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
