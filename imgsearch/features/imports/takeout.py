"""Reads albums and favourites from an unpacked Google Takeout of Google Photos.

A photo lies in the folder of its year, and once more in the folder of each of its albums, which has
a JSON file with the title of the album. Newer exports leave the second copy out, and only its JSON
file is in the album. What a JSON file says of its photo (date, place, people, description) an index
reads itself; only whether it is a favourite is of interest here.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from imgsearch.decode.takeout import MAX_BYTES, SUFFIX, json_names
from imgsearch.features.imports.records import SourcePhoto

PROGRAM = "Google Photos"
# What the folder of a year is called, in the language of the account.
_YEAR = re.compile(
    r"(?:photos from|fotos? von|fotos? aus|fotos? de|photos de|foto del?|foto dal|foto's van|"
    r"foto's uit|bilder från|bilder fra|billeder fra|zdjęcia z|фото за|photos) \d{4}( г\.)?$",
    re.IGNORECASE,
)
_DEEPEST = 4  # Takeout/Google Photos/ALBUM, and a folder around it


class _Moment(Struct, frozen=True):
    """Present in the JSON file of a photo."""

    timestamp: str = ""


class _Json(Struct, frozen=True):
    """A JSON file of a photo, or of an album, which has no moment."""

    title: str = ""
    favorited: bool = False
    trashed: bool = False
    photoTakenTime: _Moment | None = None  # noqa: N815  (the key in the file)


class _TakeoutFolder(Struct):
    """A folder: the title of its album, its files with their sizes, and its JSON files."""

    path: Path
    sizes: dict[str, int]
    notes: dict[str, _Json]
    album: str | None
    is_year: bool


def is_source(file: Path) -> bool:
    """Return whether a folder has the folder of an album or a year in it. Raises OSError."""
    return file.is_dir() and any(
        folder.album is not None or (folder.is_year and folder.notes) for folder in _folders(file)
    )


def read(file: Path) -> Iterator[SourcePhoto]:
    """Yield the photos of a Takeout, of an album in the order of their names. Raises OSError."""
    folders = list(_folders(file))
    by_name: dict[str, list[_TakeoutFolder]] = defaultdict(list)
    for folder in folders:
        if folder.is_year:
            for name in folder.sizes:
                by_name[name].append(folder)
    for folder in folders:
        noted: set[str] = set()
        for place, name in enumerate(sorted(folder.sizes), 1):
            known = [each for each in json_names(name) if each in folder.notes]
            noted.update(known)
            note = folder.notes[known[0]] if known else _Json()
            if not note.trashed:
                yield _photo(folder, name, note, folder.album, place)
        if folder.album is None:
            continue
        for place, name in enumerate(sorted(folder.notes.keys() - noted), len(folder.sizes) + 1):
            note = folder.notes[name]
            years = by_name.get(note.title, [])
            if len(years) == 1 and not note.trashed:
                yield _photo(years[0], note.title, note, folder.album, place)


def _photo(
    folder: _TakeoutFolder, name: str, note: _Json, album: str | None, place: int
) -> SourcePhoto:
    return SourcePhoto(
        (folder.path / name).as_posix(),
        folder.sizes[name] or None,
        favourite=note.favorited,
        albums=() if album is None else ((album, place),),
    )


def _folders(root: Path, depth: int = 0) -> Iterator[_TakeoutFolder]:
    """Yield a folder and those in it which have files. Links are not followed."""
    sizes: dict[str, int] = {}
    notes: dict[str, _Json] = {}
    album = None
    with os.scandir(root) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if depth < _DEEPEST:
                yield from _folders(Path(entry.path), depth + 1)
        elif not entry.is_file(follow_symlinks=False):
            continue
        elif not entry.name.lower().endswith(SUFFIX):
            sizes[entry.name] = entry.stat().st_size
        elif (note := _note(Path(entry.path))) is not None:
            if note.photoTakenTime is not None:
                notes[entry.name] = note
            elif note.title.strip() and entry.name.count(".") == 1:
                album = note.title
    is_year = _YEAR.match(root.name) is not None
    if sizes or notes:
        yield _TakeoutFolder(root, sizes, notes, None if is_year else album, is_year)


def _note(file: Path) -> _Json | None:
    """Return what a JSON file says, None if it is another one."""
    if file.stat().st_size > MAX_BYTES:
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Json)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
