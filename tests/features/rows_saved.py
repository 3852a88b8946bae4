"""A saved search, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.saved.save("Book", "a cat")


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.saved.get("Book")
