"""A choice among near-duplicates, for libraries opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.duplicates.choose(1, is_kept=True)


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.duplicates.choices()
