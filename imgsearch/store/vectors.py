"""Vectors, the encoders they came from, and the snapshots made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.errors import UsageError
from imgsearch.records import EncoderRow, Parts, SnapshotInfo
from imgsearch.store import tables

if TYPE_CHECKING:
    from imgsearch.records import Ids, Vector, Vectors

CHUNK_ROWS = 20_000  # 20 MB of fp16 at 512 dimensions
_MOST_PARTS = 100  # of a photo; far more than there are

_Row: TypeAlias = "Row[Any, Any, Any]"


class VectorStore:
    """The half of the store that knows vectors. `Store` adds files and photos."""

    def __init__(self, engine: Engine, data_dir: Path) -> None:
        self._engine = engine
        self.data_dir = data_dir

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

    def building_encoder(self) -> EncoderRow | None:
        """The encoder that `rebuild --encoder` is embedding everything with, if any."""
        return self._encoder_in("building")

    def _encoder_in(self, state: str) -> EncoderRow | None:
        row_of = tables.encoders.c
        query = select(row_of.key, row_of.encoder_id, row_of.name, row_of.dim)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(row_of.state == state)).first()
        return None if row is None else EncoderRow(*row)

    def add_encoder(self, encoder_id: str, name: str, dim: int) -> EncoderRow:
        """Enter an encoder: as the current one if there is none, else beside it, as building.

        Another unfinished one is dropped with its vectors; the same one is returned as it is.
        """
        row_of = tables.encoders.c
        with self._engine.begin() as connection:
            known = connection.execute(
                select(row_of.key).where(row_of.encoder_id == encoder_id)
            ).scalar()
            if known is not None:
                return EncoderRow(known, encoder_id, name, dim)
            first = connection.execute(select(func.count()).select_from(tables.encoders)).scalar()
            connection.execute(delete(tables.encoders).where(row_of.state == "building"))
            state = "building" if first else "current"
            key = connection.execute(
                insert(tables.encoders)
                .values(encoder_id=encoder_id, name=name, dim=dim, state=state)
                .returning(row_of.key)
            ).scalar_one()
        return EncoderRow(key, encoder_id, name, dim)

    def promote_encoder(self, encoder_key: int) -> None:
        """Make the building encoder the current one, and drop the other with its vectors."""
        row_of = tables.encoders.c
        with self._engine.begin() as connection:
            connection.execute(delete(tables.encoders).where(row_of.key != encoder_key))
            connection.execute(
                update(tables.encoders).where(row_of.key == encoder_key).values(state="current")
            )

    # ------------------------------------------------------------------ vectors

    def add_vectors(self, encoder_key: int, parts_of: Mapping[int, Parts]) -> None:
        """Append the vectors of photos, in one transaction; photos that have some keep them."""
        with self._engine.begin() as connection:
            for photo_id, parts in parts_of.items():
                insert_vectors(connection, encoder_key, photo_id, parts)

    def vectors(
        self, encoder_key: int, after_seq: int = 0, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[int, Ids, Vectors]]:
        """Chunks of (last seq, photo ids (n,), float32 rows (n, dim)) in the order of `seq`.

        The vectors of a photo come together, in one chunk, in the order of its parts; `starts_of`
        tells where each photo's begin. So a chunk may have a few more than `chunk_rows`.
        """
        import numpy as np

        row_of = tables.vectors.c
        query = (
            select(row_of.seq, row_of.photo_id, row_of.vector)
            .where(row_of.encoder_key == encoder_key)
            .order_by(row_of.seq)
        )
        while True:
            with self._engine.connect() as connection:
                news = query.where(row_of.seq > after_seq).limit(chunk_rows)
                rows = list(connection.execute(news))
                if len(rows) == chunk_rows:  # perhaps in the middle of a photo
                    behind = query.where(row_of.seq > rows[-1].seq).limit(_MOST_PARTS)
                    rows += _of_photo(rows[-1].photo_id, connection.execute(behind))
            if not rows:
                return
            after_seq = rows[-1].seq
            ids = np.fromiter((row.photo_id for row in rows), np.int64, len(rows))
            yield after_seq, ids, _floats([row.vector for row in rows])

    def vector_of(self, encoder_key: int, photo_id: int) -> Vector | None:
        """The vector (dim,) of a photo, float32 of length 1; of several parts, the whole."""
        found = self.parts(encoder_key, [photo_id]).get(photo_id)
        return None if found is None else found.vectors[0]

    def parts(
        self, encoder_key: int, ids: Iterable[int], only_of_several: bool = False
    ) -> dict[int, Parts]:
        """All vectors of each of these photos; of those that have more than one, if so asked."""
        row_of = tables.vectors.c
        several = these_ids(ids)
        if only_of_several:
            others = tables.vectors.alias().c
            several = select(others.photo_id).where(
                others.encoder_key == encoder_key, others.part > 0, others.photo_id.in_(several)
            )
        query = (
            select(row_of.photo_id, row_of.vector, row_of.at_s)
            .where(row_of.encoder_key == encoder_key, row_of.photo_id.in_(several))
            .order_by(row_of.photo_id, row_of.part)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {photo_id: _parts(list(own)) for photo_id, own in groupby(rows, lambda row: row[0])}

    def further_parts(self, encoder_key: int) -> tuple[Ids, Ids]:
        """Photos of several parts: their ids, ascending, and how many each has beside the first."""
        import numpy as np

        row_of = tables.vectors.c
        query = (
            select(row_of.photo_id, func.count())
            .where(row_of.encoder_key == encoder_key, row_of.part > 0)
            .group_by(row_of.photo_id)
            .order_by(row_of.photo_id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def last_seq(self, encoder_key: int) -> int:
        """The newest committed `seq` of an encoder, 0 when it has no vector."""
        return self._vector_number(func.max(tables.vectors.c.seq), encoder_key)

    def vector_count(self, encoder_key: int) -> int:
        """How many vectors an encoder has, those of photos that no path points at included."""
        return self._vector_number(func.count(), encoder_key)

    def live_vector_count(self, encoder_key: int, up_to_seq: int | None = None) -> int:
        """How many vectors, of all or up to a `seq`, are of photos that some path points at."""
        row_of = tables.vectors.c
        live = select(tables.paths.c.photo_id).where(tables.paths.c.photo_id.is_not(None))
        query = select(func.count()).select_from(tables.vectors)
        query = query.where(row_of.encoder_key == encoder_key, row_of.photo_id.in_(live))
        if up_to_seq is not None:
            query = query.where(row_of.seq <= up_to_seq)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def count_after(self, encoder_key: int, seq: int) -> int:
        """How many vectors of an encoder came after `seq`: the tail of a snapshot."""
        row_of = tables.vectors.c
        query = select(func.count()).where(row_of.encoder_key == encoder_key, row_of.seq > seq)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def _vector_number(self, what: ColumnElement[int], encoder_key: int) -> int:
        query = select(what).where(tables.vectors.c.encoder_key == encoder_key)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    def live_ids(self, ids: Ids | None = None) -> Ids:
        """The photos, of these or of all, that at least one path points at; sorted, unique."""
        import numpy as np

        photo_id = tables.paths.c.photo_id
        query = select(photo_id).where(photo_id.is_not(None)).distinct().order_by(photo_id)
        if ids is not None:
            query = query.where(photo_id.in_(these_ids(ids.tolist())))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalars().all()
        return np.array(found, dtype=np.int64)

    # ------------------------------------------------------------------ snapshots

    def current_snapshot(self, encoder_key: int) -> SnapshotInfo | None:
        """The index file that readers should open, if one was made."""
        row_of = tables.snapshots.c
        query = select(tables.snapshots, tables.encoders.c.encoder_id).join(tables.encoders)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(row_of.encoder_key == encoder_key)).first()
        if row is None:
            return None
        return SnapshotInfo(
            file_name=row.file_name,
            encoder_id=row.encoder_id,
            kind=row.kind,
            last_seq=row.last_seq,
            vectors=row.vectors,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            built_at=datetime.fromisoformat(row.built_at),
            details=row.details,
        )

    def publish_snapshot(self, encoder_key: int, info: SnapshotInfo) -> None:
        """Make an index file, complete on disk, the current one: the step that counts."""
        values = {
            "encoder_key": encoder_key,
            "file_name": info.file_name,
            "kind": info.kind,
            "last_seq": info.last_seq,
            "vectors": info.vectors,
            "size_bytes": info.size_bytes,
            "sha256": info.sha256,
            "built_at": info.built_at.isoformat(),
            "details": info.details,
        }
        statement = upsert(tables.snapshots).values(values)
        statement = statement.on_conflict_do_update(index_elements=["encoder_key"], set_=values)
        with self._engine.begin() as connection:
            connection.execute(statement)

    def snapshot_file_names(self) -> set[str]:
        """The files that some encoder's current snapshot is in: all others may go."""
        with self._engine.connect() as connection:
            return set(connection.execute(select(tables.snapshots.c.file_name)).scalars())


