"""The values by which an answer is narrowed: of facts that declare a question, and of features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.calendar_words import MONTH_NAMES
from imgsearch.records.photo import FACTS, ShownPhoto
from imgsearch.records.query import FilterSpec
from imgsearch.store.database import Database

_MONTH, _YEAR = len("2019-06"), len("2019")


def values_of(
    database: Database, photos: Mapping[int, ShownPhoto]
) -> dict[str, Iterable[tuple[int, str]]]:
    """Return, by filter, pairs of the id of one of these photos and a value, as it is typed."""
    found: dict[str, Iterable[tuple[int, str]]] = {
        field: [(photo_id, value) for photo_id, shown in photos.items() for value in read(shown)]
        for field, (read, _) in _OF_PHOTOS.items()
    }
    for field, declared in installed.narrowing().items():
        found[field] = load(declared.values)(database, list(photos))
    return found


def question_about(field: str, value: str) -> str:
    """Return the question whether a photo has this value of a filter."""
    if field in _OF_PHOTOS:
        return _OF_PHOTOS[field][1](value)
    question: str = load(installed.narrowing()[field].question)(value)
    return question


_Read = Callable[[ShownPhoto], Iterable[str]]
_Ask = Callable[[str], str]


def _dates(shown: ShownPhoto) -> Sequence[str]:
    """Return year and month: nobody remembers the date of a file."""
    if shown.dated_by in (None, "file"):
        return ()
    return (shown.date[:_YEAR], shown.date[:_MONTH])


def _date_question(value: str) -> str:
    if len(value) == _YEAR:
        return f"Was it in {value}?"
    return f"Was it in {MONTH_NAMES[int(value[_YEAR + 1 :]) - 1].capitalize()} {value[:_YEAR]}?"


def _places(shown: ShownPhoto) -> Iterator[str]:
    for name in (shown.photo.facts.region, shown.photo.facts.town):
        if name:
            yield name


def _keywords(shown: ShownPhoto) -> Sequence[str]:
    return shown.photo.facts.keywords


def _of_fact(name: str, spec: FilterSpec) -> _Read:
    def read(shown: ShownPhoto) -> Iterable[str]:
        value = getattr(shown.photo.facts, name)
        if value is None:
            return ()
        if spec.kind == "share":
            return [each for each in spec.asked_about or spec.names if f"{each} " in value]
        return value if isinstance(value, tuple) else (str(value),)

    return read


# What photos have themselves, by filter: how it is read of one, and asked for.
_OF_PHOTOS: Mapping[str, tuple[_Read, _Ask]] = {
    "on": (_dates, _date_question),
    "place": (_places, "Was it in {}?".format),
    "keyword": (_keywords, 'Does it have the keyword "{}"?'.format),
    **{
        fact.filter.name: (_of_fact(fact.name, fact.filter), fact.filter.question.format)
        for fact in FACTS
        if fact.filter is not None and fact.filter.question is not None
    },
}
