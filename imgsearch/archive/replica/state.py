"""The state of a replica in its database: which archive it copies, and up to where it has it."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec import Struct

from imgsearch.archive.replica.changes import Reached
from imgsearch.errors import UsageError
from imgsearch.store.database import Database


class ReplicaState(Struct, frozen=True):
    """Up to where a replica has its archive.

    All changes up to `taken` are there. `underway` is where the run that has begun, the one with
    the number `run`, is going; None when it has come to its end.
    """

    taken: Reached = Reached()
    underway: Reached | None = None
    run: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the first copy has come to its end."""
        return bool(self.taken.tables)


_decode = msgspec.json.Decoder(ReplicaState).decode


def read_state(database: Database, address: str) -> ReplicaState:
    """Return the state of the replica of this archive; that of a new one where there is none.

    Raises UsageError for a library that is none, or the replica of another archive.
    """
    row = database.fetch_one("SELECT address, state FROM replica")
    if row is None:
        if database.fetch_one("SELECT 1 FROM photos LIMIT 1"):
            raise UsageError(
                f"The library in {database.data_dir} is no copy of an archive, so {address} cannot "
                "be copied there. Choose another folder."
            )
        return ReplicaState()
    if row[0] != address:
        raise UsageError(
            f"The library in {database.data_dir} is a copy of the archive {row[0]}, not of "
            f"{address}. Choose another folder."
        )
    return _decode(row[1])


def write_state(connection: sqlite3.Connection, address: str, state: ReplicaState) -> None:
    """Store the state of the replica of this archive."""
    connection.execute(
        "INSERT OR REPLACE INTO replica (id, address, state) VALUES (1, ?, ?)",
        (address, msgspec.json.encode(state).decode()),
    )
