"""The tray: photos that were picked, over any number of searches, until they are taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch.operations.chosen import chosen_photos
from imgsearch.operations.declared import operation
from imgsearch.records.changes import Change
from imgsearch.records.query import Query
from imgsearch.records.tray import PickedPhotos

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.store.tray import TrayStore


class Tray:
    """The tray of a library. `is:picked` in a query finds its photos."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /tray")
    def photos(self) -> PickedPhotos:
        """List the photos of the tray by id, in the order in which they were picked."""
        return self._tray().photos()

    @operation("POST /tray/add")
    def add(
        self,
        photo_ids: Sequence[int] = (),
        query: str | Query | None = None,
        k: int | None = None,
        *,
        include_weak: bool = False,
    ) -> Change:
        """Pick photos, the answer to a query, or both, at the end of the tray.

        Works while another process writes. Raises QueryError as `find` does, and DiskError.
        """
        photos = chosen_photos(self._opened, photo_ids, query, k, include_weak)
        return self._tray().add(photos)

    @operation("POST /tray/take-out")
    def take_out(self, photo_ids: Sequence[int]) -> Change:
        """Take photos out of the tray. Raises DiskError."""
        return self._tray().take_out(chosen_photos(self._opened, photo_ids, None, None, False))

    @operation("POST /tray/clear")
    def clear(self) -> Change:
        """Take all photos out of the tray. Raises DiskError."""
        return self._tray().clear()

    def _tray(self) -> TrayStore:
        from imgsearch.store.tray import TrayStore

        return TrayStore(self._opened.database())
