"""An item that somebody made in a replica of an archive: its kind, key, value and time.

A key is made of identities that are the same in every replica: the hash of a content in place of a
photo's id, and an identity of its own for a person. Other things are known by their names.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from imgsearch.records.ids import LARGEST_INTEGER, SMALLEST_INTEGER
from imgsearch.records.photo import DatePrecision
from imgsearch.text import plain_text

Number: TypeAlias = Annotated[int, Meta(ge=SMALLEST_INTEGER, le=LARGEST_INTEGER)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
LocalTime: TypeAlias = Annotated[datetime, Meta(tz=False)]
ItemName: TypeAlias = tuple[str, str]  # the kind and the key of an item

# Parts of keys: the hash of a content, and the identity of an album or a person.
CONTENT = "[0-9a-f]{64}"
IDENTITY = "[0-9a-f]{32}"
OF_PHOTO = f"(?P<content>{CONTENT})"  # a photo, without which the item has no row


class UserItem(Struct, frozen=True):
    """One thing that somebody made, as it was when they changed it last.

    `value` is JSON, None for a thing that was removed. `changed_us` are microseconds since 1970 by
    the clock of the machine of `writer`, a replica; later than those of the value that it replaces.
    """

    kind: str
    key: str
    value: str | None
    changed_us: int
    writer: str

    @property
    def name(self) -> ItemName:
        """The kind and the key."""
        return self.kind, self.key

    @property
    def order(self) -> tuple[int, str]:
        """The order of the values of one item: the highest counts."""
        return self.changed_us, self.writer


def encoded(value: Struct) -> str:
    """Return the JSON of a value."""
    return msgspec.json.encode(value).decode()


class KindOfItem(Struct, frozen=True):
    """A kind of items: the type of its values, and the pattern of its keys.

    In the pattern, the group `subject` is the subject of an item, if that is not the whole key, and
    the group `content` the content without whose photo the item has no row. With `subject`, all
    items of the kind have this one.

    The rest is for items that come into a library which is no replica. `title` has the words for
    one item and for several, of a kind that people count. `changed` is the field with the moment of
    the last change, if the values have one. Of a kind whose items have an identity, `named` returns
    the id that the thing of the same name has in a library.
    """

    value: type[Struct]
    key: str
    subject: str | None = None
    title: tuple[str, str] | None = None
    changed: str | None = None
    named: Callable[[sqlite3.Connection, Any], int | None] | None = None

    def has(self, key: str) -> bool:
        """Return whether an item of this kind may have this key."""
        return re.fullmatch(self.key, key, re.DOTALL) is not None

    def subject_in(self, key: str) -> str:
        """Return the subject of an item with this key."""
        return self.subject or self._parts_of(key).get("subject", key)

    def content_in(self, key: str) -> bytes | None:
        """Return the content without whose photo the item with this key has no row."""
        content = self._parts_of(key).get("content")
        return None if content is None else bytes.fromhex(content)

    def decoded(self, value: str) -> Struct | None:
        """Return the value of an item; None where this version cannot read it.

        A newer imgsearch may have written it, or anybody who can write to the archive.
        """
        try:
            return msgspec.json.decode(value, type=self.value)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None

    def _parts_of(self, key: str) -> dict[str, str]:
        found = re.fullmatch(self.key, key, re.DOTALL)
        assert found is not None  # see `has`
        return found.groupdict()


# ------------------------------------------------------------------------- values


class MarkItem(Struct, frozen=True):
    """A favourite, stars, or a hidden photo. Key: the content, "/", the kind of mark."""

    value: Annotated[int, Meta(ge=0, le=5)]


class DateItem(Struct, frozen=True):
    """The corrected date of a photo. Key: the content."""

    taken_at: LocalTime
    precision: DatePrecision | None = None


class PlaceItem(Struct, frozen=True):
    """The corrected place of a photo. Key: the content."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    town: str | None = None
    region: str | None = None
    country: str | None = None
    near_town: bool = False


class PersonItem(Struct, frozen=True):
    """A person, who may have a name. Key: the person's identity."""

    name: str | None
    made_at: Moment

    def __post_init__(self) -> None:
        if self.name is not None and not plain_text(self.name):
            raise ValueError("The name of a person is not empty.")


class HiddenPersonItem(Struct, frozen=True):
    """A person of no interest. Key: the person's identity."""


class JoinedPersonItem(Struct, frozen=True):
    """A person who was joined with another one. Key: the person's identity."""

    into: str  # the identity of the other one


class OwnPersonItem(Struct, frozen=True):
    """The person who the user is, by identity. Key: "me"."""

    person: str


class FaceItem(Struct, frozen=True):
    """A decision that the face at a place of a photo is a person, or, as another kind, is not.

    Key: the content, "/", the place; for the other kind also "/" and the person's identity.
    """

    person: str
    x: float
    y: float
    width: float
    height: float
    at_s: float | None
    decided_at: Moment
