"""Walls in the database: written in short transactions, without the writer's lock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from imgsearch.features.wall.pauses import read_pause
from imgsearch.features.wall.records import Pause, StoredWall
from imgsearch.store.database import Database

_COLUMNS = "id, line, seconds, pause, made_at, salt"


class WallStore:
    """The part of a store that knows walls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[StoredWall, ...]:
        """Return all walls, the oldest first."""
        rows = self._database.fetch_all(f"SELECT {_COLUMNS} FROM walls ORDER BY id")
        return tuple(map(_wall_of, rows))

    def add(self, line: str, seconds: int, pause: Pause | None, salt: bytes) -> StoredWall:
        """Store a new wall."""
        now = datetime.now(UTC).replace(microsecond=0)
        with self._database.brief_transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO walls (line, seconds, pause, made_at, salt) VALUES (?, ?, ?, ?, ?)",
                (line, seconds, pause and str(pause), now.isoformat(), salt),
            )
        assert cursor.lastrowid is not None  # of an INSERT
        return StoredWall(cursor.lastrowid, line, seconds, pause, now, salt)

    def remove(self, number: int) -> bool:
        """Delete a wall; returns whether there was one."""
        with self._database.brief_transaction() as connection:
            cursor = connection.execute("DELETE FROM walls WHERE id = ?", (number,))
            return bool(cursor.rowcount)


def _wall_of(row: tuple[Any, ...]) -> StoredWall:
    number, line, seconds, pause, made_at, salt = row
    return StoredWall(
        number,
        line,
        seconds,
        pause and read_pause(pause),
        datetime.fromisoformat(made_at),
        salt,
    )
