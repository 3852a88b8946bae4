"""Kinds of pictures in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgsearch.features.kinds.records import KIND_NAMES, KindName, PictureKind
from imgsearch.store.database import Database


class KindStore:
    """The part of a store that knows which pictures are no photos, and which were judged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_photo(self, photo_id: int) -> PictureKind | None:
        """Return the kind of a picture; None for a photo, and before it was judged."""
        query = "SELECT kind, probability FROM picture_kinds WHERE photo_id = ?"
        row = self._database.fetch_one(query, photo_id)
        return None if row is None else PictureKind(*row)

    def counts(self) -> dict[str, int]:
        """Return the numbers of pictures by kind, without those whose files are gone."""
        query = (
            "SELECT kind, count(*) FROM picture_kinds JOIN photos ON photos.id = photo_id "
            "WHERE gone_at IS NULL GROUP BY kind"
        )
        return dict(self._database.fetch_all(query))

    def left_out(self) -> tuple[KindName, ...]:
        """Return the kinds that answers leave out."""
        rows = self._database.fetch_all("SELECT kind FROM kinds_left_out")
        return tuple(each for each in KIND_NAMES if (each,) in rows)

    def leave_out(self, kinds: Sequence[str]) -> None:
        """Store the kinds that answers leave out, in place of those before."""
        with self._database.brief_transaction() as connection:
            connection.execute("DELETE FROM kinds_left_out")
            connection.executemany(
                "INSERT OR IGNORE INTO kinds_left_out VALUES (?)", [(each,) for each in kinds]
            )

    def judged_to(self, encoder_key: int, version: str) -> int:
        """Return the `seq` up to which vectors of this encoder were judged by these numbers."""
        query = "SELECT last_seq FROM kinds_judged WHERE encoder_key = ? AND version = ?"
        row = self._database.fetch_one(query, encoder_key, version)
        return 0 if row is None else int(row[0])

    def record(
        self, encoder_key: int, version: str, last_seq: int, kinds: Mapping[int, PictureKind | None]
    ) -> None:
        """Store the kinds of photos that were judged, up to a vector.

        What was judged with another encoder or by other numbers goes.
        """
        with self._database.brief_transaction() as connection:
            judged = (encoder_key, version)
            if not connection.execute(
                "SELECT 1 FROM kinds_judged WHERE encoder_key = ? AND version = ?", judged
            ).fetchone():
                connection.execute("DELETE FROM picture_kinds")
                connection.execute("DELETE FROM kinds_judged")
            connection.execute("REPLACE INTO kinds_judged VALUES (1, ?, ?, ?)", (*judged, last_seq))
            connection.executemany(
                "DELETE FROM picture_kinds WHERE photo_id = ?", [(each,) for each in kinds]
            )
            connection.executemany(
                "INSERT INTO picture_kinds (kind, probability, photo_id) "
                "SELECT ?, ?, id FROM photos WHERE id = ?",
                [
                    (kind.name, round(kind.probability, 4), photo_id)
                    for photo_id, kind in kinds.items()
                    if kind is not None
                ],
            )
