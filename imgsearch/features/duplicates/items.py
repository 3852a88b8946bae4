"""Choices among near-duplicates as items of an archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from imgsearch.items.base import ItemGroup, LiveItem, values_of
from imgsearch.items.item import CONTENT, ItemName, KindOfItem


class DuplicateItem(Struct, frozen=True):
    """Whether a near-duplicate is to be kept. Key: the content."""

    is_kept: bool


class DuplicateItems:
    """Which near-duplicates to keep; the subject is the content, in the library or not."""

    name = "duplicate choice"
    kinds: ClassVar = {
        "duplicate choice": KindOfItem(
            DuplicateItem,
            CONTENT,
            title=("choice among near-duplicates", "choices among near-duplicates"),
        )
    }
    noted_columns: ClassVar = {"duplicate_choices": "is_kept"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT is_kept FROM duplicate_choices WHERE content_hash = ?",
            (bytes.fromhex(subject),),
        ).fetchone()
        return {} if row is None else {(self.name, subject): DuplicateItem(bool(row[0]))}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        for content, items in subjects.items():
            own = (bytes.fromhex(content),)
            connection.execute("DELETE FROM duplicate_choices WHERE content_hash = ?", own)
            for choice in values_of(items, DuplicateItem).values():
                connection.execute(
                    "INSERT INTO duplicate_choices VALUES (?, ?)", (*own, choice.is_kept)
                )
        return set()


GROUPS: tuple[ItemGroup, ...] = (DuplicateItems(),)
