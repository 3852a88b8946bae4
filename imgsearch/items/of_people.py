"""Persons and decisions about faces as items.

A group of faces that a program has made is no item until somebody names it, hides it or decides
about one of its faces. Two people may give two persons one name at once: these become one person,
as they do in a library. What others have decided about a person who was joined with another one
counts for that one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.items.base import LiveItem, values_of
from imgsearch.items.item import (
    CONTENT,
    IDENTITY,
    FaceItem,
    HiddenPersonItem,
    ItemName,
    JoinedPersonItem,
    KindOfItem,
    OwnPersonItem,
    PersonItem,
)
from imgsearch.items.rows import (
    identity_of,
    keep_identity,
    made_identity,
    note,
    number_of,
)
from imgsearch.store.face_decisions import (
    face_at,
    follow_group,
    is_same_face,
    join_persons,
    link_again,
    make_person,
    open_groups,
)
from imgsearch.text import plain_text

_PERSON = "person"


def _person_named(connection: sqlite3.Connection, person: PersonItem) -> int | None:
    """Return the id of the person with the name of another library's person."""
    plain_name = None if person.name is None else plain_text(person.name)
    row = connection.execute(
        "SELECT id FROM persons WHERE plain_name = ?", (plain_name,)
    ).fetchone()
    return None if row is None else int(row[0])