def starts_of(ids: Ids) -> Ids:
    """Where each photo's vectors begin in a chunk: `np.maximum.reduceat` then takes the best."""
    import numpy as np

    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else ids


def insert_vectors(connection: Connection, encoder_key: int, photo_id: int, parts: Parts) -> None:
    """Store the vectors of one photo as fp16, unless they are there already."""
    rows = [
        {
            "encoder_key": encoder_key,
            "photo_id": photo_id,
            "part": part,
            "vector": vector.astype("<f2").tobytes(),
            "at_s": parts.times_s[part] if parts.times_s else None,
        }
        for part, vector in enumerate(parts.vectors)
    ]
    connection.execute(upsert(tables.vectors).on_conflict_do_nothing(), rows)


def renew_vectors(connection: Connection, photo_id: int) -> None:
    """Number the vectors of a photo anew if no path points at it, because one is about to.

    A snapshot built while it was away left it out; with new numbers it is in the tail of any.
    """
    row_of = tables.vectors.c
    path = select(tables.paths.c.id).where(tables.paths.c.photo_id == photo_id)
    statement = delete(tables.vectors).where(row_of.photo_id == photo_id, ~path.exists())
    columns = (row_of.encoder_key, row_of.photo_id, row_of.part, row_of.vector, row_of.at_s)
    rows = connection.execute(statement.returning(*columns)).mappings().all()
    if rows:
        rows = sorted(rows, key=lambda row: (row["encoder_key"], row["part"]))
        connection.execute(insert(tables.vectors), [dict(row) for row in rows])


def _of_photo(photo_id: int, rows: Iterable[_Row]) -> Iterator[_Row]:
    return takewhile(lambda row: row.photo_id == photo_id, rows)


def _parts(rows: Sequence[_Row]) -> Parts:
    times_s = tuple(row.at_s for row in rows if row.at_s is not None)
    return Parts(_floats([row.vector for row in rows]), times_s)


def _floats(halves: Sequence[bytes]) -> Vectors:
    import numpy as np

    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32).reshape(len(halves), -1)
    # Rounding to fp16 moves a length off 1 by up to 2^-11, enough to reorder near ties.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def these_ids(ids: Iterable[int]):  # type: ignore[no-untyped-def]  # a scalar subquery
    """A list of ids as a subquery: SQLite limits how many parameters a statement may have.

    One statement may have several of them.
    """
    value: BindParameter[str] = bindparam("ids", json.dumps(list(ids)), unique=True)
    return text("SELECT value FROM json_each(:ids)").bindparams(value)
