"""QueryStore: what a query asks of the database, in plain SQL.

Past SQLAlchemy, whose import alone takes as long as a whole query may. It is loaded for filters
and lists, which are put together from conditions, and for all that writes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self

from imgsearch.errors import UsageError
from imgsearch.records import EncoderRow, Facts, Photo, SnapshotInfo
from imgsearch.store.connecting import DATABASE, connect, raise_translated, require
from imgsearch.store.selection import Listed, Selection

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from imgsearch.honesty import Null
    from imgsearch.records import Ids, Vector, Vectors

CHUNK_ROWS = 20_000  # 20 MB of fp16 at 512 dimensions
IDLE_CONNECTIONS = 8  # kept open; a page's threads use as many as they need

# Local time as ISO text: the metadata's, else the file's (the oldest one's).
DATE_TAKEN = (
    "coalesce(photos.taken_at, (SELECT strftime('%Y-%m-%dT%H:%M:%S', "
    "min(dated.mtime_ns) / 1000000000.0, 'unixepoch', 'localtime') "
    "FROM paths AS dated WHERE dated.photo_id = photos.id))"
)
DATED_BY = "CASE WHEN photos.taken_at IS NULL THEN 'file' ELSE photos.dated_by END"
_THESE = "IN (SELECT value FROM json_each(?))"  # a statement may have few parameters
_FACTS = "format, width_px, height_px, camera, lens, lat, lon, dated_by, rating"


class QueryStore:
    """The part of the store that answers queries. Safe to use from several threads."""

    def __init__(self, data_dir: Path, writable: bool = False) -> None:
        self.data_dir = data_dir
        self._writable = writable
        self._idle: list[sqlite3.Connection] = []
        self._built: Engine | None = None
        self._building = Lock()

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

    def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop().close()
        if self._built is not None:
            self._built.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _engine(self) -> Engine:
        """SQLAlchemy on the same file, loaded when first used."""
        with self._building:
            if self._built is None:
                from imgsearch.store.database import open_engine

                self._built = open_engine(self.data_dir / DATABASE, self._writable)
            return self._built

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all that is read is of one moment. Its errors are of our tree."""
        file = self.data_dir / DATABASE
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(file, writable=False)
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise_translated(error, file)
            raise
        if len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def _all(self, query: str, *parameters: object) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(query, parameters).fetchall()

    def _first(self, query: str, *parameters: object) -> Any:
        with self._reading() as connection:
            return connection.execute(query, parameters).fetchone()

    @property
    def snapshots_dir(self) -> Path:
        """Where FAISS files lie."""
        return self.data_dir / "snapshots"

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

    # ------------------------------------------------------------------ folders

    def roots(self) -> dict[int, str]:
        """The photo folders that the library follows: id to absolute path."""
        rows = self._all("SELECT id, path FROM roots ORDER BY id")
        return {root_id: os.fsdecode(path) for root_id, path in rows}

    def volumes(self) -> dict[int, tuple[str, str]]:
        """Roots on a volume that has an identity: id to (identity, path on that volume)."""
        rows = self._all("SELECT id, volume, volume_path FROM roots WHERE volume IS NOT NULL")
        return {root_id: (volume, os.fsdecode(path)) for root_id, volume, path in rows}

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
        wanted = _listed(ids)
        of_photos = f"SELECT id, content_hash, size_bytes, taken_at, {_FACTS} FROM photos"
        of_keywords = (
            "SELECT photo_id, name FROM photo_keywords JOIN keywords ON keywords.id = keyword_id "
            f"WHERE photo_id {_THESE} ORDER BY photo_id, place"
        )
        with self._reading() as connection:
            rows = connection.execute(f"{of_photos} WHERE id {_THESE}", (wanted,)).fetchall()
            named = connection.execute(of_keywords, (wanted,)).fetchall()
        keywords: dict[int, tuple[str, ...]] = {}
        for photo_id, name in named:
            keywords[photo_id] = (*keywords.get(photo_id, ()), name)
        return {row[0]: _photo(row, keywords.get(row[0], ())) for row in rows}

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """Where these photos lie: id to (root id, absolute path), in the order of the paths."""
        query = (
            "SELECT photo_id, root_id, path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {_THESE} ORDER BY path, name"
        )
        found: dict[int, list[tuple[int, Path]]] = {}
        for photo_id, root_id, root, name in self._all(query, _listed(ids)):
            place = Path(os.fsdecode(root), os.fsdecode(name))
            found.setdefault(photo_id, []).append((root_id, place))
        return found

    def missing_paths(self, ids: Iterable[int]) -> set[Path]:
        """The paths of these photos that are held as missing."""
        query = (
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            f"WHERE photo_id {_THESE} AND missing_since IS NOT NULL"
        )
        rows = self._all(query, _listed(ids))
        return {Path(os.fsdecode(root), os.fsdecode(name)) for root, name in rows}

    def dates(self, ids: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        """When these photos were taken, as ISO text, and who says so: see `Hit.date`."""
        query = (
            f"SELECT id, {DATE_TAKEN}, {DATED_BY} FROM photos WHERE id {_THESE} "
            "AND EXISTS (SELECT 1 FROM paths WHERE photo_id = photos.id)"
        )
        return {photo_id: (date, by) for photo_id, date, by in self._all(query, _listed(ids))}

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
            rows = self._all(f"{query}{_THESE} ORDER BY photo_id", _listed(ids.tolist()))
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

    # ------------------------------------------------------------------ vectors

    def vectors(
        self, encoder_key: int, after_seq: int = 0, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[int, Ids, Vectors]]:
        """Chunks of (last seq, photo ids (n,), float32 rows (n, dim)) in the order of `seq`."""
        import numpy as np

        query = (
            "SELECT seq, photo_id, vector FROM vectors WHERE encoder_key = ? AND seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        while rows := self._all(query, encoder_key, after_seq, chunk_rows):
            after_seq = rows[-1][0]
            ids = np.fromiter((row[1] for row in rows), np.int64, len(rows))
            yield after_seq, ids, _floats([row[2] for row in rows])

    def vector_of(self, encoder_key: int, photo_id: int) -> Vector | None:
        """The vector (dim,) of a photo, float32 of length 1; of several parts, their mean."""
        import numpy as np

        query = "SELECT vector FROM vectors WHERE encoder_key = ? AND photo_id = ?"
        parts = [row[0] for row in self._all(query, encoder_key, photo_id)]
        if not parts:
            return None
        mean = np.mean([np.frombuffer(part, "<f2").astype(np.float32) for part in parts], axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

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

    def null(self, encoder_key: int) -> Null | None:
        """What `set_null` was given last for this encoder."""
        import numpy as np

        from imgsearch.honesty import Null

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
        return Null(prompts, nouns, photos, np.frombuffer(mean, "<f4"), vectors)


def _listed(ids: Iterable[int]) -> str:
    return json.dumps(list(ids))


def _floats(halves: Sequence[bytes]) -> Vectors:
    import numpy as np

    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32).reshape(len(halves), -1)
    # Rounding to fp16 moves a length off 1 by up to 2^-11, enough to reorder near ties.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _photo(row: Sequence[Any], keywords: tuple[str, ...]) -> Photo:
    photo_id, content_hash, size_bytes, taken_at, *facts = row
    format_, width_px, height_px, camera, lens, lat, lon, dated_by, rating = facts
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
        ),
    )
