"""Folders of this machine that may become photo folders, and how many photos they hold."""

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
    """How many photos and videos are in a folder and below; at least, if it is not complete."""

    files: int
    is_complete: bool
