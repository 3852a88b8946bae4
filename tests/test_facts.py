"""The declarations of facts, and what follows from them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imgsearch.language.fields import field_of
from imgsearch.records.photo import FACTS, Fact, Facts
from imgsearch.records.query import FilterSpec


def test_what_is_unknown_follows_from_the_declaration() -> None:
    nothing = Facts("JPEG", 1, 1)
    for fact in FACTS:
        if fact.required:
            assert fact.unknown is None
        else:
            assert fact.unknown == getattr(nothing, fact.name)


@pytest.mark.parametrize(
    ("fact_type", "stored", "loaded"),
    [
        (bool, 1, True),
        (bool, 0, False),
        (datetime, "2023-06-15T14:30:00+00:00", datetime(2023, 6, 15, 14, 30, tzinfo=UTC)),
        (tuple, ["a", "b"], ("a", "b")),
        (str, "a", "a"),
        (int, 0, 0),
    ],
)
def test_a_fact_is_read_from_its_column(fact_type: type, stored: object, loaded: object) -> None:
    fact = Fact("fact", fact_type, required=False, unknown=None, meaning="")
    assert fact.load(stored) == loaded
    assert type(fact.load(stored)) is type(loaded)
    if fact.is_stored_as_is:
        assert loaded is stored


def test_a_filter_of_yes_and_no_takes_these() -> None:
    field = field_of(FilterSpec("flash", "yes/no", "whose flash fired"))
    assert [field.read(text) for text in ("yes", "No")] == ["yes", "no"]
    assert field.write("no") == "no"
    assert list(field.choices()) == ["yes", "no"]
    with pytest.raises(ValueError, match="Known: no, yes"):
        field.read("perhaps")
