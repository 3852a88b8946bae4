"""What the user has decided about persons: names, yes and no, and what is of no interest.

These decisions are the user's own and do not follow from the disk. So they are written in short
transactions without the writer's lock, also by the service while photos are indexed. They belong to
the content of a photo and to a place in it: they stay when it is moved, when it leaves the library
and comes back, when faces are forgotten, and when another model finds them anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.records.changes import Change
from imgsearch.records.faces import Face, Person
from imgsearch.store import changes
from imgsearch.store.database import Database
from imgsearch.store.face_decisions import (
    delete_empty_groups,
    follow_group,
    join_persons,
    make_person,
    open_groups,
)
from imgsearch.store.faces import changing
from imgsearch.store.sql import IN_IDS, ids_parameter, list_query, now
from imgsearch.text import format_count, plain_text

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


class PeopleStore:
    """The part of a store that knows persons and the user's decisions about faces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ reading

    def all(self, hidden: bool = False) -> tuple[Person, ...]:
        """Return all persons, those with the most photos first; hidden ones only with `hidden`."""
        found = self._persons("1" if hidden else "NOT is_hidden", "1")
        return tuple(each for each in found if each.faces or each.confirmed)

    def get(self, person_id: int) -> Person | None:
        """Return a person, also one that has no face any more; None for an unknown id."""
        found = self._persons("persons.id = ?1", "person_id = ?1", person_id)
        return found[0] if found else None

    def _persons(self, which: str, whose: str, *parameters: int) -> list[Person]:
        """Return the persons of one condition, whose faces fulfil the other."""
        query = (
            "SELECT persons.id, name, is_hidden, count(faces.id), count(DISTINCT photo_id), "
            "(SELECT count(*) FROM face_decisions WHERE person_id = persons.id AND is_person), "
            "persons.id IN (SELECT person_id FROM own_person) "
            f"FROM persons LEFT JOIN faces ON person_id = persons.id AND {_LIVE} WHERE {which} "
            "GROUP BY persons.id ORDER BY 5 DESC, 4 DESC, persons.id"
        )
        best = (
            "SELECT person_id, id FROM (SELECT person_id, faces.id, row_number() OVER "
            f"(PARTITION BY person_id ORDER BY {_RANK}) AS place FROM faces "
            f"WHERE person_id IS NOT NULL AND {whose} AND {_LIVE}) WHERE place = 1"
        )
        with self._database.reading() as connection:
            faces = dict(connection.execute(best, parameters).fetchall())
            return [
                Person(id, name, bool(hidden), count, photos, confirmed, faces.get(id), bool(is_me))
                for id, name, hidden, count, photos, confirmed, is_me in connection.execute(
                    query, parameters
                )
            ]

    def has(self, person_id: int) -> bool:
        """Return whether there is such a person: one that `all` lists, hidden or not."""
        query = (
            "SELECT 1 FROM persons WHERE id = ? AND ("
            f"EXISTS (SELECT 1 FROM faces WHERE person_id = persons.id AND {_LIVE}) OR "
            "EXISTS (SELECT 1 FROM face_decisions WHERE person_id = persons.id AND is_person))"
        )
        return self._database.fetch_one(query, person_id) is not None

    def named(self, name: str) -> int | None:
        """Return the id of the person of this name, without case and accents."""
        row = self._database.fetch_one(
            "SELECT id FROM persons WHERE plain_name = ?", plain_text(name)
        )
        return None if row is None else int(row[0])

    def faces_of(self, person_id: int, limit: int = -1) -> tuple[Face, ...]:
        """Return the faces of a person, the best first."""
        rows = self._database.fetch_all(
            f"{_FACES} WHERE faces.person_id = ? AND {_LIVE} ORDER BY {_RANK} LIMIT ?",
            person_id,
            limit,
        )
        return tuple(_face(row) for row in rows)

    def faces_in(self, photo_id: int) -> tuple[Face, ...]:
        """Return the faces in a photo, from left to right."""
        rows = self._database.fetch_all(
            f"{_FACES} WHERE faces.photo_id = ? ORDER BY faces.at_s, faces.x, faces.id", photo_id
        )
        return tuple(_face(row) for row in rows)

    def faces(self, ids: Iterable[int]) -> dict[int, Face]:
        """Return faces by their ids; unknown ones are left out."""
        rows = self._database.fetch_all(f"{_FACES} WHERE faces.id {IN_IDS}", ids_parameter(ids))
        return {row[0]: _face(row) for row in rows}

    def named_faces(self) -> dict[int, list[Face]]:
        """Return the faces of persons with a name in photos, no videos, by photo.

        Hidden ones not.
        """
        rows = self._database.fetch_all(
            f"{_FACES} WHERE persons.name IS NOT NULL AND NOT persons.is_hidden "
            f"AND faces.at_s IS NULL AND {_LIVE} ORDER BY faces.photo_id, faces.x, faces.id"
        )
        found: dict[int, list[Face]] = {}
        for row in rows:
            found.setdefault(row[1], []).append(_face(row))
        return found

    def names_in_files(self, photo_ids: Iterable[int]) -> dict[int, list[str]]:
        """Return the names of people that the files of these photos state, by photo."""
        found: dict[int, list[str]] = {}
        for photo_id, name in self._database.fetch_all(
            list_query("people"), ids_parameter(photo_ids)
        ):
            found.setdefault(photo_id, []).append(name)
        return found

    # ------------------------------------------------------------------ deciding

    def name(self, person_id: int, name: str, sure: Sequence[int]) -> tuple[int, Change]:
        """Name a person; returns its id, which is another's where that has the name already.

        The faces in `sure` are confirmed. Raises UsageError for an unknown person or an empty name.
        """
        name, plain = " ".join(name.split()), plain_text(name)
        with self._changing(sure) as change:
            connection = change.connection
            old = _require(connection, person_id)
            row = connection.execute(
                "SELECT id FROM persons WHERE plain_name = ? AND id != ?", (plain, person_id)
            ).fetchone()
            if row is not None:
                into = int(row[0])
                _merge(change, person_id, into, sure)
                connection.execute("UPDATE persons SET is_hidden = 0 WHERE id = ?", (into,))
                return into, change.record(f"Named {name}", [into])
            change.keep(persons=[person_id])
            connection.execute(
                "UPDATE persons SET name = ?, plain_name = ?, is_hidden = 0 WHERE id = ?",
                (name, plain, person_id),
            )
            _confirm(connection, sure, [person_id], person_id)
            title = f"Named {name}" if old is None else f"Renamed {old} to {name}"
            return person_id, change.record(title, [person_id])

    def unname(self, person_id: int) -> Change:
        """Take the name of a person away; its faces stay together."""
        with self._changing() as change:
            name = _require(change.connection, person_id)
            change.keep(persons=[person_id])
            change.connection.execute(
                "UPDATE persons SET name = NULL, plain_name = NULL WHERE id = ?", (person_id,)
            )
            return change.record(f"Took the name {name or ''} away", [person_id])

    def decide(
        self,
        person_id: int,
        yes: Sequence[int],
        no: Sequence[int] = (),
        followers: Sequence[int] = (),
    ) -> tuple[int, Change]:
        """Record which faces are a person and which are not; returns how many there are of both.

        With a yes, a group that has no name and no confirmed face comes along with its face, and
        so do the `followers`, as far as they are nobody yet.
        """
        with self._changing([*yes, *no, *followers]) as change:
            connection = change.connection
            called = _called(_require(connection, person_id), person_id)
            if yes:
                groups = open_groups(connection, yes, person_id)
                change.keep_faces_of(groups)
                follow_group(connection, groups, followers, person_id)
            confirmed = _decide(connection, yes, person_id, True)
            rejected = _decide(connection, no, person_id, False)
            if yes:
                title = f"Confirmed {format_count(confirmed, 'face')} as {called}"
                title += f" and rejected {rejected:,}" if no else ""
            else:
                title = f"Rejected {format_count(rejected, 'face')} as {called}"
            return confirmed + rejected, change.record(title, faces=[*yes, *no])

    def make(
        self, faces: Sequence[int], name: str, followers: Sequence[int] = ()
    ) -> tuple[int, Change]:
        """Make a person of this name, who is these faces; returns its id.

        Groups and `followers` come along as in `decide`. Raises UsageError where none of the faces
        is in the library, and if there is a person of this name.
        """
        name, plain = " ".join(name.split()), plain_text(name)
        with self._changing([*faces, *followers]) as change:
            connection = change.connection
            if connection.execute(
                "SELECT 1 FROM persons WHERE plain_name = ?", (plain,)
            ).fetchone():
                raise UsageError(f"There is a person {name} already.")
            new = make_person(connection)
            change.made(new)
            connection.execute(
                "UPDATE persons SET name = ?, plain_name = ? WHERE id = ?", (name, plain, new)
            )
            groups = open_groups(connection, faces, new)
            change.keep_faces_of(groups)
            follow_group(connection, groups, followers, new)
            if not _decide(connection, faces, new, True):
                raise UsageError("None of these faces is in the library.")
            return new, change.record(f"Named {name}", faces=faces)

    def merge(self, person_id: int, into: int, sure: Sequence[int]) -> Change:
        """Make two persons one, with the name of `into` if it has one; `sure` are confirmed."""
        with self._changing(sure) as change:
            one = _called(_require(change.connection, person_id), person_id)
            other = _called(_require(change.connection, into), into)
            _merge(change, person_id, into, sure)
            return change.record(f"Made {one} and {other} one person", [into])

    def split(self, faces: Sequence[int], person_id: int) -> tuple[int, Change]:
        """Take faces out of a person; returns the new person, without a name, that they are."""
        with self._changing(faces) as change:
            name = _require(change.connection, person_id)
            new = make_person(change.connection)
            change.made(new)
            _decide(change.connection, faces, person_id, False)
            count = _decide(change.connection, faces, new, True)
            if not count:
                raise UsageError("None of these faces is in the library.")
            about = f"{format_count(count, 'face')} off {_called(name, person_id)}"
            return new, change.record(f"Split {about}", faces=faces)

    def hide(self, person_id: int, is_hidden: bool, sure: Sequence[int]) -> Change:
        """Hide a person of no interest, or show one again; `sure` faces hold a group together."""
        with self._changing(sure) as change:
            name = _called(_require(change.connection, person_id), person_id)
            change.keep(persons=[person_id])
            change.connection.execute(
                "UPDATE persons SET is_hidden = ? WHERE id = ?", (is_hidden, person_id)
            )
            _confirm(change.connection, sure, [person_id], person_id)
            title = f"Hid {name}" if is_hidden else f"Showed {name} again"
            return change.record(title, [person_id])

    def set_own(self, person_id: int, is_own: bool) -> Change:
        """Record that the user is this person, and no other; or that they are not."""
        with self._changing() as change:
            name = _require(change.connection, person_id)
            if name is None and is_own:
                raise UsageError(
                    Sentence(
                        "Name this person first: ",
                        CommandLine("people PERSON --name NAME"),
                        "; then person:me finds the same photos as the name.",
                    )
                )
            change.keep_own()
            change.connection.execute(
                "DELETE FROM own_person"
                if is_own
                else "DELETE FROM own_person WHERE person_id = ?",
                () if is_own else (person_id,),
            )
            if is_own:
                change.connection.execute("INSERT INTO own_person VALUES (1, ?)", (person_id,))
            title = f"Said that {_called(name, person_id)} is {'' if is_own else 'not '}you"
            return change.record(title, [person_id])

    @contextmanager
    def _changing(self, faces: Sequence[int] = ()) -> Iterator[_Change]:
        """Provide one decision in one transaction.

        These faces and decisions about them may change.
        """
        with changing(self._database) as connection:
            change = _Change(connection)
            change.keep(faces=faces)
            yield change


