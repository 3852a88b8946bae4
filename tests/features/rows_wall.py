"""A wall, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.walls.add("a cat", 30, "22:00-07:00")


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.walls.all()
