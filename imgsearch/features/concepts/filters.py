"""The filter `shows:NAME`, which finds the photos in which a concept is sure or likely."""

from __future__ import annotations

from imgsearch.errors import QueryError
from imgsearch.features.concepts.reading import names, require_concept
from imgsearch.store.database import Database
from imgsearch.store.filters import ConditionContext, SqlCondition
from imgsearch.text import plain_text

LEVELS = ("sure", "likely")


def condition(context: ConditionContext, value: str) -> SqlCondition:
    """Return the condition that a photo shows a concept: NAME, or NAME/sure."""
    name, level = _split(plain_text(value))
    return SqlCondition(
        "photos.id IN (SELECT photo_id FROM concept_photos JOIN concepts "
        "ON concepts.id = concept_id WHERE plain_name = ? AND (? != 'sure' OR level = 'sure'))",
        (name, level),
    )


def check(database: Database, value: str) -> None:
    """Raise QueryError for an unknown name or level."""
    name, level = _split(value)
    require_concept(database, name)
    if level and plain_text(level) not in LEVELS:
        raise QueryError(
            f"shows: Unknown verdict {level!r}. Known: {', '.join(LEVELS)}, for example "
            f"shows:{name}/sure"
        )


def suggested(database: Database, line: str) -> list[str]:
    """Return the names of all concepts."""
    return names(database)


def concept_of(value: str) -> str:
    """Return the name of the concept in a value of the filter."""
    return _split(value)[0]


def _split(value: str) -> tuple[str, str]:
    name, _, level = value.partition("/")
    return name.strip(), level.strip()
