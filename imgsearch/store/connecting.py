"""Connects to the SQLite file: WAL, foreign keys on, every failure an error of our own tree."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NoReturn

from imgsearch.errors import DiskError, LibraryLocked, StoreError, UsageError

DATABASE = "library.db"
IDLE_CONNECTIONS = 8  # kept open; a page's threads use as many as they need
BUSY_TIMEOUT_S = 30.0  # how long a writer waits for another's short transaction


def require(file: Path) -> None:
    """Raise UsageError where there is no database to read."""
    if not file.exists():
        raise UsageError(
            f"There is no library in {file.parent} yet. Make one: imgsearch index FOLDER "
            "(or name another place with --data)."
        )


def connect(file: Path, writable: bool) -> sqlite3.Connection:
    """A connection to the database `file`, for any thread; whoever has it says BEGIN and COMMIT."""
    try:
        connection = sqlite3.connect(
            _uri(file, writable),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,  # we say BEGIN ourselves: DDL is transactional, too
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise_translated(error, file)
    return connection


def _uri(file: Path, writable: bool) -> str:
    from urllib.parse import quote

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
