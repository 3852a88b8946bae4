"""Faces and persons in packs: copies those of photos into one, and merges them into a library.

A pack has them only on request. It has the persons of its photos and no others. A merge adds faces
of photos in which nobody has looked here, and decisions about places that nobody has decided about
here. A person of the same name gets them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imgsearch.records.pack import PackedPerson
from imgsearch.store import face_decisions
from imgsearch.store.face_decisions import make_person
from imgsearch.store.pack_format import UTC_TEXT
from imgsearch.text import plain_text

_THESE = "IN (SELECT value FROM json_each(:ids))"
_PLACE = "at_s, x, y, width, height"
_MAX_NAME = 200  # characters
_FACE = f"{_PLACE}, score, size_px, vector, quality, turn"  # all but ids

# The library is attached to a pack as `library`. A face keeps its person where that has a name: a
# group without one is made anew by the library that merges the pack.
_PACKED = (
    "JOIN library.photos AS theirs ON theirs.id = photo_id JOIN main.photos AS packed "
    f"ON packed.content_hash = theirs.content_hash WHERE packed.id {_THESE}"
)
COPY = (
    "INSERT INTO main.face_readings (photo_id, state, model, read_at, people) "
    f"SELECT packed.id, state, model, {UTC_TEXT.format('read_at')}, people "
    f"FROM library.face_readings {_PACKED} AND state != 'failed' ORDER BY packed.id",
    f"INSERT INTO main.faces (id, photo_id, {_FACE}, person_id) SELECT faces.id, packed.id, "
    f"{_FACE}, (SELECT id FROM library.persons WHERE persons.id = person_id AND name IS NOT NULL) "
    f"FROM library.faces {_PACKED} ORDER BY faces.id",
    f"INSERT INTO main.face_decisions (id, content_hash, {_PLACE}, person_id, is_person, face_id, "
    f"decided_at) SELECT id, content_hash, {_PLACE}, person_id, is_person, face_id, "
    f"{UTC_TEXT.format('decided_at')} FROM library.face_decisions WHERE content_hash IN "
    f"(SELECT content_hash FROM main.photos WHERE id {_THESE}) ORDER BY id",
    "UPDATE main.photos SET mark_me = (SELECT person_id FROM library.own_person) WHERE id IN "
    "(SELECT photo_id FROM main.faces WHERE person_id IN (SELECT person_id FROM "
    f"library.own_person)) AND id {_THESE}",
)
COPY_PERSONS = (
    "INSERT INTO main.persons (id, name, plain_name, is_hidden, made_at) SELECT id, name, "
    f"plain_name, is_hidden, {UTC_TEXT.format('made_at')} FROM library.persons WHERE id IN (SELECT "
    "person_id FROM main.faces UNION SELECT person_id FROM main.face_decisions) ORDER BY id"
)
# About how many bytes the rows of each photo take.
SIZES = (
    f"SELECT photo_id, 150 + length(vector) FROM library.faces WHERE photo_id {_THESE}",
    "SELECT photos.id, 200 FROM library.face_decisions JOIN library.photos USING (content_hash) "
    f"WHERE photos.id {_THESE}",
)

# A batch is attached as `batch`, and its table `matches` has the ids that photos have here. Vectors
# of two models cannot be compared, so a library has faces of one.
_NEW_READINGS = (
    "CREATE TABLE batch.new_readings AS SELECT pack_id, matches.id FROM batch.face_readings AS "
    "theirs JOIN batch.matches ON pack_id = theirs.photo_id LEFT JOIN main.face_readings AS ours "
    "ON ours.photo_id = matches.id WHERE (ours.photo_id IS NULL OR ours.state = 'failed') "
    "AND theirs.model = :model"
)
_ADD_FACES = (
    "DELETE FROM main.face_readings WHERE photo_id IN (SELECT id FROM batch.new_readings)",
    "INSERT INTO main.face_readings (photo_id, state, model, read_at, people) SELECT new.id, "
    "state, model, read_at, people FROM batch.new_readings AS new "
    "JOIN batch.face_readings ON photo_id = pack_id",
    f"INSERT INTO main.faces (photo_id, {_FACE}) SELECT new.id, {_FACE} "
    "FROM batch.new_readings AS new JOIN batch.faces ON photo_id = pack_id "
    "ORDER BY new.id, faces.id",
)
_MODEL = "SELECT model FROM {}.face_readings WHERE state = 'found' LIMIT 1"
_DECISIONS = (
    f"SELECT matches.id, content_hash, {_PLACE}, person_id, is_person, decided_at "
    "FROM batch.face_decisions JOIN batch.photos USING (content_hash) "
    "JOIN batch.matches ON pack_id = photos.id ORDER BY is_person DESC, face_decisions.id"
)
_TO_LINK = (
    "SELECT photos.id, content_hash FROM main.photos WHERE content_hash IN "
    "(SELECT content_hash FROM main.face_decisions) AND id IN (SELECT id FROM batch.new_readings)"
)


class FaceMerger:
    """Merges the faces of batches of one pack; `persons` are those of the pack."""

    def __init__(self, persons: Iterable[PackedPerson]) -> None:
        self._persons: Mapping[int, PackedPerson] = {each.id: each for each in persons}
        self._ours: dict[int, int] = {}  # of persons without a name that were made here

    def merge(self, connection: sqlite3.Connection) -> int:
        """Merge the faces of the batch that is attached; returns how many faces were added."""
        model = next(
            (
                row[0]
                for schema in ("main", "batch")
                for row in connection.execute(_MODEL.format(schema))
            ),
            None,
        )
        connection.execute(_NEW_READINGS, {"model": model})
        faces = 0
        for statement in _ADD_FACES:
            faces = connection.execute(statement).rowcount  # of the last one
        decided = self._decide(connection, connection.execute(_DECISIONS).fetchall())
        for photo_id, content_hash in {*decided, *connection.execute(_TO_LINK).fetchall()}:
            face_decisions.link(connection, photo_id, content_hash)
        return faces

    def _decide(
        self, connection: sqlite3.Connection, rows: Iterable[Sequence[Any]]
    ) -> set[tuple[int, bytes]]:
        """Add decisions; returns the photos, with the hashes of their content.

        A row has the id of the photo here, its hash, the place of the face, the person, whether it
        is that person, and the time. Those with a yes come first.
        """
        decided = set()
        for photo_id, content_hash, at_s, *box, person_id, is_person, decided_at in rows:
            x, y, width, height = box
            known = face_decisions.decisions_at(
                connection, content_hash, at_s, (x, y, width, height)
            )
            person = self._person(connection, self._persons[person_id], known, bool(is_person))
            if person is None or any(
                (is_person and was_person) or other == person for other, was_person in known
            ):
                continue
            connection.execute(
                f"INSERT INTO main.face_decisions (content_hash, {_PLACE}, person_id, is_person, "
                "decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (content_hash, at_s, *box, person, is_person, decided_at),
            )
            decided.add((photo_id, content_hash))
        return decided

    def _person(
        self,
        connection: sqlite3.Connection,
        packed: PackedPerson,
        known: Iterable[tuple[int, bool]],
        is_person: bool,
    ) -> int | None:
        """Return the person here that stands for one of the pack, made if there is none.

        Without a name, it is the one that the same face is here. None where only a no is known of
        such a person, which says nothing to anybody.
        """
        name = " ".join((packed.name or "").split())[:_MAX_NAME]
        plain = plain_text(name)
        if plain:
            query = "SELECT id FROM main.persons WHERE plain_name = ?"
            row = connection.execute(query, (plain,)).fetchone()
            person = int(row[0]) if row else make_person(connection)
            if not row:
                connection.execute(
                    "UPDATE main.persons SET name = ?, plain_name = ?, is_hidden = ? WHERE id = ?",
                    (name, plain, packed.is_hidden, person),
                )
            if packed.is_me:  # unless it is known here who the user is
                connection.execute("INSERT OR IGNORE INTO own_person VALUES (1, ?)", (person,))
            return person
        here = next((other for other, was_person in known if was_person), self._ours.get(packed.id))
        if here is None and is_person:
            here = make_person(connection)
            connection.execute(
                "UPDATE main.persons SET is_hidden = ? WHERE id = ?", (packed.is_hidden, here)
            )
        if here is not None:
            self._ours[packed.id] = here
        return here
