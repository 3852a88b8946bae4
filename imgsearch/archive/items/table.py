"""The items of an archive: a Lance table from which replicas read what has changed.

Lance keeps for each row the version of the table in which it was changed last. Commits come one
after the other, and the version is that of the commit also where the rows were written before
another commit came in between. So a replica that has read everything up to a version misses
nothing, whatever the clocks of the writers say.

Two writers of the same key conflict, unless the key is new and Lance has an index of keys: then
both would insert it. So every commit also writes one row that is there, the head, and of two
writers at once the second looks again at what it is about to replace.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

import pyarrow as pa

from imgsearch.archive.items.synchronising import ItemChanges
from imgsearch.archive.lance import tables
from imgsearch.archive.lance.tables import CHANGED_IN, CLEANED, Table, View, is_one_of, lance_errors
from imgsearch.errors import LibraryLocked
from imgsearch.items.item import ItemName, UserItem

_COLUMNS = ("kind", "key", "value", "changed_us", "writer")
_CARRIED_OVER = "imgsearch.carried-over"  # in the configuration of the table
_HEAD = "head"  # the key of the row that every commit writes; it is no item
_ITEMS_AT_ONCE = 2_000  # of a transaction of a replica
_ATTEMPTS = 100  # to commit, while others commit
_LONGEST_PAUSE_S = 0.5


class ArchiveItems:
    """The items of the archive at an address; implements `SharedItems`. Safe in any thread."""

    def __init__(self, address: str) -> None:
        """Nothing is read before it is needed."""
        self.address = address
        self._lock = Lock()
        self._table: Table | None = None

    def since(self, version: int) -> ItemChanges:
        """Return the items that were changed after a version of the table.

        See `items_since`.
        """
        table = self._opened()
        return items_since(self.address, None if table is None else table.newest(), version)

    def put(self, items: Sequence[UserItem]) -> None:
        """Write items as far as they are later than those that are there, in one commit.

        The table is made where the archive lacks it. Raises StoreError where there is no archive,
        and LibraryLocked if others commit all the time.
        """
        table = self._writable()
        rows = {_key(item): item for item in items}
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            with suppress(*(() if last else (LibraryLocked,))), table.changing() as dataset:
                _commit(dataset, rows)
                return
            # Several that were refused at once would meet again.
            time.sleep(random.uniform(0, _LONGEST_PAUSE_S))

    def read(self, names: Iterable[ItemName]) -> dict[ItemName, UserItem]:
        """Return the items of these names that are there, also those that were removed."""
        return self._read(
            lambda view: view.read_with("item", [f"{k}/{key}" for k, key in names], _COLUMNS)
        )

    def written_by(self, writers: Sequence[str]) -> dict[ItemName, UserItem]:
        """Return the items that these writers changed last, without those that were removed."""
        condition = f"value IS NOT NULL AND {is_one_of('writer', writers)}"
        return self._read(lambda view: view.read(_COLUMNS, condition))

    def _read(self, rows: Callable[[View], Any]) -> dict[ItemName, UserItem]:
        table = self._opened()
        if table is None:
            return {}
        with lance_errors(self.address):
            items = [UserItem(**row) for row in rows(table.newest()).to_pylist()]
        return {item.name: item for item in items}

    def has_carried_over(self) -> bool:
        """Return whether what was made before there were items has become items."""
        table = self._opened()
        return table is not None and are_carried_over(table.newest())

    def note_carried_over(self) -> None:
        """Note that what was made before there were items has become items."""
        self._writable().configure(_CARRIED_OVER, "true")

    def _writable(self) -> Table:
        if self._opened() is None:
            tables.create(self.address, Table(self.address, "photos").encoder)
        return Table(self.address, "items", writable=True)

    def _opened(self) -> Table | None:
        with self._lock:
            if self._table is None:
                self._table = Table.if_there(self.address, "items")
            return self._table


def are_carried_over(view: View) -> bool:
    """Return whether a version of the table has what was made before there were items."""
    return _CARRIED_OVER in view.dataset.config()


def items_since(address: str, view: View | None, version: int) -> ItemChanges:
    """Return the items of a version of the table that were changed after an earlier one.

    Of a version that the table has not reached, all of them: it is another table, or older than
    it was. All of them also where rows of removed items have been deleted since that version. An
    archive without the table has version 0.
    """
    if view is None:
        return ItemChanges(0, ())
    if view.version == version:
        return ItemChanges(version, ())
    lacks_removals = 0 < version < int(view.dataset.config().get(CLEANED, 0))
    after = 0 if lacks_removals or version > view.version else version
    return ItemChanges(view.version, _parts(address, view, after), lacks_removals)


def _parts(address: str, view: View, after: int) -> Iterator[Sequence[UserItem]]:
    new = f"{CHANGED_IN} > {after} AND item != '{_HEAD}'"
    with lance_errors(address):
        for rows in view.batches(_COLUMNS, new, _ITEMS_AT_ONCE):
            yield [UserItem(**row) for row in rows.to_pylist()]


def _key(item: UserItem) -> str:
    return f"{item.kind}/{item.key}"


def _commit(dataset: Any, items: dict[str, UserItem]) -> None:
    """Commit the items that are later than those of a dataset, unless others commit meanwhile."""
    there = dataset.to_table(
        columns=["item", "changed_us", "writer"], filter=is_one_of("item", list(items))
    )
    known = {row["item"]: (row["changed_us"], row["writer"]) for row in there.to_pylist()}
    later = {
        key: item for key, item in items.items() if key not in known or item.order > known[key]
    }
    if not later:
        return
    rows = [
        {"item": key} | {name: getattr(item, name) for name in _COLUMNS}
        for key, item in later.items()
    ]
    rows.append({"item": _HEAD})
    merge = dataset.merge_insert("item").when_matched_update_all().when_not_matched_insert_all()
    merge.conflict_retries(0).execute(pa.Table.from_pylist(rows, dataset.schema))
