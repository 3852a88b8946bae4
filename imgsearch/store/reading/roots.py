"""Reads the photo folders that a library follows."""

from __future__ import annotations

from imgsearch.paths import path_of
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads


class RootReads:
    """The part of `Reads` that knows the photo folders."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def all(self) -> dict[int, str]:
        """Return the photo folders that the library follows: id to absolute path."""
        return self._where("1")

    def paused(self) -> dict[int, str]:
        """Return the roots that are paused: id to absolute path."""
        return self._where("paused_at IS NOT NULL")

    def active(self) -> dict[int, str]:
        """Return the roots that are not paused: id to absolute path."""
        return self._where("paused_at IS NULL")

    def _where(self, condition: str) -> dict[int, str]:
        query = f"SELECT id, path FROM roots WHERE {condition} ORDER BY id"

        def read() -> dict[int, str]:
            return {root_id: path_of(path) for root_id, path in self._database.fetch_all(query)}

        return dict(self._recent.get(query, read))

    def volumes(self) -> dict[int, tuple[str, str]]:
        """Roots on an identifiable volume: root id to (identity, path on that volume)."""
        query = "SELECT id, volume, volume_path FROM roots WHERE volume IS NOT NULL"

        def read() -> dict[int, tuple[str, str]]:
            rows = self._database.fetch_all(query)
            return {root_id: (volume, path_of(path)) for root_id, volume, path in rows}

        return dict(self._recent.get(query, read))

    def filled(self) -> frozenset[int]:
        """Return the roots with at least one known file."""
        query = "SELECT id FROM roots WHERE EXISTS (SELECT 1 FROM paths WHERE root_id = roots.id)"

        def read() -> frozenset[int]:
            return frozenset(root_id for (root_id,) in self._database.fetch_all(query))

        return self._recent.get(query, read)

    def photo_counts(self) -> dict[int, int]:
        """Count the photo files of each root."""
        return dict(
            self._database.fetch_all("SELECT root_id, count(photo_id) FROM paths GROUP BY root_id")
        )

    def held_counts(self) -> dict[int, int]:
        """Count the held removals of each root; roots without any are left out."""
        query = (
            "SELECT root_id, count(*) FROM paths WHERE missing_since IS NOT NULL GROUP BY root_id"
        )
        return dict(self._database.fetch_all(query))
