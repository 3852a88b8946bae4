"""Records with the fields that features add to them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.answer import Explanation, PhotoDetails

_Record = TypeVar("_Record", bound=msgspec.Struct)


@cache
def details_type() -> type[PhotoDetails]:
    """Return the type of the details: `PhotoDetails` with a field for each one of a feature."""
    return _extended(
        PhotoDetails,
        [
            (name, load(detail.type) if isinstance(detail.type, str) else detail.type)
            for name, detail in installed.details().items()
        ],
    )


@cache
def explanation_type() -> type[Explanation]:
    """Return the type of an explanation: `Explanation` with a field for each one of a feature."""
    return _extended(
        Explanation,
        [(name, load(each.type), ()) for name, each in installed.explained().items()],
    )


def _extended(record: type[_Record], fields: Iterable[tuple[Any, ...]]) -> type[_Record]:
    made = msgspec.defstruct(
        record.__name__,
        fields,
        bases=(record,),
        namespace={"__doc__": record.__doc__},
        kw_only=True,
        frozen=True,
    )
    assert issubclass(made, record)  # for type checkers
    return made
