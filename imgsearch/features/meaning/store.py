"""The maps of meaning: where each photo lies on the map of an encoder, and the clusters of it.

A map follows from the vectors, but not exactly: laid out again it is another one. So it is kept,
and hangs on the ids of photos and on the encoder. It is written in short transactions, and read
whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from imgsearch.features.meaning.records import MeaningPoints, StoredCluster, StoredMap
from imgsearch.records.arrays import Ids
from imgsearch.store.database import Database
from imgsearch.store.sql import IS_LIVE

_MADE_AT = "SELECT made_at FROM meaning_maps WHERE encoder_key = ?"
_INSERT = (
    "INSERT INTO meaning_positions (encoder_key, photo_id, x, y, cluster, is_placed) "
    "SELECT ?, id, ?, ?, ?, ? FROM photos WHERE id = ? ON CONFLICT DO NOTHING"
)


class MeaningStore:
    """The part of a store that knows the maps of meaning."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def made_at(self, encoder_key: int) -> datetime | None:
        """Return when the map of an encoder was laid out; None before."""
        rows = self._database.fetch_all(_MADE_AT, encoder_key)
        return datetime.fromisoformat(rows[0][0]) if rows else None

    def map_of(self, encoder_key: int) -> StoredMap | None:
        """Return the map of an encoder; None before it was laid out."""
        with self._database.reading() as connection:
            row = connection.execute(_MADE_AT, (encoder_key,)).fetchone()
            if row is None:
                return None
            clusters = connection.execute(
                "SELECT level, parent, name, x, y FROM meaning_clusters WHERE encoder_key = ? "
                "ORDER BY number",
                (encoder_key,),
            ).fetchall()
            (placed,) = connection.execute(
                "SELECT count(*) FROM meaning_positions WHERE encoder_key = ? AND is_placed",
                (encoder_key,),
            ).fetchone()
        made_at = datetime.fromisoformat(row[0])
        return StoredMap(made_at, placed, tuple(StoredCluster(*each) for each in clusters))

    def points(self, encoder_key: int, laid_out_only: bool = False) -> MeaningPoints:
        """Return the photos of a map that a path points to.

        Those that were laid out, also without one.
        """
        condition = "NOT is_placed" if laid_out_only else IS_LIVE
        rows = self._database.fetch_all(
            "SELECT photo_id, x, y, cluster FROM meaning_positions "
            f"JOIN photos ON photos.id = photo_id WHERE encoder_key = ? AND {condition} "
            "ORDER BY photo_id",
            encoder_key,
        )
        table = np.array(rows, np.float64).reshape(-1, 4)
        return MeaningPoints(
            table[:, 0].astype(np.int64),
            table[:, 1].astype(np.float32),
            table[:, 2].astype(np.float32),
            table[:, 3].astype(np.int64),
        )

    def waiting(self, encoder_key: int) -> Ids:
        """Return the photos that a path points to and that have vectors, but are not on the map."""
        return self._database.fetch_ids(
            f"SELECT id FROM photos WHERE {IS_LIVE} "
            "AND NOT EXISTS (SELECT 1 FROM meaning_positions "
            "WHERE encoder_key = ?1 AND photo_id = photos.id) "
            "AND EXISTS (SELECT 1 FROM vectors WHERE photo_id = photos.id AND encoder_key = ?1) "
            "ORDER BY id",
            encoder_key,
        )

    def replace(
        self,
        encoder_key: int,
        clusters: Sequence[StoredCluster],
        laid_out: MeaningPoints,
        placed: MeaningPoints | None = None,
    ) -> None:
        """Keep another map of an encoder, all or nothing. Photos that are gone are left out.

        Its photos were laid out, or then placed among these.
        """
        with self._database.brief_transaction() as connection:
            connection.execute("DELETE FROM meaning_maps WHERE encoder_key = ?", (encoder_key,))
            connection.execute(
                "INSERT INTO meaning_maps (encoder_key, made_at) VALUES (?, ?)",
                (encoder_key, datetime.now(UTC).isoformat()),
            )
            connection.executemany(
                "INSERT INTO meaning_clusters (encoder_key, number, level, parent, name, x, y) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (encoder_key, number, each.level, each.parent, each.name, each.x, each.y)
                    for number, each in enumerate(clusters)
                ],
            )
            connection.executemany(_INSERT, _rows(encoder_key, laid_out, is_placed=False))
            if placed is not None:
                connection.executemany(_INSERT, _rows(encoder_key, placed, is_placed=True))

    def add(self, encoder_key: int, made_at: datetime, placed: MeaningPoints) -> None:
        """Add photos to the map that was made at this time.

        Nothing changes if another one has replaced it. Photos that are on it stay where they are.
        """
        with self._database.brief_transaction() as connection:
            is_same = connection.execute(
                "SELECT 1 FROM meaning_maps WHERE encoder_key = ? AND made_at = ?",
                (encoder_key, made_at.isoformat()),
            ).fetchone()
            if is_same:
                connection.executemany(_INSERT, _rows(encoder_key, placed, is_placed=True))

    def forget(self, encoder_key: int) -> bool:
        """Delete the map of an encoder; returns whether there was one."""
        with self._database.brief_transaction() as connection:
            deleted = connection.execute(
                "DELETE FROM meaning_maps WHERE encoder_key = ?", (encoder_key,)
            )
            return bool(deleted.rowcount)


def _rows(
    encoder_key: int, points: MeaningPoints, *, is_placed: bool
) -> Iterator[tuple[object, ...]]:
    """Yield the values of `_INSERT`, a row a photo."""
    columns = (points.photo_ids, points.x, points.y, points.clusters)
    for photo_id, x, y, cluster in zip(*(each.tolist() for each in columns), strict=True):
        yield encoder_key, x, y, cluster, is_placed, photo_id
