"""A catalogue in one SQLite file that any process can open: the write side, for tests of fleets."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import structs

from imgsearch.records.arrays import Vectors
from imgsearch.records.files import IngestResult
from imgsearch.records.photo import Facts

_SCHEMA = """
CREATE TABLE IF NOT EXISTS photos (
    content_hash BLOB PRIMARY KEY, facts BLOB, vectors BLOB, parts INTEGER, times_s TEXT
);
CREATE TABLE IF NOT EXISTS paths (path BLOB PRIMARY KEY, content_hash BLOB);
CREATE TABLE IF NOT EXISTS failures (path BLOB PRIMARY KEY, reason TEXT, message TEXT);
CREATE TABLE IF NOT EXISTS puts (rows INTEGER);
"""


@dataclass(frozen=True, slots=True)
class SmallPhoto:
    """What the catalogue has of one content."""

    facts: Facts
    vectors: Vectors
    times_s: tuple[float, ...]


class SmallCatalogue:
    """Implements `imgsearch.archive.fleet.base.ArchiveWriter`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.settled = 0
        self.of_lineage = ""
        with closing(self._connect()) as connection:
            connection.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=60, isolation_level=None)

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        with closing(self._connect()) as connection:
            query = "SELECT 1 FROM photos WHERE content_hash = ?"
            return {
                each for each in content_hashes if connection.execute(query, (each,)).fetchone()
            }

    def lineage(self) -> str:
        return self.of_lineage

    def put(self, results: Sequence[IngestResult]) -> None:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for result in results:
                self._put(connection, result)
            connection.execute("INSERT INTO puts VALUES (?)", (len(results),))
            connection.execute("COMMIT")

    def _put(self, connection: sqlite3.Connection, result: IngestResult) -> None:
        path = os.fsencode(result.stat.path)
        if result.failure is not None:
            row = (path, result.failure.reason.value, result.failure.message)
            connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", row)
            return
        if result.vectors is not None:
            photo = (
                result.content_hash,
                pickle.dumps(result.facts),
                np.ascontiguousarray(result.vectors, np.float32).tobytes(),
                len(result.vectors),
                json.dumps(result.times_s),
            )
            connection.execute("INSERT OR IGNORE INTO photos VALUES (?, ?, ?, ?, ?)", photo)
        known = "SELECT 1 FROM photos WHERE content_hash = ?"
        assert connection.execute(known, (result.content_hash,)).fetchone(), (
            f"no photo for {path!r}"
        )
        connection.execute(
            "INSERT OR REPLACE INTO paths VALUES (?, ?)", (path, result.content_hash)
        )
        connection.execute("DELETE FROM failures WHERE path = ?", (path,))

    def put_facts(
        self, facts: Mapping[bytes, Facts], unread: Mapping[bytes, Collection[str]] = {}
    ) -> int:
        photos = self.photos
        facts = {
            each: structs.replace(
                own, **{name: getattr(photos[each].facts, name) for name in unread.get(each, ())}
            )
            for each, own in facts.items()
            if each in photos
        }
        changed = {
            each: own for each, own in facts.items() if each in photos and photos[each].facts != own
        }
        with closing(self._connect()) as connection:
            connection.executemany(
                "UPDATE photos SET facts = ? WHERE content_hash = ?",
                [(pickle.dumps(own), each) for each, own in changed.items()],
            )
        return len(changed)

    def forget(self, paths: Sequence[str]) -> int:
        with closing(self._connect()) as connection:
            before = connection.total_changes
            connection.executemany(
                "DELETE FROM paths WHERE path = ?", [(os.fsencode(path),) for path in paths]
            )
            return connection.total_changes - before

    def settle(self) -> None:
        self.settled += 1

    # ------------------------------------------------------------------ for assertions

    @property
    def photos(self) -> dict[bytes, SmallPhoto]:
        """Every content."""
        with closing(self._connect()) as connection:
            return {
                content_hash: SmallPhoto(
                    pickle.loads(facts),
                    np.frombuffer(vectors, np.float32).reshape(parts, -1),
                    tuple(json.loads(times_s)),
                )
                for content_hash, facts, vectors, parts, times_s in connection.execute(
                    "SELECT * FROM photos"
                )
            }

    @property
    def paths(self) -> dict[str, bytes]:
        """The content of every path."""
        with closing(self._connect()) as connection:
            rows = connection.execute("SELECT path, content_hash FROM paths")
            return {os.fsdecode(path): content_hash for path, content_hash in rows}

    @property
    def failures(self) -> dict[str, str]:
        """The reason for every path that could not be read."""
        with closing(self._connect()) as connection:
            rows = connection.execute("SELECT path, reason FROM failures")
            return {os.fsdecode(path): reason for path, reason in rows}

    @property
    def rows_put(self) -> list[int]:
        """How many rows each commit had."""
        with closing(self._connect()) as connection:
            return [rows for (rows,) in connection.execute("SELECT rows FROM puts")]
