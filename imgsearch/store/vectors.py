"""Vectors, the encoders they came from, and the snapshots made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.photo import PhotoVectors
from imgsearch.records.status import EncoderRow, SnapshotInfo
from imgsearch.store import schema
from imgsearch.store.reads import QueryStore

# What is executed for every file is put together once.
_row = schema.vectors.c
_NEW_VECTORS = upsert(schema.vectors).on_conflict_do_nothing()
_TAKE_VECTORS = (
    delete(schema.vectors)
    .where(
        _row.photo_id == bindparam("of"),
        ~select(schema.paths.c.id).where(schema.paths.c.photo_id == bindparam("of")).exists(),
    )
    .returning(_row.encoder_key, _row.photo_id, _row.part, _row.vector, _row.at_s)
)


class VectorStore(QueryStore):
    """The half of the store that knows vectors. `Store` adds files and photos."""

    # ------------------------------------------------------------------ encoders

    def building_encoder(self) -> EncoderRow | None:
        """The encoder that `rebuild --encoder` is embedding everything with, if any."""
        return self._encoder_in("building")

    def add_encoder(self, encoder_id: str, name: str, dim: int) -> EncoderRow:
        """Enter an encoder: as the current one if there is none, else beside it, as building.

        Another unfinished one is dropped with its vectors; the same one is returned as it is.
        """
        row_of = schema.encoders.c
        with self._engine.begin() as connection:
            known = connection.execute(
                select(row_of.key).where(row_of.encoder_id == encoder_id)
            ).scalar()
            if known is not None:
                return EncoderRow(known, encoder_id, name, dim)
            first = connection.execute(select(func.count()).select_from(schema.encoders)).scalar()
            connection.execute(delete(schema.encoders).where(row_of.state == "building"))
            state = "building" if first else "current"
            key = connection.execute(
                insert(schema.encoders)
                .values(encoder_id=encoder_id, name=name, dim=dim, state=state)
                .returning(row_of.key)
            ).scalar_one()
        return EncoderRow(key, encoder_id, name, dim)

    def promote_encoder(self, encoder_key: int) -> None:
        """Make the building encoder the current one, and drop the other with its vectors."""
        row_of = schema.encoders.c
        with self._engine.begin() as connection:
            connection.execute(delete(schema.encoders).where(row_of.key != encoder_key))
            connection.execute(
                update(schema.encoders).where(row_of.key == encoder_key).values(state="current")
            )

    # ------------------------------------------------------------------ vectors

    def add_vectors(self, encoder_key: int, parts_of: Mapping[int, PhotoVectors]) -> None:
        """Append the vectors of photos, in one transaction; photos that have some keep them."""
        with self._engine.begin() as connection:
            for photo_id, parts in parts_of.items():
                insert_vectors(connection, encoder_key, photo_id, parts)

    def vector_count(self, encoder_key: int) -> int:
        """How many vectors an encoder has, those of photos that no path points at included."""
        return self._vector_number(func.count(), encoder_key)

    def live_vector_count(self, encoder_key: int, up_to_seq: int | None = None) -> int:
        """How many vectors, of all or up to a `seq`, are of photos that some path points at."""
        row_of = schema.vectors.c
        live = select(schema.paths.c.photo_id).where(schema.paths.c.photo_id.is_not(None))
        query = select(func.count()).select_from(schema.vectors)
        query = query.where(row_of.encoder_key == encoder_key, row_of.photo_id.in_(live))
        if up_to_seq is not None:
            query = query.where(row_of.seq <= up_to_seq)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def count_after(self, encoder_key: int, seq: int) -> int:
        """How many vectors of an encoder came after `seq`: the tail of a snapshot."""
        row_of = schema.vectors.c
        query = select(func.count()).where(row_of.encoder_key == encoder_key, row_of.seq > seq)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def _vector_number(self, what: ColumnElement[int], encoder_key: int) -> int:
        query = select(what).where(schema.vectors.c.encoder_key == encoder_key)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    # ------------------------------------------------------------------ snapshots

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
        statement = upsert(schema.snapshots).values(values)
        statement = statement.on_conflict_do_update(index_elements=["encoder_key"], set_=values)
        with self._engine.begin() as connection:
            connection.execute(statement)

    def snapshot_file_names(self) -> set[str]:
        """The files that some encoder's current snapshot is in: all others may go."""
        with self._engine.connect() as connection:
            return set(connection.execute(select(schema.snapshots.c.file_name)).scalars())


def insert_vectors(
    connection: Connection, encoder_key: int, photo_id: int, parts: PhotoVectors
) -> None:
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
    connection.execute(_NEW_VECTORS, rows)


def renew_vectors(connection: Connection, photo_id: int) -> None:
    """Number the vectors of a photo anew if no path points at it, because one is about to.

    A snapshot built while it was away left it out; with new numbers it is in the tail of any.
    """
    rows = connection.execute(_TAKE_VECTORS, {"of": photo_id}).mappings().all()
    if rows:
        rows = sorted(rows, key=lambda row: (row["encoder_key"], row["part"]))
        connection.execute(insert(schema.vectors), [dict(row) for row in rows])


def these_ids(ids: Iterable[int]):  # type: ignore[no-untyped-def]  # a scalar subquery
    """A list of ids as a subquery: SQLite limits how many parameters a statement may have.

    One statement may have several of them.
    """
    value: BindParameter[str] = bindparam("ids", json.dumps(list(ids)), unique=True)
    return text("SELECT value FROM json_each(:ids)").bindparams(value)
