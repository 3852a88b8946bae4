"""What people have made in a library on this machine, put into an archive as items.

The library is not written to, so albums and persons get no identities there. A person gets one that
follows from the name, or else from a face: the same whenever the library, or a pack of it, is
copied. A person of the same name is the same person. Other things get one that follows from the
identity of the library.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from imgsearch.archive.items.carrying import CARRIED_OVER, carry_over
from imgsearch.archive.items.synchronising import in_parts
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.items.base import ItemGroup
from imgsearch.items.groups import GROUP_OF, GROUPS
from imgsearch.items.item import (
    FaceItem,
    PersonItem,
    UserItem,
    encoded,
)
from imgsearch.items.of_people import FaceItems, OwnPersonItems, PersonItems
from imgsearch.items.of_photos import MarkItems
from imgsearch.items.of_rows import (
    identify,
    identity_from,
    microseconds,
    reading,
    subjects_of,
    values_of_rows,
)
from imgsearch.items.rows import keep_identity
from imgsearch.store.database import Database

COPIED = "copied"  # the writer of these items, of most things with the identity of the library
_SUBJECTS = {
    MarkItems.name: "SELECT DISTINCT lower(hex(content_hash)) FROM marks JOIN photos ON "
    "photos.id = photo_id WHERE photo_id IN (SELECT photo_id FROM paths)",
    PersonItems.name: "SELECT identity FROM item_identities WHERE kind = 'person'",
    OwnPersonItems.name: "SELECT 'me' FROM own_person",
    FaceItems.name: "SELECT DISTINCT lower(hex(content_hash)) FROM face_decisions",
}
_OF_MARKS_AND_PEOPLE = (MarkItems.name, PersonItems.name, OwnPersonItems.name, FaceItems.name)
_PERSONS = (
    "SELECT id, plain_name, (SELECT lower(hex(content_hash)) || '/' || x || ',' || y FROM "
    "face_decisions WHERE person_id = persons.id AND is_person ORDER BY content_hash, x, y LIMIT 1)"
    " FROM persons WHERE id NOT IN (SELECT number FROM item_identities WHERE kind = 'person')"
)

Known = Callable[[list[bytes]], Collection[bytes]]


def copy_marks(
    database: Database, shared: ArchiveItems, known: Known, *, adding: bool = False
) -> int:
    """Put the marks of a library's photos into an archive; returns of how many photos they changed.

    Where they differ, the library counts, and marks that it has lost since they were copied are
    removed; with `adding`, marks of the archive stay. `known` returns the contents among some that
    the archive has: marks of other photos are left out.
    """
    carry_over(shared)  # what is there counts
    wanted = {item.name: item for item in _items(database, [MarkItems()], known)}
    there = shared.read(wanted)
    gone: list[UserItem] = []
    if not adding:
        copied = shared.written_by((COPIED, CARRIED_OVER)).values()
        gone = [item for item in copied if item.kind == MarkItems.name]
        ours = set(_known(_contents(database), known))
        gone = [item for item in gone if item.name not in wanted and _content(item) in ours]
    changed = [
        item
        for name, item in wanted.items()
        if (before := there.get(name)) is None
        or before.value is None
        or (before.value != item.value and not adding)
    ]
    now_us = time.time_ns() // 1_000
    there |= {item.name: item for item in gone}
    new = [
        UserItem(*item.name, value, _later(now_us, there.get(item.name)), COPIED)
        for items, is_gone in ((changed, False), (gone, True))
        for item in items
        for value in (None if is_gone else item.value,)
    ]
    _put(shared, new)
    return len({_content(item) for item in new})


def copy_people(database: Database, shared: ArchiveItems, known: Known) -> None:
    """Put the persons of a library, and the decisions about faces, into an archive.

    What the archive has stays. Decisions count from the time when they were made. `known` is that
    of `copy_marks`: decisions about faces in other photos are left out.
    """
    carry_over(shared)
    items = list(_items(database, [PersonItems(), OwnPersonItems(), FaceItems()], known))
    there = shared.read({item.name: item for item in items})
    _put(shared, [item for item in items if item.name not in there])


def copy_others(database: Database, shared: ArchiveItems, known: Known) -> int:
    """Put everything else that people have made into an archive: albums, corrections and more.

    Returns how many things have changed there. What this library had put there follows it; what
    others have made or changed in the archive since stays. `known` is that of `copy_marks`.
    """
    carry_over(shared)
    (identity,) = database.fetch_one("SELECT identity FROM library_identity")
    writer = f"{COPIED}/{identity}"
    groups = [group for name, group in GROUPS.items() if name not in _OF_MARKS_AND_PEOPLE]
    items = {item.name: item for item in _other_items(database, groups, known, identity)}
    there = shared.read(items)
    ours = shared.written_by([writer])
    now_us = time.time_ns() // 1_000
    new = [
        UserItem(*name, item.value, _later(now_us, before), writer)
        for name, item in items.items()
        if (before := there.get(name)) is None
        or (before.writer == writer and before.value != item.value)
    ]
    kinds = {kind for group in groups for kind in group.kinds}
    lost = [item for name, item in ours.items() if name not in items and item.kind in kinds]
    here = {None, *_contents(database)} if lost else set()
    gone = [item for item in lost if _content_in(item) in here]
    _put(
        shared, [*new, *(UserItem(*each.name, None, _later(now_us, each), writer) for each in gone)]
    )
    return len(new) + len(gone)


def _content_in(item: UserItem) -> bytes | None:
    """Return the content that an item is about, if it is about one."""
    return GROUP_OF[item.kind].kinds[item.kind].content_in(item.key)


def _put(shared: ArchiveItems, items: Iterable[UserItem]) -> None:
    for part in in_parts(items):
        shared.put(part)


def _later(now_us: int, before: UserItem | None) -> int:
    return now_us if before is None else max(now_us, before.changed_us + 1)


def _content(item: UserItem) -> bytes:
    return bytes.fromhex(item.key.partition("/")[0])


def _contents(database: Database) -> list[bytes]:
    return [each for (each,) in database.fetch_all("SELECT content_hash FROM photos")]


def _known(contents: Iterable[bytes], known: Known) -> Iterator[bytes]:
    for some in in_parts(contents):
        yield from known(some)


# ------------------------------------------------------------------------- from rows


def _items(database: Database, groups: Sequence[ItemGroup], known: Known) -> Iterator[UserItem]:
    """Yield the items of some groups that the rows of a library stand for."""
    with reading(database) as connection:
        for number, plain_name, face in connection.execute(_PERSONS).fetchall():
            about = f"face/{face}" if plain_name is None else f"name/{plain_name}"
            keep_identity(connection, PersonItems.name, number, identity_from(about))
        for group in groups:
            subjects = [each for (each,) in connection.execute(_SUBJECTS[group.name])]
            if isinstance(group, MarkItems | FaceItems):
                among = set(_known(map(bytes.fromhex, subjects), known))
                subjects = [each for each in subjects if bytes.fromhex(each) in among]
            for name, value in values_of_rows(connection, group, subjects):
                yield UserItem(*name, encoded(value), _time_us(value), COPIED)


def _other_items(
    database: Database, groups: Sequence[ItemGroup], known: Known, library: str
) -> Iterable[UserItem]:
    """Return the items of groups other than those of marks and people.

    `library` is its identity, from which the identities of albums follow.
    """
    with reading(database) as connection:
        identify(connection, groups, library)
        items = [
            UserItem(*name, encoded(value), _time_us(value), COPIED)
            for group in groups
            for name, value in values_of_rows(connection, group, subjects_of(connection, group))
        ]
    contents = {content for item in items if (content := _content_in(item)) is not None}
    among = {None, *_known(contents, known)}
    return (item for item in items if _content_in(item) in among)


def _time_us(value: Struct) -> int:
    """Return when somebody made this, as far as the library knows; else before all changes."""
    made_at: datetime | None = None
    if isinstance(value, FaceItem):
        made_at = value.decided_at
    elif isinstance(value, PersonItem):
        made_at = value.made_at
    return 1 if made_at is None else microseconds(made_at)
