"""Times of day and days of the week by which a long answer is narrowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from imgsearch.features.when.filters import has_time, has_weekday
from imgsearch.features.when.values import time_of, weekdays_of
from imgsearch.store.database import Database
from imgsearch.store.filters import ConditionContext, SqlCondition
from imgsearch.store.sql import IN_IDS, ids_parameter

# Those that people tell apart; meals and noon overlap them.
_TIMES = {
    "morning": "in the morning",
    "afternoon": "in the afternoon",
    "evening": "in the evening",
    "night": "at night",
}
_WEEKEND = "weekend"
_DAY = len("2019-06-15")


def times(database: Database, photo_ids: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield the parts of the day in which these photos were taken: an hour may be in two."""
    for photo_id, taken_at in _taken(database, photo_ids, has_time):
        hours, minutes = taken_at[_DAY + 1 : _DAY + 6].split(":")
        minute = int(hours) * 60 + int(minutes)
        for name in _TIMES:
            time = time_of(name)
            is_after, is_before = minute >= time.start, minute < time.end
            if (is_after or is_before) if time.is_past_midnight else (is_after and is_before):
                yield photo_id, name


def time_question(value: str) -> str:
    """Return the question whether a photo was taken in this part of the day."""
    return f"Was it {_TIMES[value]}?"


def weekdays(database: Database, photo_ids: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield those of these photos that were taken at a weekend."""
    days = weekdays_of(_WEEKEND).days
    for photo_id, taken_at in _taken(database, photo_ids, has_weekday):
        if date.fromisoformat(taken_at[:_DAY]).weekday() in days:
            yield photo_id, _WEEKEND


def weekday_question(value: str) -> str:
    """Return the question whether a photo was taken at a weekend, the only one that is asked."""
    return f"Was it at the {value}?"


def _taken(
    database: Database,
    photo_ids: Sequence[int],
    is_known: Callable[[ConditionContext], SqlCondition],
) -> list[Any]:
    """Return those of these photos of which this is known, each with when it was taken."""
    with database.reading() as connection:
        known = is_known(ConditionContext(connection, frozenset()))
        query = f"SELECT id, taken_at FROM photos WHERE photos.id {IN_IDS} AND {known.text}"
        parameters = (ids_parameter(photo_ids), *known.parameters)
        return connection.execute(query, parameters).fetchall()
