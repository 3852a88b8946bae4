"""A screenshot, for libraries that are opened without the feature."""

from __future__ import annotations

from imgsearch import Library
from imgsearch.features.kinds.numbers import version
from imgsearch.features.kinds.records import PictureKind
from imgsearch.features.kinds.store import KindStore


def fill(library: Library) -> None:
    """Store something of the feature."""
    reads = library._opened.reads()
    row = reads.encoders.in_use()
    kinds = {1: PictureKind("screenshot", 0.97)}
    KindStore(reads.database).record(row.key, version(), reads.vectors.last_seq(row.key), kinds)


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.photo(1).kind  # type: ignore[attr-defined]
