"""All operations of a library, of its core and of its parts."""

from __future__ import annotations

from functools import cache

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.library import Library
from imgsearch.operations.browse import Browse
from imgsearch.operations.changes import ChangeHistory
from imgsearch.operations.encoders import Encoders
from imgsearch.operations.lines import Lines
from imgsearch.operations.marks import Marks
from imgsearch.operations.pictures import Pictures
from imgsearch.operations.requests import Operation, operations_of
from imgsearch.operations.tray import Tray

_NOT_NAMED = (None, "browse", "lines", "memory", "pictures")  # see `capabilities`


@cache
def operations() -> tuple[Operation, ...]:
    """Return every declared operation."""
    of_all = (Library, Lines, Pictures, Browse)
    of_kept = (Tray, Marks, ChangeHistory)
    of_features = (load(part.made_by) for part in installed.parts().values())
    return operations_of((*of_all, *of_kept, Encoders, *of_features))


def operations_for(library: Library) -> tuple[Operation, ...]:
    """Return the operations that this library has."""
    parts = {*_NOT_NAMED, *library.capabilities}
    return tuple(each for each in operations() if each.part in parts)
