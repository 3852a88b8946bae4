"""Takes the items of others into a replica, and sends its own to the archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from imgsearch.archive.items import local
from imgsearch.archive.items.item import UserItem
from imgsearch.store.store import Store

ITEMS_PER_COMMIT = 5_000  # a commit takes a tenth of a second and more


class ItemChanges(Struct, frozen=True):
    """The items that were changed up to a version of the archive's items, in parts."""

    version: int
    parts: Iterable[Sequence[UserItem]]


class SharedItems(Protocol):
    """The items of an archive, which many replicas read and write."""

    def since(self, version: int) -> ItemChanges:
        """Return the items that were changed after a version; all where that is not known."""

    def put(self, items: Sequence[UserItem]) -> None:
        """Write items, as far as they are later than those that are there; all or nothing."""


def synchronise(store: Store, shared: SharedItems) -> None:
    """Take what others have made into a replica, and send what was made in it.

    Nothing is lost or doubled where it is interrupted at any moment: the next call goes on. Raises
    as the storage does, for instance StorageUnreachable; what was made stays in the outbox then.
    Labels and concepts may change, so the caller holds the lock of the library's writer, and brings
    what is derived up to date afterwards. A library becomes a replica by the first call.
    """
    local.prepare(store.database)
    pull(store, shared)
    push(store, shared)


def pull(store: Store, shared: SharedItems) -> None:
    """Take what others have made into a replica."""
    database = store.database
    position = local.position_of(database)
    changes = shared.since(position)
    has_work = local.has_changes(database) or local.has_new_photos(database)
    if changes.version == position and not has_work:
        return
    for part in changes.parts:
        with database.brief_transaction() as connection:
            local.apply(connection, part)
    with database.brief_transaction() as connection:
        if changes.version < position:  # a backup was restored
            local.send_all_again(connection)
        local.finish(connection, changes.version)


def push(store: Store, shared: SharedItems) -> None:
    """Send what was made in a replica to the archive."""
    database = store.database
    if local.has_changes(database):
        with database.brief_transaction() as connection:
            local.take_in(connection)
    while items := local.unsent(database, ITEMS_PER_COMMIT):
        shared.put(items)
        with database.brief_transaction() as connection:
            local.note_sent(connection, items)
