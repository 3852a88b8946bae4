"""Records for choosing photo folders on this machine, with counts of their photos."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct


class FolderChoice(Struct, frozen=True):
    """A folder where people keep photos: their home folder, one of its usual folders, a drive."""

    path: Path
    name: str
    kind: Literal["home", "usual", "drive"]


class PhotoFileCount(Struct, frozen=True):
    """The number of photos and videos in and below a folder; a minimum if not complete."""

    files: int
    is_complete: bool
