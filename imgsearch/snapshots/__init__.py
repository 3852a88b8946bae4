"""Index files as snapshots of SQLite: built beside the old one, published whole, followed live.

A snapshot holds every vector up to some `seq` and never changes. What was committed later is a
small exact tail in memory, so an answer is complete whatever the age of the file, and a crash can
cost a file but never a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.snapshots.build import BuildOptions, build_snapshot
    from imgsearch.snapshots.files import clean, verify
    from imgsearch.snapshots.live import LiveIndex
    from imgsearch.snapshots.recall import RecallReport, check_recall
    from imgsearch.snapshots.rules import due

__all__ = [
    "BuildOptions",
    "LiveIndex",
    "RecallReport",
    "build_snapshot",
    "check_recall",
    "clean",
    "due",
    "verify",
]

_HOMES = {
    "BuildOptions": "build",
    "LiveIndex": "live",
    "RecallReport": "recall",
    "build_snapshot": "build",
    "check_recall": "recall",
    "clean": "files",
    "due": "rules",
    "verify": "files",
}


# NumPy and FAISS cost start-up time.
__getattr__ = door(__name__, _HOMES)
