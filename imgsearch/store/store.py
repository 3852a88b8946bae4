"""Store: files and photos. See `roots` for folders, `vectors` for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.errors import Reason
from imgsearch.records import Failure, FileStat, Outcome
from imgsearch.store import tables
from imgsearch.store.counts import CountStore
from imgsearch.store.database import open_engine
from imgsearch.store.facets import FacetStore
from imgsearch.store.facts import FactStore, columns_of, enter_keywords
from imgsearch.store.filters import FilterStore
from imgsearch.store.migrations import STEPS, migrate, schema_version
from imgsearch.store.nulls import NullStore
from imgsearch.store.roots import now, prefix_of
from imgsearch.store.sidecars import Inside, SidecarStore
from imgsearch.store.vectors import insert_vectors, renew_vectors, these_ids

DATABASE = "library.db"


class Store(FactStore, SidecarStore, FilterStore, FacetStore, NullStore, CountStore):
    """One library's database. Safe to use from several threads."""

    @classmethod
    def open(cls, data_dir: Path, writable: bool) -> Self:
        """Open the database in `data_dir`: made by a writer, migrated by whoever comes first.

        Raises UsageError where a reader finds none, StoreError for a damaged or foreign file,
        SchemaTooNew, DiskError and LibraryLocked.
        """
        engine = open_engine(data_dir / DATABASE, writable)
        try:
            if writable:
                migrate(engine)
            else:
                with engine.connect() as connection:
                    version = schema_version(connection)
                if version < len(STEPS):
                    cls.open(data_dir, writable=True).close()
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, data_dir)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

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
        row_of = tables.paths.c
        query = (
            select(tables.roots.c.path, row_of.name, tables.photos.c.content_hash)
            .join_from(tables.paths, tables.roots)
            .join(tables.photos)
        )
        with self._engine.connect() as connection:
            return {
                prefix_of(root) + name: content_hash
                for root, name, content_hash in connection.execute(query)
            }

    def has_vectors(self, content_hash: bytes, encoder_key: int) -> bool:
        """Whether a photo with this content is known and embedded: then it costs nothing more."""
        query = (
            select(tables.photos.c.id)
            .join(tables.vectors, tables.vectors.c.photo_id == tables.photos.c.id)
            .where(tables.photos.c.content_hash == content_hash)
            .where(tables.vectors.c.encoder_key == encoder_key)
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def record(self, root_id: int, encoder_key: int, outcomes: Sequence[Outcome]) -> None:
        """Enter what became of a batch of files, all or nothing."""
        prefix = prefix_of(self.roots()[root_id])
        with self._engine.begin() as connection:
            for outcome in outcomes:
                photo_id = _enter_photo(connection, outcome)
                if photo_id is not None:
                    renew_vectors(connection, photo_id)
                if photo_id is not None and outcome.vectors is not None:
                    insert_vectors(connection, encoder_key, photo_id, outcome.vectors)
                name = outcome.stat.path.removeprefix(prefix)
                path_id = _enter_path(connection, root_id, name, photo_id, outcome.stat)
                _enter_failure(connection, path_id, outcome.failure)

    def forget(self, root_id: int, gone: Iterable[str]) -> int:
        """Drop paths that are no longer there; how many of them were a photo's last one.

        The photos keep their vectors: one that comes back is not embedded again.
        """
        prefix = prefix_of(self.roots()[root_id])
        names = [os.fsencode(path.removeprefix(prefix)) for path in gone]
        lost = 0
        row_of = tables.paths.c
        with self._engine.begin() as connection:
            for name in names:
                photo_id = connection.execute(
                    delete(tables.paths)
                    .where(row_of.root_id == root_id, row_of.name == os.fsdecode(name))
                    .returning(row_of.photo_id)
                ).scalar()
                others = select(row_of.id).where(row_of.photo_id == photo_id).limit(1)
                if photo_id is not None and connection.execute(others).first() is None:
                    lost += 1
        return lost

    def prune(self, before: datetime) -> int:
        """Drop the photos, with their vectors, whose last path went before `before`; how many."""
        row_of = tables.photos.c
        some_path = select(tables.paths.c.id).where(tables.paths.c.photo_id == row_of.id)
        limit = before.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        statement = delete(tables.photos).where(row_of.gone_at < limit, ~some_path.exists())
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount

    def to_retry(self) -> set[str]:
        """Files that could not be read for a reason that may pass without the file changing."""
        passing = (Reason.UNREADABLE, Reason.CHANGED, Reason.TIMED_OUT)
        query = (
            select(tables.roots.c.path, tables.paths.c.name)
            .join_from(tables.failures, tables.paths)
            .join(tables.roots)
            .where(tables.failures.c.reason.in_([reason.value for reason in passing]))
        )
        with self._engine.connect() as connection:
            return {prefix_of(root) + name for root, name in connection.execute(query)}

    # ------------------------------------------------------------------ photos

    def paths(self, ids: Iterable[int]) -> dict[int, list[tuple[int, Path]]]:
        """Where these photos lie: id to (root id, absolute path), in the order of the paths."""
        row_of = tables.paths.c
        query = (
            select(row_of.photo_id, row_of.root_id, row_of.name, tables.roots.c.path)
            .join(tables.roots)
            .where(row_of.photo_id.in_(these_ids(ids)))
            .order_by(tables.roots.c.path, row_of.name)
        )
        found: dict[int, list[tuple[int, Path]]] = {}
        with self._engine.connect() as connection:
            for photo_id, root_id, name, root in connection.execute(query):
                found.setdefault(photo_id, []).append((root_id, Path(root, name)))
        return found

    def unembedded(self, encoder_key: int) -> dict[int, Path]:
        """Photos without a vector of this encoder that some path points at: id to one path."""
        row_of = tables.paths.c
        embedded = select(tables.vectors.c.photo_id).where(
            tables.vectors.c.encoder_key == encoder_key
        )
        query = (
            select(row_of.photo_id, row_of.name, tables.roots.c.path)
            .join(tables.roots)
            .where(row_of.photo_id.is_not(None), row_of.photo_id.not_in(embedded))
            .order_by(row_of.photo_id)
        )
        with self._engine.connect() as connection:
            return {
                photo_id: Path(root, name) for photo_id, name, root in connection.execute(query)
            }

    def photo_count(self) -> int:
        """How many photos at least one path points at."""
        query = select(func.count(tables.paths.c.photo_id.distinct()))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def photo_counts(self) -> dict[int, int]:
        """How many files of photos each root has."""
        row_of = tables.paths.c
        query = select(row_of.root_id, func.count(row_of.photo_id).label("photos")).group_by(
            row_of.root_id
        )
        with self._engine.connect() as connection:
            return {row.root_id: row.photos for row in connection.execute(query)}

    def failures(self) -> tuple[Failure, ...]:
        """Every file that could not be indexed, by path."""
        query = (
            select(
                tables.roots.c.path,
                tables.paths.c.name,
                tables.failures.c.reason,
                tables.failures.c.message,
            )
            .join_from(tables.failures, tables.paths)
            .join(tables.roots)
            .order_by(tables.roots.c.path, tables.paths.c.name)
        )
        with self._engine.connect() as connection:
            return tuple(
                Failure(Path(root, name), Reason(reason), message)
                for root, name, reason, message in connection.execute(query)
            )


def _enter_photo(connection: Connection, outcome: Outcome) -> int | None:
    if outcome.failure is not None or outcome.content_hash is None:
        return None
    facts = outcome.facts
    if facts is not None:
        news = {
            "content_hash": outcome.content_hash,
            "size_bytes": outcome.stat.size_bytes,
            "added_at": now(),
        }
        columns = columns_of(facts)
        statement = upsert(tables.photos).values({**news, **columns})
        statement = statement.on_conflict_do_update(index_elements=["content_hash"], set_=columns)
        photo_id = connection.execute(statement.returning(tables.photos.c.id)).scalar_one()
        enter_keywords(connection, photo_id, facts.keywords)
        return int(photo_id)
    query = select(tables.photos.c.id).where(tables.photos.c.content_hash == outcome.content_hash)
    return int(connection.execute(query).scalar_one())


def _enter_path(
    connection: Connection, root_id: int, name: str, photo_id: int | None, stat: FileStat
) -> int:
    values = {
        "photo_id": photo_id,
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "inode": stat.inode,
        "missing_since": None,
    }
    statement = (
        upsert(tables.paths)
        .values(root_id=root_id, name=name, **values)
        .on_conflict_do_update(index_elements=["root_id", "name"], set_=values)
        .returning(tables.paths.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def _enter_failure(connection: Connection, path_id: int, failure: Failure | None) -> None:
    connection.execute(delete(tables.failures).where(tables.failures.c.path_id == path_id))
    if failure is not None:
        connection.execute(
            insert(tables.failures).values(
                path_id=path_id,
                reason=failure.reason.value,
                message=failure.message,
                failed_at=now(),
            )
        )
