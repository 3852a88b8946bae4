"""Opens the SQLite file: WAL, foreign keys on, and every failure as an error of our own tree."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from sqlalchemy import Connection, Engine, ExceptionContext, QueuePool, create_engine, event

from imgsearch.errors import DiskError, LibraryLocked, StoreError, UsageError
from imgsearch.store.conditions import is_called, lies_in

IDLE_CONNECTIONS = 8  # kept open; a page's threads use as many as they need
BUSY_TIMEOUT_S = 30.0  # how long a writer waits for another's short transaction


def open_engine(file: Path, writable: bool) -> Engine:
    """An engine on the database `file`. A reader never writes, and works on a read-only disk.

    Raises DiskError, StoreError, LibraryLocked or UsageError, also later, from any statement.
    """
    if not writable and not file.exists():
        raise UsageError(
            f"There is no library in {file.parent} yet. Make one: imgsearch index FOLDER "
            "(or name another place with --data)."
        )

    # SQLAlchemy takes this for a database in memory; its pool for those closes connections that
    # other threads are using as soon as there are more than five threads.
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file, writable),
        poolclass=QueuePool,
        pool_size=IDLE_CONNECTIONS,
        max_overflow=-1,
    )
    event.listen(engine, "begin", _begin_writing if writable else _begin_reading)

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        original = context.original_exception
        if isinstance(original, sqlite3.Error):
            raise_translated(original, file)

    return engine


def _connect(file: Path, writable: bool) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            _uri(file, writable),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,  # we say BEGIN ourselves: DDL is transactional, too
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.create_function("lies_in", 3, lies_in, deterministic=True)
        connection.create_function("is_called", 2, is_called, deterministic=True)
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise_translated(error, file)
    return connection


def _begin_writing(connection: Connection) -> None:
    # A deferred transaction that turns into a write can fail with SQLITE_BUSY at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _uri(file: Path, writable: bool) -> str:
    uri = f"file:{quote(os.fsencode(file))}"
    if writable:
        return f"{uri}?mode=rwc"
    log = file.with_name(file.name + "-wal")
    if not os.access(file.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        return f"{uri}?immutable=1"  # WAL's shared memory file could not be made here
    return f"{uri}?mode=ro"


def raise_translated(error: sqlite3.Error, file: Path) -> NoReturn:
    """Raise `error` as the error of our tree that tells what to do."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        raise error  # a fault of this program, not of the disk
    text = str(error).lower()
    place = file.parent
    if "disk is full" in text or "disk i/o error" in text:
        raise DiskError(
            f"The disk that holds {place} is full or failing ({error}). Free some space and run "
            "the command again; what was committed is safe."
        ) from error
    if "readonly" in text or "read-only" in text:
        raise DiskError(
            f"{place} cannot be written. Make it writable, or choose another place with --data."
        ) from error
    if "unable to open" in text:
        if not os.access(place, os.R_OK | os.X_OK) or not file.exists():
            raise DiskError(
                f"No library can be opened or made in {place}. Check that the folder exists and "
                "that you may read and write it, or choose another with --data."
            ) from error
        raise StoreError(f"{file} cannot be opened. Check its permissions.") from error
    if "locked" in text or "busy" in text:
        raise LibraryLocked(
            f"Another process has kept the library in {place} busy for {BUSY_TIMEOUT_S:.0f} s. "
            "Wait for it to finish, then try again."
        ) from error
    if not any(word in text for word in ("malformed", "not a database", "corrupt")):
        raise StoreError(f"The database {file} cannot be used: {error}.") from error
    raise StoreError(
        f"The database {file} is damaged ({error}). Nothing was changed. Restore it from a "
        "backup; or move it away and run imgsearch index FOLDER, which reads the photos again."
    ) from error
