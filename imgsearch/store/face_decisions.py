"""Persons and decisions as rows: links between decisions and the faces at their places.

What the user has decided about a face belongs to the content of a photo and a place in it. Faces
are found anew by another model, and the decisions are linked to those that are at their places.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from imgsearch.records.boxes import Box, overlap
from imgsearch.store.sql import IN_IDS, ids_parameter, now

_SAME_PLACE = 0.4  # intersection over union from which on two boxes are of one face
_SAME_MOMENT_S = 0.5


def make_person(connection: sqlite3.Connection) -> int:
    """Make a person without a name; returns the id."""
    cursor = connection.execute("INSERT INTO persons (made_at) VALUES (?)", (now(),))
    assert cursor.lastrowid is not None  # as after every INSERT
    return cursor.lastrowid


def delete_empty_groups(connection: sqlite3.Connection) -> None:
    """Delete the persons without a name, faces and decisions."""
    connection.execute(
        "DELETE FROM persons WHERE name IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM faces WHERE person_id = persons.id) "
        "AND NOT EXISTS (SELECT 1 FROM face_decisions WHERE person_id = persons.id)"
    )


def join_persons(connection: sqlite3.Connection, person_id: int, into: int) -> None:
    """Give all faces and decisions of a person to another one, and delete it.

    The other person has one name: its own, else that of the first.
    """
    row = connection.execute(
        "SELECT name, plain_name FROM persons WHERE id = ?", (person_id,)
    ).fetchone()
    connection.execute("UPDATE faces SET person_id = ? WHERE person_id = ?", (into, person_id))
    # A face that was said not to be one of them, and is the other, is both now: yes wins.
    connection.execute(
        "DELETE FROM face_decisions WHERE NOT is_person AND person_id IN (?1, ?2) AND face_id IN "
        "(SELECT face_id FROM face_decisions WHERE is_person AND person_id IN (?1, ?2))",
        (person_id, into),
    )
    for table in ("face_decisions", "own_person"):
        connection.execute(
            f"UPDATE {table} SET person_id = ? WHERE person_id = ?", (into, person_id)
        )
    connection.execute("DELETE FROM persons WHERE id = ?", (person_id,))
    # Others may decide about that person before they hear of it: see `imgsearch.items`.
    connection.execute(
        "UPDATE item_identities SET joined = ? WHERE kind = 'person' AND number = ?",
        (into, person_id),
    )
    if row[0] is not None:
        connection.execute(
            "UPDATE persons SET name = ?, plain_name = ? WHERE id = ? AND name IS NULL",
            (*row, into),
        )


def open_groups(connection: sqlite3.Connection, faces: Iterable[int], person_id: int) -> list[int]:
    """Return the groups of these faces with no name and no confirmed face, but this person."""
    rows = connection.execute(
        f"SELECT DISTINCT person_id FROM faces WHERE id {IN_IDS} AND person_id != ? AND person_id "
        "IN (SELECT id FROM persons WHERE name IS NULL) AND NOT EXISTS (SELECT 1 FROM "
        "face_decisions WHERE is_person AND person_id = faces.person_id)",
        (ids_parameter(faces), person_id),
    )
    return [id for (id,) in rows]


def follow_group(
    connection: sqlite3.Connection, groups: Sequence[int], followers: Sequence[int], person_id: int
) -> None:
    """Give a person the faces of these groups and the followers that are nobody.

    Faces that the user said are not this person stay, and so do those in photos that it is in.
    """
    connection.execute(
        f"UPDATE faces SET person_id = ?1 WHERE (person_id {IN_IDS.replace('?', '?2')} OR "
        f"(person_id IS NULL AND id {IN_IDS.replace('?', '?3')})) AND NOT EXISTS (SELECT 1 FROM "
        "face_decisions WHERE face_id = faces.id AND person_id = ?1 AND NOT is_person) AND NOT "
        "EXISTS (SELECT 1 FROM faces AS other WHERE other.photo_id = faces.photo_id "
        "AND other.at_s IS faces.at_s AND other.person_id = ?1)",
        (person_id, ids_parameter(groups), ids_parameter(followers)),
    )


def link(connection: sqlite3.Connection, photo_id: int, content_hash: bytes) -> None:
    """Give the faces of a photo the decisions about the faces that were at their places."""
    faces = connection.execute(
        "SELECT id, at_s, x, y, width, height FROM faces WHERE photo_id = ? ORDER BY id",
        (photo_id,),
    ).fetchall()
    decisions = connection.execute(
        "SELECT id, at_s, x, y, width, height, person_id, is_person FROM face_decisions "
        "WHERE content_hash = ? ORDER BY id",
        (content_hash,),
    ).fetchall()
    for decision_id, at_s, x, y, width, height, person_id, is_person in decisions:
        face_id = _face_at(faces, at_s, (x, y, width, height))
        if face_id is None:
            continue
        connection.execute(
            "UPDATE face_decisions SET face_id = ? WHERE id = ?", (face_id, decision_id)
        )
        if is_person:
            connection.execute("UPDATE faces SET person_id = ? WHERE id = ?", (person_id, face_id))


def link_again(connection: sqlite3.Connection, decisions: Iterable[int]) -> None:
    """Link those of these decisions that have no face, if there is one at their places now."""
    photos = connection.execute(
        "SELECT DISTINCT photos.id, content_hash FROM face_decisions JOIN photos "
        f"USING (content_hash) WHERE face_id IS NULL AND face_decisions.id {IN_IDS}",
        (ids_parameter(decisions),),
    )
    for photo_id, content_hash in photos.fetchall():
        link(connection, photo_id, content_hash)


def decisions_at(
    connection: sqlite3.Connection, content_hash: bytes, at_s: float | None, box: Box
) -> list[tuple[int, bool]]:
    """Return the decisions about the face at a place of a photo: person, and whether it is it."""
    rows = connection.execute(
        "SELECT person_id, is_person, at_s, x, y, width, height FROM face_decisions "
        "WHERE content_hash = ? ORDER BY id",
        (content_hash,),
    )
    return [
        (person_id, bool(is_person))
        for person_id, is_person, moment, x, y, width, height in rows
        if is_same_face(at_s, box, moment, (x, y, width, height))
    ]


def is_same_face(at_s: float | None, box: Box, other_at_s: float | None, other: Box) -> bool:
    """Return whether two places of a photo, at moments of a video, are of one face."""
    return _is_same_moment(at_s, other_at_s) and overlap(box, other) >= _SAME_PLACE


def face_at(
    connection: sqlite3.Connection, content_hash: bytes, at_s: float | None, box: Box
) -> int | None:
    """Return the id of the face at a place of a photo; None where none was found there."""
    faces = connection.execute(
        "SELECT faces.id, at_s, x, y, width, height FROM faces JOIN photos "
        "ON photos.id = photo_id WHERE content_hash = ? ORDER BY faces.id",
        (content_hash,),
    )
    return _face_at(faces.fetchall(), at_s, box)


def _face_at(
    faces: Sequence[tuple[int, float | None, float, float, float, float]],
    at_s: float | None,
    box: Box,
) -> int | None:
    """Return the id of the face at this place, at this moment of a video."""
    best, best_share = None, _SAME_PLACE
    for face_id, moment, *place in faces:
        if _is_same_moment(at_s, moment):
            x, y, width, height = place
            share = overlap(box, (x, y, width, height))
            if share > best_share or (best is None and share == best_share):
                best, best_share = face_id, share
    return best


def _is_same_moment(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < _SAME_MOMENT_S
