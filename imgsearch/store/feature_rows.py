"""Rows of features that an installation lacks: they stay in the library, and doctor names them.

The schema of a library is the same for all installations of one version: its version is the number
of its migrations. So the tables of our own features are made by `imgsearch.store.migrations`, also
where a feature is missing.
"""

from __future__ import annotations

from imgsearch.features.installed import absent
from imgsearch.store.database import Database
from imgsearch.store.tray import TRAY_KEY

# By the name of the feature: how many things of it a library has.
COUNTS = {"albums": ("SELECT count(*) FROM albums WHERE key != ?", TRAY_KEY)}


def things_of_absent(database: Database) -> dict[str, int]:
    """Count what a library has of each feature that this installation lacks, if it has any."""
    counts = {
        name: int(database.fetch_one(*COUNTS[name])[0]) for name in absent() if name in COUNTS
    }
    return {name: count for name, count in counts.items() if count}
