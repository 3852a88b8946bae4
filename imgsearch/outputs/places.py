"""Checks where links, lists and archives may be written: never into a photo folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from imgsearch.addresses import TABLE_SUFFIX, is_folder
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


def refuse_archive_in_photos(address: str, roots: Sequence[str]) -> None:
    """Raise UsageError for an archive in an indexed folder, or below an address of photos.

    `address` and `roots` are absolute paths or `s3://` addresses. A folder of photos that is called
    as a table of the archive would be, is refused as well.
    """
    if not is_folder(address):
        for root in roots:
            if f"{address}/".startswith(f"{root.rstrip('/')}/"):
                raise UsageError(
                    f"The archive {address} is among the photos of {root}, and imgsearch writes "
                    "nothing there. Choose another address."
                )
        return
    folders = [root for root in roots if is_folder(root)]
    refuse_inside(Path(address), folders, ())
    own = Path(os.path.realpath(address))
    for root in folders:
        real = Path(os.path.realpath(root))
        if real.is_relative_to(own) and real.relative_to(own).parts[0].endswith(TABLE_SUFFIX):
            raise UsageError(
                f"The folder {root} has photos, and the archive {address} would write its tables "
                "there. Choose another folder for the archive."
            )
