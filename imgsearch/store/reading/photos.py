"""Reads photos and their files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.addresses import path_below
from imgsearch.paths import path_of, stored_path
from imgsearch.records.photo import RAW, IndexedFile, Photo, are_raw_pair
from imgsearch.records.picture_text import PhotoText
from imgsearch.store import names
from imgsearch.store.database import Database
from imgsearch.store.reading.roots import RootReads
from imgsearch.store.recent_reads import RecentReads, read_only
from imgsearch.store.sql import (
    DATE_TAKEN,
    DATED_BY,
    FACT_COLUMNS,
    IN_IDS,
    LIST_FACTS,
    READ_AT,
    from_columns,
    ids_from_text,
    ids_parameter,
    list_query,
)
from imgsearch.text import SCHEME, path_text

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_PHOTOS = (
    f"SELECT id, content_hash, size_bytes, {DATE_TAKEN}, {DATED_BY}, "
    f"{', '.join(fact.name for fact in FACT_COLUMNS)} FROM photos WHERE id {IN_IDS}"
)
_LISTS = {fact: list_query(fact) for fact in LIST_FACTS}
_PATHS = (
    "SELECT photo_id, root_id, path, name, missing_since IS NOT NULL FROM paths "
    f"JOIN roots ON roots.id = root_id WHERE photo_id {IN_IDS} ORDER BY path, name"
)
_HAS_PATH, _HAS_NONE = 1, 2  # 0 is not known yet
_FILES = (
    "SELECT root_id, name, photos.id, format, taken_at FROM paths "
    "JOIN photos ON photos.id = photo_id WHERE "
)
_FILES_OF_PHOTOS = f"{_FILES} photos.id {IN_IDS}"
# In ASCII "." and "/" are neighbours, so this range holds the names that continue with a suffix.
_FILES_WITH_STEM = _FILES + "root_id = ? AND name >= ? AND name < ?"


class StoredFile(Struct, frozen=True):
    """A file of a photo. The removal of a file that `is_held` awaits a confirmation."""

    root_id: int
    path: Path
    is_held: bool


class PhotoWithFiles(Struct, frozen=True):
    """A photo with its files, sorted by path.

    `faces_of` are the named persons whose faces it shows. `date` is when it was taken, as ISO text,
    and `dated_by` the source of that: see `Hit.date`.
    """

    photo: Photo
    files: tuple[StoredFile, ...]
    faces_of: tuple[str, ...]
    date: str
    dated_by: str | None


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

    def without_fact(self, fact: str) -> int:
        """Count the photos that no version read for a fact: see `unread_facts` in migrations.

        They were read before this library knew the fact, or by an older version elsewhere.
        """
        query = (
            "SELECT count(*) FROM (SELECT photo_id FROM later_facts, paths "
            "JOIN photos ON photos.id = photo_id "
            f"WHERE fact = ? AND {READ_AT} < later_facts.added_at "
            "UNION SELECT photo_id FROM unread_facts JOIN paths USING (photo_id) WHERE fact = ?)"
        )
        return self._recent.get(
            ("without fact", fact), lambda: int(self._database.fetch_one(query, fact, fact)[0])
        )

    def are_read_for_text(self) -> bool:
        """Return whether text was looked for in any photo."""
        query = "SELECT EXISTS (SELECT 1 FROM text_readings) OR EXISTS (SELECT 1 FROM text_looks)"
        return self._recent.get(query, lambda: bool(self._database.fetch_one(query)[0]))

    def live_ids(self, ids: Ids | None = None) -> Ids:
        """Return the photos, among these or all, that have at least one path; sorted, unique."""
        among = "IS NOT NULL" if ids is None else IN_IDS
        parameters = () if ids is None else (ids_parameter(ids.tolist()),)
        each = f"SELECT DISTINCT photo_id FROM paths WHERE photo_id {among}"
        query = f"SELECT group_concat(photo_id) FROM ({each})"
        return ids_from_text(self._database.fetch_one(query, *parameters)[0])

    def gone_ids(self) -> Ids:
        """Return the photos whose last path was removed: ids, sorted, unique, and read-only."""
        query = "SELECT group_concat(id) FROM photos WHERE gone_at IS NOT NULL"

        def read() -> Ids:
            return read_only(ids_from_text(self._database.fetch_one(query)[0]))

        return self._recent.get(query, read)

    def ids_without_path(self, ids: Ids) -> Ids:
        """Return the photos among these (sorted, unique) that no path points at, in their order.

        There are few, so a search asks for these: `live_ids` would give nearly all back. The answer
        for a photo is kept until anything in the library changes.
        """

        def ask(ids: Ids) -> Ids:
            query = (
                "SELECT value FROM json_each(?) "
                "WHERE NOT EXISTS (SELECT 1 FROM paths WHERE photo_id = value)"
            )
            return self._database.fetch_ids(query, ids_parameter(ids.tolist()))

        def known() -> _HavePaths:
            return _HavePaths(self._database.fetch_one("SELECT max(id) FROM photos")[0] or 0)

        return self._recent.get("have paths", known).ids_without(ids, ask)

    def records(self, ids: Iterable[int]) -> dict[int, Photo]:
        """Return the photos with these ids; unknown ids are left out."""
        with self._database.reading() as connection:
            return {photo.id: photo for photo, _, _ in _photos(connection, ids_parameter(ids))}

    def with_files(self, ids: Iterable[int]) -> dict[int, PhotoWithFiles]:
        """Return the photos with these ids that have a path, their files and dates.

        All of it is of one moment.
        """
        parameter = ids_parameter(ids)
        with self._database.reading() as connection:
            files = _files(connection, parameter)
            rows = _photos(connection, parameter)
            people: dict[int, tuple[str, ...]] = {}
            for photo_id, name in names.names_of_faces(connection, parameter):
                people[photo_id] = (*people.get(photo_id, ()), name)
        return {
            photo.id: PhotoWithFiles(
                photo, tuple(files[photo.id]), people.get(photo.id, ()), date, dated_by
            )
            for photo, date, dated_by in rows
            if photo.id in files
        }

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """Return the files of these photos: id to (root id, absolute path), sorted by path."""
        with self._database.reading() as connection:
            found = _files(connection, ids_parameter(ids))
        return {
            photo_id: [(file.root_id, file.path) for file in files]
            for photo_id, files in found.items()
        }

    def has_any(self, ids: Iterable[int]) -> bool:
        """Return whether the library knows one of these photos, with a file or without."""
        query = f"SELECT 1 FROM photos WHERE id {IN_IDS} LIMIT 1"
        return self._database.fetch_one(query, ids_parameter(ids)) is not None

    def indexed_files(self, ids: Iterable[int]) -> dict[int, list[IndexedFile]]:
        """Return the files of photos as they were when they were indexed, sorted by path."""
        query = (
            "SELECT photo_id, path, name, mtime_ns FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {IN_IDS} ORDER BY path, name"
        )
        found: dict[int, list[IndexedFile]] = {}
        for photo_id, root, name, mtime_ns in self._database.fetch_all(query, ids_parameter(ids)):
            path = path_below(path_of(root), path_of(name))
            found.setdefault(photo_id, []).append(IndexedFile(path, path_of(root), mtime_ns))
        return found

    def at(self, path: Path) -> int | None:
        """Return the id of the photo at this absolute path."""
        query = "SELECT photo_id FROM paths WHERE root_id = ? AND name = ?"
        for root_id, root in self._roots.all().items():
            name = _name_below(path, root)
            if name is not None:
                row = self._database.fetch_one(query, root_id, stored_path(name))
                if row is not None and row[0] is not None:
                    return int(row[0])
        return None

    def with_content(self, content_hash: bytes) -> int | None:
        """Return the id of the photo with this content."""
        row = self._database.fetch_one("SELECT id FROM photos WHERE content_hash = ?", content_hash)
        return None if row is None else int(row[0])

    def ids_of_contents(self, content_hashes: Iterable[bytes]) -> list[int]:
        """Return the ids of the photos with these contents, in this order.

        Unknown ones are left out.
        """
        query = "SELECT id FROM photos WHERE content_hash = ?"
        with self._database.reading() as connection:
            rows = (
                connection.execute(query, (content_hash,)).fetchone()
                for content_hash in content_hashes
            )
            return [photo_id for (photo_id,) in filter(None, rows)]

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """Return the text read in these photos; photos that were not tried are left out."""
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

    def jpegs_with_raw(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Return pairs of photos (developed, RAW) of one exposure, of which one is among `ids`.

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


def _name_below(path: Path, root: str) -> str | Path | None:
    """Return the name of a file in a root; None for a file that is not there."""
    if SCHEME.match(root):
        address, prefix = path_text(path), f"{root}/"
        return address.removeprefix(prefix) if address.startswith(prefix) else None
    if SCHEME.match(path_text(path)):
        return None
    return path.relative_to(root) if path.is_relative_to(root) else None


def _photos(connection: sqlite3.Connection, parameter: str) -> list[tuple[Photo, str, str | None]]:
    """Return photos with their dates, as ISO text, and the sources of these.

    Ids as `IN_IDS` takes them.

    The date of a photo without a path may be null.
    """
    lists: dict[int, dict[str, tuple[str, ...]]] = {}
    rows = connection.execute(_PHOTOS, (parameter,)).fetchall()
    for fact, query in _LISTS.items():
        for photo_id, text in connection.execute(query, (parameter,)):
            of_photo = lists.setdefault(photo_id, {})
            of_photo[fact] = (*of_photo.get(fact, ()), text)
    return [
        (
            Photo(id_, content_hash.hex(), size_bytes, from_columns(facts, lists.get(id_, {}))),
            date,
            dated_by,
        )
        for id_, content_hash, size_bytes, date, dated_by, *facts in rows
    ]


def _files(connection: sqlite3.Connection, parameter: str) -> dict[int, list[StoredFile]]:
    """Return the files of photos, sorted by path; ids as `IN_IDS` takes them."""
    found: dict[int, list[StoredFile]] = {}
    for photo_id, root_id, root, name, is_held in connection.execute(_PATHS, (parameter,)):
        found.setdefault(photo_id, []).append(StoredFile(root_id, _path(root, name), bool(is_held)))
    return found


def _path(root: bytes, name: bytes) -> Path:
    inside, _, own_name = name.rpartition(b"/")
    folder = _folder(root, inside)
    return (
        path_below(path_of(root), path_of(name)) if folder is None else folder / path_of(own_name)
    )


@lru_cache(maxsize=1024)  # to take a path apart takes longer than to read its row
def _folder(root: bytes, inside: bytes) -> Path | None:
    """Return the folder of a file; None for an object, whose address is no path of this system."""
    if SCHEME.match(path_of(root)):
        return None
    return Path(path_of(os.path.join(root, inside)))  # noqa: PTH118  # bytes


class _HavePaths:
    """Remembers of the photos of one version of a library whether a path points at them."""

    def __init__(self, last_id: int) -> None:
        import numpy as np

        self._states = np.zeros(last_id + 1, np.uint8)  # by id

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return self._states.nbytes

    def ids_without(self, ids: Ids, ask: Callable[[Ids], Ids]) -> Ids:
        """Return the ids (sorted, unique) of photos without a path; `ask` finds the unknown ones.

        Safe in any thread: all of them would write the same.
        """
        import numpy as np

        if len(ids) and ids[-1] >= len(self._states):  # a photo of a later version
            return ask(ids)
        states = self._states[ids]
        if not states.all():
            unknown = ids[states == 0]
            learned = np.full(len(unknown), _HAS_PATH, np.uint8)
            learned[np.searchsorted(unknown, ask(unknown))] = _HAS_NONE
            self._states[unknown] = learned
            states = self._states[ids]
        without: Ids = ids[states == _HAS_NONE]
        return without


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
