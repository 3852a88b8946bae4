"""What is on the disk, and how it differs from what is known. Never opens a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.scan.names import is_ignored, is_inside
    from imgsearch.scan.walking import Seen, diff, look

__all__ = ["Seen", "diff", "is_ignored", "is_inside", "look"]

_HOMES = {
    "Seen": "walking",
    "diff": "walking",
    "is_ignored": "names",
    "is_inside": "names",
    "look": "walking",
}

# A query asks what a name tells, and walks nowhere.
__getattr__ = door(__name__, _HOMES)
