"""The title of an event, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.events.set_title(library.events.all()[0].start, "A day at the sea")


def stored(library: Library) -> object:
    """Return what is stored."""
    return [each.title for each in library.events.all()]
