"""VectorReading: the encoders of a library, their vectors and index files, in plain SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any

from imgsearch.errors import UsageError
from imgsearch.records.photo import PhotoVectors
from imgsearch.records.status import EncoderRow, SnapshotInfo
from imgsearch.store.connected import Connected

if TYPE_CHECKING:
    from imgsearch.records.answer import ScoreBaseline
    from imgsearch.records.arrays import Ids, Vector, Vectors

CHUNK_ROWS = 20_000  # 20 MB of fp16 at 512 dimensions
THESE = "IN (SELECT value FROM json_each(?))"  # a statement may have few parameters
_MOST_PARTS = 100  # of a photo; far more than there are


class VectorReading(Connected):
    """The part of the store that reads vectors."""

    # ------------------------------------------------------------------ encoders

    def current_encoder(self) -> EncoderRow | None:
        """The encoder that answers queries; None before the first run of the indexer."""
        return self._encoder_in("current")

    def encoder_in_use(self) -> EncoderRow:
        """The encoder that answers queries. Raises UsageError in a library that has none yet."""
        row = self.current_encoder()
        if row is None:
            raise UsageError("The library is empty. Fill it: imgsearch index FOLDER")
        return row

    def _encoder_in(self, state: str) -> EncoderRow | None:
        row = self._first("SELECT key, encoder_id, name, dim FROM encoders WHERE state = ?", state)
        return None if row is None else EncoderRow(*row)

    # ------------------------------------------------------------------ vectors

    def vectors(
        self, encoder_key: int, after_seq: int = 0, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[int, Ids, Vectors]]:
        """Chunks of (last seq, photo ids (n,), float32 rows (n, dim)) in the order of `seq`.

        The vectors of a photo come together, in one chunk, in the order of its parts; `starts_of`
        tells where each photo's begin. So a chunk may have a few more than `chunk_rows`.
        """
        import numpy as np

        query = (
            "SELECT seq, photo_id, vector FROM vectors WHERE encoder_key = ? AND seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        while rows := self._all(query, encoder_key, after_seq, chunk_rows):
            if len(rows) == chunk_rows:  # perhaps in the middle of a photo
                behind = self._all(query, encoder_key, rows[-1][0], _MOST_PARTS)
                rows += _of_photo(rows[-1][1], behind)
            after_seq = rows[-1][0]
            ids = np.fromiter((row[1] for row in rows), np.int64, len(rows))
            yield after_seq, ids, _floats([row[2] for row in rows])

    def vector_of(self, encoder_key: int, photo_id: int) -> Vector | None:
        """The vector (dim,) of a photo, float32 of length 1; of several parts, the whole."""
        found = self.parts(encoder_key, [photo_id]).get(photo_id)
        return None if found is None else found.vectors[0]

    def parts(
        self, encoder_key: int, ids: Iterable[int], only_of_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """All vectors of each of these photos; of those that have more than one, if so asked."""
        several = (
            "AND EXISTS (SELECT 1 FROM vectors AS other WHERE other.encoder_key = "
            "vectors.encoder_key AND other.photo_id = vectors.photo_id AND other.part > 0) "
        )
        query = (
            "SELECT photo_id, vector, at_s FROM vectors "
            f"WHERE encoder_key = ? AND photo_id {THESE} {several if only_of_several else ''}"
            "ORDER BY photo_id, part"
        )
        rows = self._all(query, encoder_key, listed(ids))
        return {photo_id: _parts(list(own)) for photo_id, own in groupby(rows, lambda row: row[0])}

    def further_parts(self, encoder_key: int) -> tuple[Ids, Ids]:
        """Photos of several parts: their ids, ascending, and how many each has beside the first."""
        import numpy as np

        query = (
            "SELECT photo_id, count(*) FROM vectors WHERE encoder_key = ? AND part > 0 "
            "GROUP BY photo_id ORDER BY photo_id"
        )
        table = np.array(self._all(query, encoder_key), np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def last_seq(self, encoder_key: int) -> int:
        """The newest committed `seq` of an encoder, 0 when it has no vector."""
        row = self._first("SELECT max(seq) FROM vectors WHERE encoder_key = ?", encoder_key)
        return row[0] or 0

    def current_snapshot(self, encoder_key: int) -> SnapshotInfo | None:
        """The index file that readers should open, if one was made."""
        query = (
            "SELECT file_name, encoder_id, kind, last_seq, vectors, size_bytes, sha256, built_at, "
            "details FROM snapshots JOIN encoders ON encoders.key = encoder_key "
            "WHERE encoder_key = ?"
        )
        row = self._first(query, encoder_key)
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

    def null(self, encoder_key: int) -> ScoreBaseline | None:
        """What `set_null` was given last for this encoder."""
        import numpy as np

        from imgsearch.records.answer import ScoreBaseline

        query = (
            "SELECT prompts, nouns, photos, mean, vectors, dim FROM nulls "
            "JOIN encoders ON encoders.key = encoder_key WHERE encoder_key = ?"
        )
        row = self._first(query, encoder_key)
        if row is None:
            return None
        *halves, mean, vectors, dim = row
        prompts, nouns, photos = (
            np.frombuffer(blob, "<f2").astype(np.float32).reshape(-1, dim) for blob in halves
        )
        return ScoreBaseline(prompts, nouns, photos, np.frombuffer(mean, "<f4"), vectors)


def starts_of(ids: Ids) -> Ids:
    """Where each photo's vectors begin in a chunk: `np.maximum.reduceat` then takes the best."""
    import numpy as np

    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else ids


def listed(ids: Iterable[int]) -> str:
    """Ids as the one parameter that `THESE` takes."""
    return json.dumps(list(ids))


def _of_photo(photo_id: int, rows: Iterable[Any]) -> Iterator[Any]:
    return takewhile(lambda row: bool(row[1] == photo_id), rows)


def _parts(rows: Sequence[Any]) -> PhotoVectors:
    times_s = tuple(at_s for _, _, at_s in rows if at_s is not None)
    return PhotoVectors(_floats([vector for _, vector, _ in rows]), times_s)


def _floats(halves: Sequence[bytes]) -> Vectors:
    import numpy as np

    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32).reshape(len(halves), -1)
    # Rounding to fp16 moves a length off 1 by up to 2^-11, enough to reorder near ties.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
