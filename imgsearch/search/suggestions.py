"""Suggests how to go on with a query line: names in the library, and past queries."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from imgsearch.query.completion import typed_end
from imgsearch.query.grammar import to_text
from imgsearch.records.names import NameField
from imgsearch.records.query import Filter, Query
from imgsearch.records.suggestion import Suggestion, SuggestionKind
from imgsearch.search.understanding import LINKS, PERSON_WORDS, PLACE_WORDS
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.reads import Reads

MAX_PAST_QUERIES = 3  # among other suggestions
_MAX_CHARS = 500  # of a line, beyond which nothing is suggested
# By the field of the names: what one is called, and its filter.
_NAMES: dict[NameField, tuple[SuggestionKind, str]] = {
    "people": ("person", "person"),
    "place": ("place", "place"),
    "country": ("country", "country"),
    "folder": ("folder", "in"),
    "keywords": ("keyword", "keyword"),
}
_DEVICES: tuple[Literal["camera", "lens"], ...] = ("camera", "lens")
_MAX_DEVICES = 2  # among names of all kinds
# Where a filter also takes names of other fields.
_ALSO: dict[str, tuple[NameField, ...]] = {"place": ("country",)}
# Words before a name that mean nothing any more once it is a filter: "with" in "a dog with Anna".
_LINKS_BEFORE: dict[SuggestionKind, set[str]] = {
    "person": PERSON_WORDS | {"&"},
    "place": PLACE_WORDS,
    "country": PLACE_WORDS,
    "folder": {"in", "from"},
    "camera": {"with", "by", "from"},
    "lens": {"with", "by", "from"},
}


def suggest(reads: Reads, past: PastQueries, line: str, limit: int) -> list[Suggestion]:
    """At most `limit` suggestions for a line that is typed to its end, the best first.

    Past queries come first, at most three of them unless nothing was typed yet. Then those names
    that have the most of the words that were typed, those that begin with them, and those of the
    most photos.
    """
    if len(line) > _MAX_CHARS:
        return []
    queries = past.newest(MAX_PAST_QUERIES if line.strip() else limit, line)
    found = [Suggestion("query", each, each) for each in queries]
    end = _as_words(line)
    if end is not None:
        devices = list(islice(_of_devices(reads, line, end), limit if end.field else _MAX_DEVICES))
        room = limit - len(queries) - len(devices)
        found += [*_of_names(reads, line, end, max(0, room)), *devices]
    unique: dict[str, Suggestion] = {}
    for each in found:
        if each.line != line.strip():
            unique.setdefault(each.line, each)
    return list(unique.values())[:limit]


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a line as words: phrases as in `Reads.names_beginning`, and where each begins."""

    phrases: tuple[str, ...]
    starts: tuple[int, ...]
    field: str | None
    negated: bool


def _as_words(line: str) -> _End | None:
    """The end of a line; None where no name is being typed."""
    end = typed_end(line)
    if end is None:
        return None
    phrases = [(" ".join(words_of(phrase.text)), phrase.start) for phrase in end.phrases]
    if end.field is None:
        # "in" is no beginning of India in "a dog in".
        phrases = [
            (text, start) for text, start in phrases if text not in ("", *(LINKS if start else ()))
        ]
        if line[-1].isspace():
            phrases = [(f"{text} ", start) for text, start in phrases]
    if not phrases:
        return None
    texts, starts = zip(*phrases, strict=True)
    return _End(texts, starts, end.field, end.negated)


def _of_names(reads: Reads, line: str, end: _End, limit: int) -> Iterator[Suggestion]:
    fields = _fields_of(end.field)
    if not (fields and limit):
        return
    for name in reads.names_beginning(end.phrases, fields, limit):
        kind, field = _NAMES[name.field]
        if end.field == "place":
            field = "place"  # it takes countries as well
        yield from _suggestion(line, name.phrase, end, kind, field, name.text, name.photos)


def _of_devices(reads: Reads, line: str, end: _End) -> Iterator[Suggestion]:
    for kind in _DEVICES:
        if end.field not in (None, kind):
            continue
        for text in reads.devices(kind):
            words = f" {' '.join(words_of(text))} "
            phrase = next((at for at, each in enumerate(end.phrases) if f" {each}" in words), None)
            if phrase is not None:
                yield from _suggestion(line, phrase, end, kind, kind, text)


def _fields_of(field: str | None) -> list[NameField]:
    """The fields of the names that complete a filter, or for None, free words."""
    if field is None:
        return list(_NAMES)
    own = [each for each, (_, filter_name) in _NAMES.items() if filter_name == field]
    return [*own, *_ALSO.get(field, ())]


def _suggestion(
    line: str,
    phrase: int,
    end: _End,
    kind: SuggestionKind,
    field: str,
    text: str,
    photos: int | None = None,
) -> Iterator[Suggestion]:
    """The suggestion of a name; none if it cannot be typed."""
    text = _typeable(text)
    if not text:
        return
    before = line[: end.starts[phrase]].rstrip()
    if end.field is None and not end.negated:
        before = _without_link(before, _LINKS_BEFORE.get(kind, set()))
    inserted = to_text(Query(filters=(Filter(field, (text,), end.negated),)))
    yield Suggestion(kind, text, f"{before} {inserted}".lstrip(), photos)


def _typeable(text: str) -> str:
    """A name without marks of direction and the like; "" for one with a line break or the like."""
    kept = "".join(each for each in text if unicodedata.category(each) != "Cf").strip()
    return "" if any(unicodedata.category(each)[0] == "C" for each in kept) else kept


def _without_link(before: str, links: set[str]) -> str:
    """What comes before a name without such a word at its end: "a dog in the" is "a dog"."""
    words = before.removesuffix(" the").rstrip()
    rest, _, last = words.rpartition(" ")
    return rest.rstrip() if last.lower() in links else before
