"""Opens databases of other programs, into which nothing is written, not even a lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from imgsearch.errors import UsageError
from imgsearch.features.imports.records import SourceError
from imgsearch.paths import database_uri

_SQLITE = b"SQLite format 3\x00"


def has_tables(file: Path, tables: Collection[str]) -> bool:
    """Return whether a file is a database of SQLite with these tables. Raises OSError."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        if stream.read(len(_SQLITE)) != _SQLITE:
            return False
    try:
        with closing(_connected(file)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {name for (name,) in rows} >= set(tables)
    except (sqlite3.Error, UnicodeDecodeError):
        return False


@contextmanager
def opened(file: Path, program: str, cure: str) -> Iterator[sqlite3.Connection]:
    """Open a database of a program that does not have it open itself.

    Raises UsageError while the program writes to it, and SourceError, which ends with `cure`, for
    a damaged one.
    """
    for suffix in ("-wal", "-journal"):
        log = file.with_name(file.name + suffix)
        if log.exists() and log.stat().st_size:
            raise UsageError(
                f"{program} has not finished writing to {file}: {log.name} is beside it. Close "
                f"{program}, and run this again."
            )
    try:
        with closing(_connected(file)) as connection:
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise SourceError(
            f"The database {file} of {program} cannot be read ({error}). Nothing was changed. "
            f"{cure}"
        ) from error


def _connected(file: Path) -> sqlite3.Connection:
    uri = database_uri(file.resolve(), "mode=ro&immutable=1")
    return sqlite3.connect(uri, uri=True, isolation_level=None)
