"""Marks and corrections as items: each belongs to a content."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from imgsearch.items.base import LiveItem, values_of
from imgsearch.items.item import (
    OF_PHOTO,
    DateItem,
    ItemName,
    KindOfItem,
    MarkItem,
    PlaceItem,
)
from imgsearch.items.rows import photo_with

_CORRECTED = (
    *("taken_at", "date_precision"),
    *("lat", "lon", "town", "region", "country", "near_town"),
)


class MarkItems:
    """The marks of photos; the subject is the content."""

    name = "mark"
    kinds: ClassVar = {
        "mark": KindOfItem(
            MarkItem,
            f"(?P<subject>{OF_PHOTO})/(favourite|rating|hidden)",
            title=("mark", "marks"),
        )
    }
    noted_columns: ClassVar = {"marks": "value"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        marks = _marks(connection, photo_with(connection, subject))
        return {("mark", f"{subject}/{kind}"): MarkItem(value) for kind, value in marks.items()}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for content, items in subjects.items():
            photo_id = photo_with(connection, content)
            if photo_id is None:
                waiting |= items.keys()
                continue
            marks = _marks(connection, photo_id)
            wanted = {
                key.partition("/")[2]: mark.value
                for (_, key), mark in values_of(items, MarkItem).items()
            }
            connection.executemany(
                "DELETE FROM marks WHERE kind = ? AND photo_id = ?",
                [(kind, photo_id) for kind in marks.keys() - wanted.keys()],
            )
            connection.executemany(
                "INSERT INTO marks (kind, photo_id, value) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, photo_id) DO UPDATE SET value = excluded.value",
                [(kind, photo_id, value) for kind, value in wanted.items() - marks.items()],
            )
        return waiting


def _marks(connection: sqlite3.Connection, photo_id: int | None) -> dict[str, int]:
    return dict(connection.execute("SELECT kind, value FROM marks WHERE photo_id = ?", (photo_id,)))


class CorrectionItems:
    """The corrected dates and places of photos; the subject is the content."""

    name = "correction"
    kinds: ClassVar = {
        "date": KindOfItem(DateItem, OF_PHOTO, title=("corrected date", "corrected dates")),
        "place": KindOfItem(PlaceItem, OF_PHOTO, title=("corrected place", "corrected places")),
    }
    noted_columns: ClassVar = {"corrections": "lat"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = _correction(connection, photo_with(connection, subject))
        if row is None:
            return {}
        taken_at, precision, lat, lon, town, region, country, near_town = row
        items: dict[ItemName, Struct] = {}
        if taken_at is not None:
            items["date", subject] = DateItem(datetime.fromisoformat(taken_at), precision)
        if lat is not None:
            items["place", subject] = PlaceItem(lat, lon, town, region, country, bool(near_town))
        return items

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for content, items in subjects.items():
            photo_id = photo_with(connection, content)
            if photo_id is None:
                waiting |= items.keys()
            elif {name: item.value for name, item in items.items()} != self.present(
                connection, content
            ):
                _correct(connection, photo_id, items)
        return waiting


def _correction(connection: sqlite3.Connection, photo_id: int | None) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {', '.join(_CORRECTED)} FROM corrections WHERE photo_id = ?", (photo_id,)
    ).fetchone()
    return row


def _correct(
    connection: sqlite3.Connection, photo_id: int, items: Mapping[ItemName, LiveItem]
) -> None:
    columns: dict[str, object] = dict.fromkeys(_CORRECTED)
    for date in values_of(items, DateItem).values():
        columns |= {"taken_at": date.taken_at.isoformat(), "date_precision": date.precision}
    for place in values_of(items, PlaceItem).values():
        columns |= {name: getattr(place, name) for name in _CORRECTED[2:]}
    if not items:
        connection.execute("DELETE FROM corrections WHERE photo_id = ?", (photo_id,))
        return
    connection.execute(
        f"INSERT INTO corrections (photo_id, {', '.join(_CORRECTED)}) "
        f"VALUES (?{', ?' * len(_CORRECTED)}) ON CONFLICT (photo_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _CORRECTED),
        (photo_id, *columns.values()),
    )
