"""Writes what has changed in an archive into its replica, in the steps of merging a pack.

What the archive says takes the place of what the replica has. Each batch is one transaction, which
also notes what was taken of each photo, and in which run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from imgsearch.archive.replica.changes import FaceReading, FailedFile, ReplicatedPhoto
from imgsearch.paths import stored_path
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import FACTS
from imgsearch.store import face_decisions, names, pack_format
from imgsearch.store.batches import BatchFile, BatchRows
from imgsearch.store.faces import FACE_COLUMNS
from imgsearch.store.pack_writer import batches_of, insert_photos, size_of
from imgsearch.store.sql import IN_IDS, ids_parameter, now
from imgsearch.text import SCHEME

_ALL = "1"  # what the archive says counts
_EXTRAS = pack_format.Extras(unread=True)  # of the batches
# A vector follows from the content, but one that was damaged is put again.
_DROP_OTHER_VECTORS = (
    "DELETE FROM main.vectors WHERE photo_id IN (SELECT matches.id FROM batch.matches "
    "JOIN main.vectors AS ours ON ours.photo_id = matches.id LEFT JOIN batch.vectors AS theirs "
    "ON theirs.photo_id = pack_id AND theirs.part = ours.part "
    "WHERE theirs.vector IS NOT ours.vector)"
)
_DROP_TEXTS = tuple(
    f"DELETE FROM main.{table} WHERE photo_id IN (SELECT id FROM batch.matches "
    "WHERE pack_id NOT IN (SELECT photo_id FROM batch.text_readings))"
    for table in ("text_lines", "text_readings")
)
_DROP_LOOKS = "DELETE FROM main.text_looks WHERE photo_id IN (SELECT id FROM batch.matches)"
# The new paths come first, so that a photo that moves is never without one.
_SET_PATHS = (
    "INSERT INTO main.paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT root_id, name, matches.id, size_bytes, mtime_ns, inode FROM batch.found "
    "JOIN batch.matches USING (pack_id) WHERE true ON CONFLICT (root_id, name) DO UPDATE SET "
    "photo_id = excluded.photo_id, size_bytes = excluded.size_bytes, "
    "mtime_ns = excluded.mtime_ns, inode = excluded.inode, missing_since = NULL "
    "WHERE photo_id IS NOT excluded.photo_id OR size_bytes != excluded.size_bytes "
    "OR mtime_ns != excluded.mtime_ns OR missing_since IS NOT NULL",
    "DELETE FROM main.paths WHERE photo_id IN (SELECT id FROM batch.matches) "
    "AND (root_id, name) NOT IN (SELECT root_id, name FROM batch.found)",
)
_TAKEN = "INSERT OR REPLACE INTO replicated_photos (photo_id, digest, run) VALUES (?, ?, ?)"
_KNOWN = (
    "SELECT photo_id, digest FROM photos JOIN replicated_photos ON photo_id = photos.id "
    "WHERE content_hash = ?"
)
_FAILED_PATH = (
    "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "VALUES (?, ?, NULL, ?, ?, ?) ON CONFLICT (root_id, name) DO UPDATE SET photo_id = NULL, "
    "size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode, "
    "missing_since = NULL RETURNING id"
)
_FAILURE = (
    "INSERT OR REPLACE INTO failures (path_id, reason, message, failed_at, extra, read_by) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


def root_and_name(path: str) -> tuple[str, str]:
    """Split a whole path, or the address of an object, into its root and its name below that.

    The root is that of the file system, or the bucket. So the names of all folders count, as in
    an archive.
    """
    scheme = SCHEME.match(path)
    if scheme:
        bucket, _, key = path[scheme.end() :].partition("/")
        return scheme[0] + bucket, key
    root = Path(path).anchor
    return root, path[len(root) :]


class ReplicaRows:
    """Writes changes of an archive into a replica, on one connection in autocommit mode."""

    def __init__(self, connection: sqlite3.Connection, encoder: EncoderRow) -> None:
        """Write with a lock that the caller holds; `encoder` made the vectors of the archive."""
        self._connection = connection
        self._rows = BatchRows(connection, [fact.name for fact in FACTS], has_unread=True)
        self._empty_batch = _empty_batch(encoder)
        self._root_ids: dict[str, int] = {}
        self.new_faces = 0  # that were taken

    # ------------------------------------------------------------------ photos

    def put(self, photos: Sequence[ReplicatedPhoto], run: int) -> int:
        """Take photos as they are in the archive; returns how many of them are new or changed.

        They are all noted as of a `run`.
        """
        changed = self._pass_over_unchanged(photos, run)
        of_number = dict(enumerate(changed, 1))
        sizes = {number: size_of(each.photo) for number, each in of_number.items()}
        for numbers in batches_of(sizes):
            self._take({number: of_number[number] for number in numbers}, run)
        return len(changed)

    def _pass_over_unchanged(
        self, photos: Sequence[ReplicatedPhoto], run: int
    ) -> list[ReplicatedPhoto]:
        """Note the photos that the replica has as they are; returns the others."""
        changed, same = [], []
        for each in photos:
            row = self._connection.execute(_KNOWN, (each.photo.content_hash,)).fetchone()
            if row is None or row[1] != each.digest:
                changed.append(each)
            else:
                same.append((run, row[0]))
        if same:
            with self._transaction():
                self._connection.executemany(
                    "UPDATE replicated_photos SET run = ? WHERE photo_id = ?", same
                )
        return changed

    def _take(self, photos: Mapping[int, ReplicatedPhoto], run: int) -> None:
        execute, rows = self._connection.execute, self._rows
        with rows.attached(self._batch_of(photos)):
            rows.find(
                BatchFile(number, *self._place_of(file.path), file.size_bytes, file.mtime_ns, 0)
                for number, each in photos.items()
                for file in each.photo.files
            )
            rows.match(_ALL)
            rows.update_facts()
            rows.add_photos()
            rows.set_lists()
            execute(_DROP_OTHER_VECTORS)
            rows.add_vectors()
            for statement in _DROP_TEXTS:
                execute(statement)
            rows.set_texts(_ALL)
            rows.renumber()
            for statement in _SET_PATHS:
                execute(statement)
            rows.forget_failures()
            ids = dict(execute("SELECT pack_id, id FROM batch.matches").fetchall())
            execute(_DROP_LOOKS)
            self._connection.executemany(
                "INSERT INTO text_looks (photo_id, reader) VALUES (?, ?)",
                [(ids[n], each.looked_by) for n, each in photos.items() if each.looked_by],
            )
            self._set_faces({ids[n]: each for n, each in photos.items()})
            self._connection.executemany(
                _TAKEN, [(ids[n], each.digest, run) for n, each in photos.items()]
            )

    def _batch_of(self, photos: Mapping[int, ReplicatedPhoto]) -> bytes:
        """Return a serialized database with the rows of these photos, without their files."""
        with closing(pack_format.in_memory()) as batch:
            batch.deserialize(self._empty_batch)
            batch.execute("BEGIN")
            alone = {number: replace(each.photo, files=()) for number, each in photos.items()}
            insert_photos(batch, alone, _EXTRAS)
            batch.execute("COMMIT")
            return batch.serialize()

    def _place_of(self, path: str) -> tuple[int, bytes]:
        """Return the id of the root of a file, added if it is not there, and its name there."""
        root, name = root_and_name(path)
        root_id = self._root_ids.get(root)
        if root_id is None:
            row = self._connection.execute(
                "SELECT id FROM roots WHERE path = ?", (stored_path(root),)
            ).fetchone()
            if row is None:
                row = self._connection.execute(
                    "INSERT INTO roots (path, added_at) VALUES (?, ?) RETURNING id",
                    (stored_path(root), now()),
                ).fetchone()
            root_id = self._root_ids[root] = int(row[0])
        return root_id, stored_path(name)

    def _set_faces(self, photos: Mapping[int, ReplicatedPhoto]) -> None:
        """Give photos, by their ids, the faces that were found in them.

        These are the persons that somebody has decided they are; the others are grouped later.
        """
        known = dict(
            self._connection.execute(
                "SELECT photo_id, model || ' ' || read_at || ' ' || state FROM face_readings "
                f"WHERE photo_id {IN_IDS}",
                (ids_parameter(photos),),
            ).fetchall()
        )
        new: dict[int, FaceReading] = {}
        for photo_id, each in photos.items():
            faces = each.faces
            if faces is None or known.get(photo_id) != _name_of(faces):
                if photo_id in known:
                    for table in ("faces", "face_readings"):
                        self._connection.execute(
                            f"DELETE FROM {table} WHERE photo_id = ?", (photo_id,)
                        )
                if faces is not None:
                    new[photo_id] = faces
        self._connection.executemany(
            "INSERT INTO face_readings (photo_id, state, model, read_at, people, message) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [
                (photo_id, each.state, each.model, each.read_at, each.people, each.message)
                for photo_id, each in new.items()
            ],
        )
        self._connection.executemany(
            f"INSERT OR REPLACE INTO faces (id, photo_id, {', '.join(FACE_COLUMNS)}) "
            f"VALUES (?, ?{', ?' * len(FACE_COLUMNS)})",
            [
                (face_id, photo_id, *values)
                for photo_id, each in new.items()
                for face_id, values in each.faces.items()
            ],
        )
        for photo_id in new:
            face_decisions.link(self._connection, photo_id, photos[photo_id].photo.content_hash)
        self.new_faces += sum(len(each.faces) for each in new.values())

    def forget_faces(self) -> None:
        """Delete all faces, which were forgotten in the archive; decisions about them stay."""
        with self._transaction():
            # Their photos are taken again, even if they are as they were.
            self._connection.execute(
                "UPDATE replicated_photos SET digest = 0 "
                "WHERE photo_id IN (SELECT photo_id FROM face_readings)"
            )
            for table in ("faces", "face_readings"):
                self._connection.execute(f"DELETE FROM {table}")
            face_decisions.delete_empty_groups(self._connection)

    def nobodys_faces(self) -> int:
        """Return the number of faces that belong to no person and no group."""
        query = "SELECT count(*) FROM faces WHERE person_id IS NULL"
        return int(self._connection.execute(query).fetchone()[0])

    def remove(self, contents: Iterable[bytes]) -> int:
        """Take the files away from photos that are not in the archive any more.

        Returns their number. Their other data stays until they are pruned, as in any library.
        """
        removed = 0
        with self._transaction():
            for content_hash in contents:
                row = self._connection.execute(_KNOWN, (content_hash,)).fetchone()
                if row is not None:
                    for table in ("paths", "replicated_photos"):
                        self._connection.execute(
                            f"DELETE FROM {table} WHERE photo_id = ?", (row[0],)
                        )
                    removed += 1
        return removed

    def contents(self, run: int | None = None) -> set[str]:
        """Return the contents (hexadecimal) of the photos that were taken, or that a run took."""
        query = (
            "SELECT content_hash FROM photos JOIN replicated_photos ON photo_id = photos.id "
            "WHERE ?1 IS NULL OR run = ?1"
        )
        return {each.hex() for (each,) in self._connection.execute(query, (run,))}

    def photo_count(self) -> int:
        """Return the number of photos that were taken and are in the archive, as far as known."""
        (count,) = self._connection.execute("SELECT count(*) FROM replicated_photos").fetchone()
        return int(count)

    # ------------------------------------------------------------------ failures

    def put_failures(self, files: Iterable[FailedFile]) -> None:
        """Record files that could not be indexed."""
        with self._transaction():
            for each in files:
                (path_id,) = self._connection.execute(
                    _FAILED_PATH,
                    (*self._place_of(each.path), each.size_bytes, each.mtime_ns, each.inode),
                ).fetchone()
                about = (each.reason, each.message, each.failed_at, each.extra, each.read_by)
                self._connection.execute(_FAILURE, (path_id, *about))

    def keep_failures(self, paths: set[str]) -> None:
        """Forget the files that could not be indexed, but for those at these paths."""
        places = {self._place_of(each) for each in paths}
        with self._transaction():
            for path_id, root_id, name in self._connection.execute(
                "SELECT id, root_id, name FROM paths WHERE photo_id IS NULL"
            ).fetchall():
                if (root_id, name) not in places:
                    self._connection.execute("DELETE FROM paths WHERE id = ?", (path_id,))

    def failure_count(self) -> int:
        """Return the number of files that could not be indexed."""
        query = "SELECT count(*) FROM paths WHERE photo_id IS NULL"
        return int(self._connection.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._connection):
            yield


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make a block one transaction, which ends with the names of photos in step."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        names.refresh(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has ended it itself on a full disk
            connection.execute("ROLLBACK")
        raise


def _name_of(faces: FaceReading) -> str:
    return f"{faces.model} {faces.read_at} {faces.state}"


def _empty_batch(encoder: EncoderRow) -> bytes:
    with closing(pack_format.in_memory()) as batch:
        pack_format.create(batch, _EXTRAS)
        columns: tuple[Any, ...] = (encoder.encoder_id, encoder.name, encoder.dim)
        batch.execute(
            "INSERT INTO encoders (encoder_id, name, dim, state) VALUES (?, ?, ?, 'current')",
            columns,
        )
        return batch.serialize()
