"""Merges the items of a backup into a library, in one transaction.

What the library lacks is added. What both have and is different stays as it is in the library,
unless both say when it was changed and the backup is later. So nothing is lost by restoring, and to
restore a backup again changes nothing.

An album or a person of the backup is the one with the same identity, which a library keeps of what
was restored; else the one with the same name; and a person without a name here, or with another
one, is known by faces that somebody has confirmed.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from math import isfinite

from msgspec import UNSET, Struct
from msgspec.structs import fields, replace

from imgsearch.features.backup.making import ALL_GROUPS, identity_of_library
from imgsearch.features.backup.records import Backup, BackupError, KeptItem, RestoreReport
from imgsearch.items.base import ItemGroup, LiveItem
from imgsearch.items.item import CONTENT, IDENTITY, FaceItem, ItemName, UserItem, encoded
from imgsearch.items.of_rows import identify, keep_identities_apart, microseconds
from imgsearch.items.rows import photo_with
from imgsearch.store import changes, names
from imgsearch.store.database import Database
from imgsearch.store.face_decisions import decisions_at, delete_empty_groups
from imgsearch.text import format_count

MOST_DIFFERENCES = 100  # that a report lists
MOST_CHARACTERS = 10_000  # of a name or another text of an item
_MOST_KEY_CHARACTERS = 10_000
_MADE_AT = "made_at"  # when a thing was made first: no difference that anybody would see
_GROUP_OF = {kind: group for group in ALL_GROUPS for kind in group.kinds}
_IDENTITY = re.compile(f"(?<![0-9a-f]){IDENTITY}(?![0-9a-f])")
_CONTENT = re.compile(f"(?<![0-9a-f]){CONTENT}(?![0-9a-f])")
_NO_TIME_US = 1
_HERE, _OF_BACKUP = "library", "backup"  # of two at the same time, the later name counts


class _Subject(Struct):
    """The items of a backup about one subject."""

    group: ItemGroup
    key: str
    values: dict[ItemName, Struct]


class _DryRunEnds(Exception):
    """Ends the transaction of a dry run, which takes back what it has changed."""


class _Counts:
    """Counts what becomes of items, by kind."""

    def __init__(self) -> None:
        self.added: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.missing: set[str] = set()  # contents
        self.differences: list[KeptItem] = []


def restore(
    database: Database,
    backup: Backup,
    items: Sequence[UserItem],
    *,
    dry_run: bool,
    done: str = "Restored a backup",
) -> RestoreReport:
    """Merge items into a library, all or nothing. With `dry_run`, only say what would change.

    `done` begins the title of the change among those to undo.

    Raises BackupError for an item that no imgsearch has written, and LibraryLocked and DiskError as
    each change of a library does.
    """
    subjects, unknown = _by_subject(items, backup)
    counts = _Counts()
    change_id = None
    with suppress(_DryRunEnds), database.brief_transaction() as connection:
        keep_identities_apart(connection)
        identify(connection, ALL_GROUPS, identity_of_library(connection))
        there = _identities(connection)
        subjects = _with_known_identities(connection, subjects)
        changes.remember_all(connection)
        for subject in subjects:
            _restore_subject(connection, subject, counts)
        delete_empty_groups(connection)
        names.refresh(connection)
        _keep_identities(connection, _identities(connection) - there)
        before = changes.changed_since(connection)
        if before and not dry_run:
            change_id = changes.record(connection, _title(done, counts), 0, before).id
        if dry_run:
            raise _DryRunEnds
    return RestoreReport(
        backup,
        dict(counts.added),
        dict(counts.changed),
        dict(counts.kept),
        dict(counts.waiting),
        dict(unknown),
        len(counts.missing),
        tuple(counts.differences),
        dry_run,
        change_id,
    )


def _title(done: str, counts: _Counts) -> str:
    return f"{done}: {format_count(counts.added.total(), 'item')} added, " + (
        f"{counts.changed.total():,} changed"
    )


# ------------------------------------------------------------------------- reading items


def _by_subject(items: Iterable[UserItem], backup: Backup) -> tuple[list[_Subject], Counter[str]]:
    """Return the subjects in the order of their groups, and how many items are of no kind here."""
    found: dict[str, dict[str, _Subject]] = {group.name: {} for group in ALL_GROUPS}
    unknown: Counter[str] = Counter()
    for item in items:
        group = _GROUP_OF.get(item.kind)
        if group is None:
            unknown[item.kind] += 1
            continue
        kind = group.kinds[item.kind]
        if len(item.key) > _MOST_KEY_CHARACTERS or not kind.has(item.key):
            raise _no_item(backup, item)
        with suppress(RecursionError):
            value = None if item.value is None else kind.decoded(item.value)
            if value is not None and _is_plausible(value):
                key = kind.subject_in(item.key)
                subject = found[group.name].setdefault(key, _Subject(group, key, {}))
                subject.values[item.name] = value
                continue
        raise _no_item(backup, item)
    return [each for group in found.values() for each in group.values()], unknown


def _no_item(backup: Backup, item: UserItem) -> BackupError:
    return BackupError(
        f"{backup.file} has an item of the kind {item.kind!r} with a key or a value that no "
        f"imgsearch has written: {item.key[:80]!r}. Nothing was changed. Choose another backup."
    )


def _is_plausible(value: Struct) -> bool:
    """Return whether texts have a usual length, and numbers are finite."""
    parts = [getattr(value, each) for each in value.__struct_fields__]
    too_long = any(isinstance(each, str) and len(each) > MOST_CHARACTERS for each in parts)
    return not too_long and all(isfinite(each) for each in parts if isinstance(each, float))


# ------------------------------------------------------------------------- identities


def _with_known_identities(
    connection: sqlite3.Connection, subjects: Sequence[_Subject]
) -> list[_Subject]:
    """Return the subjects with the identities that albums and persons have in this library."""
    known: dict[str, str] = {}  # the identity here, by that of the backup
    unknown: dict[str, set[str]] = defaultdict(set)  # the identities without one here, by kind
    taken: set[str] = set()  # the identities here that belong to one of the backup
    for subject in subjects:
        for (kind, key), value in subject.values.items():
            named = subject.group.kinds[kind].named
            if named is None:
                continue
            if subject.group.present(connection, key):
                taken.add(key)
            elif (number := named(connection, value)) is not None:
                known[key] = _identity(connection, kind, number)
                taken.add(known[key])
            else:
                unknown[kind].add(key)
    for identity, here in _by_faces(connection, subjects, unknown["person"]):
        if here not in taken:
            taken.add(here)
            known[identity] = here
    return [_replaced(each, known) for each in subjects] if known else list(subjects)


def _identity(connection: sqlite3.Connection, kind: str, number: int) -> str:
    (identity,) = connection.execute(
        "SELECT identity FROM item_identities WHERE kind = ? AND number = ?", (kind, number)
    ).fetchone()
    return str(identity)


def _by_faces(
    connection: sqlite3.Connection, subjects: Iterable[_Subject], persons: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield persons of the backup, each with the person here who has more than half of their faces.

    Only faces count that somebody has confirmed, there and here.
    """
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    confirmed: Counter[str] = Counter()
    for subject in subjects:
        for (kind, _), face in subject.values.items():
            if kind == "face" and isinstance(face, FaceItem) and face.person in persons:
                confirmed[face.person] += 1
                box = (face.x, face.y, face.width, face.height)
                content = bytes.fromhex(subject.key)
                for person_id, is_person in decisions_at(connection, content, face.at_s, box):
                    votes[face.person][person_id] += is_person
    for identity, counted in votes.items():
        ((person_id, number),) = counted.most_common(1)
        if 2 * number > confirmed[identity]:
            yield identity, _identity(connection, "person", person_id)


