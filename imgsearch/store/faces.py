"""Faces in photos: what was found in each, and the persons that they are grouped into.

Faces follow from the photos and from a model, so they are written under the writer's lock. What the
user has decided about them is in `imgsearch.store.people`; here it is only linked to the faces that
are found at the same place, with any model.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.records.faces import FaceCounts, FaceState, FoundFace, PhotoFaces, StoredFaces
from imgsearch.store import changes, face_decisions, names
from imgsearch.store.database import DATABASE_FILE, Database, connect, raise_translated
from imgsearch.store.sql import IN_IDS, ids_parameter, now

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

# Vectors of two models say nothing about each other, so those of the model of most photos count.
_MAIN_MODEL = (
    "(SELECT model FROM face_readings WHERE state = 'found' GROUP BY model "
    "ORDER BY count(*) DESC, max(read_at) DESC LIMIT 1)"
)
_COMPARABLE = (
    "FROM faces WHERE {} photo_id IN "
    f"(SELECT photo_id FROM face_readings WHERE model = {_MAIN_MODEL}) ORDER BY id"
)
# All columns of a face but its ids, as they are stored.
FACE_COLUMNS = (
    *("at_s", "x", "y", "width", "height", "score", "size_px", "vector", "quality", "turn"),
)
_LIVE = "photo_id IN (SELECT photo_id FROM paths WHERE photo_id IS NOT NULL)"


@contextmanager
def changing(database: Database) -> Iterator[sqlite3.Connection]:
    """Provide a short write transaction after which the names of photos are in step."""
    with database.brief_transaction() as connection:
        yield connection
        names.refresh(connection)


class FaceStore:
    """The part of a store that knows faces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ reading photos

    def unread(self, model: str, again: bool = False) -> list[int]:
        """Return the photos with a path in which faces should be looked for: ids, sorted.

        Those that were not tried, and those that failed with another model than this one; with
        `again`, also those in which another model has looked.
        """
        done = "model = ?" if again else "(state != 'failed' OR model = ?)"
        query = (
            "SELECT DISTINCT photo_id FROM paths WHERE photo_id IS NOT NULL AND photo_id NOT IN "
            f"(SELECT photo_id FROM face_readings WHERE {done}) ORDER BY photo_id"
        )
        return [photo_id for (photo_id,) in self._database.fetch_all(query, model)]

    def record(self, photo_id: int, model: str, faces: Sequence[FoundFace]) -> None:
        """Store the faces of a photo in place of those that were stored, in one transaction.

        A face at the place of one that the user has decided about gets that decision. A photo that
        was deleted meanwhile is left out.
        """
        state: FaceState = "found" if faces else "none"
        self._record(photo_id, model, state, most_at_once(faces), faces)

    def record_failure(self, photo_id: int, model: str, message: str) -> None:
        """Store why faces could not be looked for in a photo; faces it had are deleted."""
        self._record(photo_id, model, "failed", 0, (), message)

    def _record(
        self,
        photo_id: int,
        model: str,
        state: FaceState,
        people: int,
        faces: Sequence[FoundFace],
        message: str | None = None,
    ) -> None:
        with changing(self._database) as connection:
            row = connection.execute(
                "SELECT content_hash FROM photos WHERE id = ?", (photo_id,)
            ).fetchone()
            if row is None:
                return
            connection.execute(
                "INSERT OR REPLACE INTO face_readings VALUES (?, ?, ?, ?, ?, ?)",
                (photo_id, state, model, now(), people, message),
            )
            connection.execute("DELETE FROM faces WHERE photo_id = ?", (photo_id,))
            for face in faces:
                _insert(connection, photo_id, face)
            face_decisions.link(connection, photo_id, row[0])

    def counts(self) -> FaceCounts:
        """Count the photos with a path in each state, and faces and persons."""
        with self._database.reading() as connection:
            states = dict(
                connection.execute(
                    f"SELECT state, count(*) FROM face_readings WHERE {_LIVE} GROUP BY state"
                )
            )
            (photos,) = connection.execute("SELECT count(DISTINCT photo_id) FROM paths").fetchone()
            faces, alone = connection.execute(
                f"SELECT count(*), coalesce(sum(person_id IS NULL), 0) FROM faces WHERE {_LIVE}"
            ).fetchone()
            persons, groups = connection.execute(
                "SELECT coalesce(sum(name IS NOT NULL), 0), coalesce(sum(name IS NULL AND id IN "
                "(SELECT person_id FROM faces)), 0) FROM persons WHERE NOT is_hidden"
            ).fetchone()
            (other_model,) = connection.execute(
                f"SELECT count(*) FROM face_readings WHERE state = 'found' AND {_LIVE} "
                f"AND model != {_MAIN_MODEL}"
            ).fetchone()
        found, none, failed = (states.get(state, 0) for state in ("found", "none", "failed"))
        unread = photos - found - none - failed
        return FaceCounts(found, none, failed, unread, faces, persons, groups, alone, other_model)

    def model(self) -> str | None:
        """Return the model that found the faces of most photos; None without any."""
        row = self._database.fetch_one(f"SELECT {_MAIN_MODEL}")
        return None if row is None else row[0]

    def readings(self, photo_ids: Iterable[int]) -> dict[bytes, PhotoFaces]:
        """Return the results of looking for faces in these photos, by content.

        Failures are left out.
        """
        parameter = ids_parameter(photo_ids)
        with self._database.reading() as connection:
            readings = connection.execute(
                "SELECT photo_id, content_hash, state, model, read_at FROM face_readings JOIN "
                f"photos ON photos.id = photo_id WHERE state != 'failed' AND photo_id {IN_IDS}",
                (parameter,),
            ).fetchall()
            faces: dict[int, list[FoundFace]] = {}
            for photo_id, *columns in connection.execute(
                f"SELECT photo_id, {', '.join(FACE_COLUMNS)} FROM faces "
                f"WHERE photo_id {IN_IDS} ORDER BY id",
                (parameter,),
            ):
                values = dict(zip(FACE_COLUMNS, columns, strict=True))
                (values["vector"],) = unpacked(values["vector"], 1)
                faces.setdefault(photo_id, []).append(FoundFace(**values))
        return {
            content_hash: PhotoFaces(
                state, model, datetime.fromisoformat(read_at), tuple(faces.get(photo_id, ()))
            )
            for photo_id, content_hash, state, model, read_at in readings
        }

    # ------------------------------------------------------------------ grouping

    def all(self, person_id: int | None = None) -> StoredFaces:
        """Return the faces that can be compared, by id; those of a person, if one is given.

        Takes about 0.3 s and 100 MB for 100,000. They are those of the model that found the faces
        of most photos. Faces of another model keep their persons until their photos are looked at
        again.
        """
        columns = (
            "id, photo_id, coalesce(at_s, -1), size_px, score, coalesce(person_id, 0), "
            "quality, turn"
        )
        with self._database.reading() as connection:
            which = _COMPARABLE.format("" if person_id is None else "person_id = :person AND")
            person = {"person": person_id}
            rows = connection.execute(f"SELECT {columns} {which}", person).fetchall()
            vectors = b"".join(
                vector for (vector,) in connection.execute(f"SELECT vector {which}", person)
            )
            decisions = connection.execute(
                "SELECT face_id, person_id, is_person FROM face_decisions "
                "WHERE face_id IS NOT NULL ORDER BY id"
            ).fetchall()
        # Ids apart: those of an archive have more bits than a float. Null becomes NaN.
        ids = np.array([row[0] for row in rows], np.int64)
        photo_ids = np.array([row[1] for row in rows], np.int64)
        table = np.array([row[2:] for row in rows], np.float64).reshape(len(rows), 6)
        places = np.unique(photo_ids, return_inverse=True)[1].reshape(-1)
        moments = np.stack((places, table[:, 0]), axis=1)
        confirmed = {face: person for face, person, is_person in decisions if is_person}
        return StoredFaces(
            ids,
            photo_ids,
            np.unique(moments, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64),
            unpacked(vectors, len(rows)),
            table[:, 1].astype(np.float32),
            table[:, 2].astype(np.float32),
            np.array([row[5] for row in rows], np.int64),
            np.array([confirmed.get(face, 0) for face in ids.tolist()], np.int64),
            frozenset((face, person) for face, person, is_person in decisions if not is_person),
            table[:, 4].astype(np.float32),
            table[:, 5].astype(np.float32),
        )

    def assign(self, persons: Mapping[int, int | None], new: Sequence[Sequence[int]] = ()) -> None:
        """Set the person of faces by their ids, all or nothing; `new` are groups of face ids.

        Each of those becomes a person without a name. Persons without a name, faces and decisions
        are deleted. Faces that are gone are left out.
        """
        with changing(self._database) as connection:
            changes = [(person, face) for face, person in persons.items()]
            for faces in new:
                person = face_decisions.make_person(connection)
                changes += [(person, face) for face in faces]
            # Two processes may change persons: one that was deleted meanwhile is nobody.
            connection.executemany(
                "UPDATE faces SET person_id = (SELECT id FROM persons WHERE id = ?) WHERE id = ?",
                changes,
            )
            face_decisions.delete_empty_groups(connection)

    # ------------------------------------------------------------------ forgetting

    def forget(self, with_names: bool) -> int:
        """Delete all faces with their vectors and groups; returns how many faces there were.

        Names that the user gave to faces stay, unless `with_names` is set. Deleted rows are
        overwritten with zeros, also in the log of the database.
        """
        file = self._database.data_dir / DATABASE_FILE
        with closing(connect(file, writable=True)) as connection:
            try:
                return _forget(connection, with_names)
            except sqlite3.Error as error:
                raise_translated(error, file)


