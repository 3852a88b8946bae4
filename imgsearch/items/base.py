"""The interface of a group of items: how they follow from rows of a library, and rows from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from imgsearch.items.item import ItemName, KindOfItem

_Value = TypeVar("_Value", bound=Struct)


class LiveItem(Struct, frozen=True):
    """An item that was not removed: its value, and its place in the order of changes."""

    value: Struct
    order: tuple[int, str]


def values_of(items: Mapping[ItemName, LiveItem], kind: type[_Value]) -> dict[ItemName, _Value]:
    """Return the values of one type among the items of a subject, the earliest change first."""
    return {
        name: item.value
        for name, item in sorted(items.items(), key=lambda each: each[1].order)
        if isinstance(item.value, kind)
    }


class ItemGroup(Protocol):
    """Items that are compared with the rows of a library together.

    A subject is what several items may be about, such as the marks of one photo: see `subject_in`.
    """

    @property
    def name(self) -> str:
        """The name of the group in the outbox."""

    @property
    def kinds(self) -> Mapping[str, KindOfItem]:
        """The kinds of its items, by name."""

    @property
    def noted_columns(self) -> Mapping[str, str]:
        """The tables with a row for each of its items, and a column of each.

        To write its value again is a change that the triggers note.
        """

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        """Return the subject that the outbox names; None for one that has no identity."""

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        """Return the items that the rows of a subject stand for."""

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        """Make the rows of these subjects follow from all of their items.

        Returns the items without a row: those of a photo, an album or a person that is not there,
        and those that a later item of the subject overrides.
        """
