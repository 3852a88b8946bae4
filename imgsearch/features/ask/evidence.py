"""Finds the photos that a question is about, with when, where and how surely they show it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.features.ask.questions import Question
from imgsearch.features.ask.records import Certainty
from imgsearch.features.declared import NamedFilter
from imgsearch.gazetteer import Gazetteer
from imgsearch.language.calendar_words import DATE_BEGINNINGS
from imgsearch.language.function_words import LINKS, words_as
from imgsearch.language.grammar import resolve_query
from imgsearch.language.words import is_common
from imgsearch.place_names import place_names
from imgsearch.records.answer import FoundPhotos, Level
from imgsearch.records.query import Filter, Query, Term
from imgsearch.search.answers import MAX_RANKED, find_all
from imgsearch.search.context import SearchContext
from imgsearch.search.prepared import PreparedQuery, prepare
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.features.events.records import PhotoEvent

# Words of a title or a subject that tell no event or album from another.
_SAYS_LITTLE = LINKS | words_as("before_photos", "before_thing") | {"and", "s"}
_BEFORE_PERSON = words_as("before_person")
_PREPOSITIONS = words_as("before_place") | _BEFORE_PERSON
_CERTAINTY: dict[Level | None, Certainty | None] = {
    "sure": "likely",
    "likely": "likely",
    "possible": "unsure",
    None: "unsure",
    "weak": None,
}
# Of the way from the score of possible photos to the score of likely ones, see `weighed`.
_SUPPORT_SHARE = 0.5
_SUPPORTING = 2  # photos of an event, of different minutes
# Questions about one occasion, which a name decides: those about numbers need all of them.
_OF_ONE_OCCASION = ("when", "where", "how long", "who")
_DATES = frozenset({"on", "after", "before", "day", "month", "weekday", "time", "season"})
_MOST_NAME_WORDS = 3  # of a place
_ENDINGS = ("ing", "ed", "es", "s")
_MIN_STEM_LETTERS = 3
_PUNCTUATION = ".,;:!?()'’\"“”"
# "in Reykjavik", "to New Zealand": capitalised words behind a preposition, or at the beginning.
_PLACE = re.compile(
    r"(^|\b(?:in|to|from|near|through)\s)\s*(?:the\s+)?((?:[^\W\d_a-z][\w'’-]*\s?)+)"
)
_LARGE_TOWN = 100_000  # people, of a town that is named without a preposition


class EvidencePhoto(Struct, frozen=True):
    """A photo that a question is about. `taken_at` is local time, None without a date of its own.

    `precision` says how exact the date is: see `Facts.date_precision`. `rank` counts from 0, the
    best match first.
    """

    photo_id: int
    certainty: Certainty
    rank: int
    taken_at: datetime | None
    precision: str | None
    town: str | None
    region: str | None
    country: str | None
    lat: float | None


class Evidence(Struct, frozen=True):
    """The photos that a question is about, the best first, and the search that found them.

    With `by_facts`, facts alone have found all of them. `undated` photos have no date of their own;
    they are left out where the question names a time. `missing_date` and `missing_place` are
    those of the question of which the library has no photo, and `unknown_name` is a name in it that
    nothing in the library has.
    """

    prepared: PreparedQuery
    found: FoundPhotos
    photos: tuple[EvidencePhoto, ...]
    by_facts: bool
    undated: int = 0
    missing_date: str | None = None
    missing_place: str | None = None
    unknown_name: str | None = None


def find_evidence(
    context: SearchContext, database: Database, events: Sequence[PhotoEvent], question: Question
) -> Evidence:
    """Find the photos that a question is about.

    They are those that a search for its subject finds, without the weak ones. Where an event or an
    album is called so, its photos are known to show it. Raises QueryError as a search does.
    """
    query = resolve_query(question.subject) if question.subject else Query()
    query = _with_persons(context, query)
    if question.unit == "video":
        query = replace(query, filters=(*query.filters, Filter("type", ("video",))))
    prepared = prepare(context, query)
    understood, exact = prepared.understanding, prepared.exact
    called = _called(context, events, question.subject, exact) if exact.terms else []
    missing_date = next(iter(understood.empty_dates), None)
    place = None if called or missing_date else _unknown_place(context, exact)
    if not called and (missing_date or place):
        none = FoundPhotos(exact, np.empty(0, np.int64))
        return Evidence(prepared, none, (), False, missing_date=missing_date, missing_place=place)
    prepared = _without_prepositions(prepared)
    exact = prepared.exact
    if exact == Query():
        found = FoundPhotos(exact, context.photos.ids(context.selection(())))
    else:
        found = find_all(prepared, MAX_RANKED)
    # Without words that the encoder cannot read, and with names that nothing in the library has,
    # pictures may be of anything.
    is_whole = exact == prepared.understanding.query
    unknown_name = _unknown_name(context, exact)
    certain: dict[int, Certainty] = dict.fromkeys(called, "known")
    if not (called and question.asked in _OF_ONE_OCCASION):
        for photo_id, level in zip(found.ids.tolist(), found.levels(), strict=True):
            certainty = _certainty_of(found, photo_id, level, is_whole, unknown_name is not None)
            if certainty is not None:
                certain.setdefault(photo_id, certainty)
    photos = _with_facts(database, certain)
    undated = sum(each.taken_at is None for each in photos)
    if any(each.field in _DATES for each in exact.filters):  # the date of a file answers none
        photos = tuple(each for each in photos if each.taken_at is not None)
    if unknown_name is None:
        photos = weighed(photos, found, events)
    by_facts = is_whole and not exact.terms
    return Evidence(prepared, found, photos, by_facts, undated, unknown_name=unknown_name)


def weighed(
    photos: Sequence[EvidencePhoto], found: FoundPhotos, events: Sequence[PhotoEvent]
) -> tuple[EvidencePhoto, ...]:
    """Return the photos, after those of one event are weighed together.

    Among likely photos, one in three is wrong. Several photos of one event that are likely, or
    nearly so, support each other; photos of one minute count as one, since a burst repeats an
    error. Where any event is supported, the likely photos of others only may show it.
    """
    verdict = found.verdict
    if found.scores is None or verdict is None or verdict.likely_from is None:
        return tuple(photos)
    assert verdict.possible_from is not None, "some are likely"
    from_score = verdict.possible_from + _SUPPORT_SHARE * (
        verdict.likely_from - verdict.possible_from
    )
    scores = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
    supports = {each.photo_id for each in photos if scores.get(each.photo_id, 0.0) >= from_score}
    certain = {
        each.photo_id
        for each in photos
        if each.certainty == "known"
        or each.photo_id in found.named
        or found.level_of(each.photo_id, scores[each.photo_id]) == "sure"
    }
    event_of = {photo_id: number for number, e in enumerate(events) for photo_id in e.photo_ids}
    minutes: dict[int, set[str]] = {}
    supported: set[int] = set()
    for each in photos:
        number = event_of.get(each.photo_id)
        if number is None:
            continue
        if each.photo_id in certain:
            supported.add(number)
        elif each.photo_id in supports:
            minutes.setdefault(number, set()).add(f"{each.taken_at:%Y-%m-%d %H:%M}")
    supported |= {number for number, own in minutes.items() if len(own) >= _SUPPORTING}
    if not supported:
        return tuple(photos)

    # Of an event with likely photos, those that only support them would widen its time.
    has_likely = {event_of.get(each.photo_id) for each in photos if each.certainty != "unsure"}

    def weigh(photo: EvidencePhoto) -> EvidencePhoto:
        number = event_of.get(photo.photo_id)
        if photo.photo_id in certain:
            return photo
        is_likely = photo.certainty == "likely" or (
            photo.photo_id in supports and number not in has_likely
        )
        certainty: Certainty = "likely" if is_likely and number in supported else "unsure"
        return replace(photo, certainty=certainty)

    return tuple(map(weigh, photos))


def _with_persons(context: SearchContext, query: Query) -> Query:
    """Return the query with a filter for each capitalised word that names a person.

    In a question, a usual word with a capital letter is a name, such as Max or Rose. A search takes
    it as one only where it stands as names do.
    """
    terms: list[Term] = []
    persons: list[Filter] = []
    for term in query.terms:
        if not (term.is_free and isinstance(term.what, str)):
            terms.append(term)
            continue
        kept: list[str] = []
        for word in term.what.split():
            name = word.strip(_PUNCTUATION).removesuffix("'s").removesuffix("’s")
            is_usual_name = name[:1].isupper() and name[1:].islower() and is_common(name.lower())
            if is_usual_name and context.photos.names.knows_name("people", name.lower()):
                persons.append(Filter("person", (name,)))
                if kept and kept[-1].lower() in _BEFORE_PERSON:
                    kept.pop()
            else:
                kept.append(word)
        if kept:
            terms.append(dataclasses.replace(term, what=" ".join(kept)))
    return replace(query, terms=tuple(terms), filters=(*query.filters, *persons))


def _without_prepositions(prepared: PreparedQuery) -> PreparedQuery:
    """Return the query whose words that are left have no preposition: "to the beach" is no caption.

    Before names and dates are understood, prepositions belong to them.
    """
    exact = prepared.understanding.query
    terms = tuple(map(_without_preposition, exact.terms))
    if terms == exact.terms:
        return prepared
    understanding = replace(prepared.understanding, query=replace(exact, terms=terms))
    reading = prepare(prepared.context, understanding.query).reading
    return PreparedQuery(prepared.context, understanding, reading)


def _without_preposition(term: Term) -> Term:
    if not isinstance(term.what, str) or term.is_quoted:
        return term
    words = term.what.split()
    while len(words) > 1 and words[0].lower() in _PREPOSITIONS:
        words.pop(0)
    return dataclasses.replace(term, what=" ".join(words))


def _certainty_of(
    found: FoundPhotos, photo_id: int, level: Level | None, is_whole: bool, is_of_unknown: bool
) -> Certainty | None:
    """Return how surely a photo shows what was looked for; None for a weak result.

    Without `is_whole`, words were left out that the encoder cannot read. With `is_of_unknown`, the
    words have a name that nothing in the library has.
    """
    if found.scores is None:
        return "known" if is_whole else "unsure"
    if level is None and photo_id in found.named:
        return "likely"
    certainty = _CERTAINTY[level]
    return "unsure" if certainty == "likely" and is_of_unknown else certainty


# ------------------------------------------------------------------------- names


def _unknown_place(context: SearchContext, exact: Query) -> str | None:
    """Return a place that the words left of a question name, where no photo was taken."""
    texts = [term.what for term in exact.terms if isinstance(term.what, str) and term.weight > 0]
    candidates = [each for text in texts for each in _place_candidates(text)]
    if not candidates:
        return None
    known = place_names(context.cache_dir)
    with closing(Gazetteer(context.cache_dir)) as gazetteer:
        for name, is_led in candidates:
            places, towns = known.english(name), gazetteer.named(name)
            is_large = any(town.population >= _LARGE_TOWN for town in towns)
            is_country = any(each.kind == "country" for each in places)
            if is_country or is_large or (is_led and (places or towns)):
                return name
    return None


def _place_candidates(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what may be the name of a place in a text, and whether a preposition leads it.

    The longest of each place comes first. English words alone name no place.
    """
    for found in _PLACE.finditer(text):
        words = found[2].split()[:_MOST_NAME_WORDS]
        for end in range(len(words), 0, -1):
            if not all(is_common(word.lower()) for word in words[:end]):
                yield " ".join(words[:end]), bool(found[1])


