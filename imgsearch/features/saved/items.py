"""Saved searches as items of an archive.

Which photos its user has seen is of one replica: of a search that comes in, they are those that are
there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import asdict

from imgsearch.features.saved.store import pack_ids
from imgsearch.items.base import ItemGroup, LiveItem
from imgsearch.items.item import ItemName, KindOfItem, Moment, Number
from imgsearch.items.rows import content_of, photo_with
from imgsearch.records.query import Region
from imgsearch.store.sql import now


class SavedExampleItem(Struct, frozen=True):
    """An example image in a saved search: a photo, by content, or an image file."""

    position: Number
    weight: float
    content: str | None = None
    image: bytes | None = None
    region: Region | None = None


class SavedSearchItem(Struct, frozen=True):
    """A saved search. Key: its name without case and accents."""

    name: str
    line: str
    k: Number | None
    include_weak: bool
    saved_at: Moment
    examples: tuple[SavedExampleItem, ...] = ()

    def __post_init__(self) -> None:
        if len({each.position for each in self.examples}) < len(self.examples):
            raise ValueError("Two examples have one position.")


class SavedSearchItems:
    """Saved searches with their examples; the subject is the name, without case and accents."""

    name = "saved search"
    kinds: ClassVar = {
        "saved search": KindOfItem(
            SavedSearchItem, ".+", title=("saved search", "saved searches"), changed="saved_at"
        )
    }
    noted_columns: ClassVar = {"saved_searches": "name"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT id, name, line, k, include_weak, saved_at FROM saved_searches WHERE key = ?",
            (subject,),
        ).fetchone()
        if row is None:
            return {}
        search_id, name, line, k, include_weak, saved_at = row
        examples = tuple(
            SavedExampleItem(
                position,
                weight,
                None if photo_id is None else content_of(connection, photo_id),
                image,
                None if region is None else Region(**json.loads(region)),
            )
            for position, weight, photo_id, image, region in connection.execute(
                "SELECT position, weight, photo_id, image, region FROM saved_examples "
                "WHERE search_id = ? ORDER BY position",
                (search_id,),
            ).fetchall()
        )
        if any(each.content is None and each.image is None for each in examples):
            return {}  # a photo has left the library: the item waits for it
        moment = datetime.fromisoformat(saved_at)
        item = SavedSearchItem(name, line, k, bool(include_weak), moment, examples)
        return {(self.name, subject): item}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for key, items in subjects.items():
            search = next((item.value for item in items.values()), None)
            if not isinstance(search, SavedSearchItem):
                connection.execute("DELETE FROM saved_searches WHERE key = ?", (key,))
            elif self.present(connection, key) != {(self.name, key): search}:
                photos = {
                    each.position: None
                    if each.content is None
                    else photo_with(connection, each.content)
                    for each in search.examples
                }
                if any(
                    photos[each.position] is None and each.image is None for each in search.examples
                ):
                    waiting |= items.keys()
                else:
                    _save(connection, key, search, photos)
        return waiting


def _save(
    connection: sqlite3.Connection,
    key: str,
    search: SavedSearchItem,
    photos: Mapping[int, int | None],
) -> None:
    """Save a search in place of one of its name; all photos that are there count as seen."""
    there = connection.execute("SELECT id FROM photos").fetchall()
    seen = pack_ids(photo_id for (photo_id,) in there)
    connection.execute("DELETE FROM saved_searches WHERE key = ?", (key,))
    made = connection.execute(
        "INSERT INTO saved_searches (key, name, line, k, include_weak, saved_at, looked_at, seen, "
        "announced) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(key, search.name, search.line, search.k, search.include_weak),
            *(search.saved_at.isoformat(), now(), seen, seen),
        ),
    )
    connection.executemany(
        "INSERT INTO saved_examples VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                *(made.lastrowid, each.position, each.weight, photos[each.position]),
                None if photos[each.position] is not None else each.image,
                None if each.region is None else json.dumps(asdict(each.region)),
            )
            for each in search.examples
        ],
    )


GROUPS: tuple[ItemGroup, ...] = (SavedSearchItems(),)
