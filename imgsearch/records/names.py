"""Names of photos: of files, folders, people, places and more."""

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
# Fields in which a common word counts only as a whole name.
WHOLE_NAME_FIELDS: tuple[NameField, ...] = ("file_name", "folder", "title", "headline", "keywords")
# Fields that words of a query can match: names, and the text in the picture.
MatchedField: TypeAlias = NameField | Literal["text"]
_LEVELS = re.compile(r"[|/]")  # of a hierarchical keyword
# The word for one name of a field, if it differs from the field's name.
_ONE_NAME: dict[MatchedField, str] = {
    "file_name": "file name",
    "keywords": "keyword",
    "people": "person",
}


def names_of_keyword(keyword: str) -> list[str]:
    """Return a keyword and its levels: "Nature|Birds" is also "Nature" and "Birds"."""
    return [keyword, *_LEVELS.split(keyword)]


def name_of_field(field: MatchedField) -> str:
    """Return the readable word for a name of this field: "file name"."""
    return _ONE_NAME.get(field, field)


class KnownName(Struct, frozen=True):
    """A name in a library, as it is spelled there, and its number of photos.

    `phrase` is the position of the longest given phrase that begins a word of it.
    """

    field: NameField
    text: str
    photos: int
    phrase: int
