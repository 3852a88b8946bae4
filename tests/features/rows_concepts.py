"""A taught concept, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.concepts.teach("our cup", like=[1], unlike=[2])


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.concepts.judged("our cup")
