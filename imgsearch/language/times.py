"""Days of the week and times of day in words: "on Saturdays", "Friday night", "am Sonntagmorgen".

Clock times are read by `clock`.

A phrase is a lead, such as "on" or "every", with a day of the week, a part of the day, or both. A
part of the day alone needs a lead: "the morning" is a thing that a photo may show, "in the morning"
is a time. English words, and those of `date_words`, are read as tokens of one letter each, whose
order a regular expression describes.

Words stay words where something else follows them: "the evening sun", "a Sunday dress". Words for
the night and for meals stay in the query, beside the filter: photos show them
(docs/decisions/0103).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from imgsearch.language.calendar_words import SEASON_NAMES, SEASONS, WEEKDAYS
from imgsearch.language.clock import read_clock_phrase
from imgsearch.language.date_words import FUNCTION_WORD, meaning_of
from imgsearch.language.fields import FIELDS
from imgsearch.language.function_words import ARTICLES, LINKS, words_as
from imgsearch.records.query import Filter

_MAX_WORDS = 9  # of a phrase
_LEAD, _EVERY, _ARTICLE, _THAT, _DAY, _WEEKEND, _PART, _PARTS, _EARLY_LATE = "LEATWKPQM"
_SEASON, _AND, _TO, _LAST, _THIS, _YESTERDAY, _TONIGHT = "SJRNHYG"

_ENGLISH: dict[str, str] = {
    **dict.fromkeys(words_as("before_time"), _LEAD),
    **dict.fromkeys(("every", "each"), _EVERY),
    **dict.fromkeys((*ARTICLES, "one"), _ARTICLE),
    "that": _THAT,
    **dict.fromkeys(WEEKDAYS, _DAY),
    **dict.fromkeys((f"{name}s" for name in WEEKDAYS), _DAY),
    **dict.fromkeys(("weekend", "weekends"), _WEEKEND),
    **dict.fromkeys(("morning", "afternoon", "evening", "night"), _PART),
    **dict.fromkeys(("mornings", "afternoons", "evenings", "nights"), _PARTS),
    **dict.fromkeys(("noon", "midday", "midnight", "breakfast", "lunch", "dinner"), _PART),
    **dict.fromkeys(("lunchtime", "dinnertime"), _PART),
    **dict.fromkeys(("early", "late"), _EARLY_LATE),
    **dict.fromkeys(SEASONS, _SEASON),
    **dict.fromkeys(("and", "or"), _AND),
    **dict.fromkeys(("to", "through", "till"), _TO),
    "last": _LAST,
    "this": _THIS,
    "yesterday": _YESTERDAY,
    "tonight": _TONIGHT,
}
_SYNONYMS = {
    "midday": "noon",
    "lunchtime": "lunch",
    "dinnertime": "dinner",
}
_MEALS = ("breakfast", "lunch", "dinner")
_AFTER_AT = ("night", "noon", "midnight", *_MEALS)  # "at night", but "in the morning"
_SHOWN = ("night", *_MEALS)  # what photos show: these words stay
# Hours of a part of the day that is narrower, or not among those that have a name.
_HOURS = {
    "early morning": "4..10",
    "late morning": "9..13",
    "early afternoon": "12..16",
    "late afternoon": "15..19",
    "early evening": "16..21",
    "late evening": "20..24",
    "late night": "22..5",
    "midnight": "23..1",
}
_NIGHT_OF_A_DAY = "18..5"  # "Friday night" begins in the evening, and ends on Saturday
_PHRASE = re.compile(
    # "on Saturdays", "Friday night", "every Sunday in the early morning", "Monday to Wednesday"
    "(?P<lead>[LEAT]*)(?P<days>W(?:RW|(?:JW)*)|K)(?:L*A*M?[PQ])?"
    # "in the evening", "late at night", "that morning", "in the early morning"
    "|M?[LEAT]+M?[PQ]"
    # "summer evenings", "on winter mornings"
    "|(?P<before_season>[LEA]*)(?P<season>S)[PQ]"
    # "last night", "this morning", "yesterday evening", "tonight"
    "|(?P<relative>[NHY]P|G)"
)
# What may follow a phrase beside links: a clause, or another time.
_FOLLOWING = """
i we he she they you it my our your his her their this last every each when while until without
before after since but then because where as under beside behind outside inside
mit und bei wir ich ohne vor nach mich uns avec et nous dans sur chez con y nos com met wij ik bij z
ze ja cu și с и мы я у з та ми ile ve s a és με και med och vi jag og jeg
"""
_FOLLOWS = frozenset(_FOLLOWING.split())
# Before a part of the day, they say of what kind a thing is: "robe du soir", "matin des magiciens".
_GENITIVES = frozenset(("du", "des", "del", "della", "dello", "do", "dos", "das", "od"))


class TimePhrase(Struct, frozen=True):
    """A phrase of the words of a query: where it ends, and its filters, each to be passed.

    `stays` are the positions of its words that are searched for as well where the query has further
    words, since photos show what they say; with `always_stays`, also where it has none. With
    `is_relative`, it depends on today.
    """

    end: int
    filters: tuple[Filter, ...]
    stays: tuple[int, ...] = ()
    always_stays: bool = False
    is_relative: bool = False


class _Token(Struct, frozen=True):
    kind: str
    word: str  # in English
    at: int
    is_foreign: bool = False


def read_time_phrase(
    typed: Sequence[str],
    at: int,
    today: date,
    ends_phrase: Sequence[bool],
    has_times: bool = False,
) -> TimePhrase | None:
    """Return the phrase that begins at a word; None if none does, or the words mean a thing.

    `ends_phrase` says of each word whether a comma or another sign follows it. With `has_times`,
    the other words of the query are names: a time needs no lead then.
    """
    if "time" not in FIELDS:  # an installation without the feature that brings these filters
        return None
    clock = read_clock_phrase(typed, at, ends_phrase)
    if clock is not None:
        end = at + clock.words
        if not (clock.has_lead or _may_follow(typed, end, ends_phrase, clock.is_foreign)):
            return None
        return TimePhrase(end, (Filter("time", clock.values),))
    tokens: list[_Token] = []
    for position in range(at, min(at + _MAX_WORDS, len(typed))):
        word = typed[position].lower()
        of_word = _tokens_of(word, position)
        if not of_word:
            break
        tokens += of_word
        if ends_phrase[position]:
            break
    found = _PHRASE.match("".join(token.kind for token in tokens))
    if found is None:
        return None
    used = tokens[: found.end()]
    end = used[-1].at + 1
    if end < len(typed) and len(tokens) > len(used) and tokens[len(used)].at < end:
        return None  # a word of which only a part was read
    is_all = at == 0 and end == len(typed)
    is_foreign = any(token.is_foreign for token in used)
    if not _may_follow(typed, end, ends_phrase, is_foreign):
        return None
    return _meant(found, used, end, today, has_times or (is_all and not is_foreign), typed)


def _tokens_of(word: str, at: int) -> list[_Token]:
    """Return the tokens of a word: one, or several of "Sonntagmorgen"; none for any other word."""
    if word in _ENGLISH:
        return [_Token(_ENGLISH[word], _SYNONYMS.get(word, word), at)]
    if word.isdecimal():
        return []
    meaning = meaning_of(word)
    if meaning is None:
        return []
    if meaning == FUNCTION_WORD:
        return [_Token(_LEAD, meaning, at, is_foreign=True)]
    english = meaning.split()
    if not all(each in _ENGLISH for each in english):
        return []
    return [
        _Token(_ENGLISH[each], _SYNONYMS.get(each, each), at, is_foreign=True) for each in english
    ]


def _may_follow(
    typed: Sequence[str], end: int, ends_phrase: Sequence[bool], is_foreign: bool
) -> bool:
    """Return whether a phrase may end before this word: no noun follows to which it belongs."""
    if end == len(typed) or ends_phrase[end - 1]:
        return True
    following = typed[end].lower()
    if following in LINKS or following in _FOLLOWS or following[:1].isdecimal():
        return True
    if is_foreign:
        is_date_word = meaning_of(following) is not None and following not in _GENITIVES
        return is_date_word or typed[end][:1].isupper()
    return False


def _meant(
    found: re.Match[str],
    used: Sequence[_Token],
    end: int,
    today: date,
    is_alone: bool,
    typed: Sequence[str],
) -> TimePhrase | None:
    """Return the phrase with its filters, if its lead says that a time is meant."""
    if found["relative"] is not None:
        # "the last night of the proms" is none of the user's.
        is_of_something = end < len(typed) and typed[end].lower() == "of"
        return None if is_of_something else _relative(used, end, today)
    parts = [token for token in used if token.kind in (_PART, _PARTS)]
    part = parts[0] if parts else None
    modifiers = [token.word for token in used if token.kind == _EARLY_LATE]
    shown = [token.at for token in parts if token.word.removesuffix("s") in _SHOWN]
    if found["days"] is not None:
        if not (found["lead"] or part or is_alone) or not _is_lead(found["lead"], used):
            return None
        days = _days(found["days"], used)
        if part is None:
            return TimePhrase(end, (Filter("weekday", days),))
        hours = _hours(part.word, modifiers)
        if hours == "night":
            nights = tuple(f"{day},{_NIGHT_OF_A_DAY}" for day in days)
            return TimePhrase(end, (Filter("weekday", nights),), tuple(shown))
        return TimePhrase(end, (Filter("weekday", days), Filter("time", (hours,))), tuple(shown))
    assert part is not None  # of both patterns that are left
    hours = _hours(part.word, modifiers)
    if found["season"] is not None:
        season = next(token for token in used if token.kind == _SEASON)
        is_dated = end < len(typed) and typed[end].isdecimal()
        if part.kind != _PARTS and not found["before_season"] and not is_dated:
            return None  # "a winter morning" describes a photo
        filters = (Filter("season", (SEASON_NAMES[season.word],)), Filter("time", (hours,)))
        return TimePhrase(end, filters, tuple(token.at for token in used) if shown else ())
    if not _leads_part(typed, used, part):
        return None
    stays = tuple(token.at for token in used) if shown else ()
    return TimePhrase(end, (Filter("time", (hours,)),), stays, always_stays=hours in _MEALS)


def _is_lead(lead: str, used: Sequence[_Token]) -> bool:
    """Return whether these words before a day of the week say that a time is meant.

    "a Sunday" does not; "at Sunday" is no English.
    """
    if not lead:
        return True
    words = [token.word for token in used[: len(lead)] if not token.is_foreign]
    if not {"by", "at", "in"}.isdisjoint(words):
        return words[0] == "at" and used[len(lead)].kind == _WEEKEND
    return _LEAD in lead or _EVERY in lead or len(used) > len(lead) + 1


def _leads_part(typed: Sequence[str], used: Sequence[_Token], part: _Token) -> bool:
    """Return whether the words before a part of the day say that a time is meant."""
    before = used[: used.index(part)]
    kinds = {token.kind for token in before}
    if kinds & {_EVERY, _THAT}:
        return True
    preposition = next((token for token in before if token.kind == _LEAD), None)
    if preposition is None:
        return False
    if preposition.is_foreign:
        return typed[preposition.at].lower() not in _GENITIVES
    has_article = _ARTICLE in kinds
    word = part.word.removesuffix("s")
    if preposition.word == "at":
        return word in _AFTER_AT and not has_article  # "at the breakfast table"
    if preposition.word in ("in", "during"):
        return has_article and word not in _MEALS
    if preposition.word == "on":
        return has_article and part.kind == _PART and word in ("morning", "afternoon", "evening")
    return preposition.word == "by" and word == "night" and not has_article


def _days(matched: str, used: Sequence[_Token]) -> tuple[str, ...]:
    """Return the days of a filter: "sat", "mon..wed", "weekend"."""
    if _WEEKEND in matched:
        return ("weekend",)
    names = [token.word[:3] for token in used if token.kind == _DAY]
    return ("..".join(names),) if _TO in matched else tuple(dict.fromkeys(names))


def _hours(part: str, modifiers: Sequence[str]) -> str:
    """Return the value of the filter on the time of day."""
    word = part.removesuffix("s")
    narrowed = f"{modifiers[0]} {word}" if modifiers else word
    return _HOURS.get(narrowed, _HOURS.get(word, word))


def _relative(used: Sequence[_Token], end: int, today: date) -> TimePhrase | None:
    """Return "tonight", "this morning", "yesterday evening" or "last night"."""
    first, part = used[0], used[-1].word
    if first.kind == _TONIGHT:
        part = "night"
    day = today if first.kind in (_TONIGHT, _THIS) else today - timedelta(1)
    if first.kind == _LAST and part not in ("night", "evening"):
        return None
    if part == "night":
        following = (day + timedelta(1)).isoformat()
        filters = (Filter("after", (f"{day}T18",)), Filter("before", (f"{following}T06",)))
        return TimePhrase(end, filters, is_relative=True)
    filters = (Filter("on", (day.isoformat(),)), Filter("time", (_hours(part, ()),)))
    return TimePhrase(end, filters, is_relative=True)
