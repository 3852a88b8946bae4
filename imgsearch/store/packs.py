"""Copies photos of a library into a pack, and merges those of a pack into a library, in SQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.paths import path_of, stored_path
from imgsearch.records.files import FileStat
from imgsearch.records.marks import MarkKind, PhotoMarks
from imgsearch.records.pack import (
    MergeCounts,
    PackedFile,
    PackedPhoto,
    PackedVectors,
    PackInfo,
)
from imgsearch.records.photo import MEASURED_FACTS
from imgsearch.records.picture_text import MOST_LINES
from imgsearch.store import names, pack_faces, schema
from imgsearch.store.database import (
    DATABASE_FILE,
    Database,
    connect,
    is_damage,
    raise_translated,
    uri_of,
)
from imgsearch.store.marks import MarkStore
from imgsearch.store.pack_faces import FaceMerger
from imgsearch.store.pack_format import PHOTOS_AT_ONCE
from imgsearch.store.pack_reader import PackedBatch
from imgsearch.store.pack_writer import PackWriter, batches_of
from imgsearch.store.reads import Reads
from imgsearch.store.sql import (
    FACT_COLUMNS,
    IN_IDS,
    LIST_FACTS,
    from_columns,
    ids_of,
    ids_parameter,
    list_query,
    now,
    prefix_of,
)
from imgsearch.store.tray import TRAY_KEY

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_FACTS = tuple(fact.name for fact in FACT_COLUMNS)
_READING = [column.name for column in schema.text_readings.columns if column.name != "photo_id"]
_LINE = [column.name for column in schema.text_lines.columns if column.name != "photo_id"]


def _columns(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in names)


# ------------------------------------------------------------------------- copying

# The library is attached to a pack as `library`.
_THESE = "IN (SELECT value FROM json_each(:ids))"
_UTC = "strftime('%Y-%m-%dT%H:%M:%S+00:00', {})"
_LENGTHS = " + ".join(
    f"ifnull(length({fact.name}), 0)" for fact in FACT_COLUMNS if fact.type is str
)
# About how many bytes the rows of each photo take: texts, names and vectors.
_SIZES = (
    f"SELECT id, {_LENGTHS} AS bytes FROM library.photos WHERE id {_THESE}",
    f"SELECT photo_id, length(name) FROM library.paths WHERE photo_id {_THESE}",
    f"SELECT photo_id, length(vector) FROM library.vectors WHERE photo_id {_THESE}",
    f"SELECT photo_id, length(line) FROM library.text_lines WHERE photo_id {_THESE}",
    *(
        f"SELECT photo_id, length(name) FROM library.photo_{fact} "
        f"JOIN library.{fact} ON {fact}.id = {id_column} WHERE photo_id {_THESE}"
        for fact, id_column in LIST_FACTS.items()
    ),
)
_COPY = (
    "INSERT INTO main.photos (id, content_hash, size_bytes, added_at, facts_at, "
    f"{_columns(_FACTS)}) SELECT id, content_hash, size_bytes, {_UTC.format('added_at')}, "
    f"{_UTC.format('coalesce(facts_at, added_at)')}, {_columns(_FACTS)} "
    f"FROM library.photos WHERE id {_THESE} ORDER BY id",
    *(
        statement
        for fact, id_column in LIST_FACTS.items()
        for statement in (
            f"INSERT OR IGNORE INTO main.{fact} (id, name) SELECT id, name FROM library.{fact} "
            f"WHERE id IN (SELECT {id_column} FROM library.photo_{fact} WHERE photo_id {_THESE})",
            f"INSERT INTO main.photo_{fact} (photo_id, place, {id_column}) "
            f"SELECT photo_id, place, {id_column} FROM library.photo_{fact} "
            f"WHERE photo_id {_THESE} ORDER BY photo_id, place",
        )
    ),
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    'SELECT packed."key", photo_id, part, vector, at_s FROM library.vectors '
    'JOIN library.encoders AS own ON own."key" = encoder_key '
    "JOIN main.encoders AS packed ON packed.encoder_id = own.encoder_id "
    f'WHERE photo_id {_THESE} ORDER BY photo_id, packed."key", part',
    f"INSERT INTO main.text_readings (photo_id, {_columns(_READING)}) SELECT photo_id, "
    + _columns(_UTC.format(name) if name == "read_at" else name for name in _READING)
    + f" FROM library.text_readings WHERE photo_id {_THESE} ORDER BY photo_id",
    f"INSERT INTO main.text_lines (photo_id, {_columns(_LINE)}) SELECT photo_id, "
    f"{_columns(_LINE)} FROM library.text_lines WHERE photo_id {_THESE} AND place < {MOST_LINES} "
    "ORDER BY photo_id, place",
)
# The marks of photos, by their kind.
_COPY_MARKS: Mapping[MarkKind, str] = {
    "favourite": "UPDATE main.photos SET mark_favourite = 1 WHERE id IN (SELECT photo_id "
    f"FROM library.marks WHERE kind = 'favourite') AND id {_THESE}",
    "hidden": "UPDATE main.photos SET mark_hidden = 1 WHERE id IN (SELECT photo_id "
    f"FROM library.marks WHERE kind = 'hidden') AND id {_THESE}",
    "rating": "UPDATE main.photos SET mark_rating = (SELECT value FROM library.marks "
    f"WHERE kind = 'rating' AND photo_id = photos.id) WHERE id {_THESE}",
}
# When all photos are there: the albums that have some of them, and these photos of them.
_COPY_ALBUMS = (
    f"INSERT INTO main.albums (id, key, name, made_at) SELECT id, key, name, "
    f"{_UTC.format('made_at')} FROM library.albums WHERE key != :tray AND id IN (SELECT album_id "
    "FROM library.album_photos WHERE photo_id IN (SELECT id FROM main.photos)) ORDER BY id",
    "INSERT INTO main.album_photos (album_id, photo_id, place) SELECT album_id, photo_id, place "
    "FROM library.album_photos WHERE album_id IN (SELECT id FROM main.albums) "
    "AND photo_id IN (SELECT id FROM main.photos) ORDER BY album_id, photo_id",
)
# Of a root, the paths that begin with `inside`; `prefix` comes in place of that. The sign keeps
# SQLite from going through all paths of the root.
_COPY_PATHS = (
    "INSERT INTO main.paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT 1, CAST(:prefix || substr(name, length(:inside) + 1) AS BLOB), photo_id, size_bytes, "
    "mtime_ns, 0 FROM library.paths WHERE +root_id = :root "
    f"AND photo_id {_THESE} AND substr(name, 1, length(:inside)) = :inside ORDER BY photo_id, name"
)


class _Part(Struct, frozen=True):
    """The files of a root that are below a folder: their names begin with `inside`.

    Below the folder, `prefix` comes in place of that.
    """

    root_id: int
    inside: bytes
    prefix: str


class FoundFile(Struct, frozen=True):
    """A file of a pack that is there, as it was when it was packed.

    `photo_id` is the id of its photo in the pack.
    """

    photo_id: int
    stat: FileStat
    has_other_time: bool


class PackStore:
    """The part of a store that copies photos into a pack, and merges those of one.

    It also reads photos as records, with all that is known of them.
    """

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    # ------------------------------------------------------------------ reading

    def copy(
        self,
        folder: str,
        writer: PackWriter,
        thumbnail_of: Callable[[bytes], bytes | None],
        marks: Collection[MarkKind],
    ) -> Iterator[int]:
        """Write the photos below an absolute path into a pack; yields how many were written.

        All are of one moment, whatever is written to the library meanwhile. `thumbnail_of` gives
        the small picture of the photo with a content hash, as WebP. `marks` are the kinds of marks
        to write, if the pack carries marks.
        """
        file = self._database.data_dir / DATABASE_FILE
        pack, parts = writer.connection, self._parts(folder)
        sizes = (*_SIZES, *(pack_faces.SIZES if writer.extras.faces else ()))
        sized = f"SELECT id, sum(bytes) FROM ({' UNION ALL '.join(sizes)}) GROUP BY id ORDER BY id"
        copying = (*_COPY, *(pack_faces.COPY if writer.extras.faces else ()))
        if writer.extras.marks:
            copying += tuple(_COPY_MARKS[kind] for kind in marks)
        pack.execute("ATTACH ? AS library", (uri_of(file, writable=False),))
        pack.execute("BEGIN")
        try:
            ids = _photo_ids(pack, parts, "library.")
            for start in range(0, len(ids), PHOTOS_AT_ONCE):
                some = {"ids": ids_parameter(ids[start : start + PHOTOS_AT_ONCE].tolist())}
                for batch in batches_of(dict(pack.execute(sized, some))):
                    _copy_batch(pack, batch, parts, copying)
                    query = f"SELECT id, content_hash FROM main.photos WHERE id {_THESE}"
                    hashes = pack.execute(query, {"ids": ids_parameter(batch)}).fetchall()
                    writer.add_thumbnails((id, key, thumbnail_of(key)) for id, key in hashes)
                    writer.end_batch(batch[-1], len(batch))
                yield min(start + PHOTOS_AT_ONCE, len(ids))
            if writer.extras.faces:
                pack.execute(pack_faces.COPY_PERSONS)
            if writer.extras.albums:
                for statement in _COPY_ALBUMS:
                    pack.execute(statement, {"tray": TRAY_KEY})
        except sqlite3.DatabaseError as error:
            if is_damage(error):  # of the library: the pack is new
                raise_translated(error, file)
            raise
        pack.execute("COMMIT")
        pack.execute("DETACH library")

    def photo_ids(self, folder: str) -> Ids:
        """The photos with a file below an absolute path, sorted."""
        with self._database.reading() as connection:
            return _photo_ids(connection, self._parts(folder))

    def photos(self, ids: Iterable[int], folder: str) -> list[PackedPhoto]:
        """These photos, sorted by id, with their files below a folder and without thumbnails.

        Those that were deleted meanwhile are left out.
        """
        parameter = ids_parameter(ids)
        columns = ", ".join(fact.name for fact in FACT_COLUMNS)
        parts = {part.root_id: part for part in self._parts(folder)}
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, content_hash, size_bytes, coalesce(facts_at, added_at), "
                f"{columns} FROM photos WHERE id {IN_IDS} ORDER BY id",
                (parameter,),
            ).fetchall()
            lists: dict[int, dict[str, tuple[str, ...]]] = {}
            for fact in LIST_FACTS:
                for photo_id, text in connection.execute(list_query(fact), (parameter,)):
                    own = lists.setdefault(photo_id, {})
                    own[fact] = (*own.get(fact, ()), text)
            paths = connection.execute(
                "SELECT photo_id, root_id, name, size_bytes, mtime_ns FROM paths "
                f"WHERE photo_id {IN_IDS} ORDER BY photo_id, root_id, name",
                (parameter,),
            )
            files: dict[int, list[PackedFile]] = {}
            for photo_id, root_id, name, size_bytes, mtime_ns in paths:
                part = parts.get(root_id)
                if part is not None and name.startswith(part.inside):
                    path = part.prefix + path_of(name[len(part.inside) :])
                    files.setdefault(photo_id, []).append(PackedFile(path, size_bytes, mtime_ns))
            vectors = connection.execute(
                "SELECT photo_id, encoder_id, vector, at_s FROM vectors "
                f"JOIN encoders ON key = encoder_key WHERE photo_id {IN_IDS} "
                "ORDER BY photo_id, encoder_key, part",
                (parameter,),
            )
            embedded: dict[int, dict[str, list[tuple[bytes, float | None]]]] = {}
            for photo_id, encoder_id, vector, at_s in vectors:
                of_photo = embedded.setdefault(photo_id, {})
                of_photo.setdefault(encoder_id, []).append((vector, at_s))
        texts = self._reads.photos.texts(row[0] for row in rows)
        marks = MarkStore(self._database).of(row[0] for row in rows)
        return [
            PackedPhoto(
                content_hash=content_hash,
                size_bytes=size_bytes,
                facts=from_columns(facts, lists.get(photo_id, {})),
                facts_at=_moment(facts_at),
                files=tuple(files[photo_id]),
                vectors=tuple(
                    PackedVectors(
                        encoder_id,
                        tuple(vector for vector, _ in rows),
                        tuple(at_s for _, at_s in rows if at_s is not None),
                    )
                    for encoder_id, rows in embedded.get(photo_id, {}).items()
                ),
                text=texts.get(photo_id),
                marks=marks.get(photo_id, PhotoMarks()),
            )
            for photo_id, content_hash, size_bytes, facts_at, *facts in rows
            if photo_id in files
        ]

    def _parts(self, folder: str) -> list[_Part]:
        parts = []
        for root_id, root in self._reads.roots.all().items():
            if folder == root or folder.startswith(prefix_of(root)):
                inside = folder.removeprefix(root).lstrip(os.sep)
                parts.append(_Part(root_id, stored_path(prefix_of(inside) if inside else ""), ""))
            elif root.startswith(prefix_of(folder)):
                parts.append(_Part(root_id, b"", prefix_of(root.removeprefix(prefix_of(folder)))))
        return parts

    # ------------------------------------------------------------------ merging

    @contextmanager
    def merging(self, root_id: int, info: PackInfo) -> Iterator[Merger]:
        """Merge batches of a pack whose files are below a root."""
        file = self._database.data_dir / DATABASE_FILE
        with closing(connect(file, writable=True)) as connection:
            try:
                prefix = prefix_of(self._reads.roots.all()[root_id])
                yield Merger(connection, root_id, prefix, info)
            except sqlite3.Error as error:
                raise_translated(error, file)


def _photo_ids(connection: sqlite3.Connection, parts: Iterable[_Part], schema: str = "") -> Ids:
    """The photos with a file in one of these parts of roots, sorted."""
    import numpy as np

    query = (
        f"SELECT photo_id FROM {schema}paths WHERE root_id = ? AND photo_id IS NOT NULL "
        "AND substr(name, 1, ?) = ?"
    )
    found = [np.empty(0, np.int64)]
    for part in parts:
        rows = connection.execute(query, (part.root_id, len(part.inside), part.inside))
        found.append(ids_of(rows))
    return np.unique(np.concatenate(found))


def _copy_batch(
    pack: sqlite3.Connection, ids: Sequence[int], parts: Iterable[_Part], copying: Sequence[str]
) -> None:
    these = {"ids": ids_parameter(ids)}
    for statement in copying:
        pack.execute(statement, these)
    for part in parts:
        prefix = stored_path(part.prefix)
        about = {"root": part.root_id, "inside": part.inside, "prefix": prefix}
        pack.execute(_COPY_PATHS, these | about)


# ------------------------------------------------------------------------- merging

# A batch is attached as `batch`. Its table `matches` has the id that each of its photos has in the
# library, and says whether the photo returns there after its files were gone, and whether its facts
# are newer, as those of a new photo are. `found` are the files of the batch that are there.
_MATCHES = (
    "CREATE TABLE batch.matches (pack_id INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, "
    "returns INTEGER NOT NULL, has_newer_facts INTEGER NOT NULL)"
)
_FOUND = (
    "CREATE TABLE batch.found (pack_id INTEGER NOT NULL, name BLOB NOT NULL, "
    "size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL)"
)
_SECONDS = "CAST(strftime('%s', {}) AS INTEGER)"
_MATCH_KNOWN = (
    "INSERT INTO batch.matches SELECT theirs.id, ours.id, ours.gone_at IS NOT NULL, "
    f"({_SECONDS.format('theirs.facts_at')} > "
    f"{_SECONDS.format('coalesce(ours.facts_at, ours.added_at)')}) IS TRUE "
    "FROM batch.photos AS theirs JOIN main.photos AS ours USING (content_hash)"
)
_UNMATCHED = "theirs.id NOT IN (SELECT pack_id FROM batch.matches)"
_MATCH_NEW = (
    "INSERT INTO batch.matches SELECT theirs.id, ours.id, 0, 1 "
    f"FROM batch.photos AS theirs JOIN main.photos AS ours USING (content_hash) WHERE {_UNMATCHED}"
)
_WITH_FACTS = "(SELECT id FROM batch.matches WHERE has_newer_facts)"
_ADD_VECTORS = (
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    'SELECT ours."key", matches.id, part, vector, at_s FROM batch.vectors AS theirs '
    'JOIN batch.encoders AS packed ON packed."key" = encoder_key '
    "JOIN main.encoders AS ours ON ours.encoder_id = packed.encoder_id "
    "JOIN batch.matches ON pack_id = photo_id "
    "WHERE NOT EXISTS (SELECT 1 FROM main.vectors AS known "
    'WHERE known.photo_id = matches.id AND known.encoder_key = ours."key") '
    'ORDER BY matches.id, ours."key", part'
)
_NEWER_TEXTS = (
    "CREATE TABLE batch.newer_texts AS SELECT pack_id, matches.id "
    "FROM batch.text_readings AS theirs JOIN batch.matches ON pack_id = theirs.photo_id "
    "LEFT JOIN main.text_readings AS ours ON ours.photo_id = matches.id "
    f"WHERE ours.photo_id IS NULL OR {_SECONDS.format('theirs.read_at')} > "
    f"{_SECONDS.format('ours.read_at')}"
)
_SET_TEXTS = (
    "DELETE FROM main.text_lines WHERE photo_id IN (SELECT id FROM batch.newer_texts)",
    f"INSERT OR REPLACE INTO main.text_readings (photo_id, {_columns(_READING)}) "
    f"SELECT newer.id, {_columns(_READING, 'theirs.')} FROM batch.newer_texts AS newer "
    "JOIN batch.text_readings AS theirs ON photo_id = pack_id",
    f"INSERT INTO main.text_lines (photo_id, {_columns(_LINE)}) "
    f"SELECT newer.id, {_columns(_LINE, 'theirs.')} FROM batch.newer_texts AS newer "
    "JOIN batch.text_lines AS theirs ON photo_id = pack_id ORDER BY newer.id, place",
)
# A snapshot that was built while a photo had no file left it out. With a new `seq`, its vectors are
# in the tail of any snapshot.
_RENUMBER = (
    "CREATE TABLE batch.renumbered AS SELECT encoder_key, photo_id, part, vector, at_s "
    "FROM main.vectors WHERE photo_id IN (SELECT id FROM batch.matches "
    "WHERE returns AND pack_id IN (SELECT pack_id FROM batch.found))",
    "DELETE FROM main.vectors WHERE photo_id IN (SELECT photo_id FROM batch.renumbered)",
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    "SELECT * FROM batch.renumbered ORDER BY photo_id, encoder_key, part",
)
_LINK = (
    "INSERT INTO main.paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT :root, name, matches.id, size_bytes, mtime_ns, inode FROM batch.found "
    "JOIN batch.matches USING (pack_id) WHERE true "
    "ON CONFLICT (root_id, name) DO UPDATE SET photo_id = excluded.photo_id "
    "WHERE photo_id IS NULL "  # it could not be read here
    "AND size_bytes = excluded.size_bytes AND mtime_ns = excluded.mtime_ns"
)
# Marks that a photo has here stay.
_ADD_MARKS = (
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'favourite', matches.id, 1 "
    "FROM batch.photos JOIN batch.matches ON pack_id = photos.id WHERE mark_favourite",
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'hidden', matches.id, 1 "
    "FROM batch.photos JOIN batch.matches ON pack_id = photos.id WHERE mark_hidden",
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'rating', matches.id, "
    "mark_rating FROM batch.photos JOIN batch.matches ON pack_id = photos.id "
    "WHERE mark_rating IS NOT NULL",
)
_FORGET_FAILURES = (
    "DELETE FROM main.failures WHERE path_id IN (SELECT paths.id FROM batch.found "
    "JOIN main.paths ON root_id = :root AND paths.name = found.name WHERE photo_id IS NOT NULL)"
)


class Merger:
    """Merges batches of a pack into a library, each all or nothing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        root_id: int,
        prefix: str,
        info: PackInfo,
    ) -> None:
        self._connection = connection
        self._root_id = root_id
        self._prefix = prefix
        self._faces = FaceMerger(info.persons) if info.has_faces else None
        self._add_marks = _ADD_MARKS if info.has_marks else ()
        known = frozenset(info.fact_names)
        self._facts = [name for name in _FACTS if name in known]
        self._lists = {fact: column for fact, column in LIST_FACTS.items() if fact in known}

    def merge(self, batch: PackedBatch, files: Iterable[FoundFile]) -> MergeCounts:
        """Merge photos by their content; what the library has is not added again.

        `files` are those that are there. A file that the library knows keeps its photo, unless it
        could not be read here. Of facts and texts, those that were read last stay; facts that the
        pack does not know stay in any case.
        """
        connection = self._connection
        connection.execute("ATTACH ':memory:' AS batch")
        try:
            connection.deserialize(batch.library, name="batch")
            connection.execute("BEGIN IMMEDIATE")
            try:
                counts = self._merge(files)
                names.refresh(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has ended it itself on a full disk
                    connection.execute("ROLLBACK")
                raise
        finally:
            connection.execute("DETACH batch")
        return counts

    def _merge(self, files: Iterable[FoundFile]) -> MergeCounts:
        connection, root = self._connection, {"root": self._root_id}
        connection.execute(_MATCHES)
        connection.execute(_FOUND)
        connection.executemany(
            "INSERT INTO batch.found VALUES (?, ?, ?, ?, ?)",
            [
                (
                    file.photo_id,
                    stored_path(file.stat.path.removeprefix(self._prefix)),
                    file.stat.size_bytes,
                    file.stat.mtime_ns,
                    file.stat.inode,
                )
                for file in files
            ],
        )
        connection.execute(_MATCH_KNOWN)
        newer = self._update_facts()
        new = self._add_photos()
        self._set_lists()
        embedded = self._add_vectors()
        connection.execute(_NEWER_TEXTS)
        (texts,) = connection.execute("SELECT count(*) FROM batch.newer_texts").fetchone()
        for statement in (*_SET_TEXTS, *_RENUMBER):
            connection.execute(statement)
        linked = connection.execute(_LINK, root).rowcount
        connection.execute(_FORGET_FAILURES, root)
        faces = 0 if self._faces is None else self._faces.merge(connection)
        marks = sum(connection.execute(statement).rowcount for statement in self._add_marks)
        return MergeCounts(new, newer, embedded, texts, linked, faces, marks)

    def _update_facts(self) -> int:
        """Replace facts that are older than those of the pack; returns of how many photos.

        Facts that were measured stay where the pack has none: see `with_measured`.
        """
        new = {name: f"theirs.{name}" for name in ("facts_at", *self._facts)}
        new |= {
            name: f"coalesce(theirs.{name}, photos.{name})"
            for name in self._facts
            if name in MEASURED_FACTS
        }
        changes = ", ".join(f"{name} = {value}" for name, value in new.items())
        return self._connection.execute(
            f"UPDATE main.photos SET {changes} FROM batch.matches "
            "JOIN batch.photos AS theirs ON theirs.id = pack_id "
            "WHERE photos.id = matches.id AND has_newer_facts"
        ).rowcount

    def _add_photos(self) -> int:
        """Add the photos that the library does not have. They are gone until they get a path."""
        columns = _columns(("facts_at", *self._facts))
        new = self._connection.execute(
            f"INSERT INTO main.photos (content_hash, size_bytes, added_at, gone_at, {columns}) "
            f"SELECT content_hash, size_bytes, :now, :now, {columns} FROM batch.photos AS theirs "
            f"WHERE {_UNMATCHED} ORDER BY id",
            {"now": now()},
        ).rowcount
        self._connection.execute(_MATCH_NEW)
        return new

    def _set_lists(self) -> None:
        """Give photos with newer facts exactly the keywords and people of the pack."""
        for fact, id_column in self._lists.items():
            for statement in (
                f"DELETE FROM main.photo_{fact} WHERE photo_id IN {_WITH_FACTS}",
                f"INSERT OR IGNORE INTO main.{fact} (name) SELECT name FROM batch.{fact} "
                f"WHERE id IN (SELECT {id_column} FROM batch.photo_{fact} "
                "JOIN batch.matches ON pack_id = photo_id WHERE has_newer_facts) ORDER BY id",
                f"INSERT INTO main.photo_{fact} (photo_id, place, {id_column}) "
                f"SELECT matches.id, place, ours.id FROM batch.photo_{fact} AS theirs "
                "JOIN batch.matches ON pack_id = theirs.photo_id "
                f"JOIN batch.{fact} AS packed ON packed.id = theirs.{id_column} "
                f"JOIN main.{fact} AS ours ON ours.name = packed.name "
                "WHERE has_newer_facts ORDER BY matches.id, place",
            ):
                self._connection.execute(statement)

    def _add_vectors(self) -> int:
        """Add vectors of encoders of which a photo has none; returns of how many photos."""
        (last,) = self._connection.execute("SELECT max(seq) FROM main.vectors").fetchone()
        self._connection.execute(_ADD_VECTORS)
        query = "SELECT count(DISTINCT photo_id) FROM main.vectors WHERE seq > ?"
        return int(self._connection.execute(query, (last or 0,)).fetchone()[0])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
