"""The kinds of pictures that answers leave out."""

from __future__ import annotations

from imgsearch.features.kinds.store import KindStore
from imgsearch.store.database import Database


def left_out(database: Database) -> tuple[str, ...]:
    """Return the states whose pictures answers leave out."""
    return KindStore(database).left_out()
