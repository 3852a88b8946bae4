"""Answers a query: terms into one vector, filters into a set of photos, the nearest of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.search.answer import hits_of, ids_of, run
    from imgsearch.search.desk import Desk, LiveVectors

__all__ = ["Desk", "LiveVectors", "hits_of", "ids_of", "run"]

# Who indexes asks nothing.
__getattr__ = door(
    __name__,
    {
        "Desk": "desk",
        "LiveVectors": "desk",
        "hits_of": "answer",
        "ids_of": "answer",
        "run": "answer",
    },
)
