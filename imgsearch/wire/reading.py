"""Reads JSON that may be anything: each field has the kind it must have, or a sentence says so."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import NoReturn, TypeVar

from imgsearch.errors import UsageError

_Kind = TypeVar("_Kind", str, int, float, bool)

_WORDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(text: bytes) -> object:
    """The value that the text says. Raises UsageError for what is no JSON, NaN among it."""
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"This is no JSON: {str(error)[:200]}") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


class Given:
    """An object of JSON, read field by field. Every method raises UsageError.

    `known` are the fields it may have: one that is misspelt must not be passed over in silence.
    """

    def __init__(self, value: object, known: Collection[str], name: str = "what was sent") -> None:
        if not isinstance(value, dict):
            raise UsageError(f"Here {name} must be an object.")
        for field in value:
            if field not in known:
                raise UsageError(
                    f"There is no field {str(field)[:60]!r} here. Known: {', '.join(known)}."
                )
        self._values: dict[str, object] = value

    def __contains__(self, field: str) -> bool:
        """Whether the field is there, and not null."""
        return self._values.get(field) is not None

    def raw(self, field: str) -> object:
        """The value of a field of any kind; None where it is not there."""
        return self._values.get(field)

    def one(self, field: str, kind: type[_Kind]) -> _Kind:
        """The value of a field that must be there."""
        return _of_kind(self._values.get(field), kind, field)

    def maybe(self, field: str, kind: type[_Kind]) -> _Kind | None:
        """The value of a field; None where it is null or not there."""
        return self.one(field, kind) if field in self else None

    def moment(self, field: str) -> datetime | None:
        """The time that a field says; None where it is null or not there."""
        text = self.maybe(field, str)
        return None if text is None else datetime.fromisoformat(text)

    def several(self, field: str, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The values of a list, all of one kind; () where it is null or not there."""
        return tuple(_of_kind(value, kind, field) for value in self.objects(field))

    def objects(self, field: str) -> list[object]:
        """The values of a list of any kind; [] where it is null or not there."""
        value = self._values.get(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise UsageError(f"The field {field} must be {_WORDS[list]}.")
        return value


def _of_kind(value: object, kind: type[_Kind], field: str) -> _Kind:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return kind(value)
        except OverflowError:
            pass
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise UsageError(f"The field {field} must be {_WORDS[kind]}.")
