"""The open database under every part of the store: plain SQLite, and SQLAlchemy when called for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from imgsearch.store.connecting import DATABASE, IDLE_CONNECTIONS, connect, raise_translated

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Connected:
    """A library's database, open. Safe to use from several threads."""

    def __init__(self, data_dir: Path, writable: bool = False) -> None:
        self.data_dir = data_dir
        self._writable = writable
        self._idle: list[sqlite3.Connection] = []
        self._built: Engine | None = None
        self._building = Lock()

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
