"""Notes that somebody has looked at a saved search, after a command has shown its photos."""

from __future__ import annotations

from imgsearch.cli.output import info
from imgsearch.errors import DiskError, LibraryLocked, Sentence
from imgsearch.features.saved.operations import Saved
from imgsearch.service.api import Asking


def looked_at(ask: Asking, name: str) -> None:
    """Note that the photos of a saved search were seen, or say why that could not be noted."""
    try:
        ask(Saved.mark_looked_at, name)
    except (DiskError, LibraryLocked) as error:
        info(Sentence(f"The photos of {name} could not be marked as seen. ", error))
