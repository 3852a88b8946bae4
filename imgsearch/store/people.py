"""What the user has decided about persons: names, yes and no, and what is of no interest.

These decisions are the user's own and do not follow from the disk. So they are written in short
transactions without the writer's lock, also by the service while photos are indexed. They belong to
the content of a photo and to a place in it: they stay when it is moved, when it leaves the library
and comes back, when faces are forgotten, and when another model finds them anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imgsearch.errors import UsageError
from imgsearch.records.faces import Face, Person
from imgsearch.store.database import Database
from imgsearch.store.faces import changing, delete_empty_groups, make_person
from imgsearch.store.sql import IN_IDS, ids_parameter, now
from imgsearch.text import format_count, plain_text

_CHANGES = 100  # that can be undone
_FACE = (
    "faces.id, faces.photo_id, faces.x, faces.y, faces.width, faces.height, faces.score, "
    "faces.at_s, faces.person_id, persons.name, EXISTS (SELECT 1 FROM face_decisions WHERE "
    "face_id = faces.id AND is_person AND face_decisions.person_id = faces.person_id)"
)
_FACES = f"SELECT {_FACE} FROM faces LEFT JOIN persons ON persons.id = faces.person_id"
_LIVE = "faces.photo_id IN (SELECT photo_id FROM paths WHERE photo_id IS NOT NULL)"
# The best face of a person: large and certain, but a confirmed one first.
_RANK = (
    "(SELECT count(*) FROM face_decisions WHERE face_id = faces.id AND is_person "
    "AND face_decisions.person_id = faces.person_id) > 0 DESC, "
    "score * min(size_px, 120.0) DESC, faces.id"
)
_DECISION_COLUMNS = (
    "id, content_hash, at_s, x, y, width, height, person_id, is_person, face_id, decided_at"
)


class PeopleStore:
    """The part of a store that knows persons and the user's decisions about faces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ reading

    def all(self, hidden: bool = False) -> tuple[Person, ...]:
        """All persons, those with the most photos first; hidden ones only with `hidden`."""
        query = (
            "SELECT persons.id, name, is_hidden, count(faces.id), count(DISTINCT photo_id), "
            "(SELECT count(*) FROM face_decisions WHERE person_id = persons.id AND is_person) "
            f"FROM persons LEFT JOIN faces ON person_id = persons.id AND {_LIVE} "
            f"{'' if hidden else 'WHERE NOT is_hidden '}"
            "GROUP BY persons.id ORDER BY 5 DESC, 4 DESC, persons.id"
        )
        best = (
            "SELECT person_id, id FROM (SELECT person_id, faces.id, row_number() OVER "
            f"(PARTITION BY person_id ORDER BY {_RANK}) AS place FROM faces "
            f"WHERE person_id IS NOT NULL AND {_LIVE}) WHERE place = 1"
        )
        with self._database.reading() as connection:
            faces = dict(connection.execute(best).fetchall())
            return tuple(
                Person(id, name, bool(is_hidden), count, photos, confirmed, faces.get(id))
                for id, name, is_hidden, count, photos, confirmed in connection.execute(query)
                if count or confirmed
            )

    def has(self, person_id: int) -> bool:
        """Whether there is such a person: one that `all` lists, hidden or not."""
        query = (
            "SELECT 1 FROM persons WHERE id = ? AND ("
            f"EXISTS (SELECT 1 FROM faces WHERE person_id = persons.id AND {_LIVE}) OR "
            "EXISTS (SELECT 1 FROM face_decisions WHERE person_id = persons.id AND is_person))"
        )
        return self._database.fetch_one(query, person_id) is not None

    def named(self, name: str) -> int | None:
        """The id of the person of this name, without case and accents."""
        row = self._database.fetch_one(
            "SELECT id FROM persons WHERE plain_name = ?", plain_text(name)
        )
        return None if row is None else int(row[0])

    def faces_of(self, person_id: int, limit: int = -1) -> tuple[Face, ...]:
        """The faces of a person, the best first."""
        rows = self._database.fetch_all(
            f"{_FACES} WHERE faces.person_id = ? AND {_LIVE} ORDER BY {_RANK} LIMIT ?",
            person_id,
            limit,
        )
        return tuple(_face(row) for row in rows)

    def faces_in(self, photo_id: int) -> tuple[Face, ...]:
        """The faces in a photo, from left to right."""
        rows = self._database.fetch_all(
            f"{_FACES} WHERE faces.photo_id = ? ORDER BY faces.at_s, faces.x, faces.id", photo_id
        )
        return tuple(_face(row) for row in rows)

    def faces(self, ids: Iterable[int]) -> dict[int, Face]:
        """Faces by their ids; unknown ones are left out."""
        rows = self._database.fetch_all(f"{_FACES} WHERE faces.id {IN_IDS}", ids_parameter(ids))
        return {row[0]: _face(row) for row in rows}

    def last_change(self) -> str | None:
        """A sentence about the decision that `undo` would take back."""
        row = self._database.fetch_one("SELECT what FROM people_changes ORDER BY id DESC LIMIT 1")
        return None if row is None else str(row[0])

    # ------------------------------------------------------------------ deciding

    def name(self, person_id: int, name: str, sure: Sequence[int]) -> int:
        """Name a person; returns its id, which is another's where that has the name already.

        The faces in `sure` are confirmed. Raises UsageError for an unknown person or an empty name.
        """
        plain = plain_text(name)
        with self._change(f"named {name}", persons=[person_id], faces=sure) as change:
            connection = change.connection
            _require(connection, person_id)
            row = connection.execute(
                "SELECT id FROM persons WHERE plain_name = ?", (plain,)
            ).fetchone()
            if row is not None and row[0] != person_id:
                change.keep(persons=[row[0]])
                _merge(change, person_id, row[0], sure)
                connection.execute("UPDATE persons SET is_hidden = 0 WHERE id = ?", (row[0],))
                return int(row[0])
            connection.execute(
                "UPDATE persons SET name = ?, plain_name = ?, is_hidden = 0 WHERE id = ?",
                (" ".join(name.split()), plain, person_id),
            )
            _decide(connection, sure, person_id, True)
            return person_id

    def unname(self, person_id: int) -> None:
        """Take the name of a person away; its faces stay together."""
        with self._change("name removed", persons=[person_id]) as change:
            _require(change.connection, person_id)
            change.connection.execute(
                "UPDATE persons SET name = NULL, plain_name = NULL WHERE id = ?", (person_id,)
            )

    def decide(
        self,
        faces: Sequence[int],
        person_id: int,
        is_person: bool,
        followers: Sequence[int] = (),
    ) -> int:
        """Record whether faces are a person; returns how many of these faces there are.

        With a yes, a group that has no name and no confirmed face comes along with its face, and
        so do the `followers`, as far as they are nobody yet.
        """
        what = f"said {'yes' if is_person else 'no'} to {format_count(len(faces), 'face')}"
        with self._change(what, [person_id], (*faces, *followers)) as change:
            connection = change.connection
            _require(connection, person_id)
            if is_person:
                groups = [
                    id
                    for (id,) in connection.execute(
                        f"SELECT DISTINCT person_id FROM faces WHERE id {IN_IDS} "
                        "AND person_id IN (SELECT id FROM persons WHERE name IS NULL) AND NOT "
                        "EXISTS (SELECT 1 FROM face_decisions WHERE is_person "
                        "AND person_id = faces.person_id)",
                        (ids_parameter(faces),),
                    )
                    if id != person_id
                ]
                change.keep(groups)
                _follow(connection, groups, followers, person_id)
            return _decide(connection, faces, person_id, is_person)

    def merge(self, person_id: int, into: int, sure: Sequence[int]) -> None:
        """Make two persons one, with the name of `into` if it has one; `sure` are confirmed."""
        with self._change("merged", persons=[person_id, into], faces=sure) as change:
            _require(change.connection, person_id)
            _require(change.connection, into)
            _merge(change, person_id, into, sure)

    def split(self, faces: Sequence[int], person_id: int) -> int:
        """Take faces out of a person; returns the new person, without a name, that they are."""
        with self._change("split", persons=[person_id], faces=faces) as change:
            _require(change.connection, person_id)
            new = make_person(change.connection)
            change.made(new)
            _decide(change.connection, faces, person_id, False)
            if not _decide(change.connection, faces, new, True):
                raise UsageError("None of these faces is in the library.")
            return new

    def hide(self, person_id: int, is_hidden: bool, sure: Sequence[int]) -> None:
        """Hide a person of no interest, or show one again; `sure` faces hold a group together."""
        what = "hidden" if is_hidden else "shown again"
        with self._change(what, persons=[person_id], faces=sure) as change:
            _require(change.connection, person_id)
            change.connection.execute(
                "UPDATE persons SET is_hidden = ? WHERE id = ?", (is_hidden, person_id)
            )
            _decide(change.connection, sure, person_id, True)

    def undo(self) -> str | None:
        """Take the last decision back; returns a sentence about it, None where there is none."""
        with changing(self._database) as connection:
            row = connection.execute(
                "SELECT id, what, before FROM people_changes ORDER BY id DESC LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            change_id, what, before = row
            _restore(connection, json.loads(before))
            connection.execute("DELETE FROM people_changes WHERE id = ?", (change_id,))
            delete_empty_groups(connection)
            return str(what)

    @contextmanager
    def _change(
        self, what: str, persons: Sequence[int], faces: Sequence[int] = ()
    ) -> Iterator[_Change]:
        """One decision in one transaction, which remembers what to restore to undo it."""
        with changing(self._database) as connection:
            change = _Change(connection)
            change.keep(persons, faces)
            yield change
            connection.execute(
                "INSERT INTO people_changes (what, before, changed_at) VALUES (?, ?, ?)",
                (what, json.dumps(change.before), now()),
            )
            connection.execute(
                "DELETE FROM people_changes WHERE id <= (SELECT max(id) FROM people_changes) - ?",
                (_CHANGES,),
            )
            delete_empty_groups(connection)


class _Change:
    """A decision that is being written, and the rows as they were before."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.before: dict[str, Any] = {"persons": [], "made": [], "faces": [], "decisions": []}

    def keep(self, persons: Sequence[int] = (), faces: Sequence[int] = ()) -> None:
        """Remember these persons and faces as they are, with all decisions about them."""
        about = "id, name, plain_name, is_hidden, made_at"
        parameter = ids_parameter(persons)
        rows = self.connection.execute(
            f"SELECT {about} FROM persons WHERE id {IN_IDS}", (parameter,)
        )
        self.before["persons"] += rows.fetchall()
        assigned = self.connection.execute(
            f"SELECT id, person_id FROM faces WHERE person_id {IN_IDS} OR id {IN_IDS}",
            (parameter, ids_parameter(faces)),
        ).fetchall()
        self.before["faces"] += assigned
        decisions = self.connection.execute(
            f"SELECT {_DECISION_COLUMNS} FROM face_decisions "
            f"WHERE person_id {IN_IDS} OR face_id {IN_IDS}",
            (parameter, ids_parameter(faces)),
        )
        known = {row[0] for row in self.before["decisions"]}
        self.before["decisions"] += [
            (row[0], row[1].hex(), *row[2:]) for row in decisions if row[0] not in known
        ]

    def made(self, person_id: int) -> None:
        """Remember that this person was made."""
        self.before["made"].append(person_id)


def _restore(connection: sqlite3.Connection, before: dict[str, Any]) -> None:
    faces = dict(map(tuple, before["faces"]))
    persons = [row[0] for row in before["persons"]]
    everyone = ids_parameter((*persons, *before["made"]))
    connection.execute(
        f"DELETE FROM face_decisions WHERE person_id {IN_IDS} OR face_id {IN_IDS}",
        (everyone, ids_parameter(faces)),
    )
    # In two steps: names are unique.
    connection.execute(
        f"UPDATE persons SET name = NULL, plain_name = NULL WHERE id {IN_IDS}", (everyone,)
    )
    for id, name, plain_name, is_hidden, made_at in before["persons"]:
        connection.execute(
            "INSERT INTO persons VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "name = excluded.name, plain_name = excluded.plain_name, "
            "is_hidden = excluded.is_hidden",
            (id, name, plain_name, is_hidden, made_at),
        )
    connection.executemany(
        "UPDATE faces SET person_id = (SELECT id FROM persons WHERE id = ?) WHERE id = ?",
        [(person_id, face_id) for face_id, person_id in faces.items()],
    )
    for decision_id, content_hash, *values in before["decisions"]:
        *about, face_id, decided_at = values
        connection.execute(
            "INSERT OR REPLACE INTO face_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "(SELECT id FROM faces WHERE id = ?), ?)",
            (decision_id, bytes.fromhex(content_hash), *about, face_id, decided_at),
        )


def _require(connection: sqlite3.Connection, person_id: int) -> None:
    row = connection.execute("SELECT 1 FROM persons WHERE id = ?", (person_id,)).fetchone()
    if row is None:
        raise UsageError(
            f"There is no person with the id {person_id}; it may have been joined with another. "
            "To list persons: imgsearch people"
        )


def _merge(change: _Change, person_id: int, into: int, sure: Sequence[int]) -> None:
    """Give all faces and decisions of a person to another one, and delete it."""
    connection = change.connection
    # The other person has one name: that of `into`, else its own.
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
    connection.execute(
        "UPDATE face_decisions SET person_id = ? WHERE person_id = ?", (into, person_id)
    )
    connection.execute("DELETE FROM persons WHERE id = ?", (person_id,))
    if row[0] is not None:
        connection.execute(
            "UPDATE persons SET name = ?, plain_name = ? WHERE id = ? AND name IS NULL",
            (*row, into),
        )
    _decide(connection, sure, into, True)


def _follow(
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


def _decide(
    connection: sqlite3.Connection, faces: Collection[int], person_id: int, is_person: bool
) -> int:
    """Record whether faces are a person, in place of what was said about both before."""
    parameter = ids_parameter(faces)
    if is_person:  # a face is one person
        connection.execute(
            f"DELETE FROM face_decisions WHERE face_id {IN_IDS} AND (is_person OR person_id = ?)",
            (parameter, person_id),
        )
        connection.execute(
            f"UPDATE faces SET person_id = ? WHERE id {IN_IDS}", (person_id, parameter)
        )
    else:
        connection.execute(
            f"DELETE FROM face_decisions WHERE face_id {IN_IDS} AND person_id = ?",
            (parameter, person_id),
        )
        connection.execute(
            f"UPDATE faces SET person_id = NULL WHERE id {IN_IDS} AND person_id = ?",
            (parameter, person_id),
        )
    return connection.execute(
        "INSERT INTO face_decisions (content_hash, at_s, x, y, width, height, person_id, "
        "is_person, face_id, decided_at) SELECT content_hash, at_s, x, y, width, height, ?, ?, "
        f"faces.id, ? FROM faces JOIN photos ON photos.id = photo_id WHERE faces.id {IN_IDS}",
        (person_id, is_person, now(), parameter),
    ).rowcount


def _face(row: Sequence[Any]) -> Face:
    *about, name, is_confirmed = row
    id, photo_id, x, y, width, height, score, at_s, person_id = about
    return Face(id, photo_id, x, y, width, height, score, at_s, person_id, name, bool(is_confirmed))
