"""The filter `around:ID,TIME`: photos within a time before and after another one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from imgsearch.errors import QueryError
from imgsearch.records.query import FilterValue
from imgsearch.store.database import Database
from imgsearch.store.filters import NOTHING, ConditionContext, SqlCondition

_WINDOW = "1h"  # unless the value says another one
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_VALUE = re.compile(r"(\d{1,18})\s*(?:,\s*(\d{1,6})\s*(s|min|m|h|d))?", re.IGNORECASE)
_MAX_DAYS = 36_500


def read(text: str) -> str:
    """Return a photo and a time in normal form: "1234,2h". Raises ValueError with a sentence."""
    found = _VALUE.fullmatch(text.strip())
    if found is None or int(found[1]) < 1:
        raise ValueError(
            f"{text!r} is no photo with a time. Write the id of a photo, and how long before and "
            "after it: 1234,2h or 1234,30min."
        )
    window = _WINDOW if found[2] is None else f"{int(found[2])}{found[3].lower()}"
    if window.endswith("m"):
        window += "in"
    if _window_of(window) > timedelta(days=_MAX_DAYS):
        raise ValueError(f"{window} is too long. Write {_MAX_DAYS}d at most.")
    return f"{int(found[1])},{window}"


def check(database: Database, value: str) -> None:
    """Raise QueryError for a photo that the library does not have, or that has no time."""
    photo_id = int(value.partition(",")[0])
    query = "SELECT taken_at FROM photos WHERE id = ? AND gone_at IS NULL"
    rows = database.fetch_all(query, photo_id)
    if not rows:
        raise QueryError(f"The library has no photo with the id {photo_id}. A search returns ids.")
    if rows[0][0] is None:
        raise QueryError(
            f"Nothing is known to be around the photo {photo_id}: its metadata has no date."
        )


def condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that a photo was taken around another one, itself among them."""
    number, _, window = str(value).partition(",")
    query = "SELECT substr(taken_at, 1, 19) FROM photos WHERE id = ? AND taken_at IS NOT NULL"
    row = context.connection.execute(query, (int(number),)).fetchone()
    if row is None:
        return NOTHING
    time, apart = datetime.fromisoformat(row[0]), _window_of(window)
    first = time - apart if time - datetime.min > apart else datetime.min
    last = time + apart if datetime.max - time > apart else datetime.max
    # Fractions of the last second, and offsets, sort before "~".
    ends = (first.isoformat()[:19], f"{last.isoformat()[:19]}~")
    return SqlCondition("photos.taken_at BETWEEN ? AND ?", ends)


def _window_of(text: str) -> timedelta:
    unit = text.lstrip("0123456789")
    return timedelta(seconds=int(text.removesuffix(unit)) * _SECONDS[unit])