def _replaced(subject: _Subject, known: Mapping[str, str]) -> _Subject:
    """Return the items of a subject with other identities in their keys and values."""

    def renamed(text: str) -> str:
        return _IDENTITY.sub(lambda found: known.get(found[0], found[0]), text)

    values: dict[ItemName, Struct] = {}
    for (kind, key), value in subject.values.items():
        new = {
            field.name: renamed(text)
            for field in fields(value)
            if isinstance(text := getattr(value, field.name), str)
            and _IDENTITY.fullmatch(text)  # a person or an album, and no name
        }
        values[kind, renamed(key)] = replace(value, **new) if new else value
    return _Subject(subject.group, renamed(subject.key), values)


def _identities(connection: sqlite3.Connection) -> set[tuple[str, int, str]]:
    """Return the identities of albums and persons that the connection knows."""
    rows = connection.execute("SELECT kind, number, identity FROM temp.item_identities")
    return {(kind, number, identity) for kind, number, identity in rows}


def _keep_identities(connection: sqlite3.Connection, made: Iterable[tuple[str, int, str]]) -> None:
    """Keep the identities of albums and persons that were made, to know them the next time.

    Where this is no replica, nothing that was noted for an archive is kept.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO main.item_identities (kind, number, identity) VALUES (?, ?, ?)",
        made,
    )
    connection.execute("DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM item_state)")


# ------------------------------------------------------------------------- merging


def _restore_subject(connection: sqlite3.Connection, subject: _Subject, counts: _Counts) -> None:
    """Merge the items of one subject into the rows about it, and count what became of them."""
    group = subject.group
    there = group.present(connection, subject.key)
    wanted = {
        name: _merged(group, name, there.get(name), new) for name, new in subject.values.items()
    }
    if any(there.get(name) != value for name, value in wanted.items()):
        live = {
            name: LiveItem(value, _order(group, name, value, there))
            for name, value in {**there, **wanted}.items()
        }
        group.follow(connection, {subject.key: live})
    after = group.present(connection, subject.key)
    for name, value in after.items():
        kind, _ = name
        if name not in there:
            counts.added[kind] += 1
        elif there[name] != value:
            counts.changed[kind] += 1
    for name, value in subject.values.items():
        kind, key = name
        is_here = after.get(name)
        if is_here is not None:
            if not _says_the_same(is_here, value, group.kinds[kind].changed):
                _keep(connection, counts, name, is_here, value)
        elif missing := _missing_photos(connection, key, value):
            counts.waiting[kind] += 1
            counts.missing |= missing
        elif wanted[name] not in after.values():  # another decision, or another title, counts
            counts.kept[kind] += 1


def _merged(group: ItemGroup, name: ItemName, here: Struct | None, new: Struct) -> Struct:
    """Return the value that counts: the one in the library, but for one that is older."""
    if here is None:
        return new
    changed = group.kinds[name[0]].changed
    if _says_the_same(here, new, changed):
        return here
    if changed is not None:
        return new if getattr(new, changed) > getattr(here, changed) else here
    lacking = {
        each: getattr(new, each) for each in new.__struct_fields__ if getattr(here, each) is None
    }
    filled = replace(here, **lacking)
    return filled if _says_the_same(filled, new, changed) else here


def _says_the_same(one: Struct, other: Struct, changed: str | None) -> bool:
    """Return whether two values differ in nothing but the moments when they were made."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in one.__struct_fields__
        if name not in (changed, _MADE_AT)
    )


