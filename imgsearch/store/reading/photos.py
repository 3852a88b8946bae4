"""Reads photos and their files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.paths import path_of, stored_path
from imgsearch.records.photo import RAW, IndexedFile, Photo, are_raw_pair
from imgsearch.records.picture_text import PhotoText
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.reading.roots import RootReads
from imgsearch.store.recent_reads import RecentReads
from imgsearch.store.sql import (
    DATE_TAKEN,
    DATED_BY,
    FACT_COLUMNS,
    HAS_PATH,
    IN_IDS,
    LIST_FACTS,
    from_columns,
    ids_from_text,
    ids_parameter,
    list_query,
)

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_FILES = (
    "SELECT root_id, name, photos.id, format, taken_at FROM paths "
    "JOIN photos ON photos.id = photo_id WHERE "
)
_FILES_OF_PHOTOS = f"{_FILES} photos.id {IN_IDS}"
# In ASCII "." and "/" are neighbours, so this range holds the names that continue with a suffix.
_FILES_WITH_STEM = _FILES + "root_id = ? AND name >= ? AND name < ?"


class PhotoReads:
    """The part of `Reads` that knows photos, their files and the text in them."""

    def __init__(self, database: Database, recent: RecentReads, roots: RootReads) -> None:
        self._database = database
        self._recent = recent
        self._roots = roots

    def count(self) -> int:
        """Count the photos that have at least one path."""
        query = "SELECT count(DISTINCT photo_id) FROM paths"
        return self._recent.get("photos", lambda: int(self._database.fetch_one(query)[0]))

    def live_ids(self, ids: Ids | None = None) -> Ids:
        """The photos, among these or all, that have at least one path; sorted, unique."""
        among = "IS NOT NULL" if ids is None else IN_IDS
        parameters = () if ids is None else (ids_parameter(ids.tolist()),)
        each = f"SELECT DISTINCT photo_id FROM paths WHERE photo_id {among}"
        query = f"SELECT group_concat(photo_id) FROM ({each})"
        return ids_from_text(self._database.fetch_one(query, *parameters)[0])

    def ids_without_path(self, ids: Ids) -> Ids:
        """The photos among these that no path points at, in their order.

        There are few, so a search asks for these: `live_ids` would give nearly all back, and Python
        takes its lock anew for each row.
        """
        query = (
            "SELECT value FROM json_each(?) "
            "WHERE NOT EXISTS (SELECT 1 FROM paths WHERE photo_id = value)"
        )
        return self._database.fetch_ids(query, ids_parameter(ids.tolist()))

    def records(self, ids: Iterable[int]) -> dict[int, Photo]:
        """The photos with these ids; unknown ids are left out."""
        columns = ", ".join(fact.name for fact in FACT_COLUMNS)
        photos_query = (
            f"SELECT id, content_hash, size_bytes, {columns} FROM photos WHERE id {IN_IDS}"
        )
        parameter = ids_parameter(ids)
        with self._database.reading() as connection:
            rows = connection.execute(photos_query, (parameter,)).fetchall()
            texts: dict[int, dict[str, tuple[str, ...]]] = {}
            for fact in LIST_FACTS:
                for photo_id, text in connection.execute(list_query(fact), (parameter,)):
                    lists = texts.setdefault(photo_id, {})
                    lists[fact] = (*lists.get(fact, ()), text)
        return {
            photo_id: Photo(
                photo_id,
                content_hash.hex(),
                size_bytes,
                from_columns(facts, texts.get(photo_id, {})),
            )
            for photo_id, content_hash, size_bytes, *facts in rows
        }

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """The files of these photos: id to (root id, absolute path), sorted by path."""
        query = (
            "SELECT photo_id, root_id, path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {IN_IDS} ORDER BY path, name"
        )
        found: dict[int, list[tuple[int, Path]]] = {}
        for photo_id, root_id, root, name in self._database.fetch_all(query, ids_parameter(ids)):
            whole = os.path.join(root, name)  # noqa: PTH118  # taken apart once, not twice
            path = Path(path_of(whole))
            found.setdefault(photo_id, []).append((root_id, path))
        return found

    def indexed_files(self, photo_id: int) -> list[IndexedFile]:
        """The files of a photo as they were when they were indexed, sorted by path."""
        query = (
            "SELECT path, name, mtime_ns FROM paths JOIN roots ON roots.id = root_id "
            "WHERE photo_id = ? ORDER BY path, name"
        )
        return [
            IndexedFile(Path(path_of(root), path_of(name)), path_of(root), mtime_ns)
            for root, name, mtime_ns in self._database.fetch_all(query, photo_id)
        ]

    def held_paths(self, ids: Iterable[int]) -> set[Path]:
        """The paths of these photos whose removal is held."""
        query = (
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {IN_IDS} AND missing_since IS NOT NULL"
        )
        rows = self._database.fetch_all(query, ids_parameter(ids))
        return {Path(path_of(root), path_of(name)) for root, name in rows}

    def dates(self, ids: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        """When these photos were taken, as ISO text, and the source of that: see `Hit.date`."""
        query = f"SELECT id, {DATE_TAKEN}, {DATED_BY} FROM photos WHERE id {IN_IDS} AND {HAS_PATH}"
        return {
            photo_id: (date, by)
            for photo_id, date, by in self._database.fetch_all(query, ids_parameter(ids))
        }

    def at(self, path: Path) -> int | None:
        """The id of the photo at this absolute path."""
        query = "SELECT photo_id FROM paths WHERE root_id = ? AND name = ?"
        for root_id, root in self._roots.all().items():
            if path.is_relative_to(root):
                row = self._database.fetch_one(query, root_id, stored_path(path.relative_to(root)))
                if row is not None and row[0] is not None:
                    return int(row[0])
        return None

    def with_content(self, content_hash: bytes) -> int | None:
        """The id of the photo with this content."""
        row = self._database.fetch_one("SELECT id FROM photos WHERE content_hash = ?", content_hash)
        return None if row is None else int(row[0])

    def ids_of_contents(self, content_hashes: Iterable[bytes]) -> list[int]:
        """The ids of the photos with these contents, in this order; unknown ones are left out."""
        query = "SELECT id FROM photos WHERE content_hash = ?"
        with self._database.reading() as connection:
            rows = (
                connection.execute(query, (content_hash,)).fetchone()
                for content_hash in content_hashes
            )
            return [photo_id for (photo_id,) in filter(None, rows)]

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """The text read in these photos; photos that were not tried are left out."""
        query = (
            "SELECT photo_id, state, reader, read_at, message FROM text_readings "
            f"WHERE photo_id {IN_IDS}"
        )
        parameter = ids_parameter(ids)
        with self._database.reading() as connection:
            lines = names.read_lines(connection, parameter)
            return {
                photo_id: PhotoText(
                    state,
                    tuple(lines.get(photo_id, ())),
                    reader,
                    datetime.fromisoformat(read_at),
                    message,
                )
                for photo_id, state, reader, read_at, message in connection.execute(
                    query, (parameter,)
                )
            }

    def raw_pairs(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Pairs of photos (developed, RAW) of one exposure, of which one is among `ids`.

        Their files are in one folder and have one name up to the suffix; where both state a time,
        it is the same second.
        """
        pairs: dict[tuple[int, int], None] = {}
        with self._database.reading() as connection:
            rows = connection.execute(_FILES_OF_PHOTOS, (ids_parameter(ids),)).fetchall()
            for file in (_StackFile(*row) for row in rows):
                span = (file.root_id, file.stem + b".", file.stem + b"/")
                others = connection.execute(_FILES_WITH_STEM, span)
                for other in (_StackFile(*row) for row in others):
                    developed, raw = (file, other) if other.format == RAW else (other, file)
                    if _are_raw_pair(developed, raw):
                        pairs[developed.id, raw.id] = None
        return list(pairs)


class _StackFile(Struct, frozen=True):
    root_id: int
    name: bytes  # as the file system spells it
    id: int
    format: str
    taken_at: str | None

    @property
    def stem(self) -> bytes:
        return os.path.splitext(self.name)[0]  # noqa: PTH122  # names need not be UTF-8


def _are_raw_pair(developed: _StackFile, raw: _StackFile) -> bool:
    times = developed.taken_at, raw.taken_at
    return developed.stem == raw.stem and are_raw_pair(developed.format, raw.format, *times)
