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
_SUM_BYTES = 8
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL
)
"""


class QueryVectors:
    """A file of its own in the cache folder; what was asked is not in it, only a hash of it.

    Where the folder cannot be written nothing is remembered, and every query is embedded anew:
    that is slower, and else the same. The disk is not waited for, which takes longer than all of a
    query: after a loss of power the file may be damaged. So each vector has a checksum, and a
    file that is no database any more is begun anew.
    """

    def __init__(self, cache_dir: Path, encoder_id: str) -> None:
        self._file = cache_dir / FILE
        self._encoder_id = encoder_id

    def get(self, what: bytes) -> Vector | None:
        """The vector that was remembered for these words or this image."""
        import numpy as np

        with suppress(sqlite3.Error), closing(self._open()) as connection:
            key = self._key(what)
            query = "SELECT vector FROM vectors WHERE key = ?"
            row = connection.execute(query, (key,)).fetchone()
            if row is not None and isinstance(row[0], bytes):
                content, checksum = row[0][:-_SUM_BYTES], row[0][-_SUM_BYTES:]
                if checksum == _checksum(key, content):
                    return np.frombuffer(content, np.float32)
        return None

    def put(self, what: bytes, vector: Vector) -> None:
        """Remember a vector; the oldest is forgotten for it."""
        key, content = self._key(what), vector.tobytes()
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute(_TABLE)
                connection.execute(
                    "INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)",
                    (key, content + _checksum(key, content)),
                )
                connection.execute(
                    "DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (KEPT,)
                )
        except (sqlite3.OperationalError, OSError):
            return  # busy, full, read-only: it will be embedded again
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._file.unlink()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=_BUSY_TIMEOUT_S)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def _key(self, what: bytes) -> bytes:
        return hashlib.blake2b(self._encoder_id.encode() + b"\0" + what, digest_size=16).digest()


def _checksum(key: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(key + content, digest_size=_SUM_BYTES).digest()
