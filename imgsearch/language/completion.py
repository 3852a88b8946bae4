"""Finds the word being typed at the end of a query line: a filter value, or free words."""

from __future__ import annotations

import re

from msgspec import Struct

from imgsearch.features import installed
from imgsearch.language.fields import FIELDS, OTHER_NAMES

# Prefixes before a colon whose values can be completed.
COMPLETED = (*FIELDS, *installed.directions(), "sort")
MAX_PHRASE_WORDS = 5  # of a name
# An item of the grammar; the quote of the last one may be open.
_ITEM = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+', re.DOTALL)
_FILTER = re.compile(r"(-?)([^\W\d_]+):(.*)$", re.DOTALL)
_WEIGHTED = re.compile(r"[\d.]+:")


class TypedPhrase(Struct, frozen=True):
    """Words at the end of a line, and their position in it."""

    text: str
    start: int


class TypedEnd(Struct, frozen=True):
    """The unfinished end of a query line.

    `phrases` are the words to complete to a name, the longest first: "trip to gen", "to gen",
    "gen". `field` is their filter, None for free words; a minus makes them `negated`.
    """

    phrases: tuple[TypedPhrase, ...]
    field: str | None = None
    negated: bool = False


def typed_end(line: str) -> TypedEnd | None:
    """Return the unfinished end of a line; None if it cannot become a name.

    Quoted phrases, filters with several values and weighted words cannot.
    """
    items = list(_ITEM.finditer(line))
    if not items:
        return None
    last = items[-1]
    if last.end() == len(line) and (found := _FILTER.match(last[0])):
        return _value(last.start(), found)
    words: list[re.Match[str]] = []
    for item in reversed(items):
        is_word = '"' not in item[0] and not _FILTER.match(item[0]) and not _WEIGHTED.match(item[0])
        is_negated = item[0].startswith("-")
        if not is_word or (is_negated and words):
            break
        words.append(item)
        if is_negated or len(words) == MAX_PHRASE_WORDS:
            break
    if not words:
        return None
    starts = [word.start() for word in reversed(words)]
    phrases = tuple(TypedPhrase(line[start:].removeprefix("-"), start) for start in starts)
    return TypedEnd(phrases, negated=last[0].startswith("-"))


def _value(start: int, found: re.Match[str]) -> TypedEnd | None:
    """Return the unfinished value of the filter that begins at `start`."""
    name = found[2].lower()
    name = OTHER_NAMES.get(name, name)
    value = found[3].removeprefix('"')
    if name not in COMPLETED or "|" in value or '"' in value:
        return None
    return TypedEnd((TypedPhrase(value, start),), name, bool(found[1]))
