"""The filters `weekday:`, `time:` and `season:`, and the photos of which these are known."""

from __future__ import annotations

from imgsearch.features.when.values import (
    MINUTES_A_DAY,
    TimeOfDay,
    time_of,
    weekdays_of,
)
from imgsearch.language.calendar_words import SEASONS
from imgsearch.records.query import FilterValue
from imgsearch.store.filters import ConditionContext, SqlCondition, joined
from imgsearch.store.sql import DATE_TAKEN, HAS_TIME, TIME_OF_DAY

# The expressions of the index `photos_by_time_of_day` in migrations.py, so that no photo is read.
# The date alone: with an offset from UTC behind it, SQLite would tell the day of the week in UTC.
_WEEKDAY = "strftime('%w', substr(photos.taken_at, 1, 10))"
_IS_EXACT_TO_DAY = "(photos.date_precision IS NULL OR photos.date_precision = 'day')"
_ALL_DAYS = frozenset(range(7))


def has_weekday(context: ConditionContext) -> SqlCondition:
    """Return the condition that a photo has a date of its own, exact to the day."""
    return SqlCondition(f"({_IS_EXACT_TO_DAY} AND {_WEEKDAY} IS NOT NULL)")


def has_time(context: ConditionContext) -> SqlCondition:
    """Return the condition that a photo has a time of day of its own."""
    return SqlCondition(f"coalesce({HAS_TIME}, 0)")


def on_weekdays(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that a photo was taken on these days, in the time where it was taken."""
    weekdays = weekdays_of(str(value))
    days, time = frozenset(weekdays.days), weekdays.time
    if time is None:
        return joined(" AND ", [SqlCondition(_IS_EXACT_TO_DAY), _is_on(days)])
    spans = [(days, time)]
    if time.is_past_midnight:
        following = frozenset((day + 1) % 7 for day in days)
        spans = [(days, TimeOfDay(time.start, MINUTES_A_DAY)), (following, TimeOfDay(0, time.end))]
    return joined(" OR ", [_within(*span) for span in spans])


def at_time(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that a photo was taken at this time of any day."""
    # The index is by day: it is read for each of them.
    return _within(_ALL_DAYS, time_of(str(value)))


def in_season(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that a photo was taken in this season of its hemisphere.

    A photo without a place counts as one of the north.
    """
    months = SEASONS[str(value)]
    north = ", ".join(f"'{month:02}'" for month in months)
    south = ", ".join(f"'{(month + 5) % 12 + 1:02}'" for month in months)
    month = f"substr({DATE_TAKEN}, 6, 2)"
    return SqlCondition(
        f"CASE WHEN photos.lat < 0 THEN {month} IN ({south}) ELSE {month} IN ({north}) END"
    )


def _within(days: frozenset[int], time: TimeOfDay) -> SqlCondition:
    """Return the condition that a photo was taken at a time of these days."""
    return joined(" AND ", [SqlCondition(HAS_TIME), _is_on(days), _is_at(time)])


def _is_on(days: frozenset[int]) -> SqlCondition:
    # SQLite counts from Sunday, 0.
    numbers = ", ".join(f"'{(day + 1) % 7}'" for day in sorted(days))
    return SqlCondition(f"{_WEEKDAY} IN ({numbers})")


def _is_at(time: TimeOfDay) -> SqlCondition:
    start, end = _clock(time.start), _clock(time.end)
    if time.is_past_midnight:
        return SqlCondition(f"({TIME_OF_DAY} >= ? OR {TIME_OF_DAY} < ?)", (start, end))
    return SqlCondition(f"({TIME_OF_DAY} >= ? AND {TIME_OF_DAY} < ?)", (start, end))


def _clock(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours:02}:{rest:02}:00"
