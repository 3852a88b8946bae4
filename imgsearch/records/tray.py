"""A record for the tray."""

from __future__ import annotations

from msgspec import Struct


class PickedPhotos(Struct, frozen=True):
    """The photos of the tray, in the order in which they were picked.

    `photo_ids` can be found, and `missing_ids` have no file any more. The tray has no name, so
    `name` is empty.
    """

    name: str
    photo_ids: tuple[int, ...]
    missing_ids: tuple[int, ...] = ()
