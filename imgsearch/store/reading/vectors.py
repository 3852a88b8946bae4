"""Reads vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any

from imgsearch.records.photo import PhotoVectors
from imgsearch.store.database import Database
from imgsearch.store.recent_reads import RecentReads, read_only
from imgsearch.store.sql import IN_IDS, ids_parameter

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors

CHUNK_ROWS = 20_000  # 20 MB of fp16 at 512 dimensions
MOST_PARTS = 100  # of a photo; far more than there are


class VectorReads:
    """The part of `Reads` that knows vectors."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def chunks(
        self, encoder_key: int, after_seq: int = 0, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[int, Ids, Vectors]]:
        """Chunks of (last seq, photo ids (n,), float32 rows (n, dim)) in the order of `seq`.

        The vectors of a photo are adjacent, in one chunk, in the order of its parts, so a chunk may
        have a few more than `chunk_rows`; `photo_starts` tells where each photo begins.
        """
        import numpy as np

        query = (
            "SELECT seq, photo_id, vector FROM vectors WHERE encoder_key = ? AND seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        while rows := self._database.fetch_all(query, encoder_key, after_seq, chunk_rows):
            if len(rows) == chunk_rows:  # the last photo may have further parts
                following = self._database.fetch_all(query, encoder_key, rows[-1][0], MOST_PARTS)
                rows += _rows_of(rows[-1][1], following)
            after_seq = rows[-1][0]
            ids = np.fromiter((row[1] for row in rows), np.int64, len(rows))
            yield after_seq, ids, _to_float32([row[2] for row in rows])

    def parts(
        self, encoder_key: int, ids: Iterable[int], only_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """Return all vectors of each of these photos.

        With `only_several`, of those with several parts.
        """
        if only_several:
            several_ids, _ = self.further_parts(encoder_key)
            if not len(several_ids):  # as in most libraries
                return {}
        # SQLite would look up every photo in the index of all vectors. That of further parts is
        # small.
        several = (
            "IN (SELECT photo_id FROM vectors INDEXED BY vectors_of_parts "
            f"WHERE encoder_key = ?1 AND part > 0 AND photo_id {IN_IDS}) "
        )
        query = (
            "SELECT photo_id, vector, at_s FROM vectors "
            f"WHERE encoder_key = ?1 AND photo_id {several if only_several else IN_IDS} "
            "ORDER BY photo_id, part"
        )
        rows = self._database.fetch_all(query, encoder_key, ids_parameter(ids))
        vectors = _to_float32([vector for _, vector, _ in rows])
        photos: dict[int, PhotoVectors] = {}
        start = 0
        for photo_id, of_photo in groupby(rows, lambda row: row[0]):
            times_s = [at_s for _, _, at_s in of_photo]
            end = start + len(times_s)
            known_s = tuple(at_s for at_s in times_s if at_s is not None)
            photos[photo_id] = PhotoVectors(vectors[start:end], known_s)
            start = end
        return photos

    def further_parts(self, encoder_key: int) -> tuple[Ids, Ids]:
        """Return photos with several parts: ids, ascending, and each one's parts but the first.

        The arrays are read-only.
        """
        import numpy as np

        query = (
            "SELECT photo_id, count(*) FROM vectors WHERE encoder_key = ? AND part > 0 "
            "GROUP BY photo_id ORDER BY photo_id"
        )

        def read() -> tuple[Ids, Ids]:
            rows = self._database.fetch_all(query, encoder_key)
            ids, parts = np.array(rows, np.int64).reshape(-1, 2).T.copy()
            return read_only(ids), read_only(parts)

        return self._recent.get(("further parts", encoder_key), read)

    def first_by_content(self, encoder_key: int, count: int) -> Vectors:
        """Return the vectors (n, dim) of the `count` photos with the lowest hashes, in this order.

        Of each photo that has a path, that of the whole photo.
        """
        query = (
            "SELECT vector FROM photos JOIN vectors ON photo_id = photos.id "
            "WHERE encoder_key = ? AND part = 0 "
            "AND EXISTS (SELECT 1 FROM paths WHERE paths.photo_id = photos.id) "
            "ORDER BY content_hash LIMIT ?"
        )
        rows = self._database.fetch_all(query, encoder_key, count)
        return _to_float32([vector for (vector,) in rows])

    def hubness(self, encoder_key: int) -> tuple[Ids, Vector]:
        """Return the photos that were compared with a bank of texts: ids, ascending, and hubness.

        The arrays are read-only.
        """
        import numpy as np

        query = "SELECT photo_ids, vals FROM hubness WHERE encoder_key = ? ORDER BY last_seq DESC"

        def read() -> tuple[Ids, Vector]:
            blocks = self._database.fetch_all(query, encoder_key)
            # The newest first: a photo that was embedded again counts as it is now.
            ids = [np.frombuffer(ids, "<i8")[::-1] for ids, _ in blocks]
            values = [np.frombuffer(values, "<f4")[::-1] for _, values in blocks]
            if not ids:
                return read_only(np.empty(0, np.int64)), np.empty(0, np.float32)
            unique, places = np.unique(np.concatenate(ids), return_index=True)
            return read_only(unique.astype(np.int64)), np.concatenate(values)[places]

        return self._recent.get(("hubness", encoder_key), read)

    def last_seq(self, encoder_key: int) -> int:
        """Return the newest committed `seq` of an encoder; 0 if it has no vector."""
        row = self._database.fetch_one(
            "SELECT max(seq) FROM vectors WHERE encoder_key = ?", encoder_key
        )
        return row[0] or 0

    def has(self, content_hash: bytes, encoder_key: int) -> bool:
        """Return whether a photo with this content is known and already embedded."""
        query = (
            "SELECT 1 FROM photos JOIN vectors ON photo_id = photos.id "
            "WHERE content_hash = ? AND encoder_key = ? LIMIT 1"
        )
        return self._database.fetch_one(query, content_hash, encoder_key) is not None


def photo_starts(ids: Ids) -> Ids:
    """Return the positions where photos begin in a chunk of vectors, for `np.maximum.reduceat`."""
    import numpy as np

    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else ids


def _rows_of(photo_id: int, rows: Iterable[Any]) -> Iterator[Any]:
    return takewhile(lambda row: bool(row[1] == photo_id), rows)


def _to_float32(halves: Sequence[bytes]) -> Vectors:
    import numpy as np

    if not halves:
        return np.empty((0, 0), np.float32)
    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32).reshape(len(halves), -1)
    # Rounding to fp16 changes a length by up to 2^-11, enough to reorder near ties.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