def _forget(connection: sqlite3.Connection, with_names: bool) -> int:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    faces = forget_rows(connection, with_names)
    names.refresh(connection)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return faces


def forget_rows(connection: sqlite3.Connection, with_names: bool) -> int:
    """Delete all faces in the open transaction, as `FaceStore.forget` does; returns how many."""
    (faces,) = connection.execute("SELECT count(*) FROM faces").fetchone()
    changes.forget_people(connection)
    if with_names:
        connection.execute("DELETE FROM face_decisions")
    connection.execute("DELETE FROM faces")
    connection.execute("DELETE FROM face_readings")
    if with_names:
        connection.execute("DELETE FROM persons")
    face_decisions.delete_empty_groups(connection)
    return int(faces)


def packed(vector: Vectors) -> bytes:
    """Return a vector as it is stored."""
    return vector.astype("<f2").tobytes()


def unpacked(vectors: bytes, count: int) -> Vectors:
    """Return stored vectors as rows of length 1."""
    rows = np.frombuffer(vectors, "<f2").reshape(count, -1 if count else 0).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9), np.float32)


def most_at_once(faces: Sequence[FoundFace]) -> int:
    """Return the largest number of these faces that are of one moment; in a photo, all of them."""
    moments = [face.at_s for face in faces]
    return max(map(moments.count, moments), default=0)


def columns_of(face: FoundFace) -> tuple[object, ...]:
    """Return the values of `FACE_COLUMNS` of a face."""
    return tuple(
        packed(face.vector) if column == "vector" else getattr(face, column)
        for column in FACE_COLUMNS
    )


def _insert(connection: sqlite3.Connection, photo_id: int, face: FoundFace) -> None:
    connection.execute(
        f"INSERT INTO faces (photo_id, {', '.join(FACE_COLUMNS)}) "
        f"VALUES (?{', ?' * len(FACE_COLUMNS)})",
        (photo_id, *columns_of(face)),
    )
