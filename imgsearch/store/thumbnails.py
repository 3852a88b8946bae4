"""Kept thumbnails: a small picture of every photo, in an SQLite file beside the database.

A row is keyed by the hash of the photo's content and checked by a checksum, so a photo never gets
another one's picture. Whatever is lost, by a kill, a full disk or damage, can be made again from
the photos.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Self

from imgsearch import private_files
from imgsearch.errors import CommandLine, DamagedThumbnails, ImgsearchError, Sentence, StoreError
from imgsearch.paths import database_uri
from imgsearch.records.status import ThumbnailCounts
from imgsearch.replacing import rename_over
from imgsearch.store.database import DATABASE_FILE, connect, is_damage, raise_translated

THUMBNAIL_FILE = "thumbnails.db"
_OTHER_FILES = ("-wal", "-shm")
_TABLE = (
    "CREATE TABLE IF NOT EXISTS thumbnails (id INTEGER PRIMARY KEY, "
    "content_hash BLOB NOT NULL UNIQUE, image BLOB NOT NULL, crc32 INTEGER NOT NULL)"
)
_ROW_BYTES = 2200  # beside the picture: hash, index, and half a page that stays empty
_INSERT = "INSERT OR REPLACE INTO thumbnails (content_hash, image, crc32) VALUES (?, ?, ?)"
_SIZE = "SELECT length(image) FROM thumbnails WHERE content_hash = ?"


class ThumbnailStore:
    """The kept thumbnails of one library. Safe to use from several threads.

    One process at a time adds and deletes: the one that holds the writer's lock.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / THUMBNAIL_FILE
        self._draft = data_dir / f"{THUMBNAIL_FILE}.new"
        self._library_file = data_dir / DATABASE_FILE
        self._lock = Lock()
        self._reader: sqlite3.Connection | None = None
        self._reader_inode = 0
        self._writer: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ------------------------------------------------------------------ reading

    def get(self, content_hash: bytes) -> bytes | None:
        """Return the picture of the photo with this content, as WebP.

        None where none is kept, and where it or the file is damaged: `damaged` tells.
        """
        query = "SELECT image, crc32 FROM thumbnails WHERE content_hash = ?"
        with suppress(ImgsearchError), self._reading() as connection:
            row = connection.execute(query, (content_hash,)).fetchone()
            if row is not None and row[1] == checksum(content_hash, row[0]):
                return bytes(row[0])
        return None

    def lacking(self, content_hashes: Iterable[bytes]) -> set[bytes]:
        """Return the contents among these without a thumbnail.

        Raises StoreError for a damaged file.
        """
        wanted = set(content_hashes)
        if not wanted or not self._file.exists():
            return wanted
        query = "SELECT 1 FROM thumbnails WHERE content_hash = ?"
        with self._reading() as connection:
            kept = {key for key in wanted if connection.execute(query, (key,)).fetchone()}
        return wanted - kept

    def count(self) -> int:
        """Count the thumbnails. Raises StoreError for a damaged file."""
        if not self._file.exists():
            return 0
        with self._reading() as connection:
            return int(connection.execute("SELECT count(*) FROM thumbnails").fetchone()[0])

    def counts(self) -> ThumbnailCounts:
        """Return the number of thumbnails, and the size of their file, 0 without one."""
        if not self._file.exists():
            return ThumbnailCounts(0, 0)
        try:
            photos = self.count()
        except StoreError:
            photos = None
        return ThumbnailCounts(photos, self._file.stat().st_size)

    def hashes(self) -> set[bytes]:
        """Return the contents that have a thumbnail. Raises StoreError for a damaged file."""
        if not self._file.exists():
            return set()
        with self._reading() as connection:
            query = "SELECT content_hash FROM thumbnails"
            return {content_hash for (content_hash,) in connection.execute(query)}

    def damaged(self) -> int:
        """Count the damaged rows; all are read. Raises StoreError if the file itself is damaged."""
        if not self._file.exists():
            return 0
        with self._reading() as connection:
            (problem,) = connection.execute("PRAGMA quick_check").fetchone()
            if problem != "ok":
                raise self._damage(problem)
            rows = connection.execute("SELECT content_hash, image, crc32 FROM thumbnails")
            return sum(not _is_intact(*row) for row in rows)

    # ------------------------------------------------------------------ writing

    def add(self, images: Mapping[bytes, bytes], limit_bytes: int) -> bool:
        """Keep pictures, by the hash of their photo's content; those that are there are replaced.

        One transaction. Returns whether the file has room for all of them within the limit; those
        that it has no room for are left out. Raises StoreError for a damaged file, and DiskError.
        """
        with self._writing() as connection:
            free_bytes = limit_bytes - self._used_bytes(connection)
            connection.execute("BEGIN IMMEDIATE")
            for content_hash, image in images.items():
                free_bytes -= len(image) + _ROW_BYTES
                replaced = connection.execute(_SIZE, (content_hash,)).fetchone()
                if replaced is not None:
                    free_bytes += replaced[0] + _ROW_BYTES
                if free_bytes < 0:
                    break
                row = (content_hash, image, checksum(content_hash, image))
                connection.execute(_INSERT, row)
            connection.execute("COMMIT")
            return free_bytes >= 0

    def prune(self, limit_bytes: int) -> int:
        """Delete thumbnails of photos that the library has no more; returns how many.

        Then the oldest, until the file is within the limit; with a limit of 0, the file.
        """
        if not self._file.exists():
            return 0
        if limit_bytes == 0:
            photos = self.count()
            self._delete_file()
            return photos
        with self._writing() as connection:
            library = database_uri(self._library_file, "mode=ro")
            connection.execute("ATTACH ? AS library", (library,))
            try:
                deleted = connection.execute(
                    "DELETE FROM thumbnails WHERE NOT EXISTS (SELECT 1 FROM library.photos "
                    "WHERE photos.content_hash = thumbnails.content_hash)"
                ).rowcount
            finally:
                connection.execute("DETACH library")
            while self._used_bytes(connection) > limit_bytes:
                oldest = "SELECT id FROM thumbnails ORDER BY id LIMIT 100"
                cursor = connection.execute(f"DELETE FROM thumbnails WHERE id IN ({oldest})")
                if not cursor.rowcount:
                    break
                deleted += cursor.rowcount
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            return deleted

    def repair(self) -> int:
        """Replace a damaged file by one with all that is intact; returns how many were intact.

        Raises StoreError and DiskError, and changes nothing, for a file that cannot be opened.
        """
        with closing(_create_draft(self._draft)) as copy:
            copy.execute("BEGIN")
            for order in ("ASC", "DESC"):  # damage in the middle stops the reading from either end
                with suppress(DamagedThumbnails), self._reading() as connection:
                    rows = connection.execute(
                        f"SELECT content_hash, image, crc32 FROM thumbnails ORDER BY id {order}"
                    )
                    copy.executemany(_INSERT, (row for row in rows if _is_intact(*row)))
            copy.execute("COMMIT")
            (photos,) = copy.execute("SELECT count(*) FROM thumbnails").fetchone()
        self._delete_file()
        rename_over(self._draft, self._file)
        return int(photos)

    def _delete_file(self) -> None:
        self.close()
        _delete(self._file)

    @staticmethod
    def _used_bytes(connection: sqlite3.Connection) -> int:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * page_bytes)

    # ------------------------------------------------------------------ connections

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Provide the reading connection, for one thread at a time.

        A new one where the file is new.
        """
        with self._lock, self._translating():
            inode = self._file.stat().st_ino
            if self._reader is None or self._reader_inode != inode:
                if self._reader is not None:
                    self._reader.close()
                self._reader = connect(self._file, writable=False)
                self._reader_inode = inode
            yield self._reader

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Provide the writing connection, for one thread at a time."""
        with self._lock, self._translating():
            if self._writer is None:
                if not self._file.exists():
                    _create_draft(self._draft).close()
                    rename_over(self._draft, self._file)  # a killed process leaves none half made
                self._writer = connect(self._file, writable=True)
            try:
                yield self._writer
            except BaseException:
                self._writer.close()  # rolls back
                self._writer = None
                raise

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise StoreError(f"There is no {self._file}.") from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise self._damage(str(error)) from error
            raise_translated(error, self._file)
        except StoreError as error:  # of `connect`, which names the cure for a library
            cause = error.__cause__
            if isinstance(cause, sqlite3.Error) and is_damage(cause):
                raise self._damage(str(cause)) from error
            raise

    def _damage(self, problem: str) -> DamagedThumbnails:
        return DamagedThumbnails(
            Sentence(
                f"The thumbnails in {self._file} are damaged ({problem.splitlines()[0]}). "
                "Repair them: ",
                CommandLine("doctor --repair"),
                "; then make those that were lost again: ",
                CommandLine("index --thumbnails"),
                ".",
            )
        )


def _create_draft(draft: Path) -> sqlite3.Connection:
    """Return a new file with an empty table, and a connection to it.

    Close it before it gets its name.

    It has its write-ahead log from the start: a reader cannot undo a change that a kill has left in
    a journal.
    """
    _delete(draft)
    private_files.create_file(draft)  # SQLite gives its other files the same rights
    connection = connect(draft, writable=True, journal_mode="MEMORY")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that pruning frees the disk
    connection.execute(_TABLE)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def _delete(file: Path) -> None:
    """Delete a database with its log. A process that has it open goes on reading what it has."""
    for suffix in (*_OTHER_FILES, ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def checksum(content_hash: bytes, image: bytes) -> int:
    """Return the CRC-32 of a picture and of the hash of its photo's content."""
    return zlib.crc32(image, zlib.crc32(content_hash))


def _is_intact(content_hash: object, image: object, crc32: object) -> bool:
    return (
        isinstance(content_hash, bytes)
        and isinstance(image, bytes)
        and checksum(content_hash, image) == crc32
    )
