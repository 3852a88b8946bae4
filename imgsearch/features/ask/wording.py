"""The words of an answer: dates, durations and lists, as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from imgsearch.features.events.titles import days_in_words
from imgsearch.language.calendar_words import SEASONS, WEEKDAYS
from imgsearch.records.photo import moment_text
from imgsearch.text import format_count, printable

_MOST_LISTED = 12
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_INEXACT = ("year", "season", "month")


def listed(texts: Sequence[str]) -> str:
    """Return texts as a list: "Anna", "Anna and Max", "Anna, Max and Rose"."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def listed_in_part(texts: Sequence[str]) -> str:
    """Return a list of at most twelve texts, and how many more there are."""
    if len(texts) <= _MOST_LISTED:
        return listed(texts)
    more = len(texts) - _MOST_LISTED
    return f"{', '.join(texts[:_MOST_LISTED])} and {more:,} more"


def times(number: int) -> str:
    """Return how often: "once", "twice", "5 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def on_dates(start: datetime, end: datetime, precision: str | None) -> str:
    """Return some days with a preposition: "on 12 May 2019", "from 28 May to 3 June 2019"."""
    if precision in _INEXACT:
        return f"in {moment_text(start, precision)}"
    days = days_in_words(start.date(), end.date())
    return f"on {days}" if start.date() == end.date() else f"from {days}"


def date_in(moment: datetime, unit: str, is_south: bool = False) -> str:
    """Return the year, month, weekday, season or day of a moment, as people write it."""
    if unit == "year":
        return str(moment.year)
    if unit == "month":
        return f"{moment:%B} {moment.year}"
    if unit == "weekday":
        return WEEKDAYS[moment.weekday()].capitalize()
    if unit == "season":
        return season_of(moment, is_south)
    return moment_text(moment, "day")


def season_of(moment: datetime, is_south: bool) -> str:
    """Return the season of a moment in its hemisphere."""
    month = (moment.month + 5) % 12 + 1 if is_south else moment.month
    return next(name for name, months in SEASONS.items() if month in months)


def clock_times(start: datetime, end: datetime) -> str:
    """Return times of day: "at 14:03", "from 14:03 to 16:08"."""
    if f"{start:%H:%M}" == f"{end:%H:%M}":
        return f"at {start:%H:%M}"
    return f"from {start:%H:%M} to {end:%H:%M}"


def duration(start: datetime, end: datetime, unit: str | None = None) -> str:
    """Return how long it is from one photo to another: "2 h 5 min", or in days over midnight.

    With a unit, in this one where it is not too large: "8 days", "3 hours".
    """
    seconds = (end - start).total_seconds()
    days = (end.date() - start.date()).days + 1
    if unit in ("day", "week", "night", "month", "year") or seconds >= _DAY_S:
        if unit == "night" and days > 1:
            return format_count(days - 1, "night")
        if unit == "week" and days >= 14:
            return format_count(days // 7, "week")
        return format_count(days, "day")
    if unit == "minute":
        return format_count(max(1, int(seconds // _MINUTE_S)), "minute")
    hours, rest = divmod(int(seconds), _HOUR_S)
    minutes = max(rest // _MINUTE_S, 0 if hours else 1)
    if not hours:
        return format_count(minutes, "minute")
    return f"{format_count(hours, 'hour')} {f'and {minutes} min' if minutes else ''}".strip()


def time_ago(moment: datetime, today: date) -> str:
    """Return how long ago a moment was: "5 years ago", "3 months ago", "today"."""
    days = (today - moment.date()).days
    if days < 0:
        return "in the future"
    if days < 2:
        return ("today", "yesterday")[days]
    months = (today.year - moment.year) * 12 + today.month - moment.month
    months -= today.day < moment.day
    if months < 1:
        return f"{days} days ago"
    if months < 24:
        return f"{format_count(months, 'month')} ago"
    return f"{months // 12} years ago"


def sentence(text: str) -> str:
    """Return a text as a sentence, with what would break a line escaped."""
    whole = printable(text)
    return f"{whole[:1].upper()}{whole[1:]}."
