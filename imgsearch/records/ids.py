"""Ids of photos as callers give them, and the integers that a database can hold."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import SupportsIndex

from imgsearch.errors import UsageError

# The range of the integers of SQLite, which has no id above it.
SMALLEST_INTEGER, LARGEST_INTEGER = -(1 << 63), (1 << 63) - 1


def is_row_id(number: int) -> bool:
    """Return whether a row of the database can have this number as its id."""
    return 0 < number <= LARGEST_INTEGER


def as_ids(ids: Iterable[SupportsIndex]) -> list[int]:
    """Convert ids, also NumPy's, to Python's integers. Raises UsageError as `as_id` does."""
    return [as_id(each) for each in ids]


def as_id(photo_id: SupportsIndex) -> int:
    """Convert an id to an integer of Python. Raises UsageError unless it is a whole number."""
    try:
        return index(photo_id)
    except TypeError:
        raise UsageError(
            f"The id of a photo is a whole number, as hit.photo.id has it, not {photo_id!r}."
        ) from None
