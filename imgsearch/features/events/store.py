"""The titles that somebody has given to events.

An event is found anew at each request, so a title belongs to the time between two moments.
"""

from __future__ import annotations

from datetime import datetime

from imgsearch.features.events.records import EventTitle, PhotoEvent
from imgsearch.records.changes import Change
from imgsearch.store import changes
from imgsearch.store.database import Database

_OVERLAPS = "start <= ? AND end_at >= ?"


class EventTitleStore:
    """The titles of events in the database of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[EventTitle, ...]:
        """Return all titles, in the order in which they were given."""
        rows = self._database.fetch_all("SELECT title, start, end_at FROM event_titles ORDER BY id")
        return tuple(
            EventTitle(title, datetime.fromisoformat(start), datetime.fromisoformat(end))
            for title, start, end in rows
        )

    def set(self, event: PhotoEvent, title: str) -> Change:
        """Give an event a title in place of those that it had; an empty one takes them away."""
        start, end = event.start.isoformat(), event.end.isoformat()
        with self._database.brief_transaction() as connection:
            old = connection.execute(
                f"SELECT id, title FROM event_titles WHERE {_OVERLAPS}", (end, start)
            ).fetchall()
            if [each for _, each in old] == ([title] if title else []):
                return changes.unchanged("The event has this title already")
            before = [changes.rows_before(connection, "event_titles", [(each,) for each, _ in old])]
            connection.execute(f"DELETE FROM event_titles WHERE {_OVERLAPS}", (end, start))
            if title:
                made = connection.execute(
                    "INSERT INTO event_titles (title, start, end_at) VALUES (?, ?, ?)",
                    (title, start, end),
                )
                before.append(changes.Step("event_titles", [[made.lastrowid]], []))
            said = f"Called an event {title}" if title else "Removed the title of an event"
            return changes.record(connection, said, len(event.photo_ids), before)
