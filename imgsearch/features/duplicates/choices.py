"""The near-duplicates that people have chosen to keep.

The choices are the user's own and do not follow from the disk. So they are written in short
transactions without the writer's lock, and belong to the content of a photo: they stay when it is
moved, when it leaves the library and comes back, and when everything is indexed again.
"""

from __future__ import annotations

from imgsearch.store.database import Database


class DuplicateChoices:
    """The part of a library that knows these choices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, bool]:
        """Return whether a photo is to be kept, by its id, where that was chosen."""
        rows = self._database.fetch_all(
            "SELECT photos.id, is_kept FROM duplicate_choices JOIN photos USING (content_hash)"
        )
        return {int(photo_id): bool(is_kept) for photo_id, is_kept in rows}

    def set(self, photo_id: int, is_kept: bool | None) -> bool:
        """Record a choice; None removes it. Returns whether the library has the photo."""
        with self._database.brief_transaction() as connection:
            row = connection.execute(
                "SELECT content_hash FROM photos WHERE id = ?", (photo_id,)
            ).fetchone()
            if row is None:
                return False
            if is_kept is None:
                connection.execute("DELETE FROM duplicate_choices WHERE content_hash = ?", row)
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO duplicate_choices VALUES (?, ?)", (*row, is_kept)
                )
        return True

    def clear(self) -> int:
        """Remove all choices; returns how many there were."""
        with self._database.brief_transaction() as connection:
            return connection.execute("DELETE FROM duplicate_choices").rowcount
