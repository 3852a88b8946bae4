"""Values of the filters on days of the week, times of day and seasons: `fri,20..4`, `18:30..20`."""

from __future__ import annotations

import re

from msgspec import Struct

from imgsearch.language.calendar_words import DAY_PARTS, SEASON_NAMES, WEEKDAYS
from imgsearch.language.fields import one_of

MINUTES_A_DAY = 24 * 60
_DAYS_A_WEEK = 7
_WEEKDAY_NAMES = {
    **{name: name[:3] for name in WEEKDAYS},
    **{name[:3]: name[:3] for name in WEEKDAYS},
    "tues": "tue",
    "weds": "wed",
    "thur": "thu",
    "thurs": "thu",
}
_SHORT_NAMES = tuple(name[:3] for name in WEEKDAYS)
_GROUPS = {"weekend": (5, 6), "workday": (0, 1, 2, 3, 4)}
_CLOCK = re.compile(r"(\d{1,2})(?::([0-5]\d))?\s?(am|pm)?", re.IGNORECASE)


class TimeOfDay(Struct, frozen=True):
    """Minutes of a day from `start`, to before `end`, which is past midnight if it is smaller."""

    start: int
    end: int

    @property
    def is_past_midnight(self) -> bool:
        """Whether the time ends on the following day."""
        return self.end <= self.start


class Weekdays(Struct, frozen=True):
    """Days of the week, 0 for Monday, and a time of these days if not all of them is meant."""

    days: tuple[int, ...]
    time: TimeOfDay | None = None


def read_weekdays(text: str) -> str:
    """Return days of the week in normal form: "sat", "mon..wed", "weekend", "fri,20..4"."""
    days, comma, time = text.partition(",")
    names = [name.strip().casefold() for name in days.split("..")]
    if len(names) == 1 and names[0] in _GROUPS:
        normal = names[0]
    elif len(names) <= 2:
        # "Saturdays" names each of them.
        normal = "..".join(_weekday_named(name) for name in names)
    else:
        raise ValueError(f"{text!r} is not a day of the week. Write sat, mon..wed or weekend.")
    return f"{normal},{read_time(time.strip())}" if comma else normal


def _weekday_named(name: str) -> str:
    if name not in _WEEKDAY_NAMES and name.removesuffix("s") in _WEEKDAY_NAMES:
        name = name.removesuffix("s")
    try:
        return one_of(_WEEKDAY_NAMES)(name)
    except ValueError:
        raise ValueError(
            f"{name!r} is not a day of the week. Write mon, tue, wed, thu, fri, sat or sun; a "
            "range, mon..wed; weekend or workday."
        ) from None


def weekdays_of(normal: str) -> Weekdays:
    """Return the days of a value in normal form."""
    days, comma, time = normal.partition(",")
    at = time_of(time) if comma else None
    if days in _GROUPS:
        return Weekdays(_GROUPS[days], at)
    ends = [_SHORT_NAMES.index(name) for name in days.split("..")]
    count = (ends[-1] - ends[0]) % _DAYS_A_WEEK + 1  # "sat..mon" goes over the end of a week
    return Weekdays(tuple((ends[0] + day) % _DAYS_A_WEEK for day in range(count)), at)


def read_time(text: str) -> str:
    """Return a time of day in normal form: "18..23", "18:30..20", "7", "morning".

    Raises ValueError with a sentence for anything else.
    """
    word = text.casefold()
    if word in DAY_PARTS:
        return word
    ends = [_clock(end, text) for end in word.split("..")]
    if len(ends) > 2:
        raise _no_time(text)
    if len(ends) == 2 and ends[0] == ends[1]:
        raise ValueError(f"{text!r} is no time at all: it ends when it begins. Write 18..23.")
    if ends[0] == MINUTES_A_DAY:
        raise _no_time(text)
    return "..".join(_written(end) for end in ends)


def _clock(text: str, whole: str) -> int:
    """Return the minutes after midnight of "18", "18:30", "6pm"."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise _no_time(whole)
    hours, minutes = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hours <= 12:
            raise _no_time(whole)
        hours = hours % 12 + (12 if found[3].lower() == "pm" else 0)
    if hours * 60 + minutes > MINUTES_A_DAY:
        raise _no_time(whole)
    return hours * 60 + minutes


def _written(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02}" if rest else str(hours)


def _no_time(text: str) -> ValueError:
    return ValueError(
        f"{text!r} is not a time of day. Write 18..23, 18:30..20, 22..4, 7 for the hour from 7, "
        f"or one of these words: {', '.join(DAY_PARTS)}."
    )


def time_of(normal: str) -> TimeOfDay:
    """Return the time of a value in normal form; an hour or a minute alone lasts that long."""
    if normal in DAY_PARTS:
        start, end = DAY_PARTS[normal]
        return TimeOfDay(start * 60, end * 60)
    ends = [_clock(end, normal) for end in normal.split("..")]
    if len(ends) == 1:
        return TimeOfDay(ends[0], ends[0] + (1 if ":" in normal else 60))
    return TimeOfDay(ends[0], ends[1])


def read_season(text: str) -> str:
    """Return the name of a season. Raises ValueError for any other text."""
    return one_of(SEASON_NAMES)(text)
