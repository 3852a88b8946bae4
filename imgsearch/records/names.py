"""The names that photos are known by: those of files, folders, people, places and more."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

# `folder` has all folders of the file from its root on, `place` the town and the region.
NameField: TypeAlias = Literal[
    "file_name",
    "folder",
    "title",
    "headline",
    "description",
    "creator",
    "keywords",
    "people",
    "place",
    "country",
]
NAME_FIELDS: tuple[NameField, ...] = get_args(NameField)
# Where a usual word counts only if it is a whole name.
WHOLE_NAME_FIELDS: tuple[NameField, ...] = ("file_name", "folder", "title", "headline", "keywords")
# What words of a query can match: names, and the text that was read in the picture.
MatchedField: TypeAlias = NameField | Literal["text"]
_LEVELS = re.compile(r"[|/]")  # of a hierarchical keyword
# What one name of a field is called, where it is not as the field.
_ONE_NAME: dict[MatchedField, str] = {
    "file_name": "file name",
    "keywords": "keyword",
    "people": "person",
}


def names_of_keyword(keyword: str) -> list[str]:
    """A keyword, and its levels: "Nature|Birds" is also "Nature" and "Birds"."""
    return [keyword, *_LEVELS.split(keyword)]


def name_of_field(field: MatchedField) -> str:
    """What a name of this field is called for people: "file name"."""
    return _ONE_NAME.get(field, field)


class NameMatch(Struct, frozen=True):
    """A photo with a name that was looked for.

    `fields` are those that matched, in the order of `NAME_FIELDS`. `score` is that of BM25 with a
    weight for each field: higher is better, and comparable within one look-up only.
    """

    photo_id: int
    fields: tuple[NameField, ...]
    score: float


class KnownName(Struct, frozen=True):
    """A name in a library, as it is spelled there, and how many photos have it.

    `phrase` is the position of the longest of the phrases looked for that begins a word of it.
    """

    field: NameField
    text: str
    photos: int
    phrase: int
