"""Failures: the files that could not be indexed and the folders that could not be read."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path, PurePath

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select

from imgsearch.addresses import path_below
from imgsearch.errors import Reason
from imgsearch.records.status import Failure
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.reads import Reads
from imgsearch.store.sql import now, prefix_of

TRANSIENT = (Reason.UNREADABLE, Reason.CHANGED, Reason.TIMED_OUT)  # may pass without an edit

_c = schema.failures.c
_IS_TRANSIENT = _c.reason.in_([reason.value for reason in TRANSIENT])
_WITH_PATH = (
    select(schema.roots.c.path.label("root"), schema.paths.c.name, schema.failures)
    .join_from(schema.failures, schema.paths, schema.paths.c.id == _c.path_id)
    .join(schema.roots, schema.roots.c.id == schema.paths.c.root_id)
)
# Statements that run for every file are built once: building one costs more than running it.
_OF_CONTENT = _WITH_PATH.where(
    _c.content_hash == bindparam("hash"), _c.read_by == bindparam("fingerprint"), ~_IS_TRANSIENT
)
_DELETE = delete(schema.failures).where(_c.path_id == bindparam("of"))


class FailureStore:
    """The part of a store that knows what could not be read, and why."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    def of_files(self, reasons: Collection[Reason] = ()) -> tuple[Failure, ...]:
        """Return every file that could not be indexed, sorted by path.

        With `reasons`, only for these.
        """
        query = _WITH_PATH.order_by(schema.roots.c.path, schema.paths.c.name)
        if reasons:
            query = query.where(_c.reason.in_([reason.value for reason in reasons]))
        with self._database.engine.connect() as connection:
            return tuple(_failure(row) for row in connection.execute(query))

    def to_retry(self, fingerprint: str) -> set[str]:
        """Return the unchanged files that failed and are worth another attempt.

        The failure may be transient, or the decoders, identified by `fingerprint`, have changed.
        """
        query = _WITH_PATH.where(or_(_IS_TRANSIENT, _c.read_by.is_distinct_from(fingerprint)))
        with self._database.engine.connect() as connection:
            return {prefix_of(row.root) + row.name for row in connection.execute(query)}

    def known(self, content_hash: bytes, name: str, fingerprint: str) -> Failure | None:
        """Return the failure of a file with this content and suffix, if decoding would fail again.

        The suffix counts because it may decide how content is decoded.
        """
        any_failure = "SELECT 1 FROM failures WHERE content_hash = ?"
        if self._database.fetch_one(any_failure, content_hash) is None:
            return None  # the usual case, without SQLAlchemy's overhead
        suffix = PurePath(name).suffix.lower()
        parameters = {"hash": content_hash, "fingerprint": fingerprint}
        with self._database.engine.connect() as connection:
            for row in connection.execute(_OF_CONTENT, parameters):
                if PurePath(row.name).suffix.lower() == suffix:
                    return _failure(row)
        return None

    # ------------------------------------------------------------------ folders

    def of_folders(self) -> tuple[Failure, ...]:
        """Return every folder that could not be read in the last scan, sorted by path."""
        roots, folders = schema.roots.c, schema.folders.c
        query = (
            select(roots.path, folders.name, folders.message)
            .join_from(schema.folders, schema.roots, roots.id == folders.root_id)
            .order_by(roots.path, folders.name)
        )
        with self._database.engine.connect() as connection:
            return tuple(
                Failure(Path(root, name), Reason.UNREADABLE, message)
                for root, name, message in connection.execute(query)
            )

    def set_folders(self, root_id: int, scanned: str, folders: Mapping[str, str]) -> None:
        """Store which folders below `scanned` cannot be read (path to message); replaces others."""
        prefix = prefix_of(self._reads.roots.all()[root_id])
        c = schema.folders.c

        def relative(path: str) -> str:
            return path.removeprefix(prefix.rstrip(os.sep)).lstrip(os.sep)

        inside = relative(scanned)
        with self._database.engine.begin() as connection:
            query = select(c.id, c.name).where(c.root_id == root_id)
            for folder_id, name in connection.execute(query).all():
                if not inside or name == inside or name.startswith(prefix_of(inside)):
                    connection.execute(delete(schema.folders).where(c.id == folder_id))
            for path, message in folders.items():
                connection.execute(
                    insert(schema.folders).values(
                        root_id=root_id, name=relative(path), message=message
                    )
                )


def record_failure(
    connection: Connection, path_id: int, failure: Failure | None, content_hash: bytes | None
) -> None:
    """Store the failure of the file at a path, in place of an earlier one; None clears it."""
    connection.execute(_DELETE, {"of": path_id})
    if failure is not None:
        connection.execute(
            insert(schema.failures).values(
                path_id=path_id,
                reason=failure.reason.value,
                message=failure.message,
                failed_at=now(),
                content_hash=content_hash,
                extra=failure.extra,
                read_by=failure.read_by,
            )
        )


def _failure(row: Row[tuple[object, ...]]) -> Failure:
    return Failure(
        path_below(row.root, row.name),
        Reason(row.reason),
        row.message,
        row.extra,
        row.read_by,
        datetime.fromisoformat(row.failed_at),
    )
