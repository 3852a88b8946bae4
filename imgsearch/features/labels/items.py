"""Labels as items of an archive.

Which photos have a label follows from the photos of each replica, so it is no item.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from imgsearch.items.base import ItemGroup, LiveItem, values_of
from imgsearch.items.item import ItemName, KindOfItem


class LabelItem(Struct, frozen=True):
    """The classes of labels. Key: the name of the labels."""

    classes: Annotated[tuple[str, ...], Meta(min_length=1)]
    template: str | None
    none_of_these: bool


class LabelItems:
    """The classes of labels; the subject is their name."""

    name = "label"
    kinds: ClassVar = {
        "label": KindOfItem(LabelItem, ".+", title=("set of labels", "sets of labels"))
    }
    noted_columns: ClassVar = {"facets": "template"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute(
            "SELECT classes, template, none_of_these FROM facets WHERE name = ?", (subject,)
        ).fetchone()
        if row is None:
            return {}
        classes, template, none_of_these = row
        item = LabelItem(tuple(json.loads(classes)), template, bool(none_of_these))
        return {(self.name, subject): item}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        for name, items in subjects.items():
            if self.present(connection, name) == {
                item_name: item.value for item_name, item in items.items()
            }:
                continue
            connection.execute("DELETE FROM facets WHERE name = ?", (name,))
            for label in values_of(items, LabelItem).values():
                connection.execute(
                    "INSERT INTO facets (name, classes, template, none_of_these, last_seq) "
                    "VALUES (?, ?, ?, ?, 0)",
                    (name, json.dumps(label.classes), label.template, label.none_of_these),
                )
        return set()


GROUPS: tuple[ItemGroup, ...] = (LabelItems(),)
