"""The ledger of failures: by path and by content, with what tried to read each file."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path, PurePath

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select

from imgsearch.errors import Reason
from imgsearch.records.status import Failure
from imgsearch.store import schema
from imgsearch.store.roots import RootStore, now, prefix_of

PASSING = (Reason.UNREADABLE, Reason.CHANGED, Reason.TIMED_OUT)  # without the file changing

_row = schema.failures.c
_PASSING = _row.reason.in_([reason.value for reason in PASSING])
_WITH_PATH = (
    select(schema.roots.c.path.label("root"), schema.paths.c.name, schema.failures)
    .join_from(schema.failures, schema.paths)
    .join(schema.roots)
)
# What is executed for every file is put together once.
_KNOWN = _WITH_PATH.where(
    _row.content_hash == bindparam("hash"), _row.read_by == bindparam("reading"), ~_PASSING
)
_FORGET = delete(schema.failures).where(_row.path_id == bindparam("of"))


class FailureStore(RootStore):
    """The part of the store that knows which files could not be read."""

    def failures(self, reasons: Collection[Reason] = ()) -> tuple[Failure, ...]:
        """Every file that could not be indexed, by path; with `reasons`, for one of these only."""
        query = _WITH_PATH.order_by(schema.roots.c.path, schema.paths.c.name)
        if reasons:
            query = query.where(_row.reason.in_([reason.value for reason in reasons]))
        with self._engine.connect() as connection:
            return tuple(_failure(row) for row in connection.execute(query))

    def to_retry(self, reading: str) -> set[str]:
        """Files that failed and are worth another try, though nothing about them has changed.

        Their reason may pass by itself, or what reads them is no longer what it was then.
        """
        query = _WITH_PATH.where(or_(_PASSING, _row.read_by.is_distinct_from(reading)))
        with self._engine.connect() as connection:
            return {prefix_of(row.root) + row.name for row in connection.execute(query)}

    def known_failure(self, content_hash: bytes, name: str, reading: str) -> Failure | None:
        """How a file of this content and kind of name has failed, if it would fail again.

        The name counts, since its suffix may say what a content is.
        """
        if self._first("SELECT 1 FROM failures WHERE content_hash = ?", content_hash) is None:
            return None  # so it is for nearly every file
        suffix = PurePath(name).suffix.lower()
        with self._engine.connect() as connection:
            for row in connection.execute(_KNOWN, {"hash": content_hash, "reading": reading}):
                if PurePath(row.name).suffix.lower() == suffix:
                    return _failure(row)
        return None


def enter_failure(
    connection: Connection, path_id: int, failure: Failure | None, content_hash: bytes | None
) -> None:
    """Note how the file at a path has failed; None when it has not."""
    connection.execute(_FORGET, {"of": path_id})
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
        Path(row.root, row.name),
        Reason(row.reason),
        row.message,
        row.extra,
        row.read_by,
        datetime.fromisoformat(row.failed_at),
    )
