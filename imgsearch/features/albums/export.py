"""Exports the photos of an album: as copies, one zip file, links, a list or a contact sheet.

Copies are made beside their place under another name, and get their own when all are there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from imgsearch.decode.original import OriginalFile
from imgsearch.errors import CommandLine, PhotoError, Reason, Sentence, UsageError
from imgsearch.features.albums.records import ExportReport
from imgsearch.outputs.contact_sheet import contact_sheet, kind_of
from imgsearch.outputs.copies import Original, chunks, opened, zip_of_copies
from imgsearch.outputs.file_names import safe_name, unique_name
from imgsearch.outputs.links import update_links
from imgsearch.outputs.new_place import new_place
from imgsearch.outputs.places import refuse_inside
from imgsearch.outputs.playlist import write_playlist
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.text import path_text, shell_word

_NO_FILE = "Its file is gone."
_OFFLINE = "Its folder cannot be reached now."


def export_photos(
    name: str,
    photo_ids: Sequence[int],
    place: Path,
    kind: Literal["copies", "zip", "links", "list", "sheet"],
    photos: LibraryPhotos,
    original: Original,
    picture: Callable[[int, int], bytes | None],
    roots: Collection[str],
    own_folders: Collection[Path],
) -> ExportReport:
    """Write these photos of the album `name` to `place`; returns what was written.

    `original` opens the file of a photo, and `picture` makes a small picture of it. `roots` are the
    indexed folders and `own_folders` those of imgsearch: nothing is written there. Raises as
    `Albums.export` does.
    """
    refuse_inside(place, roots, own_folders)
    if not photo_ids:
        raise UsageError(
            Sentence(
                f"The album {name} has no photos, so nothing was written. To add some: ",
                CommandLine(f"album add {shell_word(name)} QUERY"),
            )
        )
    if kind == "sheet":
        content, missing = contact_sheet(name, kind_of(place), photo_ids, photos, picture)
        with new_place(place) as part, part.open("xb") as writer:
            writer.write(content)
        return ExportReport(name, place, len(photo_ids) - len(missing), missing)
    records = photos.records(photo_ids)
    paths = {
        photo_id: path_text(records[photo_id].files[0].path)
        if photo_id in records
        else f"photo {photo_id}"
        for photo_id in photo_ids
    }
    if kind in ("copies", "zip"):
        missing = (_write_zip if kind == "zip" else _write_copies)(name, place, original, paths)
        return ExportReport(name, place, len(paths) - len(missing), missing)
    reached = {}
    missing = {}
    for photo_id, path in paths.items():
        files = records[photo_id].files if photo_id in records else ()
        if not files:
            missing[path] = _NO_FILE
        elif not files[0].is_online or files[0].is_missing:
            missing[path] = _OFFLINE
        else:
            reached[photo_id] = files[0].path
    _refuse_none(name, missing, len(paths))
    if kind == "list":
        write_playlist(place, name, list(reached.values()), "album")
    else:
        kept = set(records) - reached.keys()
        update_links(place, f"album:{name}", reached, kept)
    return ExportReport(name, place, len(reached), missing)


def _refuse_none(name: str, missing: Mapping[str, str], photos: int) -> None:
    """Raise PhotoError where all photos of an album are missing."""
    if len(missing) == photos:
        path, reason = next(iter(missing.items()))
        raise PhotoError(
            Reason.UNREADABLE,
            Sentence(
                f"No photo of {name} can be read now, so nothing was written. {path}: "
                f"{reason} Connect the drive of the photos; if they were moved, run ",
                CommandLine("index FOLDER"),
                " first.",
            ),
        )


def _write_zip(
    name: str, file: Path, original: Original, paths: Mapping[int, str]
) -> dict[str, str]:
    """Write the zip file; returns why photos are not in it, by path."""
    missing: dict[str, str] = {}
    with new_place(file) as part, part.open("xb") as writer:
        for piece in zip_of_copies(original, paths, missing):
            writer.write(piece)
        _refuse_none(name, missing, len(paths))
    return missing


def _write_copies(
    name: str, folder: Path, original: Original, paths: Mapping[int, str]
) -> dict[str, str]:
    """Write a new folder of copies; returns why photos are not in it, by path."""
    missing: dict[str, str] = {}
    taken: set[str] = set()
    with new_place(folder) as part:
        part.mkdir()
        for photo_id, path in paths.items():
            found = opened(original, photo_id)
            if isinstance(found, str):
                missing[path] = found
            else:
                _copy(found, part / unique_name(safe_name(found.name), taken))
        _refuse_none(name, missing, len(paths))
    return missing


def _copy(found: OriginalFile, target: Path) -> None:
    with found.file, target.open("xb") as writer:
        for chunk in chunks(found):
            writer.write(chunk)
        status = os.fstat(found.file.fileno())
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
