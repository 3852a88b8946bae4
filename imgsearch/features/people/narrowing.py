"""Numbers of people by which a long answer is narrowed, where faces were looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, ids_parameter

_MANY = 3
_QUESTIONS = {
    "0": "Is nobody in it?",
    "1": "Is one person in it?",
    "2": "Are two people in it?",
    ">=3": "Are three people or more in it?",
}


def numbers(database: Database, photo_ids: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield how many people are in those of these photos that were looked at: "0" to ">=3"."""
    query = (
        "SELECT photo_id, people FROM face_readings WHERE state != 'failed' AND "
        f"people IS NOT NULL AND photo_id {IN_IDS}"
    )
    for photo_id, people in database.fetch_all(query, ids_parameter(photo_ids)):
        yield photo_id, f">={_MANY}" if people >= _MANY else str(people)


def question(value: str) -> str:
    """Return the question whether so many people are in a photo."""
    return _QUESTIONS[value]
