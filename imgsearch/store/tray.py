"""The tray: the list of photos that were picked."""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.records.changes import Change
from imgsearch.records.tray import PickedPhotos
from imgsearch.store import changes
from imgsearch.store.database import Database
from imgsearch.store.photo_lists import PhotoLists

TRAY_KEY = ""  # lists with a name have another key
TRAY_NAME = ""


class TrayStore:
    """The part of a store that knows the tray."""

    def __init__(self, database: Database) -> None:
        self._lists = PhotoLists(database)

    def photos(self) -> PickedPhotos:
        """Return the photos of the tray, in the order in which they were added."""
        found = self._lists.photos(TRAY_KEY)
        if found is None:  # nothing was picked yet
            return PickedPhotos(TRAY_NAME, ())
        return PickedPhotos(found.name, found.photo_ids, found.missing_ids)

    def add(self, photo_ids: Sequence[int]) -> Change:
        """Add photos at the end of the tray."""
        change = self._lists.add(TRAY_KEY, photo_ids, "to the tray", made_as=TRAY_NAME)
        assert change is not None  # the tray is made if there is none
        return change

    def take_out(self, photo_ids: Sequence[int]) -> Change:
        """Take photos out of the tray."""
        nothing = changes.unchanged("The tray had none of these photos")
        return self._lists.take_out(TRAY_KEY, photo_ids, "out of the tray") or nothing

    def clear(self) -> Change:
        """Take all photos out of the tray."""
        tray = self.photos()
        return self.take_out((*tray.photo_ids, *tray.missing_ids))
