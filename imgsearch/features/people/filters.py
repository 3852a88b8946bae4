"""The filters `people:NUMBER` and `only:NAMES`."""

from __future__ import annotations

import re

from imgsearch.language.fields import decimal_text, number_with_unit, number_writer
from imgsearch.records.query import FilterValue, Interval
from imgsearch.store import names
from imgsearch.store.filters import (
    NOTHING,
    ConditionContext,
    SqlCondition,
    joined,
    number_condition,
    own_name,
    person_condition,
)
from imgsearch.text import words_of

_number_of_faces = number_condition("people")
write_number = number_writer(decimal_text)


def read_number(text: str) -> Interval:
    """Return a number of people, or a range of them: "0", "2", "3+", ">=2", "2..4"."""
    try:
        return number_with_unit({})(re.sub(r"^(\d+)\+$", r">=\1", text))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a number of people. Write 0, 2, 3+ or 2..4. For a person by name: "
            f"person:{text if text.isalnum() else 'NAME'}"
        ) from None


def number_of_faces(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that this many faces were found in a photo."""
    counted = _number_of_faces(context, value)
    return counted._replace(
        text="photos.id IN (SELECT photo_id FROM face_readings WHERE state != 'failed' "
        f"AND {counted.text})"
    )


def only_these(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return each of these persons, no other name, and no face of anybody else."""
    wanted = [" ".join(words) for name in str(value).split(",") if (words := words_of(name))]
    if not wanted:
        return NOTHING
    own = [name for each in wanted if (name := own_name(context, [each])) is not None]
    phrases = [each for each in wanted if own_name(context, [each]) is None]

    def passes(people: str) -> bool:
        return all(
            name in own or any(f" {phrase} " in f" {name} " for phrase in phrases)
            for name in names.separate(people)
        )

    listed = context.rows_with("names", "people", passes)
    is_other = "persons.name IS NULL OR persons.is_hidden"
    nobody_else = SqlCondition(
        f"photos.id IN (SELECT photo_id FROM names WHERE {listed.text}) AND NOT EXISTS (SELECT 1 "
        "FROM faces LEFT JOIN persons ON persons.id = person_id "
        f"WHERE photo_id = photos.id AND ({is_other}))",
        listed.parameters,
    )
    return joined(" AND ", [*(person_condition(context, each) for each in wanted), nobody_else])
