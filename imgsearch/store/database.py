"""SQLAlchemy on the SQLite file, for what is put together: writing, filters, lists."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, ExceptionContext, QueuePool, create_engine, event

from imgsearch.store.conditions import is_called, lies_in
from imgsearch.store.connecting import IDLE_CONNECTIONS, connect, raise_translated, require


def open_engine(file: Path, writable: bool) -> Engine:
    """An engine on the database `file`. A reader never writes, and works on a read-only disk.

    Raises DiskError, StoreError, LibraryLocked or UsageError, also later, from any statement.
    """
    if not writable:
        require(file)

    # SQLAlchemy takes this for a database in memory; its pool for those closes connections that
    # other threads are using as soon as there are more than five threads.
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file, writable),
        poolclass=QueuePool,
        pool_size=IDLE_CONNECTIONS,
        max_overflow=-1,
    )
    event.listen(engine, "begin", _begin_writing if writable else _begin_reading)

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        original = context.original_exception
        if isinstance(original, sqlite3.Error):
            raise_translated(original, file)

    return engine


def _connect(file: Path, writable: bool) -> sqlite3.Connection:
    connection = connect(file, writable)
    connection.create_function("lies_in", 3, lies_in, deterministic=True)
    connection.create_function("is_called", 2, is_called, deterministic=True)
    return connection


def _begin_writing(connection: Connection) -> None:
    # A deferred transaction that turns into a write can fail with SQLITE_BUSY at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
