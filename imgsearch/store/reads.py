"""QueryStore: what a query asks of the database, in plain SQL.

Past SQLAlchemy, whose import alone takes as long as a whole query may. It is loaded for filters
and lists, which are put together from conditions, and for all that writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from imgsearch.records.photo import Facts, Photo
from imgsearch.records.query import Listed, Selection
from imgsearch.store.connecting import DATABASE, require
from imgsearch.store.shots import ShotReading
from imgsearch.store.vector_reading import THESE, VectorReading, listed

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

# Local time as ISO text: the metadata's, else the file's (the oldest one's).
DATE_TAKEN = (
    "coalesce(photos.taken_at, (SELECT strftime('%Y-%m-%dT%H:%M:%S', "
    "min(dated.mtime_ns) / 1000000000.0, 'unixepoch', 'localtime') "
    "FROM paths AS dated WHERE dated.photo_id = photos.id))"
)
DATED_BY = "CASE WHEN photos.taken_at IS NULL THEN 'file' ELSE photos.dated_by END"
_FACTS = (
    "format, width_px, height_px, camera, lens, lat, lon, dated_by, rating, "
    "duration_s, motion, animated"
)


class QueryStore(VectorReading, ShotReading):
    """The part of the store that answers queries."""

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Open the database in `data_dir` to read. One of an older version is migrated first.

        Raises UsageError where there is none, StoreError for a damaged or foreign file,
        SchemaTooNew, DiskError and LibraryLocked.
        """
        from imgsearch.store import migrations

        require(data_dir / DATABASE)
        store = cls(data_dir)
        try:
            with store._reading() as connection:
                version = migrations.schema_version(connection)
            if version < len(migrations.STEPS):
                from imgsearch.store.store import Store

                Store.open(data_dir, writable=True).close()
        except BaseException:
            store.close()
            raise
        return store

    # ------------------------------------------------------------------ folders

    def roots(self) -> dict[int, str]:
        """The photo folders that the library follows: id to absolute path."""
        rows = self._all("SELECT id, path FROM roots ORDER BY id")
        return {root_id: os.fsdecode(path) for root_id, path in rows}

    def volumes(self) -> dict[int, tuple[str, str]]:
        """Roots on a volume that has an identity: id to (identity, path on that volume)."""
        rows = self._all("SELECT id, volume, volume_path FROM roots WHERE volume IS NOT NULL")
        return {root_id: (volume, os.fsdecode(path)) for root_id, volume, path in rows}

    def filled_roots(self) -> set[int]:
        """The roots that the library knows any file of."""
        query = "SELECT id FROM roots WHERE EXISTS (SELECT 1 FROM paths WHERE root_id = roots.id)"
        return {root_id for (root_id,) in self._all(query)}

    def photo_counts(self) -> dict[int, int]:
        """How many files of photos each root has."""
        return dict(self._all("SELECT root_id, count(photo_id) FROM paths GROUP BY root_id"))

    def missing_counts(self) -> dict[int, int]:
        """How many files each root has that are held as missing; roots with none are left out."""
        query = (
            "SELECT root_id, count(*) FROM paths WHERE missing_since IS NOT NULL GROUP BY root_id"
        )
        return dict(self._all(query))

    # ------------------------------------------------------------------ photos

    def photos(self, ids: Iterable[int]) -> dict[int, Photo]:
        """The photos with these ids; ids that are not known are left out."""
        wanted = listed(ids)
        of_photos = f"SELECT id, content_hash, size_bytes, taken_at, {_FACTS} FROM photos"
        of_keywords = (
            "SELECT photo_id, name FROM photo_keywords JOIN keywords ON keywords.id = keyword_id "
            f"WHERE photo_id {THESE} ORDER BY photo_id, place"
        )
        with self._reading() as connection:
            rows = connection.execute(f"{of_photos} WHERE id {THESE}", (wanted,)).fetchall()
            named = connection.execute(of_keywords, (wanted,)).fetchall()
        keywords: dict[int, tuple[str, ...]] = {}
        for photo_id, name in named:
            keywords[photo_id] = (*keywords.get(photo_id, ()), name)
        return {row[0]: _photo(row, keywords.get(row[0], ())) for row in rows}

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """Where these photos lie: id to (root id, absolute path), in the order of the paths."""
        query = (
            "SELECT photo_id, root_id, path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {THESE} ORDER BY path, name"
        )
        found: dict[int, list[tuple[int, Path]]] = {}
        for photo_id, root_id, root, name in self._all(query, listed(ids)):
            place = Path(os.fsdecode(root), os.fsdecode(name))
            found.setdefault(photo_id, []).append((root_id, place))
        return found

    def missing_paths(self, ids: Iterable[int]) -> set[Path]:
        """The paths of these photos that are held as missing."""
        query = (
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {THESE} AND missing_since IS NOT NULL"
        )
        rows = self._all(query, listed(ids))
        return {Path(os.fsdecode(root), os.fsdecode(name)) for root, name in rows}

    def dates(self, ids: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        """When these photos were taken, as ISO text, and who says so: see `Hit.date`."""
        query = (
            f"SELECT id, {DATE_TAKEN}, {DATED_BY} FROM photos WHERE id {THESE} "
            "AND EXISTS (SELECT 1 FROM paths WHERE photo_id = photos.id)"
        )
        return {photo_id: (date, by) for photo_id, date, by in self._all(query, listed(ids))}

    def photo_at(self, path: Path) -> int | None:
        """The photo that this absolute path points at."""
        query = "SELECT photo_id FROM paths WHERE root_id = ? AND name = ?"
        for root_id, root in self.roots().items():
            if path.is_relative_to(root):
                row = self._first(query, root_id, os.fsencode(path.relative_to(root)))
                if row is not None and row[0] is not None:
                    return int(row[0])
        return None

    def photo_with(self, content_hash: bytes) -> int | None:
        """The photo with this content."""
        row = self._first("SELECT id FROM photos WHERE content_hash = ?", content_hash)
        return None if row is None else int(row[0])

    def has_vectors(self, content_hash: bytes, encoder_key: int) -> bool:
        """Whether a photo with this content is known and embedded: then it costs nothing more."""
        query = (
            "SELECT 1 FROM photos JOIN vectors ON photo_id = photos.id "
            "WHERE content_hash = ? AND encoder_key = ? LIMIT 1"
        )
        return self._first(query, content_hash, encoder_key) is not None

    def live_ids(self, ids: Ids | None = None) -> Ids:
        """The photos, of these or of all, that at least one path points at; sorted, unique."""
        import numpy as np

        query = "SELECT DISTINCT photo_id FROM paths WHERE photo_id "
        if ids is None:
            rows = self._all(query + "IS NOT NULL ORDER BY photo_id")
        else:
            rows = self._all(f"{query}{THESE} ORDER BY photo_id", listed(ids.tolist()))
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def matching(self, selection: Selection) -> Ids:
        """The photos of a selection: ids, sorted, unique."""
        from imgsearch.store import filters

        return filters.matching(self._engine, selection)

    def listing(
        self,
        selection: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """The photos of a selection, the newest first or by path; those behind `after` only."""
        from imgsearch.store import filters

        return filters.listing(self._engine, selection, sort, after, limit)


def _photo(row: Sequence[Any], keywords: tuple[str, ...]) -> Photo:
    photo_id, content_hash, size_bytes, taken_at, *facts = row
    format_, width_px, height_px, camera, lens, lat, lon, dated_by, rating, *rest = facts
    duration_s, motion, animated = rest
    return Photo(
        id=photo_id,
        content_hash=content_hash.hex(),
        size_bytes=size_bytes,
        facts=Facts(
            format=format_,
            width_px=width_px,
            height_px=height_px,
            taken_at=None if taken_at is None else datetime.fromisoformat(taken_at),
            camera=camera,
            lens=lens,
            lat=lat,
            lon=lon,
            dated_by=dated_by,
            rating=rating,
            keywords=keywords,
            duration_s=duration_s,
            motion=motion,
            animated=bool(animated),
        ),
    )
