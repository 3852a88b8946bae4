"""The vectors of past queries, so that asking again needs no model."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.records import Vector

FILE = "query-vectors.db"
KEPT = 10_000  # the newest ones: 20 MB at 512 dimensions
_BUSY_TIMEOUT_S = 0.2  # a cache is not worth waiting for
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL
)
"""


class QueryVectors:
    """A file of its own in the cache folder; what was asked is not in it, only a hash of it.

    Where the folder cannot be written or the file is damaged nothing is remembered, and every
    query is embedded anew: that is slower, and else the same.
    """

    def __init__(self, cache_dir: Path, encoder_id: str) -> None:
        self._file = cache_dir / FILE
        self._encoder_id = encoder_id

    def get(self, what: bytes) -> Vector | None:
        """The vector that was remembered for these words or this image."""
        import numpy as np

        with suppress(sqlite3.Error), closing(self._open()) as connection:
            query = "SELECT vector FROM vectors WHERE key = ?"
            if (row := connection.execute(query, (self._key(what),)).fetchone()) is not None:
                return np.frombuffer(row[0], np.float32)
        return None

    def put(self, what: bytes, vector: Vector) -> None:
        """Remember a vector; the oldest is forgotten for it."""
        with suppress(sqlite3.Error, OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute(_TABLE)
                connection.execute(
                    "INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)",
                    (self._key(what), vector.tobytes()),
                )
                connection.execute(
                    "DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (KEPT,)
                )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=_BUSY_TIMEOUT_S)

    def _key(self, what: bytes) -> bytes:
        return hashlib.blake2b(self._encoder_id.encode() + b"\0" + what, digest_size=16).digest()