class PersonItems:
    """The names of persons, and which are of no interest; the subject is the identity."""

    name = _PERSON
    kinds: ClassVar = {
        _PERSON: KindOfItem(PersonItem, IDENTITY, title=("person", "people"), named=_person_named),
        "hidden person": KindOfItem(HiddenPersonItem, IDENTITY),
        "joined person": KindOfItem(JoinedPersonItem, IDENTITY),
    }
    noted_columns: ClassVar = {"persons": "name"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        person_id = int(subject)
        if _row_of(connection, person_id) is None:
            return identity_of(connection, _PERSON, person_id)
        identity = made_identity(connection, _PERSON, person_id)
        if _joined_with(connection, identity) is not None:  # until that was undone
            _remember_joining(connection, identity, None)
            _let_decisions_follow(connection, identity)
        return identity

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        person_id = number_of(connection, _PERSON, subject)
        row = _row_of(connection, person_id)
        if row is None:
            into = _joined_with(connection, subject)
            return {} if into is None else {("joined person", subject): JoinedPersonItem(into)}
        name, is_hidden, made_at = row
        decided = connection.execute(
            "SELECT 1 FROM face_decisions WHERE person_id = ?1 UNION "
            "SELECT 1 FROM own_person WHERE person_id = ?1",
            (person_id,),
        ).fetchone()
        if name is None and not is_hidden and decided is None:
            return {}
        items: dict[ItemName, Struct] = {(_PERSON, subject): PersonItem(name, made_at)}
        if is_hidden:
            items["hidden person", subject] = HiddenPersonItem()
        return items

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        names: dict[int, str] = {}
        for identity, items in subjects.items():
            item = items.get((_PERSON, identity))
            if item is None:
                _remember_joining(connection, identity, items.get(("joined person", identity)))
                waiting |= items.keys() - {("joined person", identity)}
                _remove(connection, identity)
                _let_decisions_follow(connection, identity)
            elif isinstance(item.value, PersonItem):
                waiting |= items.keys() & {("joined person", identity)}
                if _joined_with(connection, identity) is not None:
                    _remember_joining(connection, identity, None)
                    _let_decisions_follow(connection, identity)
                person_id = _put(connection, identity, item.value)
                is_hidden = ("hidden person", identity) in items
                name, was_hidden, _ = _row_of(connection, person_id) or (None, False, None)
                if is_hidden != was_hidden:
                    connection.execute(
                        "UPDATE persons SET is_hidden = ? WHERE id = ?", (is_hidden, person_id)
                    )
                if name != item.value.name:
                    # Two may have exchanged their names, so all of them lose the old ones first.
                    connection.execute(
                        "UPDATE persons SET name = NULL, plain_name = NULL WHERE id = ?",
                        (person_id,),
                    )
                    if item.value.name is not None:
                        names[person_id] = item.value.name
        for person_id, name in names.items():
            _name(connection, person_id, name)
        return waiting


def _row_of(
    connection: sqlite3.Connection, person_id: int | None
) -> tuple[str | None, bool, datetime] | None:
    row = connection.execute(
        "SELECT name, is_hidden, made_at FROM persons WHERE id = ?", (person_id,)
    ).fetchone()
    return None if row is None else (row[0], bool(row[1]), datetime.fromisoformat(row[2]))


def _put(connection: sqlite3.Connection, identity: str, person: PersonItem) -> int:
    """Return the id of a person, who is made without a name if they are not there.

    One that was there before gets the same id again.
    """
    person_id = number_of(connection, _PERSON, identity)
    if _row_of(connection, person_id) is None:
        made = connection.execute(
            "INSERT INTO persons (id, made_at) VALUES (?, ?)",
            (person_id, person.made_at.isoformat()),
        )
        if person_id is None:
            assert made.lastrowid is not None
            person_id = made.lastrowid
            keep_identity(connection, _PERSON, person_id, identity)
    assert person_id is not None
    return person_id


def _joined_with(connection: sqlite3.Connection, identity: str) -> str | None:
    """Return the identity of the person that a person was joined with, None for no other."""
    row = connection.execute(
        "SELECT joined FROM item_identities WHERE kind = ? AND identity = ?", (_PERSON, identity)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return made_identity(connection, _PERSON, row[0])


def _remember_joining(connection: sqlite3.Connection, identity: str, item: LiveItem | None) -> None:
    """Remember which person a person was joined with by somebody else, None for no other."""
    into = item.value.into if item is not None and isinstance(item.value, JoinedPersonItem) else ""
    connection.execute(
        "UPDATE item_identities SET joined = (SELECT number FROM item_identities WHERE kind = ?1 "
        "AND identity = ?2) WHERE kind = ?1 AND identity = ?3",
        (_PERSON, into, identity),
    )


def _remove(connection: sqlite3.Connection, identity: str) -> None:
    """Delete a person. Their faces become a group without a name.

    If the person was joined with another one, they become faces of that one. Decisions about their
    faces that nobody has removed follow again.
    """
    person_id = number_of(connection, _PERSON, identity)
    if _row_of(connection, person_id) is None:
        return
    assert person_id is not None
    connection.execute(
        "UPDATE user_items SET is_waiting = 1 WHERE value IS NOT NULL AND kind IN ('face', "
        "'not face') AND subject IN (SELECT lower(hex(content_hash)) FROM face_decisions "
        "WHERE person_id = ?)",
        (person_id,),
    )
    joined = _joined_with(connection, identity)
    if joined is None:
        group = make_person(connection)  # it goes with other empty ones if there are no faces
        connection.execute("UPDATE faces SET person_id = ? WHERE person_id = ?", (group, person_id))
    elif (into := _person_with(connection, joined)) is not None:
        follow_group(connection, [person_id], [], into)
    connection.execute("DELETE FROM persons WHERE id = ?", (person_id,))


def _let_decisions_follow(connection: sqlite3.Connection, identity: str) -> None:
    """Have decisions about a person follow again, who was joined with another one or is back."""
    connection.execute(
        "UPDATE user_items SET is_waiting = 1 WHERE value LIKE ? "
        "AND kind IN ('face', 'not face', 'own person')",
        (f'%"{identity}"%',),
    )


def _name(connection: sqlite3.Connection, person_id: int, name: str) -> None:
    """Name a person. If another one has the name, the one that was made later joins the other."""
    plain = plain_text(name)
    other = connection.execute(
        "SELECT id FROM persons WHERE plain_name = ? AND id != ?", (plain, person_id)
    ).fetchone()
    if other is None:
        connection.execute(
            "UPDATE persons SET name = ?, plain_name = ? WHERE id = ?", (name, plain, person_id)
        )
        return
    stays, goes = sorted(
        (person_id, int(other[0])),
        key=lambda each: (
            _made_at(connection, each),
            made_identity(connection, _PERSON, each),
        ),
    )
    contents = connection.execute(
        "SELECT DISTINCT lower(hex(content_hash)) FROM face_decisions WHERE person_id IN (?, ?)",
        (stays, goes),
    ).fetchall()
    join_persons(connection, goes, stays)
    for noted in (stays, goes):
        note(connection, _PERSON, str(noted))
    for (content,) in contents:
        note(connection, "face", content)
    note(connection, "own person", "me")


def _made_at(connection: sqlite3.Connection, person_id: int) -> datetime:
    row = _row_of(connection, person_id)
    assert row is not None, "the person was there a moment ago"
    return row[2]


class OwnPersonItems:
    """The person who is the user: one item."""

    name = "own person"
    kinds: ClassVar = {"own person": KindOfItem(OwnPersonItem, "me")}
    noted_columns: ClassVar = {"own_person": "person_id"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        row = connection.execute("SELECT person_id FROM own_person").fetchone()
        if row is None:
            return {}
        return {(self.name, subject): OwnPersonItem(made_identity(connection, _PERSON, row[0]))}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for items in subjects.values():
            connection.execute("DELETE FROM own_person")
            for name, own in values_of(items, OwnPersonItem).items():
                person_id = _person_with(connection, own.person)
                if person_id is None:
                    waiting.add(name)
                else:
                    connection.execute("INSERT INTO own_person VALUES (1, ?)", (person_id,))
        return waiting


def _person_with(connection: sqlite3.Connection, identity: str) -> int | None:
    """Return the id of a person, or of the one that they were joined with; None where none is here.

    One who had no face here, and so was deleted, is made anew.
    """
    tried: set[str] = set()
    while identity not in tried:
        tried.add(identity)
        person_id = number_of(connection, _PERSON, identity)
        if _row_of(connection, person_id) is not None:
            return person_id
        # Where two were joined here a moment ago, the items do not say so yet.
        if (into := _joined_with(connection, identity)) is not None:
            identity = into
            continue
        person = _item(connection, _PERSON, identity)
        if isinstance(person, PersonItem):
            return _put(connection, identity, person)
        joined = _item(connection, "joined person", identity)
        if isinstance(joined, JoinedPersonItem):
            identity = joined.into
    return None


def _item(connection: sqlite3.Connection, kind: str, key: str) -> Struct | None:
    """Return the value of an item, as it was sent or received last."""
    row = connection.execute(
        "SELECT value FROM user_items WHERE kind = ? AND key = ? AND value IS NOT NULL", (kind, key)
    ).fetchone()
    return None if row is None else PersonItems.kinds[kind].decoded(row[0])


_DECISION = "content_hash, at_s, x, y, width, height, person_id, is_person, decided_at"


class FaceItems:
    """The decisions about the faces in a photo; the subject is its content.

    A face is known by its place. Of two decisions about one face that exclude each other, the later
    one counts: a face is one person, and a person or not.
    """

    name = "face"
    # A decision about a face outlasts the photo in the library.
    kinds: ClassVar = {
        "face": KindOfItem(
            FaceItem,
            f"(?P<subject>{CONTENT})/[^/]+",
            title=("face of a person", "faces of people"),
            changed="decided_at",
        ),
        "not face": KindOfItem(
            FaceItem,
            f"(?P<subject>{CONTENT})/[^/]+/{IDENTITY}",
            title=("face that is not a person", "faces that are not a person"),
            changed="decided_at",
        ),
    }
    noted_columns: ClassVar = {"face_decisions": "person_id"}

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        return subject

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        return {name: value for name, (_, value) in _decisions(connection, subject).items()}

    def follow(
        self,
        connection: sqlite3.Connection,
        subjects: Mapping[str, Mapping[ItemName, LiveItem]],
    ) -> set[ItemName]:
        waiting: set[ItemName] = set()
        for content, items in subjects.items():
            counting = _counting(connection, content, items)
            waiting |= items.keys() - counting.keys()
            wanted = dict(counting.values())
            there = _decisions(connection, content)
            kept = {
                name: row_ids[-1]
                for name, (row_ids, value) in there.items()
                if wanted.get(name) == value
            }
            gone = [
                row_id
                for name, (row_ids, _) in there.items()
                for row_id in row_ids
                if row_id != kept.get(name)
            ]
            _delete(connection, gone)
            new = {name: value for name, value in wanted.items() if name not in kept}
            _insert(connection, content, new)
        return waiting


def _decisions(
    connection: sqlite3.Connection, content: str
) -> dict[ItemName, tuple[list[int], FaceItem]]:
    """Return the decisions about the faces in a photo, each with the ids of its rows.

    A decision has two rows where two persons were joined, and a face was said to be neither.
    """
    rows = connection.execute(
        f"SELECT id, {_DECISION} FROM face_decisions WHERE content_hash = ? ORDER BY id",
        (bytes.fromhex(content),),
    ).fetchall()
    found: dict[ItemName, tuple[list[int], FaceItem]] = {}
    for row_id, _, at_s, x, y, width, height, person_id, is_person, decided_at in rows:
        person = made_identity(connection, _PERSON, person_id)
        moment = datetime.fromisoformat(decided_at)
        value = FaceItem(person, x, y, width, height, at_s, moment)
        name = _item_name(content, value, bool(is_person))
        before = found[name][0] if name in found else []
        found[name] = ([*before, row_id], value)
    return found


def _item_name(content: str, face: FaceItem, is_person: bool) -> ItemName:
    place = ",".join(f"{each:.4f}" for each in (face.x, face.y, face.width, face.height))
    if face.at_s is not None:
        place += f"@{face.at_s:.2f}"
    if is_person:
        return "face", f"{content}/{place}"
    return "not face", f"{content}/{place}/{face.person}"


def _counting(
    connection: sqlite3.Connection, content: str, items: Mapping[ItemName, LiveItem]
) -> dict[ItemName, tuple[ItemName, FaceItem]]:
    """Return the decisions that count: about persons who are there, and not overridden later.

    Each as an item about the person who is there, since persons are joined.
    """
    counting: dict[ItemName, tuple[ItemName, FaceItem]] = {}
    for item_name, face in values_of(items, FaceItem).items():
        is_person = item_name[0] == "face"
        if item_name != _item_name(content, face, is_person):
            continue
        person_id = _person_with(connection, face.person)
        if person_id is None:
            continue
        face = replace(face, person=made_identity(connection, _PERSON, person_id))
        name = _item_name(content, face, is_person)
        for other in [each for each in counting if _excludes(name, face, *counting[each])]:
            del counting[other]
        counting[item_name] = name, face
    return counting


def _excludes(name: ItemName, face: FaceItem, other_name: ItemName, other: FaceItem) -> bool:
    """Return whether a decision excludes an earlier one: a face is one person at most."""
    both_are = name[0] == other_name[0] == "face"
    return (both_are or face.person == other.person) and is_same_face(
        face.at_s,
        (face.x, face.y, face.width, face.height),
        other.at_s,
        (other.x, other.y, other.width, other.height),
    )


def _delete(connection: sqlite3.Connection, decisions: Sequence[int]) -> None:
    """Delete decisions. A face that was a person by one of them is nobody then."""
    rows = [(each,) for each in decisions]
    connection.executemany(
        "UPDATE faces SET person_id = NULL WHERE (id, person_id) IN (SELECT face_id, person_id "
        "FROM face_decisions WHERE id = ? AND is_person)",
        rows,
    )
    connection.executemany("DELETE FROM face_decisions WHERE id = ?", rows)


def _insert(
    connection: sqlite3.Connection, content: str, decisions: Mapping[ItemName, FaceItem]
) -> None:
    made: list[int] = []
    for (kind, _), face in decisions.items():
        if kind == "face":
            _bring_group(connection, content, face)
        cursor = connection.execute(
            f"INSERT INTO face_decisions ({_DECISION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                bytes.fromhex(content),
                *(face.at_s, face.x, face.y, face.width, face.height),
                *(number_of(connection, _PERSON, face.person), kind == "face"),
                face.decided_at.isoformat(),
            ),
        )
        assert cursor.lastrowid is not None
        made.append(cursor.lastrowid)
    link_again(connection, made)
    connection.executemany(
        "UPDATE faces SET person_id = NULL WHERE (id, person_id) IN (SELECT face_id, person_id "
        "FROM face_decisions WHERE id = ? AND NOT is_person)",
        [(each,) for each in made],
    )


def _bring_group(connection: sqlite3.Connection, content: str, face: FaceItem) -> None:
    """Give a person the group of a face that is about to be confirmed, as where that was done."""
    person_id = number_of(connection, _PERSON, face.person)
    box = (face.x, face.y, face.width, face.height)
    face_id = face_at(connection, bytes.fromhex(content), face.at_s, box)
    if face_id is not None and person_id is not None:
        follow_group(connection, open_groups(connection, [face_id], person_id), (), person_id)
