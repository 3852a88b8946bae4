"""Clock times in words: "at 6pm", "um 18 Uhr", "18:30", "between 6 and 8pm", "nach 20 Uhr".

A number alone is no time, whatever leads to it: "at 6" may count dogs. What makes it one are its
minutes after a colon, or a word such as "pm", "Uhr" and "h". A time on a clock face or on a sign,
a ratio and a score stay words: "a clock showing 10:10", "scale 1:50".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

_MAX_WORDS = 8  # of a phrase
_HALF_HOUR = 30  # before and after a time, in minutes: nobody remembers it better
_HOUR = 60  # before and after "about 6pm"
_HALF_DAY = 12 * 60
_DAY = 24 * 60
_EVENING = 18 * 60  # what is later than that may be past midnight, up to
_LATE = 5 * 60

_UNITS_OF_24_HOURS = ("uhr", "uur", "h")
_FOREIGN_UNITS = (*_UNITS_OF_24_HOURS, "heure", "heures")
_UNITS_OF_DURATION = ("h", "heure", "heures", "hrs")  # also of how long something takes

_ENGLISH_LEADS = {
    "at": "at",
    "around": "about",
    "about": "about",
    "after": "after",
    "before": "before",
    "by": "before",
    "until": "before",
    "between": "range",
    "from": "range",
}
_FOREIGN_LEADS = {
    "at": "um à alle las às om kl klo klockan o v ve в о",
    "about": "gegen etwa ca circa vers verso hacia rond około",
    "after": "nach ab après dopo na efter po после",
    "before": "vor bis avant voor innan przed до",
    "range": "zwischen von entre tussen mellan między de",
}
_LEADS = {
    **_ENGLISH_LEADS,
    **{lead: meaning for meaning, leads in _FOREIGN_LEADS.items() for lead in leads.split()},
}
_WORDS_BEFORE_NO_TIME = """
showing shows show says saying reads reading displaying displays set zeigt zeigen scale ratio score
aspect clock watch
"""
_BEFORE_NO_TIME = frozenset(_WORDS_BEFORE_NO_TIME.split())  # what follows is seen, or no time
_TIME = (
    r"(?P<hour{0}>[01]?\d|2[0-4])(?:[:.](?P<minute{0}>[0-5]\d))?"
    r"(?: ?(?P<unit{0}>[ap]\.?m|o'?clock|uhr|uur|heures?|hrs|h)(?: ?(?P<after{0}>[0-5]\d))?)?"
)
_PHRASE = re.compile(
    rf"(?P<leads>(?:a las |(?:(?:{'|'.join(_LEADS)}) ){{0,2}}))"
    rf"(?:{_TIME.format(1)}(?P<link> ?[-–] ?| (?:to|and|till|until|bis|und|à|y|e|en|och) ))?"
    rf"{_TIME.format(2)}(?= |$)"
)
_AND = frozenset(("and", "und", "y", "e", "en", "och", "à"))  # after "between" and the like


class ClockPhrase(Struct, frozen=True):
    """A phrase of `words` words, and the values of the filter on the time of day that it means.

    With `has_lead`, a word such as "at" says that a time is meant, whatever follows.
    """

    words: int
    values: tuple[str, ...]
    has_lead: bool
    is_foreign: bool


class _Clock(Struct, frozen=True):
    minutes: int  # after midnight
    meridiem: str = ""  # "a" or "p"
    is_certain: bool = False  # its form says that it is a time
    is_whole: bool = False  # of 24 hours: it needs no "am"
    unit: str = ""
    has_minutes_behind: bool = False  # "18h30"


def may_be_clock(word: str) -> bool:
    """Return whether a word begins with the number of an hour: "6pm", "18:30", "18"."""
    return word[:1].isdecimal() and not (len(word) > 2 and word[:3].isdecimal())


def read_clock_phrase(
    typed: Sequence[str], at: int, ends_phrase: Sequence[bool]
) -> ClockPhrase | None:
    """Return the clock time that begins at a word; None if none does, or if that is not certain."""
    end = at
    while end < min(at + _MAX_WORDS, len(typed)):
        end += 1
        if ends_phrase[end - 1] and typed[end - 1].lower() not in _LEADS:  # "kl. 18"
            break
    text = " ".join(typed[at:end]).lower().replace("’", "'")
    found = _PHRASE.match(text)
    if found is None:
        return None
    leads = found["leads"].removeprefix("a ").split()
    second = _clock(found, 2)
    first = _clock(found, 1) if found["link"] else None
    meanings = [_LEADS[lead] for lead in leads]
    meaning = next((each for each in meanings if each != "at"), "at")
    is_foreign = any(lead not in _ENGLISH_LEADS for lead in leads) or (
        second.unit in _FOREIGN_UNITS and not second.has_minutes_behind
    )
    if not second.is_certain or (first is None and meaning == "range"):
        return None
    before = typed[at - 1].lower() if at else ""
    if not leads and not _is_certain_alone(
        second, first, before, is_all=at == 0 and found.end() == len(text)
    ):
        return None
    if first is not None:
        link = (found["link"] or "").strip()
        if (link in _AND and meaning != "range") or meaning not in ("range", "at"):
            return None
        values = _between(first, second)
    elif meaning in ("after", "before"):
        values = _bounded(second, meaning, is_foreign)
    else:
        around = _HOUR if meaning == "about" else _HALF_HOUR
        values = tuple(_span(each - around, each + around) for each in _meant(second))
    words = len(text[: found.end()].split())
    return ClockPhrase(words, values, bool(leads), is_foreign) if values else None


def _clock(found: re.Match[str], number: int) -> _Clock:
    hour, minute, unit, after = (
        found[f"{name}{number}"] for name in ("hour", "minute", "unit", "after")
    )
    unit = (unit or "").replace(".", "").replace("'", "")
    hours = int(hour) % 24
    meridiem = unit[0] if unit in ("am", "pm") else ""
    is_of_12 = bool(meridiem) or unit == "oclock"
    has_colon = minute is not None and found.string[found.end(f"hour{number}")] == ":"
    # "8.30" alone is a number, and "20 h 30" has its minutes behind the unit.
    is_certain = (bool(unit) or has_colon) and not (is_of_12 and not 1 <= int(hour) <= 12)
    if after is not None and (minute is not None or unit not in _UNITS_OF_24_HOURS):
        is_certain = False
    if meridiem:
        hours = hours % 12 + (12 if meridiem == "p" else 0)
    return _Clock(
        hours * 60 + int(minute or after or 0),
        meridiem,
        is_certain,
        bool(meridiem) or hour.startswith("0") or not 1 <= hours < 12,
        unit,
        has_minutes_behind=after is not None,
    )


def _is_certain_alone(clock: _Clock, first: _Clock | None, before: str, is_all: bool) -> bool:
    """Return whether a time without a word that leads to it is one."""
    if before in _BEFORE_NO_TIME or before in _LEADS:  # a lead that does not fit
        return False
    if clock.unit in _UNITS_OF_DURATION and not clock.has_minutes_behind:
        return False  # "a 24h race", "3 heures de route"
    if first is not None or clock.unit or is_all:
        return True
    return clock.minutes >= 10 * 60 or clock.minutes % 5 == 0  # "John 3:16"


def _meant(clock: _Clock) -> tuple[int, ...]:
    """Return the minutes after midnight that are meant: of "6:30", in the morning and evening."""
    if clock.is_whole:
        return (clock.minutes,)
    return (clock.minutes, clock.minutes + _HALF_DAY)


def _between(first: _Clock, second: _Clock) -> tuple[str, ...]:
    """Return the time between two: "6 to 8pm" is in the evening, "11 to 1pm" begins before noon."""
    start, end = first.minutes, second.minutes
    if second.meridiem and not first.meridiem and first.minutes < 13 * 60:
        start %= _HALF_DAY
        if second.meridiem == "p" and start < end - _HALF_DAY:
            start += _HALF_DAY
    elif not (first.is_whole or second.is_whole or second.unit in _UNITS_OF_24_HOURS):
        if start >= end:
            return ()
        return (_span(start, end), _span(start + _HALF_DAY, end + _HALF_DAY))
    return () if start == end else (_span(start, end or _DAY),)


def _bounded(clock: _Clock, bound: str, is_foreign: bool) -> tuple[str, ...]:
    """Return the time after or before another; none for "after 6:30", which may be either half."""
    if not (clock.is_whole or is_foreign) or not clock.minutes:
        return ()
    if bound == "before":
        return (_span(0, clock.minutes),)
    return (_span(clock.minutes, _DAY if clock.minutes < _EVENING else _LATE),)


def _span(start: int, end: int) -> str:
    """Return the value of a filter on the time from `start` to before `end`, in minutes."""
    return f"{_written(start % _DAY)}..{_written(end if end == _DAY else end % _DAY)}"


def _written(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02}" if rest else str(hours)
