"""An item that somebody made in a replica of an archive: its kind, key, value and time.

A key is made of identities that are the same in every replica: the hash of a content in place of a
photo's id, and an identity of its own for an album and a person. Concepts, labels and saved
searches are known by their names.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from imgsearch.records.photo import DatePrecision
from imgsearch.records.query import Region
from imgsearch.text import plain_text

Number: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]  # as SQLite has them
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
LocalTime: TypeAlias = Annotated[datetime, Meta(tz=False)]
ItemName: TypeAlias = tuple[str, str]  # the kind and the key of an item

# Parts of keys: the hash of a content, and the identity of an album or a person.
CONTENT = "[0-9a-f]{64}"
IDENTITY = "[0-9a-f]{32}"


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


# ------------------------------------------------------------------------- values


class AlbumItem(Struct, frozen=True):
    """The title of an album. Key: its identity."""

    name: str
    made_at: Moment

    def __post_init__(self) -> None:
        if not plain_text(self.name):  # the tray is the album without a name
            raise ValueError("An album has a name.")


class AlbumPhotoItem(Struct, frozen=True):
    """A photo in an album. Key: the album's identity, "/", the content."""

    place: Number


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


class LabelItem(Struct, frozen=True):
    """The classes of labels. Key: the name of the labels."""

    classes: Annotated[tuple[str, ...], Meta(min_length=1)]
    template: str | None
    none_of_these: bool


class ConceptItem(Struct, frozen=True):
    """A concept. Key: its name without case and accents."""

    name: str
    words: str | None
    taught_at: Moment


class ConceptExampleItem(Struct, frozen=True):
    """An example of a concept. Key: the content, "/", the key of the concept.

    A picture (WebP) that is not in the archive has its `source`, a path on the machine where the
    concept was taught.
    """

    is_like: bool
    source: bytes | None = None
    picture: bytes | None = None


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


class EventTitleItem(Struct, frozen=True):
    """The title of the events between two moments. Key: the moments, ISO 8601, joined by "/"."""

    title: str
    start: LocalTime
    end: LocalTime


class DuplicateItem(Struct, frozen=True):
    """Whether a near-duplicate is to be kept. Key: the content."""

    is_kept: bool


class _KindOfItem(Struct, frozen=True):
    """A kind of items: the type of its values, and the pattern of its keys.

    In the pattern, the group `subject` is the subject of an item, if that is not the whole key, and
    the group `content` the content without whose photo the item has no row. With `subject`, all
    items of the kind have this one.
    """

    value: type[Struct]
    key: str
    subject: str | None = None


_OF_PHOTO = f"(?P<content>{CONTENT})"
_KINDS = {
    "album": _KindOfItem(AlbumItem, IDENTITY),
    "album photo": _KindOfItem(AlbumPhotoItem, f"{IDENTITY}/(?P<content>{CONTENT})"),
    "mark": _KindOfItem(MarkItem, f"(?P<subject>{_OF_PHOTO})/(favourite|rating|hidden)"),
    "date": _KindOfItem(DateItem, _OF_PHOTO),
    "place": _KindOfItem(PlaceItem, _OF_PHOTO),
    "person": _KindOfItem(PersonItem, IDENTITY),
    "hidden person": _KindOfItem(HiddenPersonItem, IDENTITY),
    "joined person": _KindOfItem(JoinedPersonItem, IDENTITY),
    "own person": _KindOfItem(OwnPersonItem, "me"),
    # A decision about a face outlasts the photo in the library.
    "face": _KindOfItem(FaceItem, f"(?P<subject>{CONTENT})/[^/]+"),
    "not face": _KindOfItem(FaceItem, f"(?P<subject>{CONTENT})/[^/]+/{IDENTITY}"),
    "label": _KindOfItem(LabelItem, ".+"),
    "concept": _KindOfItem(ConceptItem, ".+"),
    # An example that is no photo of the archive has its picture.
    "concept example": _KindOfItem(ConceptExampleItem, f"{CONTENT}/(?P<subject>.+)"),
    "saved search": _KindOfItem(SavedSearchItem, ".+"),
    "event title": _KindOfItem(EventTitleItem, ".+/.+", subject="all"),
    "duplicate choice": _KindOfItem(DuplicateItem, CONTENT),
}
KINDS = tuple(_KINDS)


def encoded(value: Struct) -> str:
    """Return the JSON of a value."""
    return msgspec.json.encode(value).decode()


def is_known(kind: str, key: str) -> bool:
    """Return whether this version has a kind of items, and such keys of it."""
    known = _KINDS.get(kind)
    return known is not None and re.fullmatch(known.key, key, re.DOTALL) is not None


def subject_in(kind: str, key: str) -> str:
    """Return the subject of an item of a known kind."""
    known = _KINDS[kind]
    return known.subject or _parts_of(kind, key).get("subject", key)


def content_in(kind: str, key: str) -> bytes | None:
    """Return the content without whose photo an item of a known kind has no row."""
    content = _parts_of(kind, key).get("content")
    return None if content is None else bytes.fromhex(content)


def _parts_of(kind: str, key: str) -> dict[str, str]:
    found = re.fullmatch(_KINDS[kind].key, key, re.DOTALL)
    assert found is not None  # see `is_known`
    return found.groupdict()


def decoded(kind: str, key: str, value: str) -> Struct | None:
    """Return the value of an item; None where this version cannot read its kind, key or value.

    A newer imgsearch may have written it, or anybody who can write to the archive.
    """
    if not is_known(kind, key):
        return None
    try:
        return msgspec.json.decode(value, type=_KINDS[kind].value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
