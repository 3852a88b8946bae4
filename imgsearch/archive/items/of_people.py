"""Persons and decisions about faces as items.

A group of faces that a program has made is no item until somebody names it, hides it or decides
about one of its faces. Two people may give two persons one name at once: these become one person,
as they do in a library.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from imgsearch.archive.items.base import LiveItem
from imgsearch.archive.items.item import (
    FaceItem,
    HiddenPersonItem,
    ItemName,
    OwnPersonItem,
    PersonItem,
    decoded,
)
from imgsearch.archive.items.rows import (
    identity_of,
    keep_identity,
    made_identity,
    note,
    number_of,
)
from imgsearch.store.face_decisions import is_same_face, join_persons, link_again
from imgsearch.text import plain_text

_PERSON = "person"


class PersonItems:
    """The names of persons, and which are of no interest; the subject is the identity."""

    name = _PERSON
    kinds = (_PERSON, "hidden person")

    def subject(self, kind: str, key: str) -> str:
        return key

    def content(self, key: str) -> bytes | None:
        return None

    def noted(self, connection: sqlite3.Connection, subject: str) -> str | None:
        person_id = int(subject)
        if _row_of(connection, person_id) is None:
            return identity_of(connection, _PERSON, person_id)
        return made_identity(connection, _PERSON, person_id)

    def present(self, connection: sqlite3.Connection, subject: str) -> dict[ItemName, Struct]:
        person_id = number_of(connection, _PERSON, subject)
        row = _row_of(connection, person_id)
        if row is None:
            return {}
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
                waiting |= items.keys() | _remove(connection, identity)
            elif isinstance(item.value, PersonItem):
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


def _remove(connection: sqlite3.Connection, identity: str) -> set[ItemName]:
    """Delete a person; returns the decisions about faces that somebody else has not removed."""
    person_id = number_of(connection, _PERSON, identity)
    if _row_of(connection, person_id) is None:
        return set()
    contents = connection.execute(
        "SELECT DISTINCT lower(hex(content_hash)) FROM face_decisions WHERE person_id = ?",
        (person_id,),
    ).fetchall()
    connection.execute("DELETE FROM persons WHERE id = ?", (person_id,))
    waiting: set[ItemName] = set()
    for (content,) in contents:
        for kind, key, value in connection.execute(
            "SELECT kind, key, value FROM user_items WHERE subject = ? AND kind IN ('face', "
            "'not face') AND value IS NOT NULL",
            (content,),
        ):
            decision = decoded(kind, key, value)
            if isinstance(decision, FaceItem) and decision.person == identity:
                waiting.add((kind, key))
    return waiting


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
    """Which person the user is: one item."""

    name = "own person"
    kinds = ("own person",)

    def subject(self, kind: str, key: str) -> str:
        return key

    def content(self, key: str) -> bytes | None:
        return None

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
            for name, item in items.items():
                if isinstance(item.value, OwnPersonItem):
                    person_id = _person_with(connection, item.value.person)
                    if person_id is None:
                        waiting.add(name)
                        continue
                    connection.execute("INSERT INTO own_person VALUES (1, ?)", (person_id,))
        return waiting


def _person_with(connection: sqlite3.Connection, identity: str) -> int | None:
    """Return the id of a person, who is made anew where they had no face here and were deleted."""
    person_id = number_of(connection, _PERSON, identity)
    if _row_of(connection, person_id) is not None:
        return person_id
    row = connection.execute(
        "SELECT value FROM user_items WHERE kind = ? AND key = ? AND value IS NOT NULL",
        (_PERSON, identity),
    ).fetchone()
    person = None if row is None else decoded(_PERSON, identity, row[0])
    return _put(connection, identity, person) if isinstance(person, PersonItem) else None


_DECISION = "content_hash, at_s, x, y, width, height, person_id, is_person, decided_at"


class FaceItems:
    """The decisions about the faces in a photo; the subject is its content.

    A face is known by its place. Of two decisions about one face that exclude each other, the later
    one counts: a face is one person, and a person or not.
    """

    name = "face"
    kinds = ("face", "not face")

    def subject(self, kind: str, key: str) -> str:
        return key.partition("/")[0]

    def content(self, key: str) -> bytes | None:
        return None  # a decision outlasts the photo in the library

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
            wanted = _valid(connection, items)
            waiting |= items.keys() - wanted.keys()
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


def _valid(
    connection: sqlite3.Connection, items: Mapping[ItemName, LiveItem]
) -> dict[ItemName, FaceItem]:
    """Return the decisions that count: about persons who are there, and not overridden later."""
    valid: dict[ItemName, FaceItem] = {}
    for name, item in sorted(items.items(), key=lambda each: each[1].order):
        face = item.value
        if (
            isinstance(face, FaceItem)
            and name == _item_name(name[1][:64], face, name[0] == "face")
            and _person_with(connection, face.person) is not None
        ):
            for other in [each for each in valid if _excludes(name, face, each, valid[each])]:
                del valid[other]
            valid[name] = face
    return valid


def _excludes(name: ItemName, face: FaceItem, other_name: ItemName, other: FaceItem) -> bool:
    """Whether a decision excludes an earlier one: a face is one person, and a person or not."""
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
