"""Reads the encoders of a library, with the index snapshot and the score baseline of each."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.index import EncoderRow, SnapshotInfo
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors


class EncoderReads:
    """The part of `Reads` that knows encoders."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent
        # Read last, with what tells whether it is still the same.
        self._baseline: tuple[tuple[int, object], ScoreBaseline | None] | None = None

    def current(self) -> EncoderRow | None:
        """Return the encoder that answers queries; None before the first indexing run."""
        query = (
            "SELECT key, encoder_id, name, dim, coalesce((SELECT json_extract(options, '$.encoder')"
            " FROM unfinished_jobs WHERE job = 'encoder'), '') "
            "FROM encoders WHERE state = 'current'"
        )

        def read() -> EncoderRow | None:
            row = self._database.fetch_one(query)
            return None if row is None else EncoderRow(*row)

        return self._recent.get(query, read)

    def in_use(self) -> EncoderRow:
        """Return the encoder that answers queries. Raises UsageError for an empty library."""
        row = self.current()
        if row is None:
            raise UsageError(
                Sentence("The library is empty. Add photos: ", CommandLine("index FOLDER"))
            )
        return row

    def dims(self) -> dict[str, int]:
        """Return the length of a vector of each encoder that the library knows, by its id."""
        return dict(self._database.fetch_all("SELECT encoder_id, dim FROM encoders"))

    def current_snapshot(self, encoder_key: int) -> SnapshotInfo | None:
        """Return the index snapshot that readers should open, if there is one."""
        query = (
            "SELECT file_name, encoder_id, kind, last_seq, vectors, size_bytes, sha256, built_at, "
            "details FROM snapshots JOIN encoders ON encoders.key = encoder_key "
            "WHERE encoder_key = ?"
        )
        row = self._database.fetch_one(query, encoder_key)
        if row is None:
            return None
        file_name, encoder_id, kind, last_seq, vectors, size_bytes, sha256, built_at, details = row
        return SnapshotInfo(
            file_name=file_name,
            encoder_id=encoder_id,
            kind=kind,
            last_seq=last_seq,
            vectors=vectors,
            size_bytes=size_bytes,
            sha256=sha256,
            built_at=datetime.fromisoformat(built_at),
            details=json.loads(details),
        )

    def baseline(self, encoder_key: int) -> ScoreBaseline | None:
        """Return the score baseline of this encoder, None before it was first computed.

        It is the same object until it changes: every query asks for it, and reading it takes longer
        than many a search.
        """
        return self._recent.get(("baseline", encoder_key), lambda: self._same_baseline(encoder_key))

    def _same_baseline(self, encoder_key: int) -> ScoreBaseline | None:
        """Return the baseline that was read last, unless it has changed."""
        query = (
            "SELECT prompts_sha256, vectors, mean, length(photos), length(nouns) FROM nulls "
            "WHERE encoder_key = ?"
        )
        version = (encoder_key, self._database.fetch_one(query, encoder_key))
        known = self._baseline  # another thread may replace it
        if known is None or known[0] != version:
            known = self._baseline = version, self._read_baseline(encoder_key)
        return known[1]

    def _read_baseline(self, encoder_key: int) -> ScoreBaseline | None:
        import numpy as np

        query = (
            "SELECT prompts, nouns, photos, mean, vectors, usual, dim FROM nulls "
            "JOIN encoders ON encoders.key = encoder_key WHERE encoder_key = ?"
        )
        row = self._database.fetch_one(query, encoder_key)
        if row is None:
            return None
        prompts, nouns, photos, mean, vectors, usual, dim = row

        def rows_of(blob: bytes) -> Vectors:
            return np.frombuffer(blob, "<f2").astype(np.float32).reshape(-1, dim)

        return ScoreBaseline(
            rows_of(prompts),
            rows_of(nouns),
            rows_of(photos),
            np.frombuffer(mean, "<f4"),
            vectors,
            None if usual is None else rows_of(usual),
        )