def _order(
    group: ItemGroup, name: ItemName, value: Struct, there: Mapping[ItemName, Struct]
) -> tuple[int, str]:
    """Return the place of a value in the order of changes: see `LiveItem`.

    Without moments, a value of the library counts before one of the backup.
    """
    is_here = name in there and there[name] == value
    changed = group.kinds[name[0]].changed
    moment = None if changed is None else getattr(value, changed)
    if isinstance(moment, datetime):
        return microseconds(moment), _HERE if is_here else _OF_BACKUP
    return _NO_TIME_US + is_here, _HERE


def _missing_photos(connection: sqlite3.Connection, key: str, value: Struct) -> set[str]:
    """Return the contents that an item names and of which the library has no photo."""
    named = {each[0] for each in _CONTENT.finditer(f"{key} {encoded(value)}")}
    return {each for each in named if photo_with(connection, each) is None}


def _keep(
    connection: sqlite3.Connection, counts: _Counts, name: ItemName, here: Struct, new: Struct
) -> None:
    kind, key = name
    counts.kept[kind] += 1
    if len(counts.differences) < MOST_DIFFERENCES:
        counts.differences.append(
            KeptItem(kind, _about(connection, key, here), encoded(here), encoded(new))
        )


def _about(connection: sqlite3.Connection, key: str, value: Struct) -> str:
    """Return the name of what an item is about: an album, a photo, a search."""
    name = getattr(value, "name", UNSET)
    if isinstance(name, str):
        return name
    found = _CONTENT.search(key)
    if found is None:
        return key
    row = connection.execute(
        "SELECT name FROM paths WHERE photo_id = ? ORDER BY name LIMIT 1",
        (photo_with(connection, found[0]),),
    ).fetchone()
    if row is None:
        return key
    return row[0].decode(errors="replace") if isinstance(row[0], bytes) else str(row[0])
