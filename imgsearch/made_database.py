"""SQLite files in the cache folder that are made from data files when first needed.

Such a file is written once and then only read. It can be deleted at any time: it is made again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

from imgsearch import private_files
from imgsearch.replacing import rename_over


class MadeDatabase:
    """A database that `fill` writes into an empty file. Safe to use from several threads.

    `file` gives its place, whose name must change with the data. The connection is closed with
    `close`, or else with this object.
    """

    def __init__(
        self, file: Callable[[], Path], fill: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._file, self._fill = file, fill
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """Return all rows of a query.

        Raises what `file` and `fill` raise where the file is missing.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._opened()
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.DatabaseError:  # damaged, by a power failure for instance
                self._connection.close()
                self._file().unlink(missing_ok=True)
                self._connection = self._opened()
                return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """Close the file; the next query opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        connection = self._open()
        finalize(self, connection.close)
        return connection

    def _open(self) -> sqlite3.Connection:
        """Return the file, made if it is missing.

        In memory where the cache folder cannot be written.
        """
        file = self._file()
        if not file.exists():
            draft = file.with_name(f".{file.name}.{os.getpid()}.part")
            try:
                private_files.make_folder(draft.parent)
                private_files.create_file(draft)
                with closing(sqlite3.connect(draft)) as connection:
                    self._fill(connection)
                rename_over(draft, file)
            except (OSError, sqlite3.OperationalError):
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                connection = sqlite3.connect(":memory:", check_same_thread=False)
                self._fill(connection)
                return connection
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, check_same_thread=False)
