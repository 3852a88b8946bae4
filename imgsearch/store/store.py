"""Store: files and photos. See `roots` for folders, `vectors` for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import PhotoVectors
from imgsearch.store import schema
from imgsearch.store.counts import CountStore
from imgsearch.store.facets import FacetStore
from imgsearch.store.facts import COLUMNS, FactStore, columns_of, enter_keywords
from imgsearch.store.failures import FailureStore, enter_failure
from imgsearch.store.migrations import migrate
from imgsearch.store.nulls import NullStore
from imgsearch.store.roots import now, prefix_of
from imgsearch.store.sidecars import Inside, SidecarStore
from imgsearch.store.vectors import insert_vectors, renew_vectors

# What is executed for every file is put together once: that costs more than to execute it.
_photo, _path = upsert(schema.photos), upsert(schema.paths)
_PHOTO = _photo.on_conflict_do_update(
    index_elements=["content_hash"], set_={name: _photo.excluded[name] for name in COLUMNS}
).returning(schema.photos.c.id)
_KNOWN_PHOTO = select(schema.photos.c.id).where(schema.photos.c.content_hash == bindparam("hash"))
_PATH = _path.on_conflict_do_update(
    index_elements=["root_id", "name"],
    set_={
        name: _path.excluded[name]
        for name in ("photo_id", "size_bytes", "mtime_ns", "inode", "missing_since")
    },
).returning(schema.paths.c.id)


class Store(FactStore, SidecarStore, FacetStore, NullStore, CountStore, FailureStore):
    """One library's database. Safe to use from several threads."""

    @classmethod
    def open(cls, data_dir: Path, writable: bool = False) -> Self:
        """Open the database in `data_dir`: made by a writer, migrated by whoever comes first.

        Raises UsageError where a reader finds none, StoreError for a damaged or foreign file,
        SchemaTooNew, DiskError and LibraryLocked.
        """
        if not writable:
            return super().open(data_dir)
        store = cls(data_dir, writable=True)
        try:
            migrate(store._engine)
        except BaseException:
            store.close()
            raise
        return store

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong."""
        with self._engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())

    # ------------------------------------------------------------------ files

    def known(self, root_id: int, under: str = "", deep: bool = True) -> dict[str, FileStat]:
        """What was last seen of every file of a root, or of its folder `under`, by path.

        With `deep` false, of the files that lie in that folder itself only.
        """
        return self._files("paths", Inside(root_id, under, deep))

    def hashes(self) -> dict[str, bytes]:
        """The content hash of every photo file that is known, by path."""
        row_of = schema.paths.c
        query = (
            select(schema.roots.c.path, row_of.name, schema.photos.c.content_hash)
            .join_from(schema.paths, schema.roots)
            .join(schema.photos)
        )
        with self._engine.connect() as connection:
            return {
                prefix_of(root) + name: content_hash
                for root, name, content_hash in connection.execute(query)
            }

    def record(self, root_id: int, encoder_key: int, outcomes: Sequence[IngestResult]) -> None:
        """Enter what became of a batch of files, all or nothing."""
        prefix = prefix_of(self.roots()[root_id])
        with self._engine.begin() as connection:
            for outcome in outcomes:
                photo_id = _enter_photo(connection, outcome)
                if photo_id is not None:
                    renew_vectors(connection, photo_id)
                if photo_id is not None and outcome.vectors is not None:
                    parts = PhotoVectors(outcome.vectors, outcome.times_s)
                    insert_vectors(connection, encoder_key, photo_id, parts)
                name = outcome.stat.path.removeprefix(prefix)
                path_id = _enter_path(connection, root_id, name, photo_id, outcome.stat)
                enter_failure(connection, path_id, outcome.failure, outcome.content_hash)

    def forget(self, root_id: int, gone: Iterable[str]) -> int:
        """Drop paths that are no longer there; how many of them were a photo's last one.

        The photos keep their vectors: one that comes back is not embedded again.
        """
        prefix = prefix_of(self.roots()[root_id])
        names = [os.fsencode(path.removeprefix(prefix)) for path in gone]
        lost = 0
        row_of = schema.paths.c
        with self._engine.begin() as connection:
            for name in names:
                photo_id = connection.execute(
                    delete(schema.paths)
                    .where(row_of.root_id == root_id, row_of.name == os.fsdecode(name))
                    .returning(row_of.photo_id)
                ).scalar()
                others = select(row_of.id).where(row_of.photo_id == photo_id).limit(1)
                if photo_id is not None and connection.execute(others).first() is None:
                    lost += 1
        return lost

    def prune(self, before: datetime) -> int:
        """Drop the photos, with their vectors, whose last path went before `before`; how many."""
        row_of = schema.photos.c
        some_path = select(schema.paths.c.id).where(schema.paths.c.photo_id == row_of.id)
        limit = before.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        statement = delete(schema.photos).where(row_of.gone_at < limit, ~some_path.exists())
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount

    # ------------------------------------------------------------------ photos

    def unembedded(self, encoder_key: int | None) -> dict[int, Path]:
        """Photos without a vector of this encoder that some path points at: id to one path.

        None is an encoder that has embedded nothing yet.
        """
        row_of = schema.paths.c
        embedded = select(schema.vectors.c.photo_id).where(
            schema.vectors.c.encoder_key == encoder_key
        )
        query = (
            select(row_of.photo_id, row_of.name, schema.roots.c.path)
            .join(schema.roots)
            .where(row_of.photo_id.is_not(None), row_of.photo_id.not_in(embedded))
            .order_by(row_of.photo_id)
        )
        with self._engine.connect() as connection:
            return {
                photo_id: Path(root, name) for photo_id, name, root in connection.execute(query)
            }

    def photo_count(self) -> int:
        """How many photos at least one path points at."""
        query = select(func.count(schema.paths.c.photo_id.distinct()))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()


def _enter_photo(connection: Connection, outcome: IngestResult) -> int | None:
    if outcome.failure is not None or outcome.content_hash is None:
        return None
    facts = outcome.facts
    if facts is not None:
        news = {
            "content_hash": outcome.content_hash,
            "size_bytes": outcome.stat.size_bytes,
            "added_at": now(),
        }
        photo_id = connection.execute(_PHOTO, {**news, **columns_of(facts)}).scalar_one()
        enter_keywords(connection, photo_id, facts.keywords)
        return int(photo_id)
    return int(connection.execute(_KNOWN_PHOTO, {"hash": outcome.content_hash}).scalar_one())


def _enter_path(
    connection: Connection, root_id: int, name: str, photo_id: int | None, stat: FileStat
) -> int:
    values = {
        "root_id": root_id,
        "name": name,
        "photo_id": photo_id,
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "inode": stat.inode,
        "missing_since": None,
    }
    return int(connection.execute(_PATH, values).scalar_one())
