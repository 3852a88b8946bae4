"""Dates as people write them: "June 2021", "last summer", "15.6.2021", "Christmas 2020".

The words must be a date and nothing else; the caller chooses which words of a query to try. They
are English, or Chinese, Japanese and Korean as in "2019年4月3日"; `foreign_dates` reads others.
Seasons are those of meteorology: summer is June to August, and "winter 2019" is January, February
and December of 2019. They are of the hemisphere of each photo where the filter `season:` is there,
but "last summer" is a northern one. New Year's Eve of a year is 31 December with the
night that follows, until 6 o'clock. An ambiguous order of day and month, such as 6/7/2021, is not
read, unless both are equal.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.language.calendar_words import (
    EASTER,
    EASTERN_UNITS,
    HOLIDAYS,
    MONTH_NAMES,
    MONTHS,
    SEASON_NAMES,
    SEASONS,
)
from imgsearch.language.fields import FIELDS
from imgsearch.records.query import Filter

FIRST_YEAR = 1826  # of the oldest surviving photograph
_WITH_ITS_NIGHT = ("new years eve", "new year's eve")
_NIGHT_ENDS = "T05"  # the last hour of it
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_DAY = re.compile(r"(\d{1,2})(st|nd|rd|th)?$")
_YEAR = re.compile(r"(1[89]|20)\d\d$")
_NUMERIC = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})(?:[-/.](?P<d>\d{1,2}))?$"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})$"),
    re.compile(r"(?P<m>\d{1,2})[./](?P<y>\d{4})$"),
)
# In Chinese, Japanese and Korean, with the words for year, month and day.
_EASTERN = re.compile(
    r"(?:(?P<y>\d{4})[年년])?\s?(?:(?P<m>\d{1,2})[月월]\s?(?:(?P<d>\d{1,2})[日号號일])?)?$"
)
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})$")
_RANGE = re.compile(r"(\d{4})\s?[-–]\s?(\d{4})$")


class Period(Struct, frozen=True):
    """The time that words name: alternatives, each "2021", "2021-06" or "2021-06-15".

    If `kind` is "day", they are days of any year, "12-24", and if it is "month", months, "06".
    `until` is the end of a range that begins with the first alternative: a year, or the last hour
    of a night, "2018-01-01T05". `is_relative` says that the period depends on today. `season` is
    the season that the parts are on the northern hemisphere, of any year or of theirs.
    """

    parts: tuple[str, ...]
    kind: Literal["on", "day", "month"] = "on"  # the filter
    until: str | None = None
    is_relative: bool = False
    season: str | None = None

    def filters(self) -> tuple[Filter, ...]:
        """Return the equivalent filters."""
        if self.until is not None:
            return (Filter("after", self.parts), Filter("before", (_next(self.until),)))
        if self.season is not None and "season" in FIELDS:
            season = Filter("season", (self.season,))
            return (season,) if self.kind == "month" else (season, Filter("on", self._years))
        return (Filter(self.kind, self.parts),)

    @property
    def _years(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part[:4] for part in self.parts))

    def bounded(self, word: str) -> tuple[Filter, ...]:
        """Return the filters for "since", "after", "before" or "until" this period."""
        first, after = min(self.parts), _next(self.until or max(self.parts))
        if word in ("since", "after"):
            return (Filter("after", (first if word == "since" else after,)),)
        return (Filter("before", (first if word == "before" else after,)),)

    def spans(self) -> tuple[tuple[str, str], ...]:
        """Return the first day, and the day after the last, of each alternative with a year."""
        if self.kind != "on":
            return ()
        ends = [self.until or part for part in self.parts]
        return tuple(
            (_first_day(part), _first_day(_next(end)))
            for part, end in zip(self.parts, ends, strict=True)
        )


def read_period(words: Sequence[str], today: date) -> Period | None:
    """Return the period that these lower-case words name; None if they name none, or more.

    A month or a season without a year is one of any year; the caller decides from the words around
    it whether it is meant as a time.
    """
    words = [word for word in words if word not in ("of", "the")] or words
    text = " ".join(words)
    for read in (_in_numbers, _month, _season, _holiday, _end_of_month):
        period = read(text, words, today)
        if period is not None:
            return period
    period = _relative(text, words, today)
    return None if period is None else replace(period, is_relative=True)


def _on(*parts: str) -> Period:
    return Period(parts)


def _is_year(word: str, today: date) -> bool:
    return bool(_YEAR.match(word)) and FIRST_YEAR <= int(word) <= today.year


def _in_numbers(text: str, words: Sequence[str], today: date) -> Period | None:
    if len(words) > 3:
        return None
    if _is_year(text, today):
        return _on(text)
    if found := _RANGE.match(text) or re.match(r"(\d{4}) to (\d{4})$", text):
        first, last = found.groups()
        is_range = _is_year(first, today) and _is_year(last, today) and first < last
        return Period((first,), until=last) if is_range else None
    if found := _SLASHES.match(text):
        a, b, year = map(int, found.groups())
        day, month = (a, b) if a > 12 or a == b else (b, a) if b > 12 else (0, 0)
        return _day_of(year, month, day)
    if EASTERN_UNITS.intersection(text):
        return _eastern(text, today)
    for pattern in _NUMERIC:
        if found := pattern.match(text):
            parts = found.groupdict()
            year, month = int(parts["y"]), int(parts["m"])
            if not _is_year(parts["y"], today):
                return None
            if parts.get("d"):
                return _day_of(year, month, int(parts["d"]))
            return _on(f"{year}-{month:02}") if 1 <= month <= 12 else None
    return None


def _eastern(text: str, today: date) -> Period | None:
    """ "2019年", "2019年4月", "2019年4月3日", "4月3日"; a month alone has too many meanings."""
    found = _EASTERN.match(text)
    if found is None:
        return None
    year, month, day = (int(found[part]) if found[part] else None for part in "ymd")
    if year is None:
        whole = None if month is None or day is None else _day_of(2000, month, day)  # a leap year
        return None if whole is None else Period((whole.parts[0][5:],), "day")
    if not _is_year(str(year), today):
        return None
    if month is None:
        return _on(str(year))
    if day is not None:
        return _day_of(year, month, day)
    return _on(f"{year}-{month:02}") if 1 <= month <= 12 else None


def _month(text: str, words: Sequence[str], today: date) -> Period | None:
    """ "june", "june 2021", "15 june", "june 15th", "15 june 2021", "june 15, 2021"."""
    *rest, last = words
    year = int(last) if rest and _is_year(last, today) else None
    if year is None:
        rest = [*words]
    months = [MONTHS[word] for word in rest if word in MONTHS]
    days = [found for word in rest if (found := _DAY.match(word))]
    if len(months) != 1 or len(months) + len(days) != len(rest) or len(days) > 1:
        return None
    (month,) = months
    if not days:
        if year is not None:
            return _on(f"{year}-{month:02}")
        return Period((f"{month:02}",), "month") if text in MONTH_NAMES else None
    day = int(days[0][1])
    if year is not None:
        return _day_of(year, month, day)
    is_plain = rest[0] in ("may", "march") and not days[0][2]  # "march 5 people"
    whole = None if is_plain else _day_of(2000, month, day)  # a leap year
    return None if whole is None else Period((whole.parts[0][5:],), "day")


def _end_of_month(text: str, words: Sequence[str], today: date) -> Period | None:
    """ "last day august", "first day august 2019"."""
    if len(words) not in (3, 4) or words[0] not in ("first", "last") or words[1] != "day":
        return None
    month = MONTHS.get(words[2])
    if month is None or (len(words) == 4 and not _is_year(words[3], today)):
        return None
    years = [int(words[3])] if len(words) == 4 else [2000, 2001]  # February ends on two days
    days = [monthrange(year, month)[1] if words[0] == "last" else 1 for year in years]
    parts = [f"{year}-{month:02}-{day:02}" for year, day in zip(years, days, strict=True)]
    if len(words) == 4:
        return _on(*parts)
    return Period(tuple(dict.fromkeys(part[5:] for part in parts)), "day")


def _season(text: str, words: Sequence[str], today: date) -> Period | None:
    months = SEASONS.get(words[0])
    if months is None or len(words) > 2:
        return None
    if len(words) == 1:
        parts = tuple(f"{month:02}" for month in months)
        return Period(parts, "month", season=SEASON_NAMES[words[0]])
    if not _is_year(words[1], today):
        return None
    return replace(_season_of(words[0], int(words[1])), season=SEASON_NAMES[words[0]])


def _season_of(season: str, year: int) -> Period:
    return _on(*(f"{year}-{month:02}" for month in SEASONS[season]))


def _holiday(text: str, words: Sequence[str], today: date) -> Period | None:
    if days := HOLIDAYS.get(text):
        return Period(days, "day")
    name, year = " ".join(words[:-1]), words[-1]
    return _holiday_of(name, int(year)) if name and _is_year(year, today) else None


def _holiday_of(name: str, year: int) -> Period | None:
    if name in _WITH_ITS_NIGHT:
        return Period((f"{year}-12-31",), until=f"{year + 1}-01-01{_NIGHT_ENDS}")
    if days := HOLIDAYS.get(name):
        return _on(*(f"{year}-{day}" for day in days))
    if offsets := EASTER.get(name):
        sunday = easter_sunday(year)
        return _on(*((sunday + timedelta(days)).isoformat() for days in offsets))
    return None


def _relative(text: str, words: Sequence[str], today: date) -> Period | None:
    """ "yesterday", "last summer", "this year", "two years ago"."""
    if text in ("today", "yesterday"):
        return _on((today - timedelta(text == "yesterday")).isoformat())
    if len(words) == 3 and words[2] == "ago":
        return _ago(words[0], words[1], today)
    which, what = words[0], " ".join(words[1:])
    if which not in ("last", "this") or not what:
        return None
    if what == "year":
        return _on(str(today.year - (which == "last")))
    if what == "month":
        return _months_ago(int(which == "last"), today)
    if what in ("week", "weekend"):
        monday = today - timedelta(today.weekday() + 7 * (which == "last"))
        days = range(7) if what == "week" else range(5, 7)
        return _on(*((monday + timedelta(day)).isoformat() for day in days))
    return _latest(what, today) if which == "last" else _of_year(what, today.year)


def _latest(what: str, today: date) -> Period | None:
    """Return the latest month, season or holiday of this name that has begun before today."""
    for year in (today.year, today.year - 1):
        period = _of_year(what, year)
        if period is not None and what == "winter":  # that of the past two years
            period = _on(f"{year - 1}-12", f"{year}-01", f"{year}-02")
        if period is None:
            return None
        last = period.parts[-1]
        if last < today.isoformat()[: len(last)]:
            return period
    return None


def _of_year(what: str, year: int) -> Period | None:
    if what in SEASONS:
        return _season_of(what, year)
    if what in MONTH_NAMES:
        return _on(f"{year}-{MONTHS[what]:02}")
    return _holiday_of(what, year)


def _ago(number: str, unit: str, today: date) -> Period | None:
    count = int(number) if number.isdecimal() and len(number) <= 3 else _NUMBERS.get(number, 0)
    count = 1 if number in ("a", "an") else count
    unit = unit.removesuffix("s")
    if not count:
        return None
    if unit == "year":
        return _on(str(today.year - count)) if today.year - count >= FIRST_YEAR else None
    if unit == "month":
        return _months_ago(count, today)
    if unit == "day":
        return _on((today - timedelta(count)).isoformat())
    return None


def _months_ago(count: int, today: date) -> Period:
    year, month = divmod(today.year * 12 + today.month - 1 - count, 12)
    return _on(f"{year}-{month + 1:02}")


def _day_of(year: int, month: int, day: int) -> Period | None:
    try:
        return _on(date(year, month, day).isoformat())
    except ValueError:
        return None


def _first_day(part: str) -> str:
    return part + "-01-01"[len(part) - 4 :] if len(part) < 10 else part


def _next(part: str) -> str:
    """Return the year, month, day or hour after this one, as precise."""
    if len(part) == 4:
        return str(int(part) + 1)
    if len(part) == 7:
        year, month = divmod(int(part[:4]) * 12 + int(part[5:]), 12)
        return f"{year}-{month + 1:02}"
    if len(part) == 13:
        return (datetime.fromisoformat(part) + timedelta(hours=1)).isoformat()[:13]
    return (date.fromisoformat(part) + timedelta(1)).isoformat()


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar: the algorithm of Meeus, Jones and Butcher.

    J. Meeus, Astronomical Algorithms (1991), chapter 8.
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