class _Change:
    """A decision that is being written, and the rows as they were before."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._before: list[changes.Step] = []
        query = "SELECT coalesce(max(id), 0) FROM face_decisions"
        (self._last_decision,) = connection.execute(query).fetchone()

    def keep(self, persons: Sequence[int] = (), faces: Sequence[int] = ()) -> None:
        """Remember these persons, and these faces with their persons and decisions, as they are."""
        listed = ids_parameter(faces)
        self._remember("persons", f"id {IN_IDS}", ids_parameter(persons))
        # A group of which the last face goes is deleted.
        of_faces = f"id IN (SELECT person_id FROM faces WHERE id {IN_IDS})"
        self._remember("persons", of_faces, listed)
        self._remember("face_decisions", f"face_id {IN_IDS}", listed)
        self._remember("faces", f"id {IN_IDS}", listed)

    def keep_faces_of(self, persons: Sequence[int]) -> None:
        """Remember these persons with all of their faces and decisions, as they are."""
        listed = ids_parameter(persons)
        self.keep(persons)
        self._remember("own_person", f"person_id {IN_IDS}", listed)
        self._remember("face_decisions", f"person_id {IN_IDS}", listed)
        self._remember("faces", f"person_id {IN_IDS}", listed)

    def keep_denials(self, person_id: int) -> None:
        """Remember which faces the user said are not this person."""
        self._remember("face_decisions", "NOT is_person AND person_id = ?", person_id)

    def keep_own(self) -> None:
        """Remember which person the user is."""
        self._before.append(changes.rows_before(self.connection, "own_person", [[1]]))

    def made(self, person_id: int) -> None:
        """Remember that this person was made."""
        self._before.append(changes.Step("persons", [[person_id]], []))

    def record(self, title: str, persons: Sequence[int] = (), faces: Sequence[int] = ()) -> Change:
        """Record the change, which is about the photos of these persons and these faces."""
        delete_empty_groups(self.connection)
        new = self.connection.execute(
            "SELECT id FROM face_decisions WHERE id > ?", (self._last_decision,)
        )
        steps = [*self._before, changes.Step("face_decisions", [[id] for (id,) in new], [])]
        steps = changes.only_changed(self.connection, changes.joined(steps))
        if not steps:
            return changes.unchanged(title)
        (photos,) = self.connection.execute(
            f"SELECT count(DISTINCT photo_id) FROM faces WHERE person_id {IN_IDS} OR id {IN_IDS}",
            (ids_parameter(persons), ids_parameter(faces)),
        ).fetchone()
        return changes.record(self.connection, title, photos, steps)

    def _remember(self, table: str, where: str, parameter: str | int) -> None:
        keys = self.connection.execute(f"SELECT id FROM {table} WHERE {where}", (parameter,))
        self._before.append(changes.rows_before(self.connection, table, keys.fetchall()))


def _require(connection: sqlite3.Connection, person_id: int) -> str | None:
    """Return the name of a person, None where it has none. Raises UsageError for an unknown one."""
    row = connection.execute("SELECT name FROM persons WHERE id = ?", (person_id,)).fetchone()
    if row is None:
        raise UsageError(
            Sentence(
                f"There is no person with the id {person_id}; it may have been joined with "
                "another. To list persons: ",
                CommandLine("people"),
            )
        )
    name: str | None = row[0]
    return name


def _called(name: str | None, person_id: int) -> str:
    return f"person {person_id}" if name is None else name


def _merge(change: _Change, person_id: int, into: int, sure: Sequence[int]) -> None:
    """Give all faces and decisions of a person to another one, and delete it."""
    connection = change.connection
    change.keep(persons=[into])
    change.keep_faces_of([person_id])
    change.keep_denials(into)
    _confirm(connection, sure, [person_id, into], into)
    join_persons(connection, person_id, into)


def _confirm(
    connection: sqlite3.Connection, sure: Sequence[int], persons: Sequence[int], person_id: int
) -> None:
    """Record that faces are a person, as far as they belong to these persons still."""
    rows = connection.execute(
        f"SELECT id FROM faces WHERE id {IN_IDS} AND person_id {IN_IDS}",
        (ids_parameter(sure), ids_parameter(persons)),
    )
    _decide(connection, [face for (face,) in rows], person_id, True)


def _decide(
    connection: sqlite3.Connection, faces: Collection[int], person_id: int, is_person: bool
) -> int:
    """Record whether faces are a person, in place of what was said about both before.

    Returns how many of these faces there are. A decision that says the same stays as it is.
    """
    known = connection.execute(
        f"SELECT id, id IN (SELECT face_id FROM face_decisions WHERE person_id = ? "
        f"AND is_person = ?) FROM faces WHERE id {IN_IDS}",
        (person_id, is_person, ids_parameter(faces)),
    ).fetchall()
    parameter = ids_parameter(face for face, is_decided in known if not is_decided)
    about = "(is_person OR person_id = ?)" if is_person else "person_id = ?"  # a face is one person
    connection.execute(
        f"DELETE FROM face_decisions WHERE face_id {IN_IDS} AND {about}", (parameter, person_id)
    )
    if is_person:
        connection.execute(
            f"UPDATE faces SET person_id = ? WHERE id {IN_IDS}", (person_id, parameter)
        )
    else:
        connection.execute(
            f"UPDATE faces SET person_id = NULL WHERE id {IN_IDS} AND person_id = ?",
            (parameter, person_id),
        )
    connection.execute(
        "INSERT INTO face_decisions (content_hash, at_s, x, y, width, height, person_id, "
        "is_person, face_id, decided_at) SELECT content_hash, at_s, x, y, width, height, ?, ?, "
        f"faces.id, ? FROM faces JOIN photos ON photos.id = photo_id WHERE faces.id {IN_IDS}",
        (person_id, is_person, now(), parameter),
    )
    return len(known)


def _face(row: Sequence[Any]) -> Face:
    *about, name, is_confirmed = row
    id, photo_id, x, y, width, height, score, at_s, person_id = about
    return Face(id, photo_id, x, y, width, height, score, at_s, person_id, name, bool(is_confirmed))
