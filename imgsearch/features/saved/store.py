"""Saved searches in the database, in plain SQL, since a query may name one.

They are the user's own and do not follow from the disk. So they are written in short transactions
without the writer's lock: a search can be saved, and be looked at, while photos are indexed.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from imgsearch.features.saved.records import PlacedTerm, SavedSearch
from imgsearch.records.query import Example, Region, Term
from imgsearch.store.database import Database
from imgsearch.text import plain_text

_COLUMNS = "id, name, line, k, include_weak, saved_at, looked_at"


class SavedSearchStore:
    """The part of a store that knows saved searches.

    Names are compared without case and accents. A search has two sets of photos: those that its
    user has seen, and those that `imgsearch watch --exec` has told a command about.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[SavedSearch, ...]:
        """Return all saved searches, sorted by name."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM saved_searches ORDER BY key")
            return tuple(_search_of(connection, row) for row in rows.fetchall())

    def named(self, name: str) -> SavedSearch | None:
        """Return the saved search of this name."""
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM saved_searches WHERE key = ?", (plain_text(name),)
            ).fetchone()
            return None if row is None else _search_of(connection, row)

    def names(self) -> list[str]:
        """Return the names of all saved searches, sorted."""
        rows = self._database.fetch_all("SELECT name FROM saved_searches ORDER BY key")
        return [name for (name,) in rows]

    def save(self, search: SavedSearch, photo_ids: Iterable[int], replace: bool) -> bool:
        """Save a search, whose photos count as seen; whether that was done.

        It is not where the name is taken, unless `replace` is set.
        """
        packed, key = pack_ids(photo_ids), plain_text(search.name)
        with self._database.brief_transaction() as connection:
            if replace:
                connection.execute("DELETE FROM saved_searches WHERE key = ?", (key,))
            cursor = connection.execute(
                "INSERT INTO saved_searches (key, name, line, k, include_weak, saved_at, "
                "looked_at, seen, announced) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (
                    key,
                    search.name,
                    search.line,
                    search.k,
                    search.include_weak,
                    search.saved_at.isoformat(),
                    search.looked_at.isoformat(),
                    packed,
                    packed,
                ),
            )
            if not cursor.rowcount:
                return False
            connection.executemany(
                "INSERT INTO saved_examples VALUES (?, ?, ?, ?, ?, ?)",
                [(cursor.lastrowid, *_example_row(placed)) for placed in search.examples],
            )
        return True

    def remove(self, name: str) -> bool:
        """Delete a saved search; returns whether there was one."""
        with self._database.brief_transaction() as connection:
            statement = "DELETE FROM saved_searches WHERE key = ?"
            return bool(connection.execute(statement, (plain_text(name),)).rowcount)

    def rename(self, name: str, new_name: str) -> bool:
        """Rename a saved search; whether that was done. It is not where the new name is taken."""
        key, new_key = plain_text(name), plain_text(new_name)
        with self._database.brief_transaction() as connection:
            statement = "UPDATE OR IGNORE saved_searches SET key = ?, name = ? WHERE key = ?"
            return bool(connection.execute(statement, (new_key, new_name, key)).rowcount)

    # ------------------------------------------------------------------ photos

    def seen(self, name: str) -> frozenset[int]:
        """Return the ids of the photos that the search found when its user last looked."""
        return self._ids("seen", name)

    def set_seen(self, name: str, photo_ids: Iterable[int]) -> bool:
        """Record that the user has looked now, at these photos; whether there is the search."""
        with self._database.brief_transaction() as connection:
            statement = "UPDATE saved_searches SET seen = ?, looked_at = ? WHERE key = ?"
            now = datetime.now(UTC).isoformat(timespec="seconds")
            values = (pack_ids(photo_ids), now, plain_text(name))
            return bool(connection.execute(statement, values).rowcount)

    def announced(self, name: str) -> frozenset[int]:
        """Return the ids of the photos that a command was told about, or that there were before."""
        return self._ids("announced", name)

    def set_announced(self, name: str, photo_ids: Iterable[int]) -> bool:
        """Record the photos that a command was told about; whether there is the search."""
        with self._database.brief_transaction() as connection:
            statement = "UPDATE saved_searches SET announced = ? WHERE key = ?"
            values = (pack_ids(photo_ids), plain_text(name))
            return bool(connection.execute(statement, values).rowcount)

    def _ids(self, column: str, name: str) -> frozenset[int]:
        query = f"SELECT {column} FROM saved_searches WHERE key = ?"
        row = self._database.fetch_one(query, plain_text(name))
        return frozenset() if row is None else unpack_ids(row[0])


def pack_ids(ids: Iterable[int]) -> bytes:
    """Return a set of ids as bytes: the steps between the sorted ids, compressed."""
    import numpy as np

    steps = np.diff(np.array(sorted(set(ids)), "<i8"), prepend=np.int64(0))
    return zlib.compress(steps.astype("<i8").tobytes(), 1)


def unpack_ids(packed: bytes) -> frozenset[int]:
    """Return the reverse of `pack_ids`."""
    import numpy as np

    return frozenset(np.frombuffer(zlib.decompress(packed), "<i8").cumsum().tolist())


def _search_of(connection: sqlite3.Connection, row: tuple[Any, ...]) -> SavedSearch:
    search_id, name, line, k, include_weak, saved_at, looked_at = row
    examples = connection.execute(
        "SELECT position, weight, photo_id, image, region FROM saved_examples "
        "WHERE search_id = ? ORDER BY position",
        (search_id,),
    )
    return SavedSearch(
        name,
        line,
        tuple(_placed_term(*each) for each in examples.fetchall()),
        k,
        bool(include_weak),
        datetime.fromisoformat(saved_at),
        datetime.fromisoformat(looked_at),
    )


def _placed_term(
    position: int, weight: float, photo_id: int | None, image: bytes | None, region: str | None
) -> PlacedTerm:
    source = photo_id if image is None else image
    assert source is not None  # as the table has it
    part = None if region is None else Region(**json.loads(region))
    return PlacedTerm(position, Term(Example(source, part), weight))


def _example_row(placed: PlacedTerm) -> tuple[object, ...]:
    what = placed.term.what
    assert isinstance(what, Example)
    source, region = what.source, what.region
    form = None
    if region is not None:
        form = {name: getattr(region, name) for name in ("x", "y", "width", "height", "percent")}
    return (
        placed.position,
        placed.term.weight,
        source if isinstance(source, int) else None,
        source if isinstance(source, bytes) else None,
        None if form is None else json.dumps(form),
    )
