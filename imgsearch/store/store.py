"""Store: files and photos. See `vectors` for the other half."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.errors import Reason
from imgsearch.records import Facts, Failure, FileStat, Outcome, Photo
from imgsearch.store import tables
from imgsearch.store.database import open_engine
from imgsearch.store.migrations import migrate, schema_version
from imgsearch.store.vectors import VectorStore, insert_vectors, renew_vectors, these_ids

DATABASE = "library.db"


class Store(VectorStore):
    """One library's database. Safe to use from several threads."""

    @classmethod
    def open(cls, data_dir: Path, writable: bool) -> Self:
        """Open the database in `data_dir`; a writer makes and migrates it first.

        Raises UsageError where a reader finds none, StoreError for a damaged or foreign file,
        SchemaTooNew, DiskError and LibraryLocked.
        """
        engine = open_engine(data_dir / DATABASE, writable)
        try:
            if writable:
                migrate(engine)
            else:
                with engine.connect() as connection:
                    schema_version(connection)
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

    # ------------------------------------------------------------------ roots

    def roots(self) -> dict[int, str]:
        """The photo folders that the library follows: id to absolute path."""
        query = select(tables.roots.c.id, tables.roots.c.path).order_by(tables.roots.c.id)
        with self._engine.connect() as connection:
            return {row.id: row.path for row in connection.execute(query)}

    def add_root(self, path: str) -> int:
        """Follow `path`; the id of the root that covers it.

        A folder inside a known root needs no root of its own. Roots inside a new one become part
        of it, and their files keep all that is known of them.
        """
        known = self.roots()
        for root_id, root in known.items():
            if path == root or path.startswith(prefix_of(root)):
                return root_id
        with self._engine.begin() as connection:
            new_id: int = connection.execute(
                insert(tables.roots).values(path=path, added_at=_now()).returning(tables.roots.c.id)
            ).scalar_one()
            for root_id, root in known.items():
                if root.startswith(prefix_of(path)):
                    _absorb(connection, root_id, root.removeprefix(prefix_of(path)), new_id)
        return new_id

    # ------------------------------------------------------------------ files

    def known(self, root_id: int, under: str = "") -> dict[str, FileStat]:
        """What was last seen of every file of a root, or of its folder `under`, by path."""
        root = self.roots()[root_id]
        prefix = prefix_of(root)
        row_of = tables.paths.c
        query = select(row_of.name, row_of.size_bytes, row_of.mtime_ns, row_of.inode).where(
            row_of.root_id == root_id
        )
        if under and under != root:
            inside = os.fsencode(prefix_of(under.removeprefix(prefix)))
            query = query.where(func.substr(row_of.name, 1, len(inside)) == inside)
        with self._engine.connect() as connection:
            return {
                (path := prefix + name): FileStat(path, size_bytes, mtime_ns, inode)
                for name, size_bytes, mtime_ns, inode in connection.execute(query)
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

    # ------------------------------------------------------------------ photos

    def photos(self, ids: Iterable[int]) -> dict[int, Photo]:
        """The photos with these ids; ids that are not known are left out."""
        query = select(tables.photos).where(tables.photos.c.id.in_(these_ids(ids)))
        with self._engine.connect() as connection:
            return {row.id: _photo(row) for row in connection.execute(query)}

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


def prefix_of(folder: str) -> str:
    """What the paths inside `folder` begin with."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _absorb(connection: Connection, old_id: int, inner: str, new_id: int) -> None:
    row_of = tables.paths.c
    renamed = [
        {"b_id": path_id, "name": os.path.join(inner, name), "root_id": new_id}  # noqa: PTH118
        for path_id, name in connection.execute(
            select(row_of.id, row_of.name).where(row_of.root_id == old_id)
        )
    ]
    if renamed:
        connection.execute(update(tables.paths).where(row_of.id == bindparam("b_id")), renamed)
    connection.execute(delete(tables.roots).where(tables.roots.c.id == old_id))


def _enter_photo(connection: Connection, outcome: Outcome) -> int | None:
    if outcome.failure is not None or outcome.content_hash is None:
        return None
    facts = outcome.facts
    if facts is not None:
        values = {
            "content_hash": outcome.content_hash,
            "size_bytes": outcome.stat.size_bytes,
            "format": facts.format,
            "width_px": facts.width_px,
            "height_px": facts.height_px,
            "taken_at": None if facts.taken_at is None else facts.taken_at.isoformat(),
            "camera": facts.camera,
            "lens": facts.lens,
            "lat": facts.lat,
            "lon": facts.lon,
            "added_at": _now(),
        }
        connection.execute(upsert(tables.photos).values(values).on_conflict_do_nothing())
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
                failed_at=_now(),
            )
        )


def _photo(row: Row[tuple[object, ...]]) -> Photo:
    taken_at = None if row.taken_at is None else datetime.fromisoformat(row.taken_at)
    return Photo(
        id=row.id,
        content_hash=row.content_hash.hex(),
        size_bytes=row.size_bytes,
        facts=Facts(
            format=row.format,
            width_px=row.width_px,
            height_px=row.height_px,
            taken_at=taken_at,
            camera=row.camera,
            lens=row.lens,
            lat=row.lat,
            lon=row.lon,
        ),
    )
