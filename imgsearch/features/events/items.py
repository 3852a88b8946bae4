"""The titles of events as items.

A title belongs to the time between two moments, and replaces the titles of all times that overlap
with it. So all titles of a library are one subject, and of two that overlap the later one counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from imgsearch.items.base import ItemGroup, LiveItem, values_of
from imgsearch.items.item import ItemName, KindOfItem, LocalTime


class EventTitleItem(Struct, frozen=True):
    """The title of the events between two moments. Key: the moments, ISO 8601, joined by "/"."""

    title: str
    start: LocalTime
    end: LocalTime


class EventTitleItems:
    """All titles of events."""

    name = "event title"
    kinds: ClassVar = {
        "event title": KindOfItem(
            EventTitleItem,
            ".+/.+",
            subject="all",
            title=("title of an event", "titles of events"),
        )
    }
    noted_columns: ClassVar = {"event_titles": "title"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        rows = connection.execute("SELECT title, start, end_at FROM event_titles ORDER BY id")
        titles = [
            EventTitleItem(title, datetime.fromisoformat(start), datetime.fromisoformat(end))
            for title, start, end in rows.fetchall()
        ]
        return {_item_name(title): title for title in titles}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for items in subjects.values():
            wanted: dict[ItemName, EventTitleItem] = {}
            for name, title in values_of(items, EventTitleItem).items():
                if name == _item_name(title):
                    for other in [each for each in wanted if _overlap(wanted[each], title)]:
                        del wanted[other]
                    wanted[name] = title
            waiting |= items.keys() - wanted.keys()
            there = self.present(connection, "all")
            connection.executemany(
                "DELETE FROM event_titles WHERE start = ? AND end_at = ?",
                [name[1].split("/") for name in there if there[name] != wanted.get(name)],
            )
            connection.executemany(
                "INSERT INTO event_titles (title, start, end_at) VALUES (?, ?, ?)",
                [
                    (title.title, title.start.isoformat(), title.end.isoformat())
                    for name, title in wanted.items()
                    if there.get(name) != title
                ],
            )
        return waiting


def _item_name(title: EventTitleItem) -> ItemName:
    return "event title", f"{title.start.isoformat()}/{title.end.isoformat()}"


def _overlap(one: EventTitleItem, other: EventTitleItem) -> bool:
    return one.start <= other.end and one.end >= other.start


GROUPS: tuple[ItemGroup, ...] = (EventTitleItems(),)
