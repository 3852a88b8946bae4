"""Where links and lists may be written: never into a photo folder, nor into the data folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from imgsearch.errors import UsageError


def refuse_inside(path: Path, roots: Iterable[str], own_folders: Iterable[Path]) -> None:
    """Raise UsageError for a path in an indexed folder, or in a folder of imgsearch's own."""
    real = Path(os.path.realpath(path))
    for root in roots:
        if real.is_relative_to(os.path.realpath(root)):
            raise UsageError(
                f"{path} is in the indexed folder {root}, and imgsearch writes nothing there. "
                "Choose a place outside of your photo folders."
            )
    for folder in own_folders:
        if real.is_relative_to(os.path.realpath(folder)):
            raise UsageError(f"{path} is in a folder of imgsearch's own. Choose another place.")
