"""Saved labels, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library
from imgsearch.features.labels.records import Classes


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.labels.save("animals", Classes(("cat", "horse")))


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.labels.facets()
