"""The queries that were typed on the page, in a file of their own beside the library.

The database is not used: only the process that holds the writer's lock may write to it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imgsearch import private_files
from imgsearch.errors import DiskError
from imgsearch.paths import database_uri
from imgsearch.store.sql import with_pragmas
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.config import Settings

PAST_QUERIES_FILE = "past-queries.db"
_BUSY_TIMEOUT_S = 0.5
_MAX_CHARS = 500  # a longer line is no query that is typed again
_TABLE = """
CREATE TABLE IF NOT EXISTS queries (
    id INTEGER PRIMARY KEY, line TEXT NOT NULL UNIQUE, words TEXT NOT NULL
)
"""


class PastQueries:
    """The newest `capacity` queries of one library. With a capacity of 0, `add` deletes all.

    `add` and `newest` raise nothing: a search must work on a disk that is full or read-only, and
    with a damaged file, which the next `add` replaces. Then less is suggested.
    """

    def __init__(self, data_dir: Path, capacity: int) -> None:
        self._file = data_dir / PAST_QUERIES_FILE
        self._capacity = capacity

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the queries of the library that the settings name."""
        return cls(settings.data_dir, settings.past_queries)

    def add(self, line: str) -> None:
        """Keep a query as the newest; each line is kept once, without spaces around it."""
        line = line.strip()
        is_text = line.encode("utf-8", "ignore").decode() == line  # no lone surrogates
        if not (line and is_text) or len(line) > _MAX_CHARS:
            return
        if not (self._capacity or self._file.exists()):
            return
        try:
            private_files.create_file(self._file)
            with closing(self._connect()) as connection, connection:
                connection.execute(_TABLE)
                connection.execute(
                    "INSERT OR REPLACE INTO queries (line, words) VALUES (?, ?)",
                    (line, " ".join(words_of(line))),
                )
                connection.execute(
                    "DELETE FROM queries WHERE id NOT IN "
                    "(SELECT id FROM queries ORDER BY id DESC LIMIT ?)",
                    (self._capacity,),
                )
        except (sqlite3.OperationalError, OSError):
            return
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._file.unlink()

    def newest(self, limit: int, beginning: str = "") -> list[str]:
        """Return at most `limit` lines with these words, the newest first.

        The last of the words may be the beginning of one. Case and accents do not matter.
        """
        query = "SELECT line FROM queries WHERE instr(' ' || words, ?) > 0 ORDER BY id DESC LIMIT ?"
        parameters = (" " + " ".join(words_of(beginning)), limit)
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            return [line for (line,) in connection.execute(query, parameters)]
        return []

    def clear(self) -> int:
        """Delete all of them; returns how many. Raises DiskError."""
        if not self._file.exists():
            return 0
        try:
            with closing(self._connect()) as connection, connection:
                connection.execute(_TABLE)
                return connection.execute("DELETE FROM queries").rowcount
        except (sqlite3.OperationalError, OSError) as error:
            raise DiskError(
                f"Cannot delete the past queries in {self._file} ({error}). Check its permissions, "
                "or delete the file."
            ) from error
        except sqlite3.DatabaseError:  # no database
            self._file.unlink(missing_ok=True)
            return 0

    def _connect(self) -> sqlite3.Connection:
        uri = database_uri(self._file, "mode=rw")  # does not create it
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)
        # What is deleted is overwritten, and no journal with it stays on the disk.
        return with_pragmas(connection, "synchronous = OFF", "secure_delete = ON")
