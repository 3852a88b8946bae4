"""The vectors of past queries, and of texts that every library needs: made once on a machine."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.prompts import templates_for

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors

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

    def texts(
        self, encoder_name: str, texts: Sequence[str], embed: Callable[[list[str]], Vectors]
    ) -> list[Vector]:
        """A vector for each text as it is searched for; `embed` makes those that are news."""
        keys = [_text_key(encoder_name, text) for text in texts]
        found = self._find(keys)
        news = [place for place, key in enumerate(keys) if key not in found]
        if news:
            made = embed([texts[place] for place in news])
            fresh = {keys[place]: vector for place, vector in zip(news, made, strict=True)}
            self._enter(fresh)
            found |= fresh
        return [found[key] for key in keys]

    def get(self, what: bytes) -> Vector | None:
        """The vector that was remembered for these words or this image."""
        return self._find([what]).get(what)

    def put(self, what: bytes, vector: Vector) -> None:
        """Remember a vector; the oldest is forgotten for it."""
        self._enter({what: vector})

    def _find(self, whats: Iterable[bytes]) -> dict[bytes, Vector]:
        import numpy as np

        found = {}
        with suppress(sqlite3.Error), closing(self._open()) as connection:
            for what in whats:
                key = self._key(what)
                query = "SELECT vector FROM vectors WHERE key = ?"
                row = connection.execute(query, (key,)).fetchone()
                if row is not None and isinstance(row[0], bytes):
                    content, checksum = row[0][:-_SUM_BYTES], row[0][-_SUM_BYTES:]
                    if checksum == _checksum(key, content):
                        found[what] = np.frombuffer(content, np.float32)
        return found

    def _enter(self, vectors: Mapping[bytes, Vector]) -> None:
        rows = [(self._key(what), vector.tobytes()) for what, vector in vectors.items()]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute(_TABLE)
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)",
                    [(key, content + _checksum(key, content)) for key, content in rows],
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


def _text_key(encoder_name: str, text: str) -> bytes:
    words = "\0".join((text, *templates_for(encoder_name, text)))
    return b"text\0" + words.encode("utf-8", "surrogatepass")


def _checksum(key: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(key + content, digest_size=_SUM_BYTES).digest()