def _unknown_name(context: SearchContext, exact: Query) -> str | None:
    """Return a name among the words of a query that nothing in the library has: "Zoe"."""
    for term in exact.terms:
        for word in str(term.what).split() if isinstance(term.what, str) else ():
            name = word.strip(_PUNCTUATION).removesuffix("'s").removesuffix("’s")
            plain = name.lower()
            if (
                name[:1].isupper()
                and not is_common(plain)
                and plain not in DATE_BEGINNINGS
                and not context.photos.names.fields_named(plain)
            ):
                return name
    return None


def _called(
    context: SearchContext, events: Sequence[PhotoEvent], subject: str, exact: Query
) -> list[int]:
    """Return the photos of the events and albums that are called as a subject says.

    Each word of the subject that says something is in the name. Else these are the words that are
    left when names and dates are understood, and the photos pass these: "the wedding in 2019".
    """
    left = " ".join(term.what for term in exact.terms if isinstance(term.what, str))
    if ids := _with_name(context, events, subject):
        return ids
    named = _with_name(context, events, left) if exact.filters else []
    if not named:
        return []
    passing = context.photos.within(named, context.selection(exact.filters))
    return [each for each in named if each in passing]


def _with_name(context: SearchContext, events: Sequence[PhotoEvent], text: str) -> list[int]:
    """Return the photos of the events and albums with the words of a text in their names."""
    wanted = {_stem(word) for word in words_of(text) if word not in _SAYS_LITTLE}
    if not wanted:
        return []
    ids = [
        photo_id
        for event in events
        if event.is_titled and wanted.issubset(map(_stem, words_of(event.title)))
        for photo_id in event.photo_ids
    ]
    for field, declared in installed.filters().items():
        if not isinstance(declared, NamedFilter):
            continue
        for name in context.reads.definitions.names_for(field):
            if wanted.issubset(map(_stem, words_of(name))):
                condition = Filter(field, (name,))
                ids += context.photos.ids(context.selection((condition,))).tolist()
    return list(dict.fromkeys(ids))


