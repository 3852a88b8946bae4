"""The manifest of a fleet: its listed and finished files, from which a stopped run resumes.

It is a SQLite file in the working folder of one archive. If it is lost, all photos are read once
more but none is embedded: the archive knows their contents.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from imgsearch import private_files
from imgsearch.archive.fleet.base import FileOutcome, ListedFile
from imgsearch.archive.fleet.sources import ListedPage, beside_paths
from imgsearch.decode.sidecars import sidecar_paths
from imgsearch.errors import DiskError, LibraryLocked

MANIFEST_FILE = "fleet.db"
_LOCK_FILE = "fleet.lock"
_SAMPLE = 200  # finished contents to look up in the archive, in case it was replaced
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    address TEXT PRIMARY KEY,
    listing INTEGER NOT NULL,     -- the number of its latest listing
    after BLOB NOT NULL,          -- where that goes on
    is_listed INTEGER NOT NULL,   -- it is complete
    is_done INTEGER NOT NULL      -- and so is the work on it: the next run lists anew
);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY,
    source TEXT NOT NULL,
    listing INTEGER NOT NULL,     -- in which it was seen last
    is_photo INTEGER NOT NULL,    -- the others lie beside photos
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    version TEXT NOT NULL,
    done_version TEXT,            -- of the content that the archive has a row of
    failed_by TEXT,               -- the fingerprint of the decoders that failed
    content_hash BLOB,
    facts_due INTEGER NOT NULL DEFAULT 0  -- a file beside it has changed since they were read
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS catalogue (
    lineage TEXT NOT NULL         -- of the archive that all this was written to
);
"""
# For a manifest without that column: sidecar files were read together with photos.
_ADD_FACTS_DUE = """
BEGIN;
ALTER TABLE files ADD COLUMN facts_due INTEGER NOT NULL DEFAULT 0;
UPDATE files SET done_version = version WHERE NOT is_photo;
COMMIT;
"""
_LIST = (
    "INSERT INTO files (path, source, listing, is_photo, size_bytes, mtime_ns, version) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET source = excluded.source, "
    "listing = excluded.listing, is_photo = excluded.is_photo, size_bytes = excluded.size_bytes, "
    "mtime_ns = excluded.mtime_ns, version = excluded.version"
)
_DONE = (
    "UPDATE files SET done_version = ?, failed_by = ?, content_hash = ?, facts_due = 0 "
    "WHERE path = ?"
)
_TO_DO = (
    "source = ? AND listing = ? AND is_photo AND (done_version IS NOT version "
    "OR (failed_by IS NOT NULL AND failed_by IS NOT ?))"
)
_FACTS_DUE = "source = ? AND listing = ? AND facts_due AND done_version IS version"
_GONE = "source = ? AND listing < ?"
_CHANGED_BESIDE = "source = ? AND NOT is_photo AND (listing < ? OR done_version IS NOT version)"


