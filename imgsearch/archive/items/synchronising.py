"""Takes the items of others into a replica, and sends its own to the archive.

A library is one of the replicas after `imgsearch.items.local.prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from msgspec import Struct

from imgsearch.items import local
from imgsearch.items.item import ItemName, UserItem
from imgsearch.store.database import Database

_Thing = TypeVar("_Thing")

ITEMS_PER_COMMIT = 5_000  # a commit takes a tenth of a second and more


class ItemChanges(Struct, frozen=True):
    """The items that were changed up to a version of the archive's items, in parts.

    With `lacks_removals`, they are all items that there are, and those that were removed may lack.
    """

    version: int
    parts: Iterable[Sequence[UserItem]]
    lacks_removals: bool = False


class SharedItems(Protocol):
    """The items of an archive, which many replicas read and write.

    `imgsearch.archive.items.table` implements it, and imports this module.
    """

    def since(self, version: int) -> ItemChanges:
        """Return the items that were changed after a version; all where that is not known."""

    def put(self, items: Sequence[UserItem]) -> None:
        """Write items, as far as they are later than those that are there; all or nothing."""


def pull(database: Database, since: Callable[[int], ItemChanges]) -> bool:
    """Take what others have made into a replica; returns whether there was something new.

    `since` is that of `SharedItems`. Nothing is lost or doubled where it is interrupted at any
    moment: the next call goes on. What is made of vectors may change: the caller holds the lock of
    the library's writer, and brings what is derived up to date afterwards. Raises as the storage
    does, for instance StorageUnreachable.
    """
    position = local.position_of(database)
    changes = since(position)
    has_work = local.has_changes(database) or local.has_new_photos(database)
    if changes.version == position and not has_work:
        return False
    applied = 0
    there = set[ItemName]()
    for part in changes.parts:
        there |= {item.name for item in part} if changes.lacks_removals else set()
        with database.brief_transaction() as connection:
            applied += local.apply(connection, part)
    if changes.lacks_removals:
        for part in in_parts(local.removals_unless(database, there)):
            with database.brief_transaction() as connection:
                applied += local.apply(connection, part)
    with database.brief_transaction() as connection:
        if changes.version < position:  # a backup was restored
            local.send_all_again(connection)
        applied += local.finish(connection, changes.version)
    return applied > 0


def in_parts(things: Iterable[_Thing]) -> Iterator[list[_Thing]]:
    """Yield things in lists, each as long as the items of one commit."""
    rest = iter(things)
    while part := list(islice(rest, ITEMS_PER_COMMIT)):
        yield part


def push(database: Database, shared: SharedItems) -> None:
    """Send what was made in a replica to the archive.

    Nothing is lost or doubled where it is interrupted: what was not sent stays, and the next call
    sends it. No lock is needed. Raises as the storage does, for instance StorageUnreachable.
    """
    if local.has_changes(database):
        with database.brief_transaction() as connection:
            local.take_in(connection)
    while items := local.unsent(database, ITEMS_PER_COMMIT):
        shared.put(items)
        with database.brief_transaction() as connection:
            local.note_sent(connection, items)
