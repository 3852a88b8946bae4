"""Corrected dates and places, for libraries that are opened without the feature."""

from __future__ import annotations

from datetime import datetime

from imgsearch import Library
from imgsearch.features.corrections.records import PhotoDate


def fill(library: Library) -> None:
    """Store something of the feature."""
    library.corrections.set_dates([PhotoDate(1, datetime(1974, 7, 1), "month")])
    library.corrections.set_place([2], place="48.85,2.35")


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.corrections.of((1, 2))