class Manifest:
    """The files of all sources of one archive. One process at a time opens it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """Provide the manifest in a working folder, created if needed.

        Raises LibraryLocked while another run uses it, and DiskError.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(folder / _LOCK_FILE, timeout=0, mode=private_files.FILE_MODE)
        try:
            private_files.make_folder(folder)
            lock.acquire()
            private_files.create_file(folder / MANIFEST_FILE)
        except Timeout:
            raise LibraryLocked(
                f"Another run works on this library from this machine, in {folder}. Wait for it "
                "to finish, or stop it."
            ) from None
        except OSError as error:
            raise DiskError(
                f"The working folder {folder} cannot be written ({error.strerror}). Make it "
                "writable, or choose another with --data."
            ) from error
        try:
            with _disk_errors(folder):
                connection = sqlite3.connect(folder / MANIFEST_FILE, isolation_level=None)
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = NORMAL")
                    connection.executescript(_SCHEMA)
                    columns = connection.execute("PRAGMA table_info (files)")
                    if not any(name == "facts_due" for _, name, *_ in columns):
                        connection.executescript(_ADD_FACTS_DUE)
                    yield cls(connection)
                finally:
                    connection.close()
        finally:
            lock.release()

    # ------------------------------------------------------------------ listing

    def resume(self, address: str, anew: bool) -> str | None:
        """Return the path after which the listing of a source continues or begins.

        None if it is complete.

        A new listing begins once all work of the last one is done, or with `anew` at once.
        """
        row = self._connection.execute(
            "SELECT after, is_listed, is_done FROM sources WHERE address = ?", (address,)
        ).fetchone()
        if anew or row is None or row[2]:
            self._connection.execute(
                "INSERT INTO sources VALUES (?, 1, x'', 0, 0) ON CONFLICT (address) DO UPDATE "
                "SET listing = listing + 1, after = x'', is_listed = 0, is_done = 0",
                (address,),
            )
            return ""
        return None if row[1] else os.fsdecode(row[0])

    def add(self, address: str, page: ListedPage) -> None:
        """Record files of the current listing of a source."""
        listing = self._listing(address)
        rows = [
            (os.fsencode(file.path), address, listing, is_photo, *_values(file))
            for is_photo, files in ((True, page.photos), (False, page.beside))
            for file in files
        ]
        with self._transaction():
            self._connection.executemany(_LIST, rows)
            self._connection.execute(
                "UPDATE sources SET after = ? WHERE address = ?", (os.fsencode(page.after), address)
            )

    def end_listing(self, address: str) -> None:
        """Mark the current listing of a source as complete.

        The facts of photos become due if a sidecar file was added, changed or removed.
        """
        listing = self._listing(address)
        with self._transaction():
            self._connection.executemany(
                "UPDATE files SET facts_due = 1 WHERE path = ?",
                [(path,) for path in self._photos_of_changed(address, listing)],
            )
            self._connection.execute(
                "DELETE FROM files WHERE source = ? AND NOT is_photo AND listing < ?",
                (address, listing),
            )
            self._connection.execute(
                "UPDATE files SET done_version = version WHERE source = ? AND NOT is_photo",
                (address,),
            )
            self._connection.execute(
                "UPDATE sources SET is_listed = 1 WHERE address = ?", (address,)
            )

    def _photos_of_changed(self, address: str, listing: int) -> Iterator[bytes]:
        """Yield the paths of finished photos with a changed sidecar file."""
        changed = self._connection.execute(
            f"SELECT path FROM files WHERE {_CHANGED_BESIDE} ORDER BY path", (address, listing)
        )
        paths = (os.fsdecode(path) for (path,) in changed)
        for folder, of_folder in groupby(paths, lambda path: path.rpartition("/")[0]):
            beside = set(of_folder)
            below = os.fsencode(f"{folder}/")
            photos = self._connection.execute(
                "SELECT path FROM files WHERE path > ? AND path < ? AND is_photo AND listing = ? "
                "AND content_hash IS NOT NULL",
                (below, below[:-1] + b"0", listing),  # "0" follows "/"
            )
            for (photo,) in photos:
                if not beside.isdisjoint(sidecar_paths(os.fsdecode(photo))):
                    yield photo

    def _listing(self, address: str) -> int:
        row = self._connection.execute(
            "SELECT listing FROM sources WHERE address = ?", (address,)
        ).fetchone()
        return int(row[0])

    # ------------------------------------------------------------------ work

    def count(self, address: str) -> int:
        """Return the number of photos in the current listing of a source."""
        return self._count(
            "source = ? AND listing = ? AND is_photo", address, self._listing(address)
        )

    def count_to_do(self, address: str, fingerprint: str) -> int:
        """Return the number of photos to read: new, changed, or failed with other decoders."""
        return self._count(_TO_DO, address, self._listing(address), fingerprint)

    def to_do(self, address: str, fingerprint: str, limit: int) -> Iterator[list[ListedFile]]:
        """Yield these photos once each, by path, up to `limit` at once."""
        return self._pages(address, limit, _TO_DO, fingerprint)

    def make_facts_due(self, address: str) -> None:
        """Note that the facts of all photos of a source that are done are due to be read again."""
        self._connection.execute(
            "UPDATE files SET facts_due = 1 WHERE source = ? AND listing = ? AND is_photo "
            "AND content_hash IS NOT NULL",
            (address, self._listing(address)),
        )

    def count_facts_due(self, address: str) -> int:
        """Return the number of photos whose facts alone must be read again."""
        return self._count(_FACTS_DUE, address, self._listing(address))

    def facts_due(self, address: str, limit: int) -> Iterator[list[ListedFile]]:
        """Yield these photos once each, by path, up to `limit` at once."""
        for page in self._pages(address, limit, _FACTS_DUE):
            yield [replace(file, is_done=True) for file in page]

    def _pages(
        self, address: str, limit: int, condition: str, *parameters: object
    ) -> Iterator[list[ListedFile]]:
        listing, after = self._listing(address), b""
        while True:
            rows = self._connection.execute(
                "SELECT path, size_bytes, mtime_ns, version FROM files "
                f"WHERE path > ? AND {condition} ORDER BY path LIMIT ?",
                (after, address, listing, *parameters, limit),
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [
                ListedFile(
                    os.fsdecode(path),
                    size_bytes,
                    mtime_ns,
                    version,
                    self._beside(os.fsdecode(path), listing),
                )
                for path, size_bytes, mtime_ns, version in rows
            ]

    def _beside(self, path: str, listing: int) -> tuple[ListedFile, ...]:
        paths = [os.fsencode(each) for each in beside_paths(path)]
        if not paths:
            return ()
        rows = self._connection.execute(
            "SELECT path, size_bytes, mtime_ns, version FROM files "
            f"WHERE path IN ({', '.join('?' * len(paths))}) AND listing = ?",
            (*paths, listing),
        )
        return tuple(ListedFile(os.fsdecode(path), *values) for path, *values in rows)

    def mark_done(self, outcomes: Sequence[FileOutcome]) -> None:
        """Record files that the archive has, so that no later run reads them again."""
        rows = []
        for outcome in outcomes:
            result = outcome.result
            failure = None if result is None else result.failure
            failed_by = None if failure is None else failure.read_by
            has_vectors = result is not None and failure is None
            content_hash = result.content_hash if result is not None and has_vectors else None
            path = os.fsencode(outcome.file.path)
            rows.append((outcome.file.version, failed_by, content_hash, path))
        with self._transaction():
            self._connection.executemany(_DONE, rows)

    def finish(self, address: str) -> None:
        """Mark all work of the current listing of a source as done: the next run lists anew."""
        self._connection.execute("UPDATE sources SET is_done = 1 WHERE address = ?", (address,))

    def forget_work(self, is_known: Callable[[Sequence[bytes]], set[bytes]], lineage: str) -> bool:
        """Reset all finished work if the archive lacks part of it; returns whether it did.

        It may have gone back to an earlier version, which changes its `lineage`. A sample is looked
        up as well, since it may have been deleted and made anew.
        """
        is_same = self._is_of(lineage)
        (count,) = self._connection.execute(
            "SELECT count(*) FROM files WHERE content_hash IS NOT NULL"
        ).fetchone()
        stride = max(1, count // _SAMPLE)
        rows = self._connection.execute(
            "SELECT content_hash FROM (SELECT content_hash, row_number() OVER (ORDER BY path) AS n "
            "FROM files WHERE content_hash IS NOT NULL) WHERE n % ? = ?",
            (stride, random.randrange(stride)),
        )
        sample = {content_hash for (content_hash,) in rows}
        if not sample or (is_same and is_known(list(sample)) >= sample):
            return False
        with self._transaction():
            self._connection.execute(
                "UPDATE files SET done_version = NULL, failed_by = NULL, content_hash = NULL"
            )
            self._connection.execute("UPDATE sources SET is_done = 1")
        return True

    def forget_below(self, place: str) -> None:
        """Make the files below a folder or address due to be read again, once they are listed."""
        below = os.fsencode(f"{place}/")
        with self._transaction():
            self._connection.execute(
                "UPDATE files SET done_version = NULL, failed_by = NULL, content_hash = NULL "
                "WHERE path > ? AND path < ?",
                (below, below[:-1] + b"0"),  # "0" follows "/"
            )

    def forget_files(self, paths: Sequence[str]) -> list[str]:
        """Make these files due to be read again; returns the addresses of their sources."""
        sources = set[str]()
        with self._transaction():
            for path in paths:
                rows = self._connection.execute(
                    "UPDATE files SET done_version = NULL, failed_by = NULL, content_hash = NULL "
                    "WHERE path = ? RETURNING source",
                    (os.fsencode(path),),
                )
                sources.update(source for (source,) in rows.fetchall())
        return sorted(sources)

    def sources(self) -> list[str]:
        """Return the addresses of the sources with files that are done and were not forgotten."""
        rows = self._connection.execute(
            "SELECT address FROM sources WHERE address IN "
            "(SELECT source FROM files WHERE done_version IS NOT NULL) ORDER BY address"
        )
        return [address for (address,) in rows]

    def _is_of(self, lineage: str) -> bool:
        """Return whether the archive had this lineage in the last run, which is recorded."""
        row = self._connection.execute("SELECT lineage FROM catalogue").fetchone()
        known = "" if row is None else row[0]
        if row is None or known != lineage:
            with self._transaction():
                self._connection.execute("DELETE FROM catalogue")
                self._connection.execute("INSERT INTO catalogue VALUES (?)", (lineage,))
        return bool(known == lineage)

    # ------------------------------------------------------------------ gone

    def count_gone(self, address: str) -> tuple[int, int]:
        """Return the number of photos only in earlier listings of a source, and in any of them."""
        is_known = "is_photo AND done_version IS NOT NULL"
        gone = self._count(f"{_GONE} AND {is_known}", address, self._listing(address))
        return gone, self._count(f"source = ? AND {is_known}", address)

    def gone(self, address: str, limit: int) -> Iterator[list[str]]:
        """Yield and forget the paths that only an earlier listing has, up to `limit` at once.

        A page is forgotten when the next one is requested, so an interrupted run yields it again.
        """
        parameters = (address, self._listing(address))
        while True:
            rows = self._connection.execute(
                f"SELECT path FROM files WHERE {_GONE} LIMIT ?", (*parameters, limit)
            ).fetchall()
            if not rows:
                return
            yield [os.fsdecode(path) for (path,) in rows]
            with self._transaction():
                self._connection.executemany("DELETE FROM files WHERE path = ?", rows)

    def _count(self, condition: str, *parameters: object) -> int:
        row = self._connection.execute(
            f"SELECT count(*) FROM files WHERE {condition}", parameters
        ).fetchone()
        return int(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def forget_below(folder: Path, place: str) -> None:
    """Let the next run read again what is below a place; `folder` is the working folder.

    Raises LibraryLocked while a run uses its manifest, and DiskError.
    """
    if (folder / MANIFEST_FILE).exists():
        with Manifest.open(folder) as manifest:
            manifest.forget_below(place)


def forget_files(folder: Path, paths: Sequence[str]) -> list[str]:
    """Let the next run read some files again; returns the addresses of their sources.

    `folder` is the working folder. Raises as `forget_below` does.
    """
    if not (folder / MANIFEST_FILE).exists():
        return []
    with Manifest.open(folder) as manifest:
        return manifest.forget_files(paths)


def known_sources(folder: Path) -> list[str]:
    """Return the addresses of all sources whose photos a machine has put into an archive.

    `folder` is the working folder. Raises as `forget_below` does.
    """
    if not (folder / MANIFEST_FILE).exists():
        return []
    with Manifest.open(folder) as manifest:
        return manifest.sources()


def _values(file: ListedFile) -> tuple[int, int, str]:
    return file.size_bytes, file.mtime_ns, file.version


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise DiskError(
            f"The list of photos in {folder / MANIFEST_FILE} cannot be used ({error}). Free space "
            "on the disk; or delete this file: the photos are then listed and read again, and "
            "none is embedded again."
        ) from error
