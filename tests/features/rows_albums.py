"""An album, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.albums.make("Book", query="a cat", k=3)


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.albums.photos("Book")
