"""Vectors, the encoders that made them, their index snapshots and their score baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.arrays import Ids, Vector
from imgsearch.records.index import EncoderRow, SnapshotInfo, StoredVectors
from imgsearch.records.photo import PhotoVectors
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.reading.encoders import SUCCESSOR_SQL
from imgsearch.store.reading.vectors import CHUNK_ROWS

# Statements that run for every file are built once: building one costs more than running it.
_c = schema.vectors.c
# The encoder that is to replace the current one, as `EncoderRow` has it.
_successor: ColumnElement[str] = literal_column(SUCCESSOR_SQL)
_BLOCK_PHOTOS = 20_000  # of hubness
MAX_LENGTH_ERROR = 0.01  # of a stored vector; rounding to fp16 makes at most 2^-11
_INSERT = upsert(schema.vectors).on_conflict_do_nothing()
_TAKE_UNLINKED = (
    delete(schema.vectors)
    .where(
        _c.photo_id == bindparam("of"),
        ~select(schema.paths.c.id).where(schema.paths.c.photo_id == bindparam("of")).exists(),
    )
    .returning(_c.encoder_key, _c.photo_id, _c.part, _c.vector, _c.at_s)
)


class VectorStore:
    """The part of a store that writes vectors; `Reads` reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ encoders

    def add_encoder(self, encoder_id: str, name: str, dim: int) -> EncoderRow:
        """Add an encoder: as the current one if there is none, otherwise as the one being built.

        Another unfinished one is deleted with its vectors; a known one is returned as it is.
        """
        c = schema.encoders.c
        with self._database.engine.begin() as connection:
            successor = connection.execute(select(_successor)).scalar_one()
            known = connection.execute(select(c.key).where(c.encoder_id == encoder_id)).scalar()
            if known is not None:
                return EncoderRow(known, encoder_id, name, dim, successor)
            count = connection.execute(select(func.count()).select_from(schema.encoders)).scalar()
            connection.execute(delete(schema.encoders).where(c.state == "building"))
            key = connection.execute(
                insert(schema.encoders)
                .values(
                    encoder_id=encoder_id,
                    name=name,
                    dim=dim,
                    state="building" if count else "current",
                )
                .returning(c.key)
            ).scalar_one()
        return EncoderRow(key, encoder_id, name, dim, successor)

    def adopt_encoder(self, encoder_id: str, name: str, dim: int) -> EncoderRow:
        """Add an encoder whose vectors come from another library; a known one stays as it is.

        It is the current one if there is none; otherwise its vectors are kept beside.
        """
        c = schema.encoders.c
        with self._database.engine.begin() as connection:
            successor = connection.execute(select(_successor)).scalar_one()
            count = connection.execute(select(func.count()).select_from(schema.encoders)).scalar()
            connection.execute(
                upsert(schema.encoders)
                .values(
                    encoder_id=encoder_id,
                    name=name,
                    dim=dim,
                    state="kept" if count else "current",
                )
                .on_conflict_do_nothing()
            )
            key = connection.execute(select(c.key).where(c.encoder_id == encoder_id)).scalar_one()
        return EncoderRow(key, encoder_id, name, dim, successor)

    def all_encoders(self) -> dict[EncoderRow, bool]:
        """Return every encoder with vectors in the library, and whether it is the current one."""
        c = schema.encoders.c
        query = select(c.key, c.encoder_id, c.name, c.dim, _successor, c.state).order_by(c.key)
        with self._database.engine.connect() as connection:
            return {
                EncoderRow(*encoder): state == "current"
                for *encoder, state in connection.execute(query)
            }

    def promote_encoder(self, encoder_key: int) -> None:
        """Make an encoder the current one; the one before is kept with its vectors and index."""
        c = schema.encoders.c
        with self._database.engine.begin() as connection:
            connection.execute(
                update(schema.encoders).where(c.state == "current").values(state="kept")
            )
            connection.execute(
                update(schema.encoders).where(c.key == encoder_key).values(state="current")
            )

    def drop_encoder(self, encoder_key: int) -> None:
        """Delete an encoder with its vectors, score baseline and the row of its snapshot."""
        statement = delete(schema.encoders).where(schema.encoders.c.key == encoder_key)
        with self._database.engine.begin() as connection:
            connection.execute(statement)

    def stored_encoders(self) -> list[StoredVectors]:
        """Return the stored vectors of each encoder, in the order in which they were added."""
        e, s = schema.encoders.c, schema.snapshots.c
        query = (
            select(
                e.key,
                e.encoder_id,
                e.name,
                e.dim,
                _successor,
                e.state,
                func.count(_c.seq),
                func.count(_c.photo_id.distinct()),
                func.coalesce(s.size_bytes, 0),
            )
            .select_from(
                schema.encoders.outerjoin(schema.vectors, _c.encoder_key == e.key).outerjoin(
                    schema.snapshots, s.encoder_key == e.key
                )
            )
            .group_by(e.key)
            .order_by(e.key)
        )
        with self._database.engine.connect() as connection:
            return [
                StoredVectors(EncoderRow(*encoder), state, vectors, photos, size)
                for *encoder, state, vectors, photos, size in connection.execute(query)
            ]

    # ------------------------------------------------------------------ vectors

    def add(self, encoder_key: int, vectors: Mapping[int, PhotoVectors]) -> None:
        """Append vectors by photo id, in one transaction; photos that have some keep them."""
        with self._database.engine.begin() as connection:
            for photo_id, photo_vectors in vectors.items():
                insert_vectors(connection, encoder_key, photo_id, photo_vectors)

    def invalid(self, row: EncoderRow) -> list[tuple[int, str]]:
        """Return photos with a vector that cannot be right: (id, what is wrong), sorted by id.

        A vector has `row.dim` fp16 numbers, all finite, and a length of 1, give or take rounding.
        """
        problems: dict[int, str] = {}
        last = 0
        query = (
            select(_c.seq, _c.photo_id, _c.vector)
            .where(_c.encoder_key == row.key, _c.seq > bindparam("last"))
            .order_by(_c.seq)
            .limit(CHUNK_ROWS)
        )
        with self._database.engine.connect() as connection:
            while rows := connection.execute(query, {"last": last}).all():
                last = rows[-1].seq
                for _, photo_id, content in rows:
                    if len(content) != 2 * row.dim:
                        problems[photo_id] = f"{len(content)} bytes instead of {2 * row.dim}"
                        continue
                    length = float(np.linalg.norm(np.frombuffer(content, "<f2").astype("<f4")))
                    if not abs(length - 1) < MAX_LENGTH_ERROR:
                        problems[photo_id] = f"its length is {length:g} instead of 1"
        return sorted(problems.items())

    def delete_of(self, encoder_key: int, photo_ids: Iterable[int]) -> None:
        """Delete the vectors of these photos; the next indexing run embeds them again."""
        statement = delete(schema.vectors).where(
            _c.encoder_key == encoder_key, _c.photo_id.in_(schema.ids_subquery(photo_ids))
        )
        with self._database.engine.begin() as connection:
            connection.execute(statement)

    def count(self, encoder_key: int, after_seq: int = 0) -> int:
        """Count the vectors of an encoder, all or after a `seq`, including unlinked photos'."""
        query = select(func.count()).where(_c.encoder_key == encoder_key, _c.seq > after_seq)
        if after_seq:  # SQLite would go through an index of all
            query = query.with_hint(schema.vectors, "NOT INDEXED", "sqlite")
        with self._database.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def live_count(self, encoder_key: int, up_to_seq: int | None = None) -> int:
        """Count the vectors, all or up to a `seq`, of photos that have a path."""
        live = select(schema.paths.c.photo_id).where(schema.paths.c.photo_id.is_not(None))
        query = select(func.count()).where(_c.encoder_key == encoder_key, _c.photo_id.in_(live))
        if up_to_seq is not None:
            query = query.where(_c.seq <= up_to_seq)
        with self._database.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    # ------------------------------------------------------------------ snapshots

    def publish_snapshot(self, encoder_key: int, info: SnapshotInfo) -> None:
        """Make an index file, complete on disk, the current snapshot: the step that commits it."""
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
        with self._database.engine.begin() as connection:
            connection.execute(statement)

    def snapshot_file_names(self) -> set[str]:
        """Return the files of all current snapshots; any other file may be deleted."""
        with self._database.engine.connect() as connection:
            return set(connection.execute(select(schema.snapshots.c.file_name)).scalars())

    # ------------------------------------------------------------------ hubness

    def hubness_source(self, encoder_key: int) -> tuple[str, int] | None:
        """Return the sha256 of the texts of the bank, and the last `seq` that was compared."""
        c = schema.hubness.c
        query = (
            select(c.bank_sha256, c.last_seq)
            .where(c.encoder_key == encoder_key)
            .order_by(c.last_seq.desc())
        )
        with self._database.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.bank_sha256, row.last_seq)

    def add_hubness(
        self, encoder_key: int, bank_sha256: str, last_seq: int, ids: Ids, values: Vector
    ) -> None:
        """Add the hubness of photos, of which the vectors up to `last_seq` are compared now.

        What was compared with another bank is deleted. A small last block takes them in.
        """
        c = schema.hubness.c
        with self._database.engine.begin() as connection:
            connection.execute(
                delete(schema.hubness).where(
                    c.encoder_key == encoder_key, c.bank_sha256 != bank_sha256
                )
            )
            of_encoder = c.encoder_key == encoder_key
            newest = select(func.max(c.last_seq)).where(of_encoder).scalar_subquery()
            is_small = func.length(c.vals) < 4 * _BLOCK_PHOTOS
            small = connection.execute(
                delete(schema.hubness)
                .where(of_encoder, c.last_seq == newest, is_small)
                .returning(c.photo_ids, c.vals)
            ).first()
            known_ids, known_values = (b"", b"") if small is None else tuple(small)
            connection.execute(
                insert(schema.hubness).values(
                    encoder_key=encoder_key,
                    last_seq=last_seq,
                    bank_sha256=bank_sha256,
                    photo_ids=known_ids + ids.astype("<i8").tobytes(),
                    vals=known_values + values.astype("<f4").tobytes(),
                )
            )

    # ------------------------------------------------------------------ baselines

    def baseline_source(self, encoder_key: int) -> tuple[str, int] | None:
        """Return the source of the baseline: the sha256 of its texts, and the vector count."""
        c = schema.baselines.c
        query = select(c.prompts_sha256, c.vectors).where(c.encoder_key == encoder_key)
        with self._database.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.prompts_sha256, row.vectors)

    def set_baseline(self, encoder_key: int, baseline: ScoreBaseline, prompts_sha256: str) -> None:
        """Replace the baseline of an encoder; `prompts_sha256` identifies its texts."""
        values = {
            "encoder_key": encoder_key,
            "prompts": baseline.prompts.astype("<f2").tobytes(),
            "nouns": baseline.nouns.astype("<f2").tobytes(),
            "photos": baseline.photos.astype("<f2").tobytes(),
            "mean": baseline.mean.astype("<f4").tobytes(),
            "prompts_sha256": prompts_sha256,
            "vectors": baseline.vectors,
            "usual": None if baseline.usual is None else baseline.usual.astype("<f2").tobytes(),
        }
        statement = upsert(schema.baselines).values(values)
        statement = statement.on_conflict_do_update(index_elements=["encoder_key"], set_=values)
        with self._database.engine.begin() as connection:
            connection.execute(statement)


def insert_vectors(
    connection: Connection, encoder_key: int, photo_id: int, vectors: PhotoVectors
) -> None:
    """Store the vectors of one photo as fp16, unless it has some already."""
    rows = [
        {
            "encoder_key": encoder_key,
            "photo_id": photo_id,
            "part": part,
            "vector": vector.astype("<f2").tobytes(),
            "at_s": vectors.times_s[part] if vectors.times_s else None,
        }
        for part, vector in enumerate(vectors.vectors)
    ]
    connection.execute(_INSERT, rows)


def renumber_vectors(connection: Connection, photo_id: int) -> None:
    """Give the vectors of a photo without a path a new `seq`, because it is about to get a path.

    A snapshot built meanwhile left the photo out; with a new `seq` it is in the tail of any.
    """
    rows = connection.execute(_TAKE_UNLINKED, {"of": photo_id}).mappings().all()
    if rows:
        rows = sorted(rows, key=lambda row: (row["encoder_key"], row["part"]))
        connection.execute(insert(schema.vectors), [dict(row) for row in rows])
