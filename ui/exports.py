"""What can be carried away of a selection: paths, JSON, a zip of copies, a folder of links."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from imgsearch import Hit

MAX_ZIP_BYTES = 1 << 30  # it is held in memory until the browser has it


def as_paths(hits: Iterable[Hit]) -> bytes:
    """One path a line, exactly as the file system has it."""
    return b"".join(os.fsencode(hit.path) + b"\n" for hit in hits)


def as_json(hits: Iterable[Hit]) -> str:
    """Id, paths, score, date and sides of each photo, as `imgsearch search --json` names them."""
    records = [
        {
            "photo_id": hit.photo.id,
            "path": str(hit.path),
            "paths": [str(path) for path in hit.paths],
            "score": hit.score,
            "taken_at": hit.photo.taken_at and hit.photo.taken_at.isoformat(),
            "width_px": hit.photo.width_px,
            "height_px": hit.photo.height_px,
            "at_s": hit.at_s,
            "offline": hit.offline,
        }
        for hit in hits
    ]
    return json.dumps(records, indent=2)


def as_zip(hits: Sequence[Hit]) -> bytes:
    """Copies of the photos that can be reached. Raises ValueError when they are too many."""
    if sum(hit.photo.size_bytes for hit in hits) > MAX_ZIP_BYTES:
        raise ValueError("These photos are larger than 1 GB together. Make a folder of links.")
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # photos do not shrink
        for name, hit in named(hits):
            try:
                archive.writestr(zipfile.ZipInfo(name), hit.path.read_bytes())
            except OSError:
                continue  # offline or gone: the list of paths has it
    return buffer.getvalue()


def link_folder(hits: Sequence[Hit], folder: Path, roots: Iterable[Path]) -> int:
    """Make `folder` with a symbolic link to each photo; how many. Photo folders are refused.

    Raises ValueError with a sentence for a folder that will not do.
    """
    if not folder.is_absolute():
        raise ValueError("Name the folder with its whole path.")
    inside = folder.resolve()
    if any(inside.is_relative_to(root.resolve()) for root in roots):
        raise ValueError("That lies in a photo folder, where nothing is ever written.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ValueError("That folder is not empty. Name a new one.")
        for name, hit in named(hits):
            (folder / name).symlink_to(hit.path)
    except OSError as error:
        raise ValueError(f"That folder cannot be made ({error.strerror}).") from error
    return len(hits)


def named(hits: Sequence[Hit]) -> Iterator[tuple[str, Hit]]:
    """Each photo with a file name that no other has."""
    taken: set[str] = set()
    for hit in hits:
        stem, suffix = hit.path.stem, hit.path.suffix
        name, number = hit.path.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        taken.add(name.casefold())
        yield name, hit
