"""A map by meaning, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.meaning.lay_out().run()


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.meaning.clusters()