def _stem(word: str) -> str:
    """Return a word without the ending of a form: "turns" and "turned" are both "turn"."""
    stem = next((word.removesuffix(end) for end in _ENDINGS if word.endswith(end)), word)
    return stem if len(stem) >= _MIN_STEM_LETTERS else word


# ------------------------------------------------------------------------- facts


def _with_facts(database: Database, certain: dict[int, Certainty]) -> tuple[EvidencePhoto, ...]:
    """Return these photos with their times and places, in the order of the dictionary."""
    rows = database.fetch_all(
        "SELECT id, taken_at, date_precision, town, region, country, lat FROM photos "
        f"WHERE id {IN_IDS} ORDER BY id",
        ids_parameter(list(certain)),
    )
    facts = {row[0]: row[1:] for row in rows}
    return tuple(
        _photo(photo_id, certainty, rank, *facts[photo_id])
        for rank, (photo_id, certainty) in enumerate(certain.items())
        if photo_id in facts
    )


def _photo(
    photo_id: int,
    certainty: Certainty,
    rank: int,
    taken_at: str | None,
    precision: str | None,
    town: str | None,
    region: str | None,
    country: str | None,
    lat: float | None,
) -> EvidencePhoto:
    moment = None if taken_at is None else datetime.fromisoformat(taken_at).replace(tzinfo=None)
    return EvidencePhoto(photo_id, certainty, rank, moment, precision, town, region, country, lat)
