"""Suggests completions of a query line: names in the library, filter values, past queries."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from imgsearch.features import installed
from imgsearch.language.completion import typed_end
from imgsearch.language.fields import FIELDS
from imgsearch.language.function_words import BEFORE_PERSON, BEFORE_PLACE, LINKS, words_as
from imgsearch.language.grammar import check_k, direction_term, to_text
from imgsearch.records.names import NameField
from imgsearch.records.photo import YES_OR_NO_FILTERS
from imgsearch.records.query import MINUS_WEIGHT, Filter, Query, Sort, Term
from imgsearch.records.suggestion import Suggestion
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.place_names import PlaceNames
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.reading.suggestions import SuggestionReads

MAX_PAST_QUERIES = 3  # among other suggestions
_MAX_CHARS = 500  # of a line, beyond which nothing is suggested
# For each field of names: the word for one name, and its filter.
_NAMES: dict[NameField, tuple[str, str]] = {
    "people": ("person", "person"),
    "place": ("place", "place"),
    "country": ("country", "country"),
    "folder": ("folder", "in"),
    "keywords": ("keyword", "keyword"),
}
# Other filters with values, and the word for one value. The values in `_NAMED` are the user's own
# names, so free words are completed from them as well.
_VALUES: dict[str, str] = {
    "camera": "camera",
    "lens": "lens",
    "creator": "creator",
    "root": "folder",
    "type": "format",
    "orientation": "shape",
    "is": "state",
    "no": "subject",
    "dated": "source",
    "month": "month",
    "sort": "order",
    "color": "color",
    **dict.fromkeys(YES_OR_NO_FILTERS, "choice"),
    **{name: declared.suggested_as for name, declared in installed.named_filters().items()},
    **{name: declared.suggested_as for name, declared in installed.queries().items()},
    **{name: declared.suggested_as for name, declared in installed.directions().items()},
    **{
        name: declared.suggested_as or name
        for name, declared in installed.suggested_filters().items()
    },
}
_OF_FEATURES = (*installed.queries(), *installed.named_filters())
_NAMED = ("camera", "lens", *installed.suggested_filters(), *_OF_FEATURES)
_MAX_VALUES = 3  # among names of all kinds
_PLACE_FIELDS: tuple[NameField, ...] = ("country", "place")
_MAX_PLACES = 10  # names in other languages that are looked up for one phrase
_NOT_NEGATED = (*installed.queries(), "sort")
# Where a filter also takes names of other fields.
_ALSO: dict[str, tuple[NameField, ...]] = {"place": ("country",)}
# Words before a name that lose their meaning once it is a filter: "with" in "a dog with Anna".
_LINKS_BEFORE: dict[str, frozenset[str]] = {
    "person": BEFORE_PERSON | {"&"},
    "place": BEFORE_PLACE,
    "country": BEFORE_PLACE,
    "folder": words_as("before_folder"),
    "camera": words_as("before_camera"),
    "lens": words_as("before_camera"),
}


def suggest(
    known: SuggestionReads,
    past: PastQueries | None,
    line: str,
    limit: int,
    places: PlaceNames | None = None,
) -> list[Suggestion]:
    """Return at most `limit` completions of a line, for a cursor at its end, the best first.

    Past queries, if recorded, come first, at most three of them unless nothing was typed yet. Names
    follow: first names that match most of the typed words, then names that begin with them, then
    names of the most photos. Places of the library with a name in another language that begins like
    the typed words come last; `places` knows these names. Raises QueryError for a limit below 1.
    """
    check_k(limit, "suggestions")
    if len(line) > _MAX_CHARS:
        return []
    most = MAX_PAST_QUERIES if line.strip() else limit
    queries = [] if past is None else past.newest(most, line)
    found = [Suggestion("query", each, each) for each in queries]
    end = _as_words(line)
    if end is not None:
        values = _of_values(known, line, end)[: limit if end.field else _MAX_VALUES]
        room = limit - len(queries) - len(values)
        found += [*_of_names(known, line, end, max(0, room)), *values]
        if places is not None and len(found) < limit:
            found += islice(_of_places(known, places, line, end), limit - len(found))
    unique: dict[str, Suggestion] = {}
    for each in found:
        if each.line != line.strip():
            unique.setdefault(each.line, each)
    return list(unique.values())[:limit]


class _End(Struct, frozen=True):
    """The end of a line as words: phrases as in `Reads.names_beginning`, and their positions."""

    phrases: tuple[str, ...]
    starts: tuple[int, ...]
    field: str | None
    negated: bool


def _as_words(line: str) -> _End | None:
    """Return the end of a line; None if no name is being typed."""
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


def _of_names(known: SuggestionReads, line: str, end: _End, limit: int) -> Iterator[Suggestion]:
    fields = _fields_of(end.field)
    if not (fields and limit):
        return
    for name in known.names_beginning(end.phrases, fields, limit):
        kind, field = _NAMES[name.field]
        if end.field == "place":
            field = "place"  # it takes countries as well
        text = name.text
        yield from _suggestion(line, name.phrase, end, kind, field, text, text, name.photos)


def _of_places(
    known: SuggestionReads, places: PlaceNames, line: str, end: _End
) -> Iterator[Suggestion]:
    """Yield places of the library by names in other languages, longer phrases first."""
    fields = [field for field in _fields_of(end.field) if field in _PLACE_FIELDS]
    if not fields:
        return
    seen: set[tuple[NameField, str]] = set()
    for phrase, words in enumerate(end.phrases):
        if words.endswith(" "):
            continue
        for name in places.beginning(words, _MAX_PLACES):
            others = [each.name for each in places.others(name)]
            for each in known.names_called(others, fields):
                if (each.field, each.text) in seen:
                    continue
                seen.add((each.field, each.text))
                kind, field = _NAMES[each.field]
                if end.field == "place":
                    field = "place"  # it takes countries as well
                text = f"{name} ({each.text})"
                yield from _suggestion(line, phrase, end, kind, field, text, each.text, each.photos)


def _of_values(known: SuggestionReads, line: str, end: _End) -> list[Suggestion]:
    """Filter values with a word that begins like this; matches of longer phrases come first.

    Values of equal rank keep their order.
    """
    found = []
    for field in _NAMED if end.field is None else (end.field,):
        if field not in _VALUES or (end.negated and field in _NOT_NEGATED):
            continue
        for text, value in _values_of(known, field, line):
            words = f" {' '.join(words_of(text))} "
            places = [words.find(f" {phrase}") for phrase in end.phrases]
            phrase = next((at for at, place in enumerate(places) if place >= 0), None)
            if phrase is not None:
                suggestions = _suggestion(line, phrase, end, _VALUES[field], field, text, value)
                found += [(phrase, places[phrase] > 0, each) for each in suggestions]
    return [each for _, _, each in sorted(found, key=lambda one: one[:2])]


def _values_of(known: SuggestionReads, field: str, line: str) -> list[tuple[str, str]]:
    """Return all values of a filter, each as people call it and as the filter takes it."""
    names: dict[str, Callable[[], list[str]]] = {
        "camera": lambda: known.distinct_values("camera"),
        "lens": lambda: known.distinct_values("lens"),
        "creator": lambda: known.distinct_values("creator"),
        "root": lambda: _roots(known),
        "sort": lambda: [sort for sort in get_args(Sort) if sort != Query().sort],
    }
    if field in _OF_FEATURES or field in installed.directions():
        return [(name, name) for name in known.names_for(field)]
    if field in installed.suggested_filters():
        return [(name, name) for name in known.suggested_for(field, line)]
    if field in names:
        return [(name, name) for name in names[field]()]
    return list(FIELDS[field].choices().items())


def _roots(known: SuggestionReads) -> list[str]:
    """Return the indexed folders by name, or by path where two have the same name."""
    name_of = {path: PurePath(path).name for path in known.roots().values()}
    times = Counter(name_of.values())
    return [name if name and times[name] == 1 else path for path, name in name_of.items()]


def _fields_of(field: str | None) -> list[NameField]:
    """Return the fields of names that complete a filter, or free words for None."""
    if field is None:
        return list(_NAMES)
    own = [each for each, (_, filter_name) in _NAMES.items() if filter_name == field]
    return [*own, *_ALSO.get(field, ())]


def _suggestion(
    line: str,
    phrase: int,
    end: _End,
    kind: str,
    field: str,
    text: str,
    value: str,
    photos: int | None = None,
) -> Iterator[Suggestion]:
    """Yield the suggestion of a name, or of a value called `text`; None if it cannot be typed."""
    text, value = _typeable(text), _typeable(value)
    if not (text and value):
        return
    before = line[: end.starts[phrase]].rstrip()
    if end.field is None and not end.negated:
        before = _without_link(before, _LINKS_BEFORE.get(kind, frozenset()))
    inserted = to_text(_query_of(field, value, end.negated))
    yield Suggestion(kind, text, f"{before} {inserted}".lstrip(), photos)


def _query_of(field: str, value: str, negated: bool) -> Query:
    """Return a query with only this value, of a filter or another name before a colon."""
    if field in installed.directions():
        return Query((Term(direction_term(field, value), -MINUS_WEIGHT if negated else 1.0),))
    if field == "sort":
        return Query(sort=next(sort for sort in get_args(Sort) if sort == value))
    return Query(filters=(Filter(field, (FIELDS[field].read(value),), negated),))


def _typeable(text: str) -> str:
    """Return a name without invisible marks such as direction.

    "" if it has a line break or similar.
    """
    kept = "".join(each for each in text if unicodedata.category(each) != "Cf").strip()
    return "" if any(unicodedata.category(each)[0] == "C" for each in kept) else kept


def _without_link(before: str, links: frozenset[str]) -> str:
    """Strip link words from the end of the text before a name: "a dog in the" becomes "a dog"."""
    words = before.removesuffix(" the").rstrip()
    rest, _, last = words.rpartition(" ")
    return rest.rstrip() if last.lower() in links else before
