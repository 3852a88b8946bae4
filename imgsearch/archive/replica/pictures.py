"""The small pictures of an archive, for a replica, which has none of its own."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from imgsearch.archive.lance.rows import images_by_hash
from imgsearch.archive.lance.tables import Table, lance_errors
from imgsearch.caches import MemoryCache

_LARGEST_PAGE = 200
_MOST_SHOWN = 10_000  # photos: 1 MB
_UNCHECKED_S = 1.0  # until pictures that others have put are seen


class ArchivePictures:
    """Implements `imgsearch.archive.small_pictures.StoredPictures`. Safe in any thread."""

    def __init__(self, address: str) -> None:
        """Nothing is read before it is needed."""
        self._address = address
        self._lock = Lock()
        self._table: Table | None = None
        self._pages: MemoryCache[str] = MemoryCache(_MOST_SHOWN)

    def note_shown(self, content_hashes: Sequence[str]) -> None:
        """Note photos that are shown together. More of them are a list, without pictures."""
        if len(content_hashes) <= _LARGEST_PAGE:
            self._pages.keep_all(dict.fromkeys(content_hashes, tuple(content_hashes)), None)

    def shown_with(self, content_hash: str) -> list[str]:
        page = self._pages.known(content_hash, None)
        return [*page] if isinstance(page, tuple) else [content_hash]

    def thumbnails(self, content_hashes: Sequence[str]) -> dict[str, bytes]:
        with lance_errors(self._address):
            with self._lock:
                if self._table is None:
                    self._table = Table.if_there(self._address, "thumbnails", _UNCHECKED_S)
                if self._table is None:
                    return {}
            rows = self._table.newest().read_with("hash", content_hashes, ["hash", "image"])
        return images_by_hash(rows)
