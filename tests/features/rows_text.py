"""Text in a picture, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library
from imgsearch.records.picture_text import TextLine
from imgsearch.store.store import Store


def fill(library: Library) -> None:
    """Store something of the feature."""
    line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
    with Store.open(library.settings.data_dir, writable=True) as store:
        store.picture_text.record(1, "reader 1", [line])


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.pictures.text_of(1)
