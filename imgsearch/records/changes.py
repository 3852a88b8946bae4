"""A record for the changes that people make, which can be undone."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Change(Struct, frozen=True):
    """A change that somebody has made in a library, which can be undone by its id.

    `photos` is the number of photos that changed. Without an id nothing was changed, so there is
    nothing to undo. `undone` says that it was undone, and can be done again.
    """

    id: int | None
    title: str
    photos: int
    changed_at: datetime
    undone: bool = False
