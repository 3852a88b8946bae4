"""The cache of query vectors: each text and image is embedded once on a machine."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgsearch import private_files
from imgsearch.encoders.prompts import prompts_for
from imgsearch.store.sql import with_pragmas

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors

FILE = "query-vectors.db"
CAPACITY = 10_000  # vectors; 20 MB at 512 dimensions
_BUSY_TIMEOUT_S = 0.2  # embedding again costs less than a long wait
_CHECKSUM_BYTES = 8
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL
)
"""


class QueryCache:
    """The newest `capacity` query vectors of one encoder, in a file in the cache folder.

    The file holds hashes of the texts and images, never the texts and images themselves. No method
    raises an error: without a usable file every query is embedded again, which only takes longer.

    Writes are not synced to the disk, since that takes longer than a whole query. After a power
    failure the file may be damaged, so each vector has a checksum, and a file that is not a
    database is deleted.
    """

    def __init__(self, cache_dir: Path, encoder_id: str, capacity: int = CAPACITY) -> None:
        self._file = cache_dir / FILE
        self._encoder_id = encoder_id
        self._capacity = capacity

    def texts(
        self, encoder_name: str, texts: Sequence[str], embed: Callable[[list[str]], Vectors]
    ) -> list[Vector]:
        """The query vector of each text; `embed` makes the vectors that are not cached."""
        keys = [_text_key(encoder_name, text) for text in texts]
        found = self._find(keys)
        missing = [position for position, key in enumerate(keys) if key not in found]
        if missing:
            vectors = embed([texts[position] for position in missing])
            new = dict(zip((keys[position] for position in missing), vectors, strict=True))
            self._write(new)
            found |= new
        return [found[key] for key in keys]

    def get(self, content: bytes) -> Vector | None:
        """The cached vector of this content; None if there is none."""
        return self._find([content]).get(content)

    def put(self, content: bytes, vector: Vector) -> None:
        """Cache a vector; beyond the capacity, the oldest vectors are dropped."""
        self._write({content: vector})

    def _find(self, contents: Iterable[bytes]) -> dict[bytes, Vector]:
        import numpy as np

        found = {}
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            for content in contents:
                key = self._key(content)
                query = "SELECT vector FROM vectors WHERE key = ?"
                row = connection.execute(query, (key,)).fetchone()
                if row is not None and isinstance(row[0], bytes):
                    vector, checksum = row[0][:-_CHECKSUM_BYTES], row[0][-_CHECKSUM_BYTES:]
                    if checksum == _checksum(key, vector):
                        found[content] = np.frombuffer(vector, np.float32)
        return found

    def _write(self, vectors: Mapping[bytes, Vector]) -> None:
        rows = [(self._key(content), vector.tobytes()) for content, vector in vectors.items()]
        try:
            private_files.make_folder(self._file.parent)
            private_files.create_file(self._file)
            with closing(self._connect()) as connection, connection:
                connection.execute(_TABLE)
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)",
                    [(key, vector + _checksum(key, vector)) for key, vector in rows],
                )
                connection.execute(
                    "DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?",
                    (self._capacity,),
                )
        except (sqlite3.OperationalError, OSError):
            return  # busy, disk full or read-only: nothing is cached
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._file.unlink()

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(os.fsencode(self._file))}?mode=rw"  # does not create it
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)
        return with_pragmas(connection, "synchronous = OFF")

    def _key(self, content: bytes) -> bytes:
        text = self._encoder_id.encode() + b"\0" + content
        return hashlib.blake2b(text, digest_size=16).digest()


def is_damaged(cache_dir: Path) -> bool:
    """Whether the cache file exists and SQLite finds it damaged."""
    file = cache_dir / FILE
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok"
    except sqlite3.OperationalError:  # busy, or it cannot be opened
        return False
    except sqlite3.DatabaseError:
        return True


def _text_key(encoder_name: str, text: str) -> bytes:
    prompts = "\0".join(prompts_for(encoder_name, text))
    return b"text\0" + prompts.encode("utf-8", "surrogatepass")


def _checksum(key: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(key + vector, digest_size=_CHECKSUM_BYTES).digest()
