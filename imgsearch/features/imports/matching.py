"""Finds the photos of another program in the library, by the names and sizes of their files.

A photo is found where exactly one content of the library has a file of its name, and, as far as the
other program knows it, of its size. Of several, the one counts that has most folders at the end of
its path in common. A file of another size is taken where two folders are, or more: programs write
stars and names into photos.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from imgsearch.features.imports.records import SourcePhoto
from imgsearch.paths import folded

_FOLDERS_WITHOUT_SIZE = 2


class FoundPhoto(Struct, frozen=True):
    """A photo of the library: its content in hexadecimal, and the size of the upright image.

    `stars` are those that its files state.
    """

    content: str
    width_px: int
    height_px: int
    stars: int | None


class _File(Struct, frozen=True):
    """A file of the library: its path from the end, its size, and the photo in it."""

    reversed_path: tuple[str, ...]
    size_bytes: int
    photo: FoundPhoto


class LibraryFiles:
    """The files of a library, by their names."""

    def __init__(self, connection: sqlite3.Connection, folder: str | None) -> None:
        """With a `folder`, only files in it count."""
        self._by_name: dict[str, list[_File]] = defaultdict(list)
        below = None if folder is None else _parts(folder)[::-1]
        rows = connection.execute(
            "SELECT roots.path, name, paths.size_bytes, lower(hex(content_hash)), width_px, "
            "height_px, rating FROM paths JOIN roots ON roots.id = root_id "
            "JOIN photos ON photos.id = photo_id"
        )
        for root, name, size_bytes, *about in rows:
            parts = _parts(f"{_text(root)}/{_text(name)}")
            if below is None or parts[::-1][: len(below)] == below:
                photo = FoundPhoto(*about)
                self._by_name[parts[0]].append(_File(parts, size_bytes, photo))

    def find(self, wanted: SourcePhoto) -> Sequence[FoundPhoto]:
        """Return the photos that this one may be: one where it is found, several if unclear."""
        found = self._at(wanted.path, wanted.size_bytes)
        if not found and wanted.other_path is not None:
            return self._at(wanted.other_path, wanted.size_bytes)
        return found

    def _at(self, path: str, size_bytes: int | None) -> Sequence[FoundPhoto]:
        parts = _parts(path)
        if not parts:
            return ()
        files = self._by_name.get(parts[0], [])
        same = [each for each in files if each.size_bytes == size_bytes]
        if not same:
            needed = _FOLDERS_WITHOUT_SIZE + 1  # with the name of the file
            same = [each for each in files if _common(each.reversed_path, parts) >= needed]
        best = max((_common(each.reversed_path, parts) for each in same), default=0)
        nearest = (each for each in same if _common(each.reversed_path, parts) == best)
        return tuple({each.photo.content: each.photo for each in nearest}.values())


def _parts(path: str) -> tuple[str, ...]:
    """Return the names of a path, its last one first, as file systems compare them."""
    return tuple(folded(each) for each in reversed(path.replace("\\", "/").split("/")) if each)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many names at the beginning of two lists are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape")
